"""Social welfare: its gradient against differences, its optimum against enumeration (D31)."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_inputs import random_game, seeds

from mfgcore import ConfigurationError, meanfield
from mfgcore.games import GAMES
from mfgcore.meanfield import social_welfare, welfare_gradient, welfare_optimum
from mfgcore.meanfield.stationary import stationary_flow

WEIGHTS = {"discount": 0.9, "entropy_weight": 0.05}


def some_game(seed, n_states, n_actions, coupling):
    """A random game in which moves lead from everywhere to everywhere."""
    rng = np.random.default_rng(seed)
    game = random_game(rng, 10, n_states, n_actions, n_states, coupling, False)
    everywhere = np.broadcast_to(np.arange(n_states, dtype=np.int32), game.reachable.shape)
    alone, crowded = (
        0.05 / n_states + 0.95 * rng.dirichlet(np.ones(n_states), game.alone.shape[:2])
        for _ in range(2)
    )
    return dataclasses.replace(game, reachable=everywhere, alone=alone, crowded=crowded)


@given(
    seed=seeds,
    n_states=st.integers(2, 6),
    n_actions=st.integers(2, 4),
    coupling=st.sampled_from([0.0, 0.5]),
    entropy_weight=st.sampled_from([0.0, 0.01, 1.0]),
)
@settings(max_examples=60)
def test_the_gradient_is_that_of_differences(seed, n_states, n_actions, coupling, entropy_weight):
    game, rng = some_game(seed, n_states, n_actions, coupling), np.random.default_rng(seed)
    given = {"discount": 0.9, "entropy_weight": entropy_weight}
    policy = 0.1 / n_actions + 0.9 * rng.dirichlet(np.ones(n_actions), n_states)
    gradient = welfare_gradient(policy, game, **given)
    for _ in range(4):
        direction = rng.normal(size=policy.shape)
        direction -= direction.mean(axis=1, keepdims=True)
        direction *= 1e-4 * policy.min() / np.abs(direction).max()
        ends = [social_welfare(policy + sign * direction, game, **given) for sign in (1.0, -1.0)]
        expected = (ends[0] - ends[1]) / 2.0
        assert (gradient * direction).sum() == pytest.approx(expected, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("name", ["agree", "diffuse", "two_bars", "beach_bar", "sis_epidemic"])
def test_the_welfare_is_the_exact_return_of_a_population_of_one_policy(name):
    game, rng = GAMES[name](), np.random.default_rng(3)
    policy = rng.dirichlet(np.ones(len(game.actions)), game.n_states)
    alone = meanfield.population_metrics(policy[None], game, **WEIGHTS)
    assert social_welfare(policy, game, **WEIGHTS) == pytest.approx(
        alone.discounted_return, rel=1e-12
    )
    assert alone.mean_individual_return == pytest.approx(alone.discounted_return, rel=1e-12)


def enumerated(game, steps, **weights):
    """The best of all policies of two actions with probabilities on a lattice, and its welfare."""
    lattice = np.linspace(0.0, 1.0, steps)
    policies = (
        np.array([[p, 1.0 - p] for p in first])
        for first in itertools.product(lattice, repeat=game.n_states)
    )
    return max(social_welfare(policy, game, **weights) for policy in policies)


# states, coupling of the moves, points of the lattice, and how far it can be from the optimum
CASES = [(2, 0.0, 41, 0.02), (2, 0.6, 13, 0.1), (3, 0.0, 11, 0.1)]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("n_states", "coupling", "steps", "coarse"), CASES)
def test_no_policy_of_an_enumeration_is_better_than_the_optimum(
    seed, n_states, coupling, steps, coarse
):
    game = some_game(100 + seed, n_states, 2, coupling)
    given = {"discount": 0.8, "entropy_weight": 0.01 * (seed % 3)}
    best = enumerated(game, steps, **given)
    found = welfare_optimum(game, starts=4, **given)
    assert found.welfare >= best - 1e-7
    # ... and the lattice is fine enough to come near to it
    assert found.welfare <= best + coarse
    again = social_welfare(found.policy, game, **given)
    assert again == pytest.approx(found.welfare, rel=1e-12)
    assert found.welfare == found.found.max()


def test_without_interaction_the_optimum_is_nearly_the_best_response():
    """Which is of discounted rewards, whereas welfare is the long run's."""
    game = GAMES["no_interaction"]()
    found = welfare_optimum(game, starts=3, **WEIGHTS)
    assert np.ptp(found.found) < 1e-6
    selfish = meanfield.best_response(found.mean_field, game, **WEIGHTS)
    apart = found.welfare - social_welfare(selfish.policy, game, **WEIGHTS)
    assert 0.0 <= apart < 1e-3
    assert meanfield.exploitability(found.policy, game, **WEIGHTS) < 1e-3


def test_the_optimum_is_at_least_as_good_as_what_is_known():
    """agree: all at one corner; diffuse: a quarter at each; sis_epidemic: nobody goes out much."""
    weights = {"discount": 0.9, "entropy_weight": 0.0}
    agree = welfare_optimum(GAMES["agree"](grid_size=3), starts=6, **weights)
    assert agree.welfare > 9.99
    diffuse = GAMES["diffuse"](grid_size=3)
    spread = welfare_optimum(diffuse, starts=6, **weights)
    assert spread.welfare == pytest.approx(10.0 * (1.0 + 3.0 + 1.0 - 0.25) / 5.0, rel=1e-3)


def test_the_optimum_is_one_to_which_a_population_comes():
    """An epidemic that nobody has is a fixed point of any policy, and unstable if they go out."""
    game = GAMES["sis_epidemic"]()
    found = welfare_optimum(game, starts=3, discount=0.9, entropy_weight=0.01)
    reached, residual = stationary_flow(found.policy[None], np.ones(1), game)
    # slowly: the best is to go out just so much that the disease dies out
    assert residual < 1e-8
    np.testing.assert_allclose(reached[0], found.mean_field, atol=1e-3)
    assert found.mean_field[1] < 1e-3
    assert found.welfare == pytest.approx(9.29, abs=0.03)


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"starts": 0}, "starts"),
        ({"discount": 1.0}, "discount"),
        ({"entropy_weight": -1.0}, "entr"),
    ],
)
def test_what_is_out_of_bounds_is_refused(wrong, key):
    with pytest.raises(ConfigurationError, match=f"^{key}"):
        welfare_optimum(GAMES["beach_bar"](), **{**WEIGHTS, **wrong})
