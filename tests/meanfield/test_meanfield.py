"""The exact metrics against chains solved by hand, mpmath, brute force and their twins."""

import dataclasses
import math

import mpmath
import numpy as np
import pytest
from conftest import run, small
from hypothesis import given
from hypothesis import strategies as st
from reference import meanfield as reference

import mfgcore
from mfgcore import kernels, meanfield
from mfgcore._base.errors import ConfigurationError, NumericalError
from mfgcore.games import BOUNDARIES, GAMES
from mfgcore.meanfield.policies import uniform_policy

PAPER = {"discount": 0.9, "entropy_weight": 0.01}
HARD = {"discount": 0.9, "entropy_weight": 0.0}
# checked once with value iteration and a dense solve in NumPy
PINNED = {"cluster": 1.5728439724592673, "agree": 3.436134873256435, "diffuse": 6.841133823397424}
PAPERS = sorted(PINNED)
STAY, UP, DOWN, LEFT, RIGHT = range(5)


def make_game(name="agree", size=8, boundary="wall"):
    return GAMES[name](grid_size=size, boundary=boundary)


def random_policies(seed, n, n_states=64, sharpness=30.0):
    """Policies with full support, down to 1e-300."""
    scores = np.random.default_rng(seed).normal(size=(n, n_states, 5)) * sharpness
    scores = np.maximum(scores - scores.max(axis=2, keepdims=True), -690.0)
    policies = np.exp(scores)
    return policies / policies.sum(axis=2, keepdims=True)


def deterministic(actions):
    return np.eye(5)[np.asarray(actions)]


def to_corner(size=8):
    """Everybody goes to cell 0 and stays there."""
    rows, columns = np.divmod(np.arange(size**2), size)
    return deterministic(np.where(rows > 0, UP, np.where(columns > 0, LEFT, STAY)))


def moves_of(game):
    return game.next_states(), np.ascontiguousarray(game.transition_probabilities())


def stationary(policy, next_state):
    """Of deterministic moves, from anywhere alike."""
    next_states = np.array(next_state, dtype=np.int32)[:, :, None]
    start = np.ones(len(next_states))
    return kernels.stationary_distributions(policy, next_states, np.ones(next_states.shape), start)[
        0
    ]


# ---- stationary distributions


@pytest.mark.parametrize(
    ("next_state", "policy", "expected"),
    [
        ([[0, 1], [1, 0]], [[0.75, 0.25], [0.5, 0.5]], [2 / 3, 1 / 3]),
        # a cycle 0 -> 1 -> 2 -> 0, left with 1/2, 1/3, 1/6: time there is 2 : 3 : 6
        (
            [[0, 1], [1, 2], [2, 0]],
            [[1 / 2, 1 / 2], [2 / 3, 1 / 3], [5 / 6, 1 / 6]],
            [2 / 11, 3 / 11, 6 / 11],
        ),
        # gambler's ruin from anywhere: 0 and 3 are never left. From 2 on one ends at 3 with
        # 0.3 + 0.7 p, from 1 on with p = 0.3 (0.3 + 0.7 p) = 0.09 / 0.79
        (
            [[0, 0], [0, 2], [1, 3], [3, 3]],
            [[0.5, 0.5], [0.7, 0.3], [0.7, 0.3], [0.5, 0.5]],
            [(2.7 - 1.7 * 0.09 / 0.79) / 4, 0.0, 0.0, (1.3 + 1.7 * 0.09 / 0.79) / 4],
        ),
    ],
)
def test_chains_by_hand(next_state, policy, expected):
    found = stationary(np.array([policy]), next_state)
    assert found == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("tiny", [1e-3, 1e-17, 1e-150, 1e-300, 5e-324])
def test_chance_of_leaving_may_be_tiny(tiny):
    # pushed forward from the uniform distribution, this chain would stay at (1/2, 1/2) for ages
    policy = np.array([[[1.0 - 3 * tiny, 3 * tiny], [1.0 - tiny, tiny]]])
    found = stationary(policy, [[0, 1], [1, 0]])
    assert found == pytest.approx([1 / 4, 3 / 4], rel=1e-15)


