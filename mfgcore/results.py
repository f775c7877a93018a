"""Results as xarray datasets and netCDF-4 files, with the provenance of every number."""

import contextlib
import datetime
import importlib.metadata
import json
import platform
import subprocess
import time
from pathlib import Path

import numpy as np
import xarray as xr

from mfgcore import kernels
from mfgcore.architectures import ARCHITECTURES
from mfgcore.errors import RunFileError, shorten
from mfgcore.files import atomic_path, check_writable, reason
from mfgcore.fingerprint import run_fingerprint
from mfgcore.games import ACTIONS
from mfgcore.simulation import Simulation

SCHEMA_VERSION = 2
LIBRARIES = ("mfgcore", "numpy", "xarray", "netCDF4")

# name: (long name, units, comment)
VARIABLES = {
    "discounted_return": (
        "average discounted regularised return", "1",
        "mean over agents and start times of the discounted sum of r + h (Def. 2.2, Sec. 4.1)",
    ),
    "exploitability": (
        "exploitability of the joint policy, sampled", "1",
        "return of an agent that improved its policy for a few iterations, minus the mean return "
        "of the others (F.2); NaN at iterations at which it was not sampled",
    ),
    "exact_return": (
        "average discounted regularised return, exact", "1",
        "mean of the agents' V_h(pi^i, mu) in the mean-field game (Def. 2.4); NaN where not "
        "evaluated",
    ),
    "exact_exploitability": (
        "exploitability of the joint policy, exact", "1",
        "mean gain of an agent that deviates to the best response to the population's mean field "
        "(F.2); NaN where not evaluated",
    ),
    "mean_individual_exploitability": (
        "mean exploitability of the individual policies, exact", "1",
        "each policy against the mean field of a population that follows it alone (F.2, last "
        "formula); NaN where not evaluated",
    ),
    "mean_individual_return": (
        "mean return of the individual policies, exact", "1",
        "each policy in a population that follows it alone (F.3); NaN where not evaluated",
    ),
    "policy_divergence": (
        "policy divergence", "1", "(1/N) sum_i sup_s ||pi^1(s) - pi^i(s)||_1 (Sec. 3.2, 4.1)",
    ),
    "distinct_policies": ("number of distinct policies", "1", "at the start of the iteration"),
    "common_policy_agents": (
        "number of agents that follow the most common policy", "1", "at the start of the iteration",
    ),
    "mean_change": (
        "mean change of the learners' policies", "1",
        "mean of sup_s ||pi_{k+1}(s) - pi_k(s)||_1 over the agents that learned, before any "
        "communication (Alg. 2, line 21); NaN if nobody learned",
    ),
    "failures": ("number of learners whose update failed", "1", "Sec. 4, D16"),
    "population_size": ("number of agents", "1", "N at the start of the iteration"),
    "adopted_policies": (
        "number of adopted policies", "1",
        "policies that an agent adopted from another and followed at the end of the rounds",
    ),
    "theorem_3_1_violations": (
        "violations of Theorem 3.1", "1",
        "adopted policies from which the divergence of the population did not fall, all adoptions "
        "of the iteration taken together",
    ),
    "theorem_3_2_premises": (
        "whether the premises of Theorem 3.2 held", "1",
        "one policy before the update, all distinct after it, 1 < n < N after communication",
    ),
    "theorem_3_2_violations": (
        "violations of Theorem 3.2", "1",
        "1 if the premises held and the bound on the distance of two policies did not fall",
    ),
    "mean_field": (
        "empirical mean field", "1",
        "distribution of the agents over the cells, averaged over the iteration's learning steps",
    ),
    "common_policy": (
        "most common policy", "1",
        "probability of each action in each cell, of the policy that most agents followed at the "
        "start of the iteration; among equals the one of the agent with the lowest number",
    ),
    "policy": ("final policies", "1", "probability of each action in each cell, pi_K"),
    "q_values": (
        "last estimated Q-functions", "1",
        "of each agent's last successful update; NaN for an agent that never learned",
    ),
}  # fmt: skip
# variables that are measured at every `evaluation_interval`-th iteration only
EVALUATED = (
    "exploitability",
    "exact_return",
    "exact_exploitability",
    "mean_individual_exploitability",
    "mean_individual_return",
)
COUNTS = (
    "distinct_policies",
    "common_policy_agents",
    "failures",
    "population_size",
    "adopted_policies",
    "theorem_3_1_violations",
    "theorem_3_2_premises",
    "theorem_3_2_violations",
)
COORDINATES = {
    "iteration": "iteration k",
    "agent": "agent i",
    "state": "cell s = row * grid_size + column",
    "action": "action a",
    "trial": "trial",
    "architecture": "architecture",
}
# variables of a run that its experiment's dataset keeps; the others are as large as the population
COLLECTED = tuple(name for name in VARIABLES if name not in ("policy", "q_values"))


