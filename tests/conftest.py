import contextlib
import dataclasses
import multiprocessing.forkserver

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import mfgcore
from mfgcore import Experiment, kernels
from mfgcore.agents.algorithms import LearningBatch
from mfgcore.agents.rollout import rollout
from mfgcore.games import GAMES
from mfgcore.runs.simulation import Simulation

collect_ignore = ["own.py"]  # it registers what it has

settings.register_profile(
    "mfgcore",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("mfgcore")

BUILDS = kernels.available_builds()

# a run of this size takes a few milliseconds
TINY = {
    "game": "agree",
    "agents": 6,
    "iterations": 4,
    "grid_size": 3,
    "discount": 0.5,
    "transitions": 40,
    "steps_per_transition": 2,
    "burn_in": 3,
    "replay_cycles": 4,
    "policy_learning_rate": 0.5,
    "communication_rounds": 3,
    "sampled_exploitability": False,
}


def run(experiment, threads=1, iterations=None):
    """The simulation of an experiment after so many iterations, or its last one."""
    simulation = Simulation(experiment, threads)
    for _ in range(experiment.iterations if iterations is None else iterations):
        simulation.step()
    return simulation


def trials(n, architectures, **settings):
    """Small experiments: so many trials of each of some architectures."""
    return [
        small(architecture=name, trial=trial, **settings)
        for name in architectures
        for trial in range(n)
    ]


def saved(experiments, folder):
    """The files of the runs of some experiments."""
    paths = [folder / f"{index}.nc" for index in range(len(experiments))]
    for experiment, path in zip(experiments, paths, strict=True):
        mfgcore.save(mfgcore.simulate(experiment), path, overwrite=True)
    return paths


def estimate_q_values(experiment, transitions, generators=None, threads=1):
    """What the experiment's algorithm learns from transitions, at first in iteration 0."""
    if generators is None:
        generators = experiment.random_streams.shuffle_generators("shuffles", 0, len(transitions))
    own = np.empty((len(transitions), experiment.n_states, 5))
    batch = LearningBatch(transitions, generators, own, population=None, threads=threads)
    return experiment.make("algorithm").q_values(batch)


def improve_policies(experiment, policies, policy_index, q_values):
    """The experiment's policy improvement, of learners that follow some rows of the policies."""
    own = policies[policy_index]
    return experiment.make("policy_improvement")(own, q_values.reshape(own.shape))


def learning_steps(experiment, state, n_discarded, learners=None, deviator=None):
    """The rollout of an iteration, of which so many first transitions are not kept."""
    algorithm = dataclasses.replace(experiment.make("algorithm"), n_discarded=n_discarded)
    lengths = experiment.transitions, experiment.steps_per_transition
    return rollout(state, algorithm, *lengths, learners=learners, deviator=deviator)


def pytest_sessionfinish():
    """Wait for the server of processes, so that its time counts as that of the tests."""
    multiprocessing.forkserver._forkserver._stop()


@pytest.fixture(scope="session", params=list(BUILDS))
def build(request):
    """Every compiled build of the kernels in turn."""
    return BUILDS[request.param]


@pytest.fixture
def register():
    """A function that makes a value known to a registry until the end of the test."""
    with contextlib.ExitStack() as stack:

        def add(registry, name, value):
            registry.add(name, value)
            stack.callback(registry.remove, name)

        yield add


@pytest.fixture
def own_games():
    """Games that a test registers are forgotten when it ends."""
    before = set(GAMES)
    yield
    for name in set(GAMES) - before:
        GAMES.remove(name)


def small(base=None, **overrides):
    """A small experiment, or a changed one; the arguments replace the small values."""
    if base is not None:
        return dataclasses.replace(base, **overrides)
    return Experiment(**{**TINY, **overrides})


@pytest.fixture(scope="session")
def make_experiment():
    return small


def assert_same_state(one, other, but=()):
    """Compare two simulations bit for bit; names of metrics, and q_values, can be left out."""
    for name in ("states", "policy_index", "policies"):
        np.testing.assert_array_equal(*(getattr(each.population, name) for each in (one, other)))
    if "q_values" not in but:
        np.testing.assert_array_equal(one.q_values, other.q_values)
    for name in one.records:
        if name not in but:
            np.testing.assert_array_equal(one.records[name], other.records[name], name)


@pytest.fixture(scope="session", name="assert_same_state")
def _assert_same_state():
    return assert_same_state
