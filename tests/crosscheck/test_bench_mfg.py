"""Exploitability in the paper's games, peaked policies too, against bench-mfg-suite.

The games are written down once more, from Appendix F.1, in the package's own terms; its own
`exploitability` is asked, at the stationary mean field of each policy.

Run by ``make crosscheck``; see :mod:`bench_mfg`.
"""

import numpy as np
import pytest
from bench_mfg import TOLERANCE, WEIGHTS, jnp, suite
from pairs import SIZE, papers

from mfgcore import meanfield
from mfgcore.games import BOUNDARIES


def sample_policies():
    """Random policies, and ever more peaked ones; (name, (n_states, n_actions) float64)."""
    generator = np.random.default_rng(1)
    for number in range(4):
        yield f"Dirichlet(1) {number}", generator.dirichlet(np.ones(5), SIZE**2)
    for sharpness in (1.0, 5.0, 20.0, 60.0):
        scores = sharpness * generator.normal(size=(SIZE**2, 5))
        policy = np.exp(scores - scores.max(axis=1, keepdims=True))
        yield f"softmax x {sharpness:g}", policy / policy.sum(axis=1, keepdims=True)
    for mistakes in (1e-3, 1e-9, 0.0):
        yield f"to one corner, {mistakes:g} mistakes", to_corner(mistakes)


def to_corner(mistakes):
    rows, columns = np.divmod(np.arange(SIZE**2), SIZE)
    actions = np.where(rows > 0, 1, np.where(columns > 0, 3, 0))
    return (1.0 - mistakes) * np.eye(5)[actions] + mistakes / 5


def judged(pair, policy, mean_field):
    """The suite's exploitability, 50 pushes away from a mean field, in our units."""
    found = suite.exploitability_jax(jnp.asarray(policy), pair.plain, jnp.asarray(mean_field))
    low, high = pair.game.reward_range
    return float(found) / (high - low)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("name", ["cluster", "agree", "diffuse"])
def test_exploitability(name, boundary):
    pair = papers(name, boundary)
    rows = []
    for label, policy in sample_policies():
        own = meanfield.exploitability(policy, pair.game, **WEIGHTS)
        theirs = judged(pair, policy, meanfield.stationary_distribution(policy, pair.game))
        rows.append((label, own, theirs, abs(own - theirs)))
    print(f"\n{name}, {boundary}: exploitability at lambda = 0")
    print(f"{'policy':<30} {'mfgcore':>20} {'bench-mfg-suite':>20} {'difference':>12}")
    for label, own, theirs, difference in rows:
        print(f"{label:<30} {own:>20.15f} {theirs:>20.15f} {difference:>12.1e}")
    assert max(difference for *_, difference in rows) <= TOLERANCE


def test_its_own_mean_field_is_far_off_for_peaked_policies():
    """Why it is given ours: from the uniform distribution, 50 steps are not the long run."""
    pair = papers("agree")
    # whoever is elsewhere sets out for cell 0 with one chance in a thousand, and stays there
    policy = 0.001 * to_corner(1e-9) + 0.999 * np.eye(5)[np.zeros(SIZE**2, dtype=int)]
    exact = meanfield.exploitability(policy, pair.game, **WEIGHTS)
    by_default = judged(pair, policy, np.full(SIZE**2, 1.0 / SIZE**2))
    print(f"\nexact {exact:.6f}, with its default mean field {by_default:.6f}")
    assert exact < 1e-3
    assert by_default > 1.0
