"""Any product of parameters, a run for each, in one dataset with a dimension for each parameter."""

import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
import sys
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from tqdm import tqdm

from mfgcore._base.arguments import checked
from mfgcore._base.errors import (
    ConfigurationError,
    MfgcoreError,
    RunFileError,
    shorten,
    unknown_name,
)
from mfgcore._base.files import check_writable, checkpoint_of, only_writer, reason
from mfgcore.batch import cost, workers
from mfgcore.batch.collect import check_run, run_to_file
from mfgcore.experiment.experiment import Experiment
from mfgcore.experiment.parameter_spec import identity, plain
from mfgcore.experiment.parameters import parameters
from mfgcore.metrics.definitions import per_iteration
from mfgcore.runs import resources as memory
from mfgcore.runs.checkpoint import Checkpointer, Stopped
from mfgcore.runs.datasets import COMMON, describe, load
from mfgcore.runs.provenance import environment
from mfgcore.runs.simulation import simulate

Tasks = dict[str, tuple[Experiment, Path | None, float]]
Outcomes = Generator[tuple[str, xr.Dataset | Exception], None, None]


@checked
def sweep(
    experiment: Experiment,
    *,
    cores: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: bool = True,
    **varied: Iterable[Any],
) -> xr.Dataset:
    """Run an experiment with every combination of values of some of its parameters.

    Combinations that differ only in what their runs do not read, such as the radius where nobody
    communicates, share one run.

    Parameters
    ----------
    experiment : Experiment
        What the runs have in common.
    cores : int, optional
        Runs at a time, each in a process of its own, or 1: one after the other in this process.
        By default as many as there are cores, if the memory is enough for them.
    cache : path, optional
        Folder that keeps every run, as ``mfgcore run`` writes it. What was made with the same
        parameters and by the same code is taken from there; what was not, or is damaged, is made
        anew. After an interruption the same call goes on from there.
    progress : bool
        Whether a bar shows how many runs are done.
    **varied
        The values of each parameter that varies, by its name.

    Returns
    -------
    xarray.Dataset
        The metrics of every iteration with a dimension for each varied parameter, in the order of
        the call, and each run's `cpu_seconds`. Runs of fewer iterations end with NaN, and what is
        over states is there if all runs have the same states. Where a value is None, all values of
        that parameter are texts, as in a configuration.

    Raises
    ------
    ConfigurationError
        Before any run, if a name is no parameter, or a value or a combination is not allowed.
    RunFileError
        If the cache cannot be written.
    NumericalError
        As of :func:`mfgcore.simulate`, also with the combination.

    Examples
    --------
    >>> import mfgcore
    >>> experiment = mfgcore.Experiment(
    ...     game="agree", agents=10, iterations=2, transitions=100, replay_cycles=10
    ... )
    >>> dataset = mfgcore.sweep(
    ...     experiment, architecture=["networked", "independent"], seed=range(3), progress=False
    ... )
    >>> dataset["exact_return"].mean("seed").dims
    ('architecture', 'iteration')
    """
    values = _checked(experiment, varied)
    combinations = itertools.product(*values.values())
    places = [dict(zip(values, place, strict=True)) for place in combinations]
    planned = [_at(experiment, place) for place in places]
    names = [_name(each) for each in planned]
    runs = dict(zip(names, planned, strict=True))
    folder = None if cache is None else _folder(cache, planned)
    found = {} if folder is None else dict(_kept_runs(folder, runs))
    left = {name: runs[name] for name in runs if name not in found}
    cores, limit = _share(list(left.values()), cores)
    tasks = {
        name: (left[name], folder and folder / name, limit)
        for name in sorted(left, key=lambda name: -cost.run_seconds(left[name]))
    }
    bar = tqdm(
        total=len(runs),
        initial=len(found),
        unit="run",
        disable=not progress,
        mininterval=0.1 if sys.stderr.isatty() else 60.0,  # a line a minute in a log
    )
    with bar, contextlib.closing(_outcomes(tasks, cores)) as outcomes:
        try:
            for name, outcome in outcomes:
                if isinstance(outcome, MfgcoreError):
                    place = _said(places[names.index(name)])
                    raise type(outcome)(f"{place}: {outcome}")
                if isinstance(outcome, Exception):
                    raise outcome
                found[name] = outcome
                bar.update()
        except KeyboardInterrupt as interrupt:
            if folder is not None:
                interrupt.add_note(f"the same call goes on from what is kept in {folder}")
            raise
    return _joined(experiment, values, planned, [found[name] for name in names])


def _checked(experiment: Experiment, varied: dict[str, Iterable[Any]]) -> dict[str, list]:
    """The values of each varied parameter, as its own type."""
    values = {}
    for key, given in varied.items():
        if key not in parameters():
            raise ConfigurationError(unknown_name("parameter", key, parameters()))
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise ConfigurationError(f"{key}: {shorten(given)} is not a list of values")
        listed = given.tolist() if isinstance(given, np.ndarray) else given
        values[key] = [parameters()[key].check(key, value) for value in listed]
        if not values[key]:
            raise ConfigurationError(f"{key}: there is no value in the list")
        twice = [value for value in values[key] if values[key].count(value) > 1]
        if twice:
            raise ConfigurationError(f"{key}: {shorten(twice[0])} is there twice")
    return values


def _at(experiment: Experiment, place: dict[str, Any]) -> Experiment:
    """The experiment with other values of some parameters."""
    if "edges" in place:  # the digest is of the file that the experiment had
        place = {"edges_digest": None, **place}
    try:
        return dataclasses.replace(experiment, **place)
    except ConfigurationError as error:
        raise ConfigurationError(f"{_said(place)}: {error}") from None


