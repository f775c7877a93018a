"""Comparisons: many short runs in one job, and what they measured in one dataset.

``config/comparisons.yaml`` names them: a run for each scenario, setting, variant and trial. A job
makes the runs of one scenario and setting.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from mfgcore._base.arguments import checked, explained
from mfgcore._base.dependencies import together
from mfgcore._base.errors import ConfigurationError, RunFileError, shorten, unknown_name
from mfgcore._base.files import StrPath
from mfgcore.experiment.experiment import Experiment, code_of, make_experiment
from mfgcore.experiment.parameter_spec import alike
from mfgcore.metrics.definitions import per_iteration
from mfgcore.runs.datasets import COMMON, load
from mfgcore.runs.provenance import environment, history
from mfgcore.runs.simulation import simulate

# of what a comparison is made, by label
COMPARED = ("scenarios", "settings", "variants")
# of a setting or scenario, beside parameters
OWN = ("trials", "only")
FULLEST = 4  # states, as many as the paper's games have targets


@explained
def names(config: Mapping[str, Any]) -> list[str]:
    """Names of the comparisons of a configuration; list of str."""
    comparisons = config.get("comparisons", {})
    return [name for name in comparisons if name != "parameters" and comparisons[name] is not None]


@explained
def plan(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A comparison of a configuration, without what null leaves out; dict.

    Raises
    ------
    ConfigurationError
        If there is no such comparison.
    """
    if name not in names(config):
        raise ConfigurationError(unknown_name("comparison", name, names(config)))
    comparison = config["comparisons"][name]
    return comparison | {
        part: {label: own for label, own in comparison[part].items() if own is not None}
        for part in COMPARED
    }


@explained
def file_name(label: str) -> str:
    """What a file of a scenario or setting is called; str."""
    return re.sub(r"[^A-Za-z0-9_=.+-]+", "_", label)


