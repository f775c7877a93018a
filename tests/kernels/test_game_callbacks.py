"""Calls of the stepping kernels into games: errors, and numbers that are refused."""

import re
import types
from dataclasses import fields

import numpy as np
import pytest
from random_inputs import (
    copies,
    random_walk,
)
from reference import elementary

from mfgcore import ConfigurationError


@pytest.mark.parametrize("wrong", [None, -1e-300, 2e-9, np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 17, 59])
def test_distributions_are_recognised_up_to_a_tolerance(build, place, wrong):
    values = np.full((3, 4, 5), 0.2)
    values[0, 0] = 0.0, 1.0 + 9e-10, 0.0, 0.0, 0.0
    if wrong is not None:
        values.flat[place] += wrong if not wrong < 0.0 else wrong - values.flat[place]
    assert build.are_distributions(values, 1e-9) == (wrong is None)
    assert build.are_distributions(values[0, 1].tolist(), 1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (7, 1), (9, 40), (3, 2500)])
def test_weighted_sums_are_those_of_the_twin(build, dtype, shape):
    generator = np.random.default_rng(shape)
    rows = (generator.normal(size=shape) * 10.0 ** generator.integers(-9, 9, shape)).astype(dtype)
    weights = generator.normal(size=shape[0])
    found = build.weighted_sum(rows, weights)
    assert found.tolist() == elementary.weighted_sum(rows, weights)


@pytest.mark.parametrize(
    ("rows", "weights"), [((0, 3), 0), ((2, 3), 3), ((2, 3), 0), ((3,), 3), ((2, 3, 1), 2)]
)
def test_weighted_sums_refuse_what_does_not_fit(build, rows, weights):
    with pytest.raises(ValueError, match="must have shape"):
        build.weighted_sum(np.zeros(rows), np.zeros(weights))


class Failing:
    """A game that fails when it is called a third time."""

    def __init__(self, game):
        self.game, self.left = game, 2

    def called(self, values):
        self.left -= 1
        if self.left < 0:
            raise LookupError("called too often")
        return values

    def checked_rewards(self, mean_fields):
        return self.called(self.game.rewards(mean_fields))

    def checked_transition_probabilities(self, shape, mean_field):
        return self.called(self.game.transition_probabilities(mean_field))


@pytest.mark.parametrize(("coupling", "tabled", "done"), [(0.0, False, 128), (0.5, True, 2)])
def test_what_a_game_raises_is_raised_and_whole_blocks_are_done(build, coupling, tabled, done):
    walk = random_walk(np.random.default_rng(9), 7, 4, 3, 2, 2, coupling, tabled)
    whole, failing = copies(walk), copies(walk) | {"game": Failing(walk["game"])}
    with pytest.raises(LookupError, match="called too often"):
        build.step_population(**failing, n_steps=200, population_rewards=np.empty(200))
    build.step_population(**whole, n_steps=done)
    np.testing.assert_array_equal(failing["states"], whole["states"])
    if coupling:
        ranks = np.zeros(7, dtype=np.int32)
        others = {"ranks": ranks, "policy_of_rank": walk["policy_index"], "rounds": 5}
        with pytest.raises(LookupError, match="called too often"):
            build.communicate(**failing, **others)


@pytest.mark.parametrize(
    ("method", "wrong", "message"),
    [
        ("rewards", 0.5, "expected (1, 4, 3)"),
        ("rewards", np.zeros((1, 4)), "expected (1, 4, 3)"),
        ("rewards", np.full((1, 4, 3), np.nan), "holds nan in state 0, action 0"),
        ("rewards", np.eye(12)[7].reshape(1, 4, 3) * 1.5, "holds 1.5 in state 2, action 1"),
        ("rewards", np.full((1, 4, 3), -1e-9), "holds -1e-09 in state 0, action 0"),
        ("transition_probabilities", np.ones((4, 3, 1)), "shape (4, 3, 1), expected (4, 3, 2)"),
        ("transition_probabilities", np.full((4, 3, 2), 0.4), "0.8 in state 0, action 0"),
        ("transition_probabilities", np.tile([1.5, -0.5], (4, 3, 1)), "holds -0.5"),
        ("transition_probabilities", np.full((4, 3, 2), np.nan), "holds nan"),
    ],
)
def test_wrong_numbers_of_a_game_are_refused_in_its_name(build, method, wrong, message):
    walk = random_walk(np.random.default_rng(9), 7, 4, 3, 2, 2, 1.0, False)
    changed = type("Wrong", (type(walk["game"]),), {method: lambda self, mean_fields: wrong})
    game = changed(**{each.name: vars(walk["game"])[each.name] for each in fields(changed)})
    line = rf"^game 'random': {method}\(\) [^\n]*{re.escape(message)}"
    with pytest.raises(ConfigurationError, match=line):
        build.step_population(**walk | {"game": game}, n_steps=3, population_rewards=np.empty(3))


@pytest.mark.parametrize("method", ["checked_rewards", "checked_transition_probabilities"])
@pytest.mark.parametrize("shape", [(), (1, 4, 3, 1), (1, 3, 4), (4, 3, 1), (5, 3, 2)])
def test_shapes_of_a_game_that_do_not_check_them_are_refused(build, method, shape):
    walk = random_walk(np.random.default_rng(9), 7, 4, 3, 2, 2, 1.0, False)
    game = types.SimpleNamespace(
        checked_rewards=walk["game"].checked_rewards,
        checked_transition_probabilities=walk["game"].checked_transition_probabilities,
    )
    setattr(game, method, lambda *given: np.zeros(shape))
    with pytest.raises(ValueError, match="must have shape"):
        build.step_population(**walk | {"game": game}, n_steps=3, population_rewards=np.empty(3))