def _said(place: dict[str, Any]) -> str:
    return ", ".join(f"{key} = {plain(value)}" for key, value in place.items()) or "the run"


def _name(experiment: Experiment) -> str:
    """What a run's file is called: by what it depends on, but for the code, so that it is replaced
    where that was changed.
    """
    said = identity(experiment.relevant())
    digest = hashlib.sha256(said.encode()).hexdigest()[:16]
    return f"{experiment.game}-{experiment.architecture}-{digest}.nc"


def _folder(cache: str | os.PathLike[str], planned: list[Experiment]) -> Path:
    folder = Path(cache)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFileError(f"cache: {shorten(str(cache))}: {reason(error)}") from error
    check_writable(folder / _name(planned[0]), max(map(memory.checkpoint_bytes, planned)))
    return folder


def _kept_runs(folder: Path, runs: dict[str, Experiment]) -> Iterator[tuple[str, xr.Dataset]]:
    """The runs that are in the cache and up to date, by name."""
    for name, experiment in runs.items():
        with contextlib.suppress(RunFileError):  # missing, damaged or stale: it is made anew
            dataset = load(folder / name)
            check_run(name, dataset, experiment)
            yield name, _over_iterations(dataset)


def _over_iterations(dataset: xr.Dataset) -> xr.Dataset:
    return dataset[list(per_iteration())]


def _share(runs: list[Experiment], cores: int | None) -> tuple[int, float]:
    """How many runs there are at a time, and how many bytes of memory each may take."""
    if cores is not None and cores < 1:
        raise ConfigurationError(f"cores: {shorten(cores)} is not a whole number >= 1")
    available = memory.available()
    if cores is None:
        there = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
        largest = max(map(memory.run_bytes, runs), default=1.0)
        cores = max(1, min(there, int(available / largest)))
    cores = max(1, min(cores, len(runs)))
    return cores, available / cores


def _run(experiment: Experiment, path: Path | None, limit: float) -> xr.Dataset:
    """One run, which is kept if there is a path for it; what the sweep takes of it."""
    if path is None:
        return _over_iterations(simulate(experiment, limit=limit))
    with only_writer(path):
        checkpointer = Checkpointer(checkpoint_of(path), report=lambda text: None)
        dataset = run_to_file(path, experiment, checkpointer, limit=limit)
    return _over_iterations(dataset)


def _run_elsewhere(
    experiment: Experiment, path: Path | None, limit: float, code: str
) -> xr.Dataset:
    """One run in another process, which has to have the same code."""
    if experiment.code() != code:
        raise RunFileError("the code was changed since the sweep began; start it again")
    return _run(experiment, path, limit)


def _outcomes(tasks: Tasks, cores: int) -> Outcomes:
    """What comes of each task: its dataset, or the error that it raised."""
    if cores > 1:
        elsewhere = {name: (*task, task[0].code()) for name, task in tasks.items()}
        yield from workers.outcomes(_run_elsewhere, elsewhere, cores)
        return
    for name, task in tasks.items():
        try:
            outcome: xr.Dataset | Exception = _run(*task)
        except Stopped as stopped:  # by a signal
            raise KeyboardInterrupt(str(stopped)) from None
        except MfgcoreError as error:
            outcome = error
        yield name, outcome


def _joined(
    experiment: Experiment,
    values: dict[str, list],
    planned: list[Experiment],
    runs: list[xr.Dataset],
) -> xr.Dataset:
    """The runs, in the order of the product, with a dimension for each varied parameter."""
    states = [run.coords.to_dataset().drop_dims("iteration") for run in runs]
    if not all(each.equals(states[0]) for each in states):
        runs = [run.drop_dims(["state", "action"]) for run in runs]
    flat = xr.concat(runs, "run", join="outer", combine_attrs="drop", coords="minimal",
                     compat="override", data_vars="all")  # fmt: skip
    sizes = [len(listed) for listed in values.values()]
    joined = xr.Dataset(coords=flat.coords)
    for name, variable in flat.data_vars.items():
        shaped = variable.values.reshape(*sizes, *variable.shape[1:])
        joined[name] = (*values, *variable.dims[1:]), shaped
    for key, listed in values.items():
        labels = [plain(value) for value in listed] if None in listed else listed
        about = {"long_name": parameters()[key].help}
        joined = joined.assign_coords({key: (key, labels, about)})
    seconds = np.reshape([run.attrs["cpu_seconds"] for run in runs], sizes)
    about = {"long_name": "CPU time of a run", "units": "s"}
    joined["cpu_seconds"] = tuple(values), seconds, about
    layouts = {run.attrs["layout"] for run in runs}
    joined.attrs = {
        "title": f"{experiment.name}: " + (", ".join(values) or "a single run"),
        "kind": "sweep",
        **COMMON,
        "layout": layouts.pop() if len(layouts) == 1 else "none",
        "configuration": json.dumps(_in_common(planned, values), sort_keys=True),
        "runs": len({_name(each) for each in planned}),
        "fingerprint": ", ".join(sorted({each.code() for each in planned})),
        "commits": ", ".join(sorted({run.attrs["commit"] for run in runs})),
        **environment("sweep"),
    }
    return describe(joined)


def _in_common(planned: list[Experiment], varied: Iterable[str]) -> dict[str, Any]:
    """The parameters that have one value in all runs that read them."""
    used: dict[str, Any] = {}
    several = set(varied)
    for each in planned:
        for key, value in each.relevant().items():
            if used.setdefault(key, value) != value:
                several.add(key)
    return {key: value for key, value in used.items() if key not in several}
