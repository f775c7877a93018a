"""Any product of parameters, a run for each, in one dataset with a dimension for each parameter."""

import contextlib
import dataclasses
import functools
import hashlib
import os
import sys
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from tqdm import tqdm

from mfgcore._base.arguments import checked
from mfgcore._base.errors import ConfigurationError, MfgcoreError, RunFileError, shorten
from mfgcore._base.files import check_writable, checkpoint_of, only_writer, reason
from mfgcore.batch import cost, workers
from mfgcore.batch.collect import check_run, join, measured, run_to_file
from mfgcore.batch.design import Design, expand, levels, said
from mfgcore.experiment.experiment import Experiment
from mfgcore.experiment.parameter_spec import DIGESTS, identity
from mfgcore.experiment.parameters import parameters
from mfgcore.runs import resources as memory
from mfgcore.runs.checkpoint import Checkpointer, Stopped
from mfgcore.runs.datasets import load
from mfgcore.runs.simulate import simulate

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
        Folder that keeps every run, as ``mfgcore run`` writes it. What is there of the same
        parameters and code is not made again, nor what an interrupted call has done.
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
    factors = _factors(varied)
    planned = expand(functools.partial(_at, experiment), factors)
    names = {labels: _name(each) for labels, each in planned.items()}
    runs = {names[labels]: each for labels, each in planned.items()}
    folder = None if cache is None else _folder(cache, list(planned.values()))
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
                    labels = next(labels for labels in names if names[labels] == name)
                    raise type(outcome)(f"{said(factors, labels)}: {outcome}")
                if isinstance(outcome, Exception):
                    raise outcome
                found[name] = outcome
                bar.update()
        except KeyboardInterrupt as interrupt:
            if folder is not None:
                interrupt.add_note(f"the same call goes on from what is kept in {folder}")
            raise
    title = f"{experiment.name}: " + (", ".join(factors) or "a single run")
    listed = {factor: list(levels(factor, given)) for factor, given in factors.items()}
    design = Design(experiment.name, listed, planned, title)
    return join(design, {labels: found[name] for labels, name in names.items()})


def _factors(varied: dict[str, Iterable[Any]]) -> dict[str, list[Any]]:
    """The values of each varied parameter."""
    factors = {}
    for key, given in varied.items():
        if key in parameters() and (isinstance(given, str) or not isinstance(given, Iterable)):
            raise ConfigurationError(f"{key}: {shorten(given)} is not a list of values")
        factors[key] = given.tolist() if isinstance(given, np.ndarray) else list(given)
    return factors


def _at(experiment: Experiment, **values: Any) -> Experiment:
    """The experiment with other values of some parameters."""
    for path, digest in DIGESTS.items():
        if path in values:  # the digest is of the file that the experiment had
            values = {digest: None, **values}
    return dataclasses.replace(experiment, **values)


def _name(experiment: Experiment) -> str:
    """What a run's file is called: by what it depends on but the code, whose change replaces it."""
    said = identity(experiment.effective_parameters())
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
            yield name, measured(dataset)


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
        return measured(simulate(experiment, limit=limit))
    with only_writer(path):
        checkpointer = Checkpointer(checkpoint_of(path), report=lambda text: None)
        dataset = run_to_file(path, experiment, checkpointer, limit=limit)
    return measured(dataset)


def _run_elsewhere(code: str, experiment: Experiment, *task: Any) -> xr.Dataset:
    """One run in another process, which has to have the same code."""
    if experiment.code_fingerprint() != code:
        raise RunFileError("the code was changed since the sweep began; start it again")
    return _run(experiment, *task)


def _outcomes(tasks: Tasks, cores: int) -> Outcomes:
    """What comes of each task: its dataset, or the error that it raised."""
    if cores > 1:
        elsewhere = {name: (task[0].code_fingerprint(), *task) for name, task in tasks.items()}
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