def test_products_below_the_smallest_double_do_not_cut_the_chain():
    # two traps, five steps apart, each step against odds of 1e-200: leaving has odds of 1e-1000
    next_state = [[max(s - 1, 0), min(s + 1, 5)] for s in range(6)]
    up = np.array([1e-200, 1e-200, 1e-200, 1.0, 1.0, 1.0])
    down = np.array([1.0, 1.0, 1.0, 3e-200, 3e-200, 3e-200])
    policy = np.stack((down, up), axis=1)[None]
    # detailed balance: mu(s) up(s) = mu(s + 1) down(s + 1), so mu(5) = mu(0) / 27
    found = stationary(policy, next_state)
    assert found[5] / found[0] == pytest.approx(1 / 27, rel=1e-14)
    assert found[4] / found[0] == pytest.approx(3e-200 / 27, rel=1e-14)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("sharpness", [1.0, 100.0, 600.0])
def test_against_high_precision(boundary, sharpness):
    game = make_game(size=4, boundary=boundary)
    policy = random_policies(3, 1, 16, sharpness)[0]
    found = meanfield.stationary_distribution(policy, game)
    next_state = game.next_states()[:, :, 0]
    # odds multiply along paths of up to 16 cells: 300 digits each
    with mpmath.workdps(5000):
        chain = mpmath.zeros(16)
        for s in range(16):
            for a in range(5):
                if next_state[s, a] != s:  # staying plays no part; see the kernel
                    chain[int(next_state[s, a]), s] += mpmath.mpf(policy[s, a])
                    chain[s, s] -= mpmath.mpf(policy[s, a])
        for s in range(16):
            chain[15, s] = 1
        right = mpmath.zeros(16, 1)
        right[15] = 1
        exact = mpmath.lu_solve(chain, right)
        for s in range(16):
            if exact[s] > 1e-300:
                assert abs(found[s] / exact[s] - 1) < 1e-13


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("size", [2, 3, 5, 8])
def test_is_stationary(size, boundary):
    game = make_game(size=size, boundary=boundary)
    policies = random_policies(size, 10, size**2)
    together = meanfield.stationary_distribution(policies, game)
    for policy, found in zip(policies, together, strict=True):
        assert (meanfield.stationary_distribution(policy, game) == found).all()
        chain = reference.transition_matrix(policy, *moves_of(game))
        assert found @ chain == pytest.approx(found, rel=1e-12, abs=1e-15)
        assert math.fsum(found) == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("policy", [uniform_policy(64, 5), deterministic([STAY] * 64)])
