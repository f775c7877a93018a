"""Checkpoints: a run that was stopped or killed goes on where it was, with the same bits.

As random streams are named by the iteration, the state of a run between two iterations is what
:class:`mfgcore.runs.simulation.Simulation` holds: positions, policies, latest Q-functions and the
metrics so far.
"""

import contextlib
import json
import math
import signal
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mfgcore._base.arguments import checked
from mfgcore._base.errors import MfgcoreError, RunFileError, one_line, shorten
from mfgcore._base.files import (
    StrPath,
    atomic_path,
    keep_elsewhere,
    kept_elsewhere,
    reason,
    refuse,
    verify_checksum,
)
from mfgcore.agents.population import Population
from mfgcore.experiment.parameter_spec import first_difference
from mfgcore.metrics.definitions import per_iteration
from mfgcore.runs.simulation import Simulation

VERSION = 4
RECORD = "record_"  # before the names of metrics
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class CheckpointError(MfgcoreError):
    """A checkpoint that does not belong to this run, or is damaged."""


class Stopped(MfgcoreError):
    """A signal, whose number is `signal`, asked the run to stop."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.signal = number


@checked
def save(simulation: Simulation, path: StrPath, seconds: tuple[float, float] = (0.0, 0.0)) -> None:
    """Write a simulation between two iterations, with its wall and CPU time, or nothing at all."""
    population = simulation.population
    header = {
        "version": VERSION,
        "configuration": simulation.experiment.effective_parameters(),
        "fingerprint": simulation.code_fingerprint,
        "iteration": simulation.iteration,
        "seconds": seconds,
    }
    records: dict[str, Any] = {
        RECORD + name: np.array(values) for name, values in simulation.records.items()
    }
    with atomic_path(path, sealed=True) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            header=json.dumps(header),
            states=population.states,
            policy_index=population.policy_index,
            policies=population.policies,
            q_values=simulation.q_values,
            scores=simulation.scores,
            **records,
        )


@checked
def restore(simulation: Simulation, path: StrPath) -> tuple[float, float]:
    """Bring a new simulation of the same experiment into the state that a checkpoint holds.

    Returns
    -------
    (float, float)
        Wall and CPU time of the run so far.

    Raises
    ------
    CheckpointError
        If the file is damaged, or was made by another version, code or configuration.
    """
    name = shorten(str(path))
    try:
        verify_checksum(path)
        with np.load(path, allow_pickle=False) as archive:
            content = {key: archive[key] for key in archive.files}
        header = json.loads(str(content["header"]))
        version, code = header["version"], header["fingerprint"]
        configuration = dict(header["configuration"])
    except RunFileError as error:
        raise CheckpointError(str(error)) from error
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{name}: is no checkpoint ({one_line(error)})") from error
    if version != VERSION:
        raise CheckpointError(f"{name}: has version {version}, this mfgcore reads {VERSION}")
    if code != simulation.code_fingerprint:
        raise CheckpointError(f"{name}: was made by other code")
    difference = first_difference(configuration, simulation.experiment.effective_parameters())
    if difference is not None:
        raise CheckpointError(f"{name}: was made with {difference}")
    try:
        population = _population(content, simulation.experiment)
        records = _records(content, header["iteration"], simulation.experiment)
        wall, cpu = map(float, header["seconds"])
    except (KeyError, ValueError, TypeError) as error:
        raise CheckpointError(f"{name}: is no checkpoint ({one_line(error)})") from error
    simulation.iteration = header["iteration"]
    simulation.population = population
    simulation.q_values, simulation.scores = content["q_values"], content["scores"]
    simulation.records = records
    return wall, cpu


def _population(content, experiment):
    """The population of a checkpoint, whose arrays must fit: kernels rely on that they do."""
    states, index, policies = (content[key] for key in ("states", "policy_index", "policies"))
    scores, learned = content["scores"], content["q_values"]
    shape = (experiment.n_states, experiment.n_actions)
    fits = {
        "states": states.dtype == np.int32 and states.ndim == 1 and states.size,
        "policy_index": index.dtype == np.int32 and index.shape == states.shape,
        "policies": policies.dtype == np.float64 and policies.shape == (len(policies), *shape),
        "scores": scores.dtype == np.float64 and scores.shape == (2, states.size),
        "q_values": learned.dtype == np.float64
        and learned.shape == (states.size, math.prod(shape)),
    }
    wrong = [key for key, fit in fits.items() if not fit]
    if wrong:
        raise ValueError(f"{wrong[0]} does not fit")
    for key, values, end in (("states", states, shape[0]), ("policy_index", index, len(policies))):
        if values.min() < 0 or values.max() >= end:
            raise ValueError(f"{key} leaves 0 to {end - 1}")
    return Population(states, index, policies)


def _records(content, iteration, experiment):
    """What every metric was in the iterations of a checkpoint; dict of str to list."""
    if type(iteration) is not int or not 0 <= iteration <= experiment.iterations:
        raise ValueError(f"iteration leaves 0 to {experiment.iterations}")
    sizes, records = experiment.sizes | {"iteration": iteration}, {}
    for name, entry in per_iteration().items():
        values = content[RECORD + name]
        shape = tuple(sizes[dim] for dim in entry.dims) if iteration else (0,)
        if values.shape != shape or (iteration and values.dtype != entry.dtype):
            raise ValueError(f"{name} does not fit")
        records[name] = list(values)
    return records


class Checkpointer:
    """Writes a run's checkpoint at intervals and when a signal asks the run to stop.

    Parameters
    ----------
    interval : float
        Seconds between two checkpoints.
    afresh : bool
        Whether the run starts afresh where the checkpoint is of another run or other code;
        otherwise that is an error.
    report : callable of str
        Told whether the run goes on or starts afresh and why, and of a checkpoint that could not
        be written.
    """

    @checked
    def __init__(
        self,
        path: StrPath,
        interval: float = 60.0,
        report: Callable[[str], object] = print,
        *,
        afresh: bool = True,
    ) -> None:
        self.path, self.interval = Path(path), interval
        self._report, self._afresh = report, afresh
        self.asked = None
        self._saved = time.monotonic()

    def restore(self, simulation: Simulation) -> tuple[float, float]:
        """Go on from the checkpoint, if there is a fitting one; as the function."""
        there = self.found()
        if there is None:
            return 0.0, 0.0
        verify_checksum(there)  # what is damaged, or no checkpoint at all, is not ours to replace
        try:
            seconds = restore(simulation, there)
        except CheckpointError as error:
            if not self._afresh:
                raise
            self._report(f"checkpoint refused: {error}; the run starts afresh")
            return 0.0, 0.0
        self._report(f"goes on from its checkpoint at iteration {simulation.iteration}")
        return seconds

    def found(self) -> Path | None:
        """Where the checkpoint is, here or kept elsewhere; None if there is none."""
        if self.path.exists():
            return self.path
        return next(iter(kept_elsewhere(self.path)), None)

    def after_iteration(self, simulation: Simulation, seconds: tuple[float, float]) -> None:
        """Save if it is time to, or if a signal came in; then raise Stopped."""
        if self.asked is None and time.monotonic() - self._saved < self.interval:
            return
        self._saved = time.monotonic()
        there: Path | None = self.path
        try:
            save(simulation, self.path, seconds)
        except RunFileError as error:  # a full disk, say, is no reason to end the run
            there = keep_elsewhere(self.path, lambda place: save(simulation, place, seconds))
            self._report(f"{error}; {'kept elsewhere' if there else 'nothing new is kept'}")
        if self.asked is not None:
            kept = "nothing new is kept"
            if there is not None:
                onward = "the same command goes on from there (mfgcore run: with --resume)"
                kept = f"kept in {shorten(str(there))}; {onward}"
            done = f"{simulation.iteration} of {simulation.experiment.iterations}"
            raise Stopped(self.asked, f"stopped after iteration {done}; {kept}")

    def remove(self) -> None:
        """Delete the checkpoint of a run whose result is saved; tell if that cannot be done."""
        try:
            self.discard()
        except RunFileError as error:  # no reason to lose the result
            self._report(str(error))

    def discard(self) -> None:
        """Delete the checkpoint of a run that is to start afresh, or raise a RunFileError."""
        for place in (self.path, *kept_elsewhere(self.path)):
            try:
                place.unlink(missing_ok=True)
            except OSError as error:
                refuse(place, f"cannot be deleted: {reason(error)}")

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM end the run after the present iteration; a second SIGINT at once.

        A second SIGTERM does not: SLURM sends two when it preempts a job, some 10 ms apart.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {number: signal.getsignal(number) for number in STOP_SIGNALS}

        def ask(number, frame):
            self.asked = number
            signal.signal(signal.SIGINT, previous[signal.SIGINT])

        for number in STOP_SIGNALS:
            signal.signal(number, ask)
        try:
            yield
        finally:
            for number in STOP_SIGNALS:
                signal.signal(number, previous[number])