def simulate(experiment, threads=1, progress=None, checkpointer=None):
    """Run an experiment and return everything that it measured.

    Parameters
    ----------
    experiment : Experiment
    threads : int
        Threads that share the learning of one iteration. They change no result.
    progress : callable, optional
        Called with the :class:`~mfgcore.simulation.Simulation` after every iteration.
    checkpointer : Checkpointer, optional
        Where the run's state is kept on the way, and taken up if it was kept before.

    Returns
    -------
    xarray.Dataset
        The metrics over `iteration`, the empirical mean field over (iteration, state), and the
        final policies and Q-functions over (agent, state, action), all float64 or int64. The
        attributes hold the configuration and the provenance.

    Raises
    ------
    NumericalError
        If NaN or infinity arises; names the iteration and the agent.
    Stopped
        If a signal asked for it; only with a checkpointer.
    """
    started = datetime.datetime.now(datetime.UTC)
    wall, cpu = time.perf_counter(), time.process_time()
    before = (0.0, 0.0)
    listening = contextlib.nullcontext()
    if checkpointer is None:
        simulation = Simulation(experiment, threads)
    else:
        simulation, before = checkpointer.start(experiment, threads)
        listening = checkpointer.listening()

    def seconds():
        return (
            round(before[0] + time.perf_counter() - wall, 3),
            round(before[1] + time.process_time() - cpu, 3),
        )

    with listening:
        while simulation.iteration < experiment.iterations:
            simulation.step()
            if progress is not None:
                progress(simulation)
            if checkpointer is not None and simulation.iteration < experiment.iterations:
                checkpointer.after_iteration(simulation, seconds())
    dataset = to_dataset(simulation)
    dataset.attrs |= {
        "started": started.isoformat(timespec="seconds"),
        "wall_seconds": seconds()[0],
        "cpu_seconds": seconds()[1],
        **environment(),
    }
    return dataset


def to_dataset(simulation):
    """The dataset of a simulation, without the provenance that belongs to its execution.

    Parameters
    ----------
    simulation : Simulation

    Returns
    -------
    xarray.Dataset
    """
    experiment, population = simulation.experiment, simulation.population
    shape = (population.size, simulation.game.grid.n_states, len(ACTIONS))
    data = {
        name: ("iteration", np.array(values, dtype=np.int64 if name in COUNTS else np.float64))
        for name, values in simulation.metrics.items()
    }
    data["mean_field"] = (("iteration", "state"), np.array(simulation.mean_fields))
    data["common_policy"] = (
        ("iteration", "state", "action"), np.array(simulation.common_policies),
    )  # fmt: skip
    data["policy"] = (
        ("agent", "state", "action"), population.policies[population.policy_index],
    )  # fmt: skip
    data["q_values"] = (("agent", "state", "action"), simulation.q_values.reshape(shape))
    dataset = xr.Dataset(
        data,
        coords={
            "iteration": np.arange(simulation.iteration),
            "agent": np.arange(shape[0]),
            "state": np.arange(shape[1]),
            "action": list(ACTIONS),
        },
        attrs={
            "title": f"{experiment.game}, {experiment.architecture}, trial {experiment.trial}",
            "kind": "run",
            "schema_version": SCHEMA_VERSION,
            "Conventions": "CF-1.11",
            "source": "mfgcore: reproduction of 'Networked Communication for Decentralised "
            "Agents in Mean-Field Games' (Benjamin & Abate)",
            "configuration": json.dumps(experiment.relevant(), sort_keys=True),
            "seed": experiment.seed,
            "fingerprint": run_fingerprint(),
        },
    )
    return _describe(dataset)


