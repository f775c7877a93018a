"""An outside judge: our exact exploitability against that of the public package bench-mfg-suite.

The games are written down once more, from Appendix F.1, in the package's own terms. Its
exploitability is unregularised (lambda = 0), and its mean field is 50 push-forwards of one that
it is given, which is far off for peaked policies unless it is given the stationary one. Its
values are sums over a horizon.

Run by ``make crosscheck``; skipped where the package is not installed.
"""

import importlib.metadata
from pathlib import Path

import numpy as np
import pytest

from mfgcore import meanfield
from mfgcore.games import BOUNDARIES, GAMES, MOVES

REQUIREMENTS = (Path(__file__).parent / "requirements.txt").read_text().splitlines()
PINNED = dict(line.split("==") for line in REQUIREMENTS if "==" in line)["bench-mfg-suite"]
try:
    INSTALLED = importlib.metadata.version("bench-mfg-suite")
except importlib.metadata.PackageNotFoundError:
    INSTALLED = None
pytestmark = pytest.mark.skipif(
    INSTALLED != PINNED,
    reason=f"needs bench-mfg-suite {PINNED}, installed is {INSTALLED}; 'make crosscheck' has it",
)

SIZE, MAX_AGENTS, DISCOUNT = 8, 200, 0.9
HORIZON = 400  # 0.9**400 is 5e-19
TOLERANCE = 1e-10


@pytest.fixture(scope="module")
def judge():
    """``judge(name, boundary)(policy, mean_field)`` is the package's exploitability."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    from benchmfg.envs.mfg_model_class import MFGStationary
    from benchmfg.envs.mfg_model_class_jit import EnvSpec, exploitability_jax

    moves = jnp.array(MOVES)

    def transition(mean_field, state, action, noise, environment):
        row, column = state // SIZE + moves[action, 0], state % SIZE + moves[action, 1]
        if environment.boundary == "torus":
            return row % SIZE * SIZE + column % SIZE
        return jnp.clip(row, 0, SIZE - 1) * SIZE + jnp.clip(column, 0, SIZE - 1)

    def at_target(state, reward):
        row, column = state // SIZE, state % SIZE
        corner = ((row == 0) | (row == SIZE - 1)) & ((column == 0) | (column == SIZE - 1))
        return jnp.where(corner, reward, -1.0)

    def cluster(mean_field, state, action, environment):
        largest = jnp.log(jnp.float64(MAX_AGENTS))
        least = 1.0 / MAX_AGENTS  # what is below pays nothing
        return (jnp.log(jnp.maximum(mean_field[state], least)) + largest) / largest

    def agree(mean_field, state, action, environment):
        share = mean_field[state]
        return (at_target(state, jnp.where(share > 0.0, share, -1.0)) + 1.0) / 2.0

    def diffuse(mean_field, state, action, environment):
        return (at_target(state, SIZE + 1.0 - mean_field[state]) + 1.0) / (SIZE + 2.0)

    rewards = {"cluster": cluster, "agree": agree, "diffuse": diffuse}

    def prepare(name, boundary):
        environment = MFGStationary(
            N_states=SIZE**2,
            N_actions=5,
            N_noises=1,
            horizon=HORIZON,
            mean_field=np.full(SIZE**2, 1.0 / SIZE**2),
            noise_prob=np.ones(1),
            gamma=DISCOUNT,
        )
        environment.boundary = boundary
        spec = EnvSpec(environment, transition, rewards[name])
        return lambda policy, mean_field: float(
            exploitability_jax(jnp.asarray(policy), spec, jnp.asarray(mean_field))
        )

    return prepare


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


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("name", ["cluster", "agree", "diffuse"])
def test_exploitability(judge, name, boundary):
    game = GAMES[name](grid_size=SIZE, boundary=boundary)
    theirs = judge(name, boundary)
    rows = []
    for label, policy in sample_policies():
        own = meanfield.exploitability(policy, game, discount=DISCOUNT, entropy_weight=0.0)
        judged = theirs(policy, meanfield.stationary_distribution(policy, game))
        rows.append((label, own, judged, abs(own - judged)))
    print(f"\n{name}, {boundary}: exploitability at lambda = 0")
    print(f"{'policy':<30} {'mfgcore':>20} {'bench-mfg-suite':>20} {'difference':>12}")
    for label, own, judged, difference in rows:
        print(f"{label:<30} {own:>20.15f} {judged:>20.15f} {difference:>12.1e}")
    assert max(difference for *_, difference in rows) <= TOLERANCE


def test_its_own_mean_field_is_far_off_for_peaked_policies(judge):
    """Why it is given ours: from the uniform distribution, 50 steps are not the long run."""
    game = GAMES["agree"](grid_size=SIZE)
    # whoever is elsewhere sets out for cell 0 with one chance in a thousand, and stays there
    policy = 0.001 * to_corner(1e-9) + 0.999 * np.eye(5)[np.zeros(SIZE**2, dtype=int)]
    exact = meanfield.exploitability(policy, game, discount=DISCOUNT, entropy_weight=0.0)
    by_default = judge("agree", "wall")(policy, np.full(SIZE**2, 1.0 / SIZE**2))
    print(f"\nexact {exact:.6f}, with its default mean field {by_default:.6f}")
    assert exact < 1e-3
    assert by_default > 1.0
