"""Driver of a run: from an experiment to a dataset of all that it measured."""

import contextlib
import datetime
import time
from collections.abc import Callable

import numpy as np
import xarray as xr

from mfgcore._base.arguments import checked
from mfgcore._base.errors import RunFileError
from mfgcore._base.plugins import READS, digests_of_named_files, no_untracked_reads, user_errors
from mfgcore.experiment.experiment import Experiment
from mfgcore.runs.checkpoint import Checkpointer
from mfgcore.runs.datasets import to_dataset
from mfgcore.runs.provenance import environment
from mfgcore.runs.simulation import Simulation


@checked
def simulate(
    experiment: Experiment,
    threads: int = 1,
    progress: Callable[[Simulation], object] | None = None,
    checkpointer: Checkpointer | None = None,
    limit: float | None = None,
    policies: np.ndarray | None = None,
    states: np.ndarray | None = None,
) -> xr.Dataset:
    """Run an experiment and return everything that it measured.

    Parameters
    ----------
    threads : int
        Threads that share the learning of one iteration. They change no result.
    progress : callable, optional
        Called with the Simulation after every iteration.
    checkpointer : Checkpointer, optional
        Where the run's state is kept on the way, and taken up if it was kept before.
    limit : float, optional
        Bytes of memory that the run may take; by default what there is.
    policies : (n_states, n_actions) or (n, n_states, n_actions) array, optional
        What the agents start with in place of an `initial_policy` of the experiment: all with one
        policy, or agent i with row i modulo n. Agents that arrive later start with the uniform one.
    states : (n_agents,) array of int, optional
        Where the agents start, in place of the game's own start.

    Returns
    -------
    xarray.Dataset
        The variables of `METRICS`, over `iteration`, `agent`, `state` and
        `action`. The attributes hold the configuration and the provenance.

    Raises
    ------
    ConfigurationError
        If the run does not fit into the memory.
    NumericalError
        If NaN or infinity arises; names the iteration and the agent.
    Stopped
        If a signal asked for it; only with a checkpointer.
    """
    started = datetime.datetime.now(datetime.UTC)
    wall, cpu = time.perf_counter(), time.process_time()
    with user_errors():
        simulation = Simulation(experiment, threads, limit, policies, states)
        before = (0.0, 0.0)
    listening: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if checkpointer is not None:
        before = checkpointer.restore(simulation)
        listening = checkpointer.listening()

    def seconds():
        clocks = before[0] + time.perf_counter() - wall, before[1] + time.process_time() - cpu
        return round(clocks[0], 3), round(clocks[1], 3)

    entries = experiment.entries()
    before_the_run = digests_of_named_files(entries)
    with listening:
        while simulation.iteration < experiment.iterations:
            with user_errors(), no_untracked_reads(entries):
                simulation.step()
            if progress is not None:
                progress(simulation)
            if checkpointer is not None and simulation.iteration < experiment.iterations:
                checkpointer.after_iteration(simulation, seconds())
    with user_errors(), no_untracked_reads(entries):
        dataset = to_dataset(simulation)
    if digests_of_named_files(entries) != before_the_run:
        raise RunFileError(f"a file that {READS} names was changed while the run was under way")
    dataset.attrs |= {
        "started": started.isoformat(timespec="seconds"),
        "wall_seconds": seconds()[0],
        "cpu_seconds": seconds()[1],
        **environment("simulate"),
    }
    return dataset