def test_walking_at_random_and_staying_spread_evenly(boundary, policy):
    found = meanfield.stationary_distribution(policy, make_game(boundary=boundary))
    assert found == pytest.approx(np.full(64, 1 / 64), rel=1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_reducible_chains_are_averaged_over_time(seed):
    game = make_game(size=4)
    policy = deterministic(np.random.default_rng(seed).integers(0, 5, 16))
    chain = reference.transition_matrix(policy, *moves_of(game))
    now = np.full(16, 1 / 16)
    for _ in range(16):
        now = now @ chain
    # from here on the distribution, multiples of 1/16, repeats itself
    first, total, steps = now, np.zeros(16), 0
    while steps == 0 or (now != first).any():
        total, now, steps = total + now, now @ chain, steps + 1
    found = meanfield.stationary_distribution(policy, game)
    assert found == pytest.approx(total / steps, rel=1e-12, abs=1e-300)


# ---- values and best responses


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("name", PAPERS)
@pytest.mark.parametrize("weights", [PAPER, HARD, {"discount": 0.0, "entropy_weight": 1.0}])
def test_value_is_the_power_series(name, boundary, weights):
    game, (policy,) = make_game(name, boundary=boundary), random_policies(5, 1)
    mean_field = meanfield.stationary_distribution(policy, game)
    found = meanfield.policy_value(policy, mean_field, game, **weights)
    rewards, moves = game.mean_field_rewards(mean_field), moves_of(game)
    expected = reference.power_series(policy, rewards, *moves, *weights.values(), 400)
    assert found == pytest.approx(expected, abs=1e-12)
    q = meanfield.action_values(policy, mean_field, game, **weights)
    assert (policy * q).sum(axis=1) == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("name", PAPERS)
@pytest.mark.parametrize("weights", [PAPER, HARD, {"discount": 0.99, "entropy_weight": 1e-6}])
def test_best_response_is_best(name, boundary, weights):
    game, policies = make_game(name, boundary=boundary), random_policies(7, 20, sharpness=3.0)
    mean_field = meanfield.stationary_distribution(policies[0], game)
    found = meanfield.best_response(mean_field, game, **weights)
    for policy in policies:
        values = meanfield.policy_value(policy, mean_field, game, **weights)
        assert (found.values >= values - 1e-11).all()
    own = meanfield.policy_value(found.policy, mean_field, game, **weights)
    assert own == pytest.approx(found.values, abs=1e-9)
    # the certificate, recomputed by value iteration with another exponential
    future = weights["discount"] * found.values[game.next_states()[:, :, 0]]
    q = game.mean_field_rewards(mean_field) + future
    largest, weight = q.max(axis=1), weights["entropy_weight"]
    if weight:
        largest = largest + weight * np.log(np.exp((q - largest[:, None]) / weight).sum(axis=1))
    residual = np.abs(largest - found.values).max()
    assert residual == pytest.approx(found.residual, abs=1e-14 / (1 - weights["discount"]))
    assert found.error == found.residual / (1 - weights["discount"])
    assert found.residual <= 1e-13 * max(1.0, found.values.max())


def test_best_response_does_not_depend_on_the_start():
    game = make_game()
    mean_field = meanfield.stationary_distribution(random_policies(8, 1)[0], game)
    one = meanfield.best_response(mean_field, game, **PAPER)
    for start in random_policies(9, 5, sharpness=100.0):
        other = meanfield.best_response(mean_field, game, **PAPER, start=start)
        assert other.values == pytest.approx(one.values, abs=1e-12)


def test_residual_out_of_reach_is_an_error():
    # rounding alone leaves more than the tolerance when the iteration may take but one step
    game, policy = make_game(), uniform_policy(64, 5)
    mean_field = meanfield.stationary_distribution(to_corner(), game)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(meanfield.exact, "MAX_ITERATIONS", 1)
        with pytest.raises(NumericalError, match="residual"):
            meanfield.best_response(mean_field, game, **PAPER, start=policy)


# ---- exploitability


@pytest.mark.parametrize("weights", [PAPER, HARD])
@pytest.mark.parametrize("name", PAPERS)
def test_exploitability_is_a_difference_of_values(name, weights):
    game = make_game(name)
    for policy in random_policies(10, 10, sharpness=5.0):
        mean_field = meanfield.stationary_distribution(policy, game)
        best = meanfield.best_response(mean_field, game, **weights)
        own = meanfield.policy_value(policy, mean_field, game, **weights)
        found = meanfield.exploitability(policy, game, **weights)
        assert found == pytest.approx(mean_field @ best.values - mean_field @ own, abs=1e-11)
        assert found >= 0.0


def test_pinned_exploitabilities():
    policy = 1.0 + (7 * np.arange(64)[:, None] + 3 * np.arange(5)[None, :] ** 2) % 11
    policy /= policy.sum(axis=1, keepdims=True)
    found = {name: meanfield.exploitability(policy, make_game(name), **PAPER) for name in PAPERS}
    assert found == pytest.approx(PINNED, rel=1e-11)


def test_meeting_at_a_corner_is_an_equilibrium():
    for name in ("agree", "diffuse"):
        assert meanfield.exploitability(to_corner(), make_game(name), **HARD) == 0.0
    metrics = meanfield.population_metrics(to_corner(), make_game("agree"), **HARD)
    assert metrics.discounted_return == pytest.approx(10.0, rel=1e-15)


def test_exploitability_of_an_equilibrium_is_resolved_to_the_last_bit():
    # a chance of 1e-12 of leaving the corner costs some 1e-12, far below the last bits of the
    # values whose difference the exploitability is
    policy = to_corner() * (1.0 - 4e-12) + 1e-12 * (1.0 - to_corner())
    found = meanfield.exploitability(policy, make_game("agree"), **HARD)
    assert 1e-12 < found < 1e-10


def test_good_joint_policy_of_bad_individual_policies():
    """F.3: two camps in diffuse are an equilibrium; all in one camp would rather move."""
    game, flipped = make_game("diffuse"), np.arange(64).reshape(8, 8)[::-1].ravel()
    camps = np.array([to_corner(), to_corner()[flipped][:, [STAY, DOWN, UP, LEFT, RIGHT]]])
    weights = {"discount": 0.99, "entropy_weight": 0.0}
    metrics = meanfield.population_metrics(camps, game, **weights)
    assert metrics.mean_field[[0, 56]].tolist() == [0.5, 0.5]
    # staying pays 0.95 for ever, moving 1 after 7 steps
    assert metrics.exploitability == 0.0
    # staying pays 0.9 for ever
    gain = 0.9 + 0.99**7 / 0.01 - 0.9 / 0.01
    assert metrics.mean_individual_exploitability == pytest.approx(gain, rel=1e-12)
    alone = [meanfield.population_metrics(policy, game, **weights) for policy in camps]
    expected = np.mean([each.discounted_return for each in alone])
    assert metrics.mean_individual_return == pytest.approx(expected, rel=1e-12)
    assert metrics.worst_individual_exploitability == pytest.approx(gain, rel=1e-12)
    assert metrics.worst_individual_return == pytest.approx(
        min(each.discounted_return for each in alone), rel=1e-12
    )


@pytest.mark.parametrize("weights", [PAPER, HARD])
@pytest.mark.parametrize("name", PAPERS)
def test_sharing_and_order_change_no_bit(name, weights):
    game, policies = make_game(name), random_policies(12, 6)
    index = np.random.default_rng(12).integers(0, 6, 40)
    one = meanfield.population_metrics(policies, game, **weights, policy_index=index)
    order = np.random.default_rng(13).permutation(40)
    for other in (
        meanfield.population_metrics(policies, game, **weights, policy_index=index[order]),
        meanfield.population_metrics(policies[index], game, **weights),
        meanfield.population_metrics(policies[index][order], game, **weights),
    ):
        assert dataclasses.astuple(other)[:3] == dataclasses.astuple(one)[:3]
        assert (other.mean_field == one.mean_field).all()


@pytest.mark.parametrize("weights", [PAPER, HARD])
def test_a_shared_policy_is_a_population_of_one(weights):
    game, (policy,) = make_game(), random_policies(14, 1)
    alone = meanfield.exploitability(policy, game, **weights)
    index = np.zeros(7, dtype=np.int32)
    metrics = meanfield.population_metrics(policy[None], game, **weights, policy_index=index)
    assert metrics.exploitability == metrics.mean_individual_exploitability == alone


def test_metrics_are_those_of_the_single_functions():
    game, policies = make_game(), random_policies(15, 5)
    metrics = meanfield.population_metrics(policies, game, **PAPER)
    assert (metrics.mean_field == meanfield.joint_mean_field(policies, game)).all()
    single = [meanfield.exploitability(policy, game, **PAPER) for policy in policies]
    assert metrics.mean_individual_exploitability == pytest.approx(np.mean(single), rel=1e-14)
    assert metrics.worst_individual_exploitability == pytest.approx(max(single), rel=1e-14)
    # return and exploitability by their definitions
    values = [meanfield.policy_value(p, metrics.mean_field, game, **PAPER) for p in policies]
    starts = meanfield.stationary_distribution(policies, game)
    expected = np.mean([start @ value for start, value in zip(starts, values, strict=True)])
    assert metrics.discounted_return == pytest.approx(expected, abs=1e-12)
    best = meanfield.best_response(metrics.mean_field, game, **PAPER)
    gain = metrics.mean_field @ best.values - expected
    assert metrics.exploitability == pytest.approx(gain, abs=1e-11)


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 700.0), st.sampled_from(PAPERS))
def test_exploitability_is_never_negative(seed, sharpness, name):
    game, policies = make_game(name, size=4), random_policies(seed, 3, 16, sharpness)
    for weights in (PAPER, HARD):
        metrics = meanfield.population_metrics(policies, game, **weights)
        assert metrics.exploitability >= 0.0
        assert metrics.mean_individual_exploitability >= 0.0
        assert np.isfinite(metrics.discounted_return)


