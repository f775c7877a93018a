"""Runs joined into one dataset, with a dimension for each factor."""

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mfgcore._base.arguments import checked, explained
from mfgcore._base.errors import ConfigurationError, RunFileError, shorten
from mfgcore._base.files import StrPath
from mfgcore.agents.architectures import ARCHITECTURES
from mfgcore.batch.design import Design, Key
from mfgcore.experiment.experiment import Experiment, code_fingerprint_of
from mfgcore.experiment.parameter_spec import first_difference
from mfgcore.experiment.parameters import parameters
from mfgcore.metrics.definitions import per_iteration
from mfgcore.runs.checkpoint import Checkpointer
from mfgcore.runs.datasets import COMMON, check_made, configuration, describe, load, make_and_save
from mfgcore.runs.provenance import environment
from mfgcore.runs.simulate import simulate
from mfgcore.runs.simulation import Simulation
from mfgcore.runs.summaries import summary


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
    pieces = {}
    for number, (run, experiment) in enumerate(zip(runs, experiments, strict=True)):
        if isinstance(run, xr.Dataset):
            name = f"run {number}"
            dataset = check_made(name, run, "run")
        else:
            name, dataset = shorten(str(run)), load(run)
        check_run(name, dataset, experiment)
        key = (experiment.architecture, experiment.trial)
        if key in pieces:
            raise RunFileError(f"{name}: there are two runs of {key[0]}, trial {key[1]}")
        pieces[key] = measured(dataset)
    named = [name for name in ARCHITECTURES if any(key[0] == name for key in pieces)]
    planned = {(each.architecture, each.trial): each for each in experiments}
    design = Design(experiments[0].name, {"architecture": named}, planned)
    for key in itertools.product(*design.coordinates.values()):
        if key not in pieces:
            raise RunFileError(f"the run of {key[0]}, trial {key[1]} is missing")
    return join(design, pieces)


@explained
def collect_files(paths: Iterable[StrPath], design: Design) -> xr.Dataset:
    """Join the runs of a design by :func:`join`, from its files in their order.

    Raises
    ------
    RunFileError
        If a file was made with other parameters or by other code, or lacks a value.
    """
    pieces = {}
    for path, key in zip(paths, design.files, strict=True):
        if design.summaries:
            pieces[key] = load(path, "experiment")
            check_part(shorten(str(path)), pieces[key], design.part(*key))
        else:
            dataset = load(path)
            check_run(shorten(str(path)), dataset, design.runs[key])
            pieces[key] = measured(dataset)
    return join(design, pieces)


@explained
def join(design: Design, pieces: Mapping[Key, xr.Dataset]) -> xr.Dataset:
    """Join what was measured, with a dimension for each factor, and one for the trials.

    Parameters
    ----------
    pieces : dict of tuple to xarray.Dataset
        By the beginning of the keys of its runs: what they measured, over the rest of these.

    Returns
    -------
    xarray.Dataset
        NaN where there is no run, or no such iteration. What is over states is there if all
        pieces have the same states. Factors have the attribute `baseline` if a value is varied.
    """
    coordinates = design.coordinates
    n_outer = len(next(iter(pieces)))
    outer = dict(itertools.islice(coordinates.items(), n_outer))

    def coords_without(piece, *dims):
        return piece.coords.to_dataset().drop_dims([*coordinates, *dims], errors="ignore")

    states = [coords_without(piece, "iteration") for piece in pieces.values()]
    if not all(each.equals(states[0]) for each in states):
        of_states = ["state", "action"]
        pieces = {key: each.drop_dims(of_states, errors="ignore") for key, each in pieces.items()}
    longest = max(pieces.values(), key=lambda piece: piece.sizes["iteration"])
    joined = xr.Dataset(coords=coords_without(longest))
    for name in longest.data_vars:
        found = {key: piece[name].values for key, piece in pieces.items()}
        dims = (*outer, *longest[name].dims)
        joined[name] = dims, _stacked(list(outer.values()), found)
    known = parameters()
    for factor, labels in coordinates.items():
        about = {"long_name": known[factor].help} if factor in known else {}
        if factor in design.baseline:
            about["baseline"] = design.baseline[factor]
        joined = joined.assign_coords({factor: (factor, labels, about)})
    joined["cpu_seconds"].attrs = {"long_name": "CPU time of a run", "units": "s"}
    made = [piece.attrs for piece in {id(each): each for each in pieces.values()}.values()]
    layouts = {each["layout"] for each in made}
    commits = ", ".join(each.get("commits", each["commit"]) for each in made)
    joined.attrs = {
        "title": design.title or f"{made[0]['title'].split(',')[0]}: {design.name}",
        "kind": "experiment",
        **COMMON,
        "layout": layouts.pop() if len(layouts) == 1 else "none",
        "configuration": json.dumps(design.in_common, sort_keys=True),
        "configurations": json.dumps(design.configurations, sort_keys=True),
        "runs": sum(each.get("runs", 1) for each in made),
        "fingerprint": code_fingerprint_of(design.first.values()),
        "wall_seconds": sum(each["wall_seconds"] for each in made),
        "cpu_seconds": sum(each["cpu_seconds"] for each in made),
        "commits": ", ".join(sorted({*commits.split(", ")})),
        "started": min(each["started"] for each in made),
        **environment("collect"),
    }
    return describe(joined)


