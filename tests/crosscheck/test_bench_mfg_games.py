"""Every shipped game against bench-mfg-suite: moves, rewards, values, exploitability.

Run by ``make crosscheck``; see :mod:`bench_mfg` for what is compared, and how.
"""

import functools

import numpy as np
import pytest
from bench_mfg import (
    TOLERANCE,
    WEIGHTS,
    own_moves,
    own_values,
    sample_mean_fields,
    sample_policies,
)
from pairs import PAIRS

from mfgcore import games, meanfield

MEAN_FIELDS = POLICIES = 20


@pytest.fixture(params=PAIRS)
def pair(request):
    """Each of the pairs, made once."""
    return _pair(request.param)


@functools.cache
def _pair(name):
    return PAIRS[name]()


def drawn_mean_fields(pair, count=MEAN_FIELDS):
    return list(sample_mean_fields(pair.game.n_states, count, np.random.default_rng(1)))


def drawn_policies(pair, count=POLICIES):
    shape = pair.game.n_states, len(pair.game.actions)
    return list(sample_policies(*shape, count, np.random.default_rng(2)))


def largest(pair, label, differences):
    """The largest of some differences, shown."""
    found = max(float(np.abs(each).max()) for each in differences)
    print(f"\n{pair.game.name:<20} {label:<16} {found:.1e} ", end="")
    return found


def test_moves(pair):
    mean_fields = drawn_mean_fields(pair)
    differences = [own_moves(pair.game, mu) - pair.moves(mu) for mu in mean_fields]
    assert largest(pair, "moves", differences) <= TOLERANCE


def test_rewards(pair):
    mean_fields = drawn_mean_fields(pair)
    differences = [pair.game.mean_field_rewards(mu) - pair.rewards(mu) for mu in mean_fields]
    assert largest(pair, "rewards", differences) <= TOLERANCE


def test_values_and_the_gain_of_the_best_response(pair):
    mean_field, policies = drawn_mean_fields(pair)[0], drawn_policies(pair)
    values, best = own_values(pair.game, policies, mean_field)
    expected, expected_best = pair.values(policies, mean_field)
    assert largest(pair, "values", [values - expected, best - expected_best]) <= TOLERANCE
    gains = (best - values - (expected_best - expected)) @ mean_field
    assert largest(pair, "gain", [gains]) <= TOLERANCE


def test_exploitability(pair):
    """At each policy's own mean field, which is given to the suite.

    Where moves depend on mu, mu is a fixed point within 1e-12, which times the sum of all values
    may be 1e-10: our metric, a sum over the gaps of the Bellman equation, is there as good as mu
    is. So values are compared at mu, of a few policies: each takes a compilation.
    """
    policies = drawn_policies(pair)[: 6 if pair.jumps else POLICIES]
    differences = []
    for policy in policies[:: 2 if pair.jumps else 1]:  # peaked ones may have no fixed point
        mean_field = meanfield.stationary_distribution(policy, pair.game)
        values, best = pair.values([policy], mean_field)
        if pair.jumps:
            own, own_best = own_values(pair.game, [policy], mean_field)
            found = mean_field @ (own_best - own[0])
        else:
            found = meanfield.exploitability(policy, pair.game, **WEIGHTS)
        differences.append(found - mean_field @ (best - values[0]))
    assert largest(pair, "exploitability", differences) <= TOLERANCE


# ------------------------------------------------------- where they differ, by definition


@pytest.mark.parametrize("name", ["SIS epidemic", "kinetic congestion"])
def test_its_own_noise_rounds_probabilities_to_hundredths(name):
    pair = _pair(name)
    mean_fields = drawn_mean_fields(pair)
    off = [own_moves(pair.game, mu) - pair.moves(mu, pair.plain) for mu in mean_fields]
    off = np.abs(off).max()
    assert 1e-3 < off <= 0.5 / 100 + 1e-12


def test_the_walls_of_its_four_rooms_leak():
    pair = _pair("four rooms")
    mean_field = drawn_mean_fields(pair)[0]
    held, leaks = own_moves(games.FourRooms(), mean_field), pair.moves(mean_field)
    state = {tuple(cell): s for s, cell in enumerate(pair.game.positions.tolist())}
    right = pair.game.actions.index("right")
    assert leaks[state[0, 4], right, state[0, 6]] == pytest.approx(0.2, abs=1e-15)
    assert held[state[0, 4], right, state[0, 6]] == 0.0


# -------------------------------------------------------------------- what must be found


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("Lasry-Lions chain", games.LasryLionsChain(crowd_aversion=40.001)),
        ("Lasry-Lions chain", games.LasryLionsChain(noise=(0.0251, 0.9499, 0.025))),
        ("SIS epidemic", games.SISEpidemic(beta=0.8001)),
        ("SIS epidemic", games.SISEpidemic(nu=0.10001)),
        ("kinetic congestion", games.KineticCongestion(capacity=0.18001)),
    ],
)
def test_a_game_that_is_slightly_another_differs(name, changed):
    pair = _pair(name)
    mean_field, policies = drawn_mean_fields(pair)[0], drawn_policies(pair, 2)
    values, _ = own_values(changed, policies, mean_field)
    expected, _ = pair.values(policies, mean_field)
    assert np.abs(values - expected).max() > 1e4 * TOLERANCE
