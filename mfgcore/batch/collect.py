"""Runs joined into one dataset: those of an experiment, and those of an ablation."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import xarray as xr

from mfgcore._base.arguments import checked, explained
from mfgcore._base.errors import RunFileError, shorten
from mfgcore._base.files import StrPath
from mfgcore.agents.architectures import ARCHITECTURES
from mfgcore.experiment.experiment import Experiment, code_of
from mfgcore.experiment.parameter_spec import first_difference, identity
from mfgcore.metrics.definitions import per_iteration
from mfgcore.runs.checkpoint import Checkpointer
from mfgcore.runs.datasets import COMMON, check_made, configuration, describe, load, make_and_save
from mfgcore.runs.provenance import environment, history
from mfgcore.runs.simulate import simulate
from mfgcore.runs.simulation import Simulation


@explained
def collect(runs: Sequence[StrPath | xr.Dataset], experiments: Sequence[Experiment]) -> xr.Dataset:
    """Join the runs of one experiment.

    Parameters
    ----------
    runs : list of path or xarray.Dataset
        One run, or its file, for each of `experiments`, in the same order.
    experiments : list of Experiment
        What the runs should be: every trial of every architecture.

    Returns
    -------
    xarray.Dataset
        The metrics and the mean field with the dimensions (architecture, trial, ...).

    Raises
    ------
    RunFileError
        If a run is missing, was made with other parameters or by other code than this, holds a
        value that is not finite, or if the trials of the architectures differ.
    """
    if len(runs) != len(experiments):
        raise RunFileError(f"{len(runs)} runs are given, expected {len(experiments)}")
    found: dict[tuple[str, int], xr.Dataset] = {}
    for number, (run, experiment) in enumerate(zip(runs, experiments, strict=True)):
        if isinstance(run, xr.Dataset):
            name = f"run {number}"
            dataset = check_made(name, run, "run")
        else:
            name, dataset = shorten(str(run)), load(run)
        check_run(name, dataset, experiment)
        key = (experiment.architecture, experiment.trial)
        if key in found:
            raise RunFileError(f"{name}: there are two runs of {key[0]}, trial {key[1]}")
        found[key] = dataset
    architectures = [name for name in ARCHITECTURES if any(key[0] == name for key in found)]
    trials = sorted({trial for _, trial in found})
    for key in ((name, trial) for name in architectures for trial in trials):
        if key not in found:
            raise RunFileError(f"the run of {key[0]}, trial {key[1]} is missing")
    joined = _stack(
        [
            _stack([found[name, trial][list(per_iteration())] for trial in trials], "trial")
            for name in architectures
        ],
        "architecture",
    )
    joined = joined.assign_coords(trial=trials, architecture=architectures)
    joined["cpu_seconds"] = (
        ("architecture", "trial"),
        [[found[name, trial].attrs["cpu_seconds"] for trial in trials] for name in architectures],
        {"long_name": "CPU time of a run", "units": "s"},
    )
    first = next(iter(found.values()))
    joined.attrs = {
        "title": f"{first.attrs['title'].split(',')[0]}: {experiments[0].name}",
        "kind": "experiment",
        **COMMON,
        "layout": first.attrs["layout"],
        "configuration": json.dumps(_in_common([experiments]), sort_keys=True),
        "runs": len(found),
        "fingerprint": code_of(experiments),
        "wall_seconds": sum(run.attrs["wall_seconds"] for run in found.values()),
        "cpu_seconds": sum(run.attrs["cpu_seconds"] for run in found.values()),
        "commits": ", ".join(sorted({run.attrs["commit"] for run in found.values()})),
        "started": min(run.attrs["started"] for run in found.values()),
        **environment("collect"),
    }
    return describe(joined)


@explained
def collect_ablation(
    paths: Iterable[StrPath],
    settings: Mapping[str, Sequence[Experiment]],
    *,
    title: str,
    varied: str,
    baseline: str,
    coordinates: Mapping[str, Sequence[str]] | None = None,
) -> xr.Dataset:
    """Join the runs of an ablation, with its parameter's values as a dimension.

    Parameters
    ----------
    paths : list of path
        The runs' files, in any order: each says what it was made with.
    settings : dict of str to list of Experiment
        By the parameter's value, as it is written in a configuration: what its runs should be.
    title, varied, baseline : str
        Of the study, the parameter that it varies, and its value in the other ablations.
    coordinates : dict of str to list of str, optional
        If the study varies two parameters: by their names, their values for every setting.

    Returns
    -------
    xarray.Dataset
        As of :func:`mfgcore.batch.collect`, whose errors it has, with the dimension `setting`.
    """
    files = {identity(configuration(load(path))): path for path in paths}
    datasets = []
    for setting, experiments in settings.items():
        made_with = [identity(each.relevant()) for each in experiments]
        for key, each in zip(made_with, experiments, strict=True):
            if key not in files:
                run = f"{each.architecture}, trial {each.trial}"
                raise RunFileError(f"the run of {varied} = {setting}, {run} is missing")
        datasets.append(collect([files[key] for key in made_with], experiments))
    dataset = xr.concat(datasets, "setting", join="exact", combine_attrs="drop_conflicts")
    dataset = dataset.assign_coords(setting=list(settings))
    for key, values in (coordinates or {}).items():
        dataset = dataset.assign_coords({key: ("setting", values)})
    dataset.attrs |= {
        "title": title,
        "history": history("collect_ablation"),
        "varied": varied,
        "baseline": baseline,
        "runs": sum(each.attrs["runs"] for each in datasets),
        "cpu_seconds": sum(each.attrs["cpu_seconds"] for each in datasets),
        "started": min(each.attrs["started"] for each in datasets),
        "configuration": json.dumps(_in_common(settings.values()), sort_keys=True),
        "fingerprint": code_of(run for experiments in settings.values() for run in experiments),
    }
    return dataset


@explained
def load_collected(
    path: StrPath,
    settings: Sequence[Sequence[Experiment]],
    outdated: bool = False,
    kind: str = "experiment",
) -> xr.Dataset:
    """Read what was collected, or a reference, if it is what would be collected now.

    Parameters
    ----------
    path : path
    settings : list of list of Experiment
        The experiments that it should be made of: one list, or, of an ablation, one for each value.
    outdated : bool
        Whether what was made by other code or with other parameters is read all the same. Its
        attribute `outdated` then says what is different.
    kind : {"experiment", "run"}
        Of the file; a reference is a run.

    Raises
    ------
    RunFileError
        As of :func:`mfgcore.load`, or if it is out of date.
    """
    runs = [run for experiments in settings for run in experiments]
    dataset = load(path, kind)
    found, expected = configuration(dataset), _in_common(settings)
    if kind == "run":
        expected = runs[0].relevant()
    difference = first_difference(found, expected)
    if difference is not None:
        difference = f"made with {difference}"
    elif dataset.attrs.get("fingerprint") != code_of(runs):
        difference = f"made by other code ({dataset.attrs.get('fingerprint')})"
    elif dataset.attrs.get("runs", 1) != len(runs):
        difference = f"made of {dataset.attrs['runs']} runs, expected {len(runs)}"
    return mark_outdated(dataset, path, difference, outdated)


@checked
def mark_outdated(
    dataset: xr.Dataset, path: StrPath, difference: str | None, allowed: bool
) -> xr.Dataset:
    """A dataset whose attribute `outdated` says what is different from what would be made now.

    Raises
    ------
    RunFileError
        If there is a difference, and none is allowed.
    """
    if difference is not None:
        if not allowed:
            raise RunFileError(
                f"{shorten(str(path))}: was {difference}; delete it and run again, or "
                "--config show_outdated=True draws it with a mark"
            )
        dataset.attrs["outdated"] = difference
    return dataset


def _in_common(settings):
    """The parameters of an experiment's runs; of an ablation, those of all its settings; dict."""
    used = [
        {
            key: value
            for run in experiments
            for key, value in run.relevant().items()
            if key not in ("architecture", "trial")
        }
        for experiments in settings
    ]
    return {
        key: value
        for key, value in used[0].items()
        if all(other.get(key) == value for other in used)
    }