def _stacked(outer: list[list[Any]], found: dict[Key, np.ndarray]) -> np.ndarray:
    """Arrays in one, by their labels; NaN where there is none, or it is smaller than others."""
    shapes = [values.shape for values in found.values()]
    shape = np.max(shapes, axis=0)
    sizes = [len(labels) for labels in outer]
    whole = len(found) == np.prod(sizes) and len({*shapes}) == 1
    dtype = np.result_type(*found.values())
    if not whole and dtype.kind != "f":
        dtype = np.dtype(float)
    stacked = np.full([*sizes, *map(int, shape)], np.nan if dtype.kind == "f" else 0, dtype)
    places = [{label: i for i, label in enumerate(labels)} for labels in outer]
    for key, values in found.items():
        at: list[Any] = [known[label] for known, label in zip(places, key, strict=True)]
        stacked[(*at, *map(slice, values.shape))] = values
    return stacked


@explained
def measured(run: xr.Dataset) -> xr.Dataset:
    """What of a run is joined: every metric that is measured in each iteration; xarray.Dataset."""
    return run[list(per_iteration())].assign(cpu_seconds=run.attrs["cpu_seconds"])


@checked
def summarise_runs(design: Design, progress: Callable[[Key], object] | None = None) -> xr.Dataset:
    """Make the runs of a design, one after the other, and join their summaries.

    `progress` is called with the key of each run that is done.
    """
    if not design.runs:
        raise ConfigurationError("design: there is no run")
    pieces = {}
    for key, experiment in design.runs.items():
        pieces[key] = summary(simulate(experiment))
        if progress is not None:
            progress(key)
    return join(design, pieces)


@explained
def check_part(whose: str, dataset: xr.Dataset, design: Design) -> None:
    """Refuse, by a RunFileError that begins with `whose`, what is not the runs of a design."""
    difference = design.difference(dataset.attrs)
    if difference is not None:
        raise RunFileError(f"{whose}: was {difference}; delete it and run again")


@explained
def load_current(path: StrPath, expected: Any, outdated: bool = False) -> xr.Dataset:
    """Read what an Experiment, or a Design, expects, if it is what would be made now.

    Where `outdated`, it is read even if not; its attribute `outdated` says what is different.

    Raises
    ------
    RunFileError
        As of :func:`mfgcore.load`, or if it is out of date.
    """
    if isinstance(expected, Design):
        dataset = load(path, "experiment")
        difference = expected.difference(dataset.attrs)
    else:
        dataset = load(path)
        difference = _difference(dataset, expected)
    if difference is not None:
        if not outdated:
            hint = "delete it and run again, or --config show_outdated=True draws it with a mark"
            raise RunFileError(f"{shorten(str(path))}: was {difference}; {hint}")
        dataset.attrs["outdated"] = difference
    return dataset


@checked
def run_to_file(
    path: StrPath,
    experiment: Experiment,
    checkpointer: Checkpointer,
    threads: int = 1,
    progress: Callable[[Simulation], object] | None = None,
    limit: float | None = None,
) -> xr.Dataset:
    """Run an experiment by :func:`mfgcore.simulate`, save what it measured, and return that."""
    dataset = make_and_save(
        path,
        lambda: simulate(experiment, threads, progress, checkpointer, limit),
        lambda whose, found: check_run(whose, found, experiment),
    )
    checkpointer.remove()
    return dataset


@explained
def check_run(whose: str, dataset: xr.Dataset, experiment: Experiment) -> None:
    """Refuse, by a RunFileError that begins with `whose`, another run or one that lacks a value."""

    def refuse(what):
        raise RunFileError(f"{whose}: {what}; delete it and run again")

    difference = _difference(dataset, experiment)
    if difference is not None:
        refuse(f"was {difference}")
    missing = [name for name in per_iteration() if name not in dataset]
    if missing:
        refuse(f"{missing[0]} is missing")
    for name, size in experiment.sizes.items():
        if dataset.sizes.get(name) != size:
            refuse(f"has {dataset.sizes.get(name)} {name}s, expected {size}")
    for name, metric in per_iteration().items():
        measured = metric.expected(dataset, experiment)
        if not np.isfinite(dataset[name].values[measured]).all():
            refuse(f"{name} is not finite")


def _difference(dataset: xr.Dataset, experiment: Experiment) -> str | None:
    """What a run of an experiment would be made with, otherwise than this one was; str or None."""
    difference = first_difference(configuration(dataset), experiment.effective_parameters())
    if difference is not None:
        return f"made with {difference}"
    if dataset.attrs["fingerprint"] != experiment.code_fingerprint():
        return f"made by other code ({dataset.attrs['fingerprint']})"
    return None