@explained
def flips(setting: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a scenario or setting; dict."""
    return {key: value for key, value in setting.items() if key not in OWN}


@explained
def jobs(config: Mapping[str, Any], name: str) -> dict[tuple[str, str], tuple[str, str]]:
    """The scenarios and settings that belong together; dict of file names to labels.

    Raises
    ------
    ConfigurationError
        As of :func:`plan`, or if a setting is only for a scenario that there is not, or two have
        the same file.
    """
    comparison, found = plan(config, name), {}
    for setting, own in comparison["settings"].items():
        for scenario in own.get("only", comparison["scenarios"]):
            place = f"comparisons.{name}.settings.{setting}.only"
            if scenario not in comparison["scenarios"]:
                known = config["comparisons"][name]["scenarios"]
                if scenario in known:  # which null leaves out
                    continue
                raise ConfigurationError(f"{place}: {unknown_name('scenario', scenario, known)}")
            key = file_name(scenario), file_name(setting)
            if key in found:
                raise ConfigurationError(f"comparisons.{name}: two settings are called {key[1]!r}")
            found[key] = scenario, setting
    return found


@explained
def runs(
    config: Mapping[str, Any], name: str, scenario: str, setting: str, most: int | None = None
) -> dict[tuple[str, int], Experiment]:
    """The runs of one scenario and setting, of its first trials if there may be so many at most.

    Returns
    -------
    dict of (str, int) to Experiment
        By variant and trial.

    Raises
    ------
    ConfigurationError
        If a parameter is unknown or does not fit; the line says where.
    """
    comparison = plan(config, name)
    parts = comparison["scenarios"][scenario], comparison["settings"][setting]
    trials = min(part.get("trials", np.inf) for part in parts)
    trials = comparison["trials"] if trials == np.inf else trials
    shared = config["parameters"] | config["comparisons"].get("parameters", {})
    shared = shared | comparison.get("parameters", {}) | parts[0] | parts[1]
    shared = flips(shared)
    try:
        return {
            (variant, trial): make_experiment(
                **shared | own, name=name, trial=trial, seed=config["seed"]
            )
            for variant, own in comparison["variants"].items()
            for trial in range(trials)[:most]
        }
    except ConfigurationError as error:
        place = f"comparisons.{name}, {scenario}, {setting}"
        raise ConfigurationError(f"{place}: {error}") from error


@checked
def compare(
    experiments: Mapping[tuple[str, int], Experiment],
    progress: Callable[[str, int], object] | None = None,
) -> xr.Dataset:
    """Make the runs of one scenario and setting.

    Parameters
    ----------
    experiments : dict of (str, int) to Experiment
        As :func:`runs` returns them.
    progress : callable, optional
        Called with the variant and the trial after each run.

    Returns
    -------
    xarray.Dataset
        Over (variant, trial, iteration), float32: every metric that is one number for each
        iteration; `policy_entropy`, that of the most common policy where agents are, as a share of
        the largest that there can be; `fullest`, the share of the agents in the four fullest
        states. And `cpu_seconds` over (variant, trial).
    """
    if not experiments:
        raise ConfigurationError("experiments: there is none")
    found, about = {}, []
    for key, experiment in experiments.items():
        run = simulate(experiment)
        found[key] = _summary(run)
        about.append(run.attrs)
        if progress is not None:
            progress(*key)
    variants, trials = (list(dict.fromkeys(part)) for part in zip(*found, strict=True))
    stacked = xr.concat(
        [xr.concat([found[v, t] for t in trials], "trial") for v in variants], "variant"
    ).assign_coords(variant=variants, trial=trials)
    first = next(iter(experiments.values()))
    stacked.attrs = {
        "kind": "comparison",
        **COMMON,
        "configurations": json.dumps(
            {variant: experiments[variant, trials[0]].relevant() for variant in variants},
            sort_keys=True,
        ),
        "configuration": json.dumps({"seed": first.seed}),
        "fingerprint": code_of(experiments.values()),
        "runs": len(found),
        "cpu_seconds": sum(run["cpu_seconds"] for run in about),
        "started": min(run["started"] for run in about),
        **environment("compare"),
    }
    return stacked


def _summary(run):
    """What is kept of a run; xarray.Dataset."""
    kept = {
        name: run[name].astype(np.float32)
        for name, entry in per_iteration().items()
        if entry.dims == ("iteration",)
    }
    field, policy = run["mean_field"].values, run["common_policy"].values.astype(np.float64)
    logs = np.log(policy, out=np.zeros_like(policy), where=policy > 0.0)
    entropy = -(policy * logs).sum(axis=-1) / np.log(policy.shape[-1])
    for name, values in (
        ("policy_entropy", (field * entropy).sum(axis=1)),
        ("fullest", np.sort(field, axis=1)[:, -FULLEST:].sum(axis=1)),
    ):
        kept[name] = ("iteration", values.astype(np.float32))
    kept["cpu_seconds"] = run.attrs["cpu_seconds"]
    return xr.Dataset(kept, {"iteration": run["iteration"]})


@explained
def check_part(
    whose: str,
    dataset: xr.Dataset,
    experiments: Mapping[tuple[str, int], Experiment],
    every_trial: bool = False,
) -> None:
    """Refuse what :func:`compare` has made of other experiments, or by other code.

    Whether it has as many runs as there are is asked where `experiments` has every trial.

    Raises
    ------
    RunFileError
        Its message begins with `whose`.
    """
    made_with = json.loads(dataset.attrs["configurations"])
    first = {variant: run for (variant, _), run in reversed(list(experiments.items()))}
    other = every_trial and dataset.attrs["runs"] != len(experiments)
    if other or not alike(made_with, {name: run.relevant() for name, run in first.items()}):
        raise RunFileError(f"{whose}: was made with other parameters")
    if dataset.attrs["fingerprint"] != code_of(experiments.values()):
        made = dataset.attrs["fingerprint"]
        raise RunFileError(f"{whose}: was made by other code ({made})")


@explained
def planned(config: Mapping[str, Any], name: str) -> dict[str, Experiment]:
    """The first run of each scenario, setting and variant, by their labels joined by "|"; dict."""
    return {
        "|".join((*labels, variant)): run
        for labels in jobs(config, name).values()
        for (variant, _), run in runs(config, name, *labels, most=1).items()
    }


@explained
def join(paths: Iterable[StrPath], config: Mapping[str, Any], name: str) -> xr.Dataset:
    """The scenarios and settings of a comparison in one dataset.

    Parameters
    ----------
    paths : list of path
        Files of :func:`compare`'s datasets, in the order of :func:`jobs`.
    config, name
        Of the workflow, and of the comparison.

    Returns
    -------
    xarray.Dataset
        Over (scenario, setting, variant, trial, iteration); NaN where there is no run, or no such
        iteration.

    Raises
    ------
    RunFileError
        If a file was made with other parameters, or by other code.
    """
    parts: dict[tuple[str, str], xr.Dataset] = {}
    configurations: dict[str, Any] = {}
    for path, labels in zip(paths, jobs(config, name).values(), strict=True):
        dataset = load(path, kind="comparison")
        check_part(shorten(str(path)), dataset, runs(config, name, *labels, most=1))
        made_with = json.loads(dataset.attrs["configurations"])
        parts[labels] = dataset
        configurations |= {"|".join((*labels, v)): each for v, each in made_with.items()}
    comparison = plan(config, name)
    coords: dict[Any, Any] = {
        "scenario": list(comparison["scenarios"]),
        "setting": list(comparison["settings"]),
        "variant": list(comparison["variants"]),
        **{
            dim: np.arange(max(part.sizes[dim] for part in parts.values()))
            for dim in ("trial", "iteration")
        },
    }
    first = next(iter(parts.values()))
    joined = xr.Dataset(coords=coords)
    for variable in first:
        dims = ("scenario", "setting", *first[variable].dims)
        values = np.full([len(coords[dim]) for dim in dims], np.nan, dtype=np.float32)
        for (scenario, setting), part in parts.items():
            at = coords["scenario"].index(scenario), coords["setting"].index(setting)
            found = part[variable].values
            values[at][tuple(map(slice, found.shape))] = found
        joined[variable] = (dims, values)
    joined.attrs = first.attrs | {
        "title": comparison["title"],
        "history": history("join"),
        "configurations": json.dumps(configurations, sort_keys=True),
        "fingerprint": together(part.attrs["fingerprint"] for part in parts.values()),
        "runs": sum(part.attrs["runs"] for part in parts.values()),
        "cpu_seconds": sum(part.attrs["cpu_seconds"] for part in parts.values()),
        "started": min(part.attrs["started"] for part in parts.values()),
    }
    return joined