def _stack(datasets, dimension):
    return xr.concat(datasets, dimension, join="exact", combine_attrs="drop")


@checked
def run_to_file(
    path: StrPath,
    experiment: Experiment,
    checkpointer: Checkpointer,
    threads: int = 1,
    progress: Callable[[Simulation], object] | None = None,
    limit: float | None = None,
) -> xr.Dataset:
    """Run an experiment and save what it measured; returns that.

    The arguments are those of :func:`mfgcore.simulate`, the errors those of it and of
    :func:`mfgcore.runs.datasets.make_and_save`. The checkpoint is deleted once the file is there.
    """
    dataset = make_and_save(
        path,
        lambda: simulate(experiment, threads, progress, checkpointer, limit),
        lambda whose, found: check_run(whose, found, experiment),
    )
    checkpointer.remove()
    return dataset


@explained
def check_run(whose: str, dataset: xr.Dataset, experiment: "Experiment") -> None:
    """Refuse a run that is not the expected one, or lacks a value that it should have.

    Raises
    ------
    RunFileError
        Its message begins with `whose`.
    """

    def refuse(what):
        raise RunFileError(f"{whose}: {what}; delete it and run again")

    expected = experiment.relevant()
    difference = first_difference(configuration(dataset), expected)
    if difference is not None:
        refuse(f"was made with {difference}")
    if dataset.attrs["fingerprint"] != experiment.code():
        refuse(f"was made by other code ({dataset.attrs['fingerprint']})")
    missing = [name for name in per_iteration() if name not in dataset]
    if missing:
        refuse(f"{missing[0]} is missing")
    sizes = {
        "iteration": experiment.iterations,
        "state": experiment.n_states,
        "action": experiment.n_actions,
    }
    for name, size in sizes.items():
        if dataset.sizes.get(name) != size:
            refuse(f"has {dataset.sizes.get(name)} {name}s, expected {size}")
    for name, metric in per_iteration().items():
        measured = metric.expected(dataset, experiment)
        if not np.isfinite(dataset[name].values[measured]).all():
            refuse(f"{name} is not finite")