# ---- rewards of fractions


@pytest.mark.parametrize("name", PAPERS)
def test_the_mean_field_reward_is_the_limit_of_the_table(name):
    mean_field = np.array([0.5, 0.25, 0.125, 0.125] + [0.0] * 12)
    n_agents = 8000
    most = {"max_agents": n_agents} if name == "cluster" else {}
    game = GAMES[name](grid_size=4, **most)
    table = game.reward_table(n_agents)
    counts = (mean_field * n_agents).astype(int)
    occupied = counts > 0
    paid = table[np.arange(16), counts][occupied]
    assert (game.mean_field_rewards(mean_field)[occupied] == paid[:, None]).all()
    # nobody there: an agent that comes finds itself alone
    found = game.for_population(n_agents).mean_field_rewards(mean_field)[~occupied, 0]
    assert found == pytest.approx(table[~occupied, 1], abs=1e-15)


def test_wrong_arguments_are_refused():
    game, policy = make_game(), uniform_policy(64, 5)
    mean_field = np.full(64, 1 / 64)
    for bad in (policy[:60], policy[None, None], policy * 0.9, policy - 1.0, policy * np.nan):
        with pytest.raises(ConfigurationError, match="policies"):
            meanfield.exploitability(bad, game, **PAPER)
    for bad in (mean_field[:3], mean_field * 2, -mean_field, mean_field * np.nan):
        with pytest.raises(ConfigurationError, match="mean_field"):
            meanfield.best_response(bad, game, **PAPER)
    for bad in ([0, 1], [-1], [], [0.5]):
        with pytest.raises(ConfigurationError, match="policy_index"):
            meanfield.population_metrics(policy, game, **PAPER, policy_index=bad)
    with pytest.raises(ConfigurationError, match="discount"):
        meanfield.exploitability(policy, game, discount=1.0, entropy_weight=0.0)
    with pytest.raises(ConfigurationError, match="entropy_weight"):
        meanfield.exploitability(policy, game, discount=0.9, entropy_weight=-1.0)


