"""Fifty MF-Garnets against bench-mfg-suite: a seed gives the same game in both.

Couplings are drawn from the seed, whatever it configures; ours are where none is given. By
definition the two differ where nothing is left above 0 of what an action leads to: its law is all
zeros there, which its transition sends to the last state; ours falls back on the drawn successors.
A floor, given to both, removes the case.

Run by ``make crosscheck``; see :mod:`bench_mfg` for what is compared, and how.
"""

import itertools

import numpy as np
import pytest
from bench_mfg import (
    DISCOUNT,
    HORIZON,
    TOLERANCE,
    Pair,
    own_moves,
    own_values,
    sample_mean_fields,
    sample_policies,
)
from benchmfg.envs import MFGarnet
from benchmfg.envs.mf_garnet.mf_garnet import MFGarnetSampling

from mfgcore.games import Garnet

ATOMS = 64
STRUCTURES = ("additive", "multiplicative")
KINDS = tuple(itertools.product(STRUCTURES, STRUCTURES, ("potential", "cyclic")))
SIZES = ((5, 2, 2), (8, 3, 3), (10, 3, 5))


def garnet(seed, floor=0.0):
    (dynamics, reward, interaction), size = KINDS[seed % len(KINDS)], SIZES[seed % len(SIZES)]
    return Garnet(*size, seed, dynamics, reward, interaction, floor=floor)


def pair_of(game):
    sampling = MFGarnetSampling(
        branching_factor=game.branching,
        dynamics_structure=game.dynamics,
        reward_structure=game.reward,
        game_type=game.interaction,
        seed=game.game_seed,
        relu_eps=game.floor,
    )
    even = np.full(game.n_states, 1.0 / game.n_states)

    def make():
        return MFGarnet(game.n_states, game.n_actions, ATOMS, HORIZON, even, DISCOUNT, sampling)

    return Pair(game, make, "MFGarnet", lambda mean_field: np.cumsum(laws(make(), mean_field), 2))


def laws(environment, mean_field):
    """The suite's p(y | s, a, mu); (n_states, n_actions, n_states) float64."""
    shape = environment.N_states, environment.N_actions
    found = [environment._transition_distribution(mean_field, s, a) for s, a in np.ndindex(shape)]
    return np.array(found).reshape(*shape, -1)


def nothing_left(pair, mean_fields):
    """Whether an action leads nowhere in the suite."""
    return any((laws(pair.make(), mu).sum(axis=2) < 0.5).any() for mu in mean_fields)


def drawn_mean_fields(seed):
    states = SIZES[seed % len(SIZES)][0]
    return list(sample_mean_fields(states, 4, np.random.default_rng(seed)))


def worst(differences):
    return max(float(np.abs(each).max()) for each in differences)


@pytest.mark.parametrize("seed", range(50))
def test_a_seed_gives_the_same_game(seed):
    mean_fields = drawn_mean_fields(seed)
    pair = pair_of(garnet(seed))
    if nothing_left(pair, mean_fields):
        pair = pair_of(garnet(seed, floor=1e-3))
    game = pair.game
    off = [own_moves(game, mu) - pair.moves(mu) for mu in mean_fields]
    off += [game.mean_field_rewards(mu) - pair.rewards(mu) for mu in mean_fields]
    mean_field = mean_fields[0]
    shape = game.n_states, game.n_actions
    policies = list(sample_policies(*shape, 4, np.random.default_rng(seed)))
    values, best = own_values(game, policies, mean_field)
    expected, expected_best = pair.values(policies, mean_field)
    off += [values - expected, best - expected_best]
    off += [(best - values - (expected_best - expected)) @ mean_field]
    print(f"\nMF-Garnet {seed:<10} {worst(off):.1e} ", end="")
    assert worst(off) <= TOLERANCE


def test_where_nothing_is_left_the_suite_goes_to_the_last_state():
    found = []
    for seed in range(50):
        mean_fields = drawn_mean_fields(seed)
        pair = pair_of(garnet(seed))
        for mean_field in mean_fields:
            empty = laws(pair.make(), mean_field).sum(axis=2) < 0.5
            if empty.any():
                theirs = pair.moves(mean_field)[empty]
                np.testing.assert_allclose(theirs[:, -1], 1.0, rtol=1e-12)
                base = pair.game.drawn[1][empty]
                drawn = base / base.sum(axis=1, keepdims=True)
                np.testing.assert_allclose(
                    own_moves(pair.game, mean_field)[empty], drawn, rtol=1e-12
                )
                found.append(seed)
    assert found


def test_its_own_noise_rounds_probabilities_to_sixty_fourths():
    pair = pair_of(garnet(1, floor=1e-3))
    mean_fields = drawn_mean_fields(1)
    off = worst(own_moves(pair.game, mu) - pair.moves(mu, pair.plain) for mu in mean_fields)
    assert 1e-3 < off <= 1.0 / ATOMS


@pytest.mark.parametrize("changed", [{"coupling": 1e-6}, {"game_seed": 1}])
def test_a_game_that_is_slightly_another_differs(changed):
    game = Garnet(8, 3, 3, 2, floor=1e-3)
    pair = pair_of(game)
    if "coupling" in changed:
        changed = {"coupling": game.drawn[0][1] + changed["coupling"]}
    other = Garnet(8, 3, 3, **{"game_seed": 2, **changed}, floor=1e-3)
    mean_field = drawn_mean_fields(1)[0]
    assert worst([own_moves(other, mean_field) - pair.moves(mean_field)]) > 1e3 * TOLERANCE
