"""Games of MFGLib, read here: exploitability as it judges it, and the equilibrium that it finds.

Its games end at T and are not discounted: rewards are given the factor gamma^t, and T is so late
that nothing is left. Its agents start from the stationary mean field, and stay there. Its solver
finds a policy for each time; as little is left of the later ones, the first one is compared.

Run by ``make crosscheck``, where mfglib is installed.
"""

import json

import numpy as np
import pytest
from project import ROOT

torch = pytest.importorskip("torch")
pytest.importorskip("mfglib")

from mfglib.alg import OnlineMirrorDescent  # noqa: E402
from mfglib.env import Environment  # noqa: E402
from mfglib.scoring import exploitability_score  # noqa: E402

import mfgcore  # noqa: E402
from mfgcore import ConfigurationError, meanfield  # noqa: E402
from mfgcore.bridges import mfglib  # noqa: E402

DISCOUNT, HORIZON = 0.5, 30
TOLERANCE = 1e-6  # 0.5**30 of a value of some hundreds is missing
WEIGHTS = {"discount": DISCOUNT, "entropy_weight": 0.0}
ENVIRONMENTS = {
    "beach bar": lambda: Environment.beach_bar(n=5, log_eps=1e-2),
    "rock-paper-scissors": Environment.rock_paper_scissors,
    "left-right": Environment.left_right,
    "susceptible-infected": Environment.susceptible_infected,
    "building evacuation": lambda: Environment.building_evacuation(
        n_floor=2, floor_l=2, floor_w=3, log_eps=1e-2
    ),
}
# where best responses go round or to a corner at once, its mirror descent does not come to rest
SOLVED = ("beach bar", "left-right", "susceptible-infected")
REFUSED = {
    "linear_quadratic": "time",
    "crowd_motion": "time",
    "conservative_treasure_hunting": "time",
    "random_linear": "actions",
    "equilibrium_price": "actions",
}


@pytest.fixture(autouse=True)
def double_precision():
    before = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    yield
    torch.set_default_dtype(before[0])
    torch.set_num_threads(before[1])


def discounted(environment, mean_field):
    """The same with discounted rewards, from a mean field."""
    return Environment(
        T=HORIZON,
        S=environment.S,
        A=environment.A,
        mu0=torch.as_tensor(np.array(mean_field)).reshape(environment.S),
        r_max=environment.r_max,
        reward_fn=lambda _, t, masses: DISCOUNT**t * environment.reward(0, masses),
        transition_fn=lambda _, t, masses: environment.prob(0, masses),
    )


def judged(environment, policy, mean_field):
    own = discounted(environment, mean_field)
    return exploitability_score(own, mfglib.policy_to(policy, own))


def read(name):
    environment = ENVIRONMENTS[name]()
    game = mfglib.game_from(environment)
    low, high = game.reward_range
    return environment, game, high - low


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_exploitability(name):
    environment, game, unit = read(name)
    rng, differences = np.random.default_rng(0), []
    for _ in range(10):
        policy = rng.dirichlet(np.ones(len(game.actions)), game.n_states)
        mean_field = meanfield.stationary_distribution(policy, game)
        own = meanfield.exploitability(policy, game, **WEIGHTS) * unit
        differences.append(abs(own - judged(environment, policy, mean_field)))
    print(f"\n{name:<22} exploitability {max(differences):.1e} ", end="")
    assert max(differences) <= TOLERANCE


@pytest.mark.parametrize("name", SOLVED)
def test_its_solver_finds_the_same_equilibrium(name):
    environment, game, unit = read(name)
    found = mfgcore.solve(game, **WEIGHTS, tolerance=1e-8)
    policy, mean_field = found["policy"].values, found["mean_field"].values
    assert judged(environment, policy, mean_field) <= TOLERANCE
    own = discounted(environment, mean_field)
    theirs, gaps, _ = OnlineMirrorDescent(alpha=10.0).solve(own, max_iter=300, atol=1e-5, rtol=None)
    first = mfglib.policy_from(theirs[int(np.argmin(gaps))], own, time=0)
    apart = np.abs(first - policy)[mean_field > 1e-3].max()
    gap = meanfield.exploitability(first, game, **WEIGHTS) * unit
    print(f"\n{name:<22} policy {apart:.1e}, exploitability of theirs {gap:.1e} ", end="")
    assert apart <= 0.02 and gap <= 0.02


@pytest.mark.parametrize(("name", "on"), REFUSED.items())
def test_what_depends_on_time_or_on_actions_is_refused(name, on):
    with pytest.raises(ConfigurationError, match=f"depend on .*{on}"):
        mfglib.game_from(getattr(Environment, name)())


def test_the_notebook_runs(capsys):
    cells = json.loads((ROOT / "docs/from_mfglib.ipynb").read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    exec(
        "\n".join(code).replace("%matplotlib inline", "import matplotlib; matplotlib.use('agg')"),
        {},
    )
    assert "the exploitability is within the tolerance" in capsys.readouterr().out