# ---- twins


@st.composite
def situations(draw):
    """Moves, a policy with zeros, tiny and denormal entries, rewards, a start and weights."""
    tiny = st.floats(-320.0, 0.0).map(lambda exponent: 10**exponent)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if draw(st.booleans()):
        game = GAMES["agree"](
            grid_size=draw(st.integers(2, 4)), boundary=draw(st.sampled_from(BOUNDARIES))
        )
        next_states, probabilities = moves_of(game)
    else:
        shape = draw(st.integers(1, 9)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
        next_states = rng.integers(0, shape[0], shape, dtype=np.int32)
        probabilities = rng.dirichlet(np.full(shape[2], 0.5), shape[:2])
        probabilities[:, :, 0][probabilities[:, :, 0] < 0.2] = 0.0  # next_states that never come
        probabilities[:, :, 0] += probabilities.sum(axis=2) == 0.0
        probabilities /= probabilities.sum(axis=2, keepdims=True)
    n_states, n_actions, _ = next_states.shape
    row = st.lists(
        st.sampled_from([0.0, 1.0]) | st.floats(0.0, 1.0) | tiny,
        min_size=n_actions,
        max_size=n_actions,
    )
    row = row.filter(lambda values: sum(values) > 1e-3)
    policy = np.array([draw(row) for _ in range(n_states)])
    policy /= policy.sum(axis=1, keepdims=True)
    rewards = rng.random((n_states, n_actions if draw(st.booleans()) else 1))
    rewards = np.ascontiguousarray(np.broadcast_to(rewards, policy.shape))
    start = np.array([draw(st.sampled_from([0.0, 1.0, 1e-300])) for _ in range(n_states)])
    start[draw(st.integers(0, n_states - 1))] = 1.0
    discount = draw(st.sampled_from([0.0, 0.5, 0.9, 0.999]))
    weight = draw(st.sampled_from([0.0, 1e-6, 0.01, 1.0]))
    return (next_states, probabilities), start, policy, rewards, discount, weight


@given(situations())
def test_kernels_equal_their_twins(build, situation):
    moves, start, policy, rewards, *weights = situation
    found = build.stationary_distributions(policy[None], *moves, start)[0]
    assert (found == reference.stationary_distribution(policy, *moves, start)).all()
    found = build.policy_values(policy[None], rewards[None], *moves, *weights)[0]
    assert (found == reference.policy_value(policy, rewards, *moves, *weights)).all()
    arguments = *moves, *weights, 1e-13, 30
    found = build.best_responses(policy[None], rewards[None], *arguments)
    twins = reference.best_response(policy, rewards, *arguments)
    for one, twin in zip(found, twins, strict=True):
        assert (one[0] == twin).all()
    gaps = build.bellman_gaps(policy[None], found[0], rewards[None], *moves, *weights)[0]
    twin = reference.bellman_gaps(policy, found[0][0], rewards, *moves, *weights)
    assert (gaps == twin).all()


# ---- learning with exact Q-functions


# one shared policy, of which only exact quantities are looked at: few steps suffice
EXACT = {
    "algorithm": "exact",
    "architecture": "centralised",
    "transitions": 14,
    "communication_rounds": 0,
    "sampled_exploitability": False,
    "evaluation_interval": 1,
}


@pytest.mark.parametrize(("name", "iterations"), [("agree", 150), ("diffuse", 100)])
def test_learning_with_exact_q_functions_converges(name, iterations):
    found = mfgcore.simulate(mfgcore.Experiment(game=name, iterations=iterations, **EXACT))
    assert (found.exact_exploitability[50:] < 1e-4).all()
    last = float(found.exact_return[-1])
    if name == "agree":
        assert last == pytest.approx(10.11, abs=0.005)
    else:  # from everybody at one corner to an even division among the four
        assert 9.1 < last < 9.87
        assert float(found.exact_return[20]) == pytest.approx(9.86, abs=0.005)


def test_an_exact_learner_has_the_exact_q_function_of_its_own_policy():
    experiment = small(algorithm="exact", architecture="independent", iterations=3)
    simulation = run(experiment, iterations=2)
    before = simulation.population.policies[simulation.population.policy_index]
    simulation.step()
    weights = {"discount": experiment.discount, "entropy_weight": experiment.entropy_weight}
    game = simulation.game.for_population(experiment.agents)
    mean_field = np.mean([meanfield.stationary_distribution(each, game) for each in before], axis=0)
    for policy, q_values in zip(before, simulation.q_values, strict=True):
        expected = meanfield.action_values(policy, mean_field, game, **weights)
        np.testing.assert_allclose(q_values.reshape(expected.shape), expected, rtol=1e-12)


def test_a_deviator_of_an_exact_run_improves_exactly():
    experiment = small(algorithm="exact", sampled_exploitability=True, iterations=1)
    assert np.isfinite(mfgcore.simulate(experiment)["exploitability"][0])