def _describe(dataset):
    for name, (long_name, units, comment) in VARIABLES.items():
        if name in dataset:
            dataset[name].attrs = {"long_name": long_name, "units": units, "comment": comment}
    for name, long_name in COORDINATES.items():
        if name in dataset.coords:
            dataset[name].attrs = {"long_name": long_name}
    return dataset


def environment():
    """Where and with what a file is made.

    Returns
    -------
    dict of str to str
    """
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    return {
        "versions": json.dumps({"python": platform.python_version(), **versions}),
        "kernels": kernels.BUILD,
        "commit": commit(),
        "host": platform.node(),
        "processor": f"{platform.system()} {platform.machine()}",
    }


def commit():
    """The commit of the source tree, with ``-dirty`` for uncommitted changes, or ``unknown``."""

    def git(*arguments):
        return subprocess.run(
            ("git", "--no-optional-locks", *arguments), cwd=Path(__file__).parent,
            capture_output=True, text=True, check=True, timeout=10,
        ).stdout.strip()  # fmt: skip

    try:
        return git("rev-parse", "HEAD") + (
            "-dirty" if git("status", "--porcelain", "--untracked-files=no") else ""
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def save(dataset, path):
    """Write a dataset as a compressed netCDF-4 file, whole or not at all.

    Raises
    ------
    RunFileError
        If it cannot be written.
    """
    check_writable(path)
    encoding = {
        name: {"zlib": True, "complevel": 4} for name in dataset.data_vars if dataset[name].ndim > 1
    }
    with atomic_path(path) as temporary:
        try:
            dataset.to_netcdf(temporary, engine="netcdf4", encoding=encoding)
        except RuntimeError as error:  # how the netCDF library reports a full disk
            raise RunFileError(
                f"{shorten(str(path))}: cannot be written: {reason(error)}"
            ) from error


def load(path, kind="run"):
    """Read a run's or an experiment's file into memory.

    Parameters
    ----------
    path : path
    kind : {"run", "experiment"}

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    RunFileError
        If the file is missing, damaged, of another kind or of another version.
    """
    name = shorten(str(path))
    try:
        with xr.open_dataset(path, engine="netcdf4") as opened:
            dataset = opened.load()
    except FileNotFoundError:
        raise RunFileError(f"{name}: there is no such file") from None
    except (OSError, RuntimeError, ValueError, KeyError, AttributeError) as error:
        raise RunFileError(
            f"{name}: is damaged or no netCDF file ({reason(error)}); delete it and run again"
        ) from error
    if dataset.attrs.get("kind") != kind:
        raise RunFileError(f"{name}: is not a file of one {kind} made by mfgcore")
    version = dataset.attrs.get("schema_version")
    if version != SCHEMA_VERSION:
        raise RunFileError(
            f"{name}: has schema version {version}, this mfgcore reads {SCHEMA_VERSION}; "
            "delete it and run again"
        )
    return dataset


def configuration(dataset):
    """The configuration that a run's file was made with; dict of parameter to value."""
    return json.loads(dataset.attrs["configuration"])


def collect(paths, experiments):
    """Join the runs of one experiment.

    Parameters
    ----------
    paths : list of path
        One run's file for each of `experiments`, in the same order.
    experiments : list of Experiment
        What the runs should be: every trial of every architecture.

    Returns
    -------
    xarray.Dataset
        The metrics and the mean field with the dimensions (architecture, trial, ...).

    Raises
    ------
    RunFileError
        If a run is missing, was made with other parameters or other code than the others, holds
        a value that is not finite, or if the trials of the architectures differ.
    """
    runs = {}
    for path, experiment in zip(paths, experiments, strict=True):
        dataset = load(path)
        _check_run(path, dataset, experiment)
        key = (experiment.architecture, experiment.trial)
        if key in runs:
            raise RunFileError(
                f"{shorten(str(path))}: there are two runs of {key[0]}, trial {key[1]}"
            )
        runs[key] = dataset
    architectures = [name for name in ARCHITECTURES if any(key[0] == name for key in runs)]
    trials = sorted({trial for _, trial in runs})
    for key in ((name, trial) for name in architectures for trial in trials):
        if key not in runs:
            raise RunFileError(f"the run of {key[0]}, trial {key[1]} is missing")
    fingerprints = {dataset.attrs["fingerprint"] for dataset in runs.values()}
    if len(fingerprints) > 1:
        raise RunFileError(
            f"the runs were made with different versions of the code ({', '.join(fingerprints)}); "
            "run them again"
        )
    joined = _stack(
        [
            _stack([runs[name, trial][list(COLLECTED)] for trial in trials], "trial")
            for name in architectures
        ],
        "architecture",
    )
    joined = joined.assign_coords(trial=trials, architecture=architectures)
    joined["cpu_seconds"] = (
        ("architecture", "trial"),
        [[runs[name, trial].attrs["cpu_seconds"] for trial in trials] for name in architectures],
        {"long_name": "CPU time of a run", "units": "s"},
    )
    first = next(iter(runs.values()))
    union = {key: value for run in runs.values() for key, value in configuration(run).items()}
    varying = ("architecture", "trial")
    joined.attrs = {
        "title": f"{first.attrs['title'].split(',')[0]}: {experiments[0].name}",
        "kind": "experiment",
        "schema_version": SCHEMA_VERSION,
        "Conventions": "CF-1.11",
        "source": first.attrs["source"],
        "configuration": json.dumps(
            {key: value for key, value in union.items() if key not in varying}, sort_keys=True
        ),
        "runs": len(runs),
        "fingerprint": fingerprints.pop(),
        "wall_seconds": sum(run.attrs["wall_seconds"] for run in runs.values()),
        "cpu_seconds": sum(run.attrs["cpu_seconds"] for run in runs.values()),
        "commits": ", ".join(sorted({run.attrs["commit"] for run in runs.values()})),
        **environment(),
    }
    return _describe(joined)


def _stack(datasets, dimension):
    return xr.concat(datasets, dimension, join="exact", combine_attrs="drop")


def _check_run(path, dataset, experiment):
    name = shorten(str(path))
    found, expected = configuration(dataset), experiment.relevant()
    for key in sorted(expected.keys() | found.keys()):
        if found.get(key) != expected.get(key):
            raise RunFileError(
                f"{name}: was made with {key} = {found.get(key)!r}, expected "
                f"{expected.get(key)!r}; delete it and run again"
            )
    missing = [variable for variable in COLLECTED if variable not in dataset]
    if missing:
        raise RunFileError(f"{name}: {missing[0]} is missing; delete it and run again")
    if dataset.sizes["iteration"] != experiment.iterations:
        raise RunFileError(
            f"{name}: has {dataset.sizes['iteration']} iterations, expected "
            f"{experiment.iterations}; delete it and run again"
        )
    for variable in COLLECTED:
        values = dataset[variable].values
        if variable in EVALUATED:
            done = (
                experiment.evaluation if variable == "exploitability" else experiment.exact_metrics
            )
            values = values[:: experiment.evaluation_interval] if done else []
        elif variable == "mean_change":
            architecture = ARCHITECTURES[experiment.architecture]
            learners = architecture.n_learners(dataset["population_size"].values)
            values = values[dataset["failures"].values < learners]
        if not np.isfinite(values).all():
            raise RunFileError(f"{name}: {variable} is not finite; delete it and run again")
