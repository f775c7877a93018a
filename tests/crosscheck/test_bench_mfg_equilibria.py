"""Equilibria of bench-mfg-suite's games: its mirror descent and ours, and the bridge to them.

Run by ``make crosscheck``; see :mod:`bench_mfg`.
"""

import numpy as np
import pytest
from bench_mfg import TOLERANCE, WEIGHTS, jnp, suite
from benchmfg.learner.jax.omd_jax import OMD_jax
from pairs import PAIRS

import mfgcore
from mfgcore import meanfield
from mfgcore.bridges import bench_mfg

STEPS, STEP_SIZE = 100, 0.5
# games of the suite itself, in which its own functions are the methods of the environment
BRIDGED = ("Lasry-Lions chain", "two bars", "no interaction", "contraction, 10 and 1")
SOLVED = (*BRIDGED, "beach bar", "rock-paper-scissors")


@pytest.mark.parametrize("name", BRIDGED)
def test_a_game_that_is_read_is_the_game(name):
    pair = PAIRS[name]()
    game = bench_mfg.game_from(pair.make(), pair.game.reward_range)
    policy = np.random.default_rng(0).dirichlet(np.ones(len(game.actions)), game.n_states)
    field = meanfield.stationary_distribution(policy, pair.game)
    own, read = (
        meanfield.policy_value(policy, field, each, **WEIGHTS) for each in (pair.game, game)
    )
    np.testing.assert_allclose(read, own, atol=TOLERANCE)


@pytest.mark.parametrize("name", SOLVED)
def test_mirror_descent_goes_the_same_way(name):
    """The same steps from the uniform policy, and its exploitability of the equilibrium."""
    pair = PAIRS[name]()
    low, high = pair.game.reward_range
    shape = pair.game.n_states, len(pair.game.actions)
    start = np.full(shape, 1.0 / shape[1])
    rate = STEP_SIZE / (high - low)
    *_, gaps = OMD_jax(pair.plain, start, rate, STEPS, temperature=1.0).eval()
    found = mfgcore.solve(
        pair.game,
        "online_mirror_descent",
        **WEIGHTS,
        step_size=STEP_SIZE,
        iterations=STEPS + 1,
        initial_policy=start,
        tolerance=0.0,
    )
    gap = float(gaps[-1]) / (high - low)
    own = float(found["exploitability"][-1])
    equilibrium = mfgcore.solve(pair.game, discount=0.9, entropy_weight=0.0)
    policy = equilibrium["policy"].values
    judged = suite.exploitability_jax(
        jnp.asarray(policy), pair.plain, jnp.asarray(equilibrium["mean_field"].values)
    )
    least = float(np.nanmin(equilibrium["exploitability"]))
    off = abs(float(judged) / (high - low) - least)
    print(
        f"\n{name:<24} after {STEPS} steps {own:.3e} theirs {gap:.3e}; equilibrium {least:.1e}, "
        f"judged {off:.1e} apart ",
        end="",
    )
    assert abs(own - gap) <= 1e-3 * max(own, 1e-3) and off <= 1e-8
