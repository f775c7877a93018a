"""The second implementation of Algorithm 2, `verification/independent.py`, number by number.

Given the random numbers of a run of the package, it makes the same run. With random numbers of its
own it is compared by `verification/learning_curves.py`.
"""

import ast
import dataclasses
from pathlib import Path

import independent
import numpy as np
import pytest
from conftest import run, small
from hypothesis import given
from hypothesis import strategies as st
from random_inputs import random_policies, seeds
from reference.streams import shuffle

from mfgcore import kernels
from mfgcore.agents.networks import neighbour_cells
from mfgcore.games import Grid

GAMES = ("cluster", "agree", "diffuse")
EXACTLY = {"rtol": 1e-12, "atol": 1e-12}


def test_it_imports_nothing_of_the_package():
    imported = set()
    for node in ast.walk(ast.parse(Path(independent.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add("." * node.level + (node.module or ""))
    assert imported == {"dataclasses", "numpy"}


@pytest.mark.parametrize("size", [2, 5, 8, 10])
def test_moves_and_neighbours_are_the_same(size):
    grid = Grid(size)
    np.testing.assert_array_equal(independent.moves_of(size), grid.next_state())
    for radius in (0.0, 0.2, 0.5, 1.0):
        first, neighbours = neighbour_cells(grid, radius)
        reach = independent.reach_of(size, radius)
        np.testing.assert_array_equal(reach.sum(axis=1), np.diff(first))
        np.testing.assert_array_equal(np.nonzero(reach)[1], neighbours)


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize(("agents", "most"), [(2, 2), (7, 7), (20, 50)])
def test_rewards_are_the_same(game, agents, most):
    growth = {"final_agents": most, "population_change_at": 1} if most > agents else {}
    experiment = small(game=game, agents=agents, **growth)
    rewards = independent.rewards_of(game, experiment.grid_size, agents, most)
    found = experiment.make_game().reward_table(agents)
    np.testing.assert_allclose(rewards[:, 1:], found[:, 1:], **EXACTLY)


@given(seed=seeds, eta=st.sampled_from([0.01, 1.0]), weight=st.sampled_from([0.0, 0.01, 1.0]))
def test_mirror_ascent_is_the_same(seed, eta, weight):
    rng = np.random.default_rng(seed)
    policies, q = random_policies(rng, 4, 9, 5), 10.0 * rng.random((4, 9, 5))
    experiment = small(policy_learning_rate=eta, entropy_weight=weight)
    found = experiment.make("policy_improvement")(policies, q)
    np.testing.assert_allclose(
        independent.mirror_ascent(q, policies, eta, weight), found, **EXACTLY
    )


class Given:
    """The random numbers of a run, handed out as a numpy Generator, whatever the purpose."""

    def __init__(self, experiment):
        self.experiment, self.streams = experiment, experiment.random_streams
        self.most = experiment.max_agents
        self.iteration, self.communicates = -1, True

    def integers(self, n, size):
        """The first cells of as many agents, the last that there are."""
        purpose = ("initial_states", 0) if self.iteration < 0 else ("arrivals", self.iteration)
        there = size if self.iteration < 0 else self.most
        return self.streams.integers(*purpose, there, n)[-size:]

    def random(self, shape):
        """For each agent whether it fails, or of each step what it does."""
        return self.of_steps(*shape) if isinstance(shape, tuple) else self.of_failures(shape)

    def of_failures(self, n):
        drawn = self.streams.uniforms("failures", self.iteration, n)
        n_learners = self.experiment.make("architecture").n_learners(n)
        learners = np.flatnonzero(drawn[:n_learners] >= (self.experiment.failure_probability or 0))
        of_all = self.streams.shuffle_generators("shuffles", self.iteration, n)
        self.shuffles = of_all[learners]
        return drawn

    def of_steps(self, n_steps, n):
        self.communicates = not self.communicates
        if not self.communicates:
            self.iteration += 1
            self.actions = self.streams.action_generators("actions", self.iteration, self.most)
        generators, words = self.actions[:, :n].copy(), np.empty((n_steps, n), dtype=np.uint32)
        for row in words:
            kernels.next_words(generators, row)
        self.actions[:, :n] = generators
        return (words >> 1) / 2.0**31

    def permuted(self, order, axis, out):
        for own, generators in zip(out, self.shuffles, strict=True):
            shuffled = own.tolist()
            shuffle(shuffled, kernels.shuffle_swaps(generators, len(shuffled)))
            own[:] = shuffled


def same_run(monkeypatch, experiment):
    """The learning curves of both, from the random numbers of the package."""
    random, replay = Given(experiment), independent.replay

    def rounded(q, here, there, gain, *others):  # rewards are stored in single precision (D23)
        return replay(q, here, there, gain.astype(np.float32).astype(np.float64), *others)

    monkeypatch.setattr(independent, "replay", rounded)
    monkeypatch.setattr(np.random, "default_rng", lambda name: random)
    names = [field.name for field in dataclasses.fields(independent.Parameters)]
    names += ["game", "architecture", "agents", "iterations"]
    names += ["final_agents", "population_change_at"]
    given = {name: getattr(experiment, name) for name in names}
    failing = experiment.failure_probability or 0.0
    found = independent.run(**given, failure_probability=failing)
    return found, run(experiment).records["discounted_return"]


DISTURBED = {
    "undisturbed": {},
    "failing": {"failure_probability": 0.5},
    "growing": {"final_agents": 9, "population_change_at": 1},
    "both": {"failure_probability": 0.9, "final_agents": 9, "population_change_at": 2},
}


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("architecture", independent.ARCHITECTURES)
@pytest.mark.parametrize("disturbed", DISTURBED)
def test_a_run_is_the_same(monkeypatch, game, architecture, disturbed):
    experiment = small(game=game, architecture=architecture, iterations=6, **DISTURBED[disturbed])
    found, expected = same_run(monkeypatch, experiment)
    np.testing.assert_allclose(found, expected, **EXACTLY)


@pytest.mark.parametrize(
    "settings",
    [
        {"entropy_weight": 0.0},
        {"steps_per_transition": 1},
        {"burn_in": 0},
        {"communication_rounds": 0},
        {"communication_radius": 1.0},
        {"grid_size": 5},
        {"td_learning_rate": 0.9},
    ],
)
def test_a_run_is_the_same_with_other_parameters(monkeypatch, settings):
    experiment = small(architecture="networked", failure_probability=0.5, **settings)
    found, expected = same_run(monkeypatch, experiment)
    np.testing.assert_allclose(found, expected, **EXACTLY)


@pytest.mark.parametrize("name", ["td_learning_rate", "policy_learning_rate", "entropy_weight"])
def test_another_parameter_would_be_noticed(monkeypatch, name):
    experiment = small(architecture="networked")
    found, _ = same_run(
        monkeypatch, small(experiment, **{name: 1.0001 * getattr(experiment, name)})
    )
    assert np.abs(found - run(experiment).records["discounted_return"]).max() > 1e-9
