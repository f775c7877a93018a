"""Score rules (Alg. 1, line 11; D24) and what communication did to the policies (Sec. 3.3)."""

import dataclasses
import itertools

import numpy as np
import pytest
from conftest import assert_same_state, run, small
from hypothesis import given
from hypothesis import strategies as st
from reference import stepping

from mfgcore import ConfigurationError
from mfgcore.agents.scores import ScoringContext
from mfgcore.meanfield.policies import policy_distances
from mfgcore.metrics.theorems import Adoptions, examine_adoptions
from mfgcore.runs.simulation import Simulation


def started(experiment):
    """An update of a population whose agents follow different policies."""
    simulation = Simulation(experiment)
    rng = np.random.default_rng(5)
    simulation.population.policies = rng.dirichlet(np.ones(5), (experiment.agents, 9))
    simulation.population.policy_index = np.arange(experiment.agents, dtype=np.int32)
    learners = np.array([0, 2, 3], dtype=np.int32)
    change = np.array([0.3, 0.1, 0.2])
    population = simulation.population
    old = np.roll(population.policy_index, 1)
    q_values = rng.random((2, experiment.agents, 45))
    q_values[1, 2] = np.nan  # had never learned
    context = ScoringContext(
        0,
        learners,
        change,
        3.0 * change,
        np.zeros((2, 0)),
        dataclasses.replace(population, policy_index=old),
        population,
        q_values[0],
        rng.integers(0, 9, (3, 9)),
        q_values[1],
        simulation.game,
        simulation._rollout_state().generators,
        experiment.entropy_weight,
    )
    return simulation, context


def scored(experiment, context):
    """The scores by the experiment's rule."""
    return experiment.make("score_rule")(context)


def test_the_smallest_change_is_the_default():
    _, update = started(small())
    assert small().score_rule == "smallest_change"
    assert scored(small(), update) == (update.change, np.inf)


def test_the_highest_return_is_that_of_the_walk():
    experiment = small(score_rule="highest_return", score_steps=7)
    simulation, update = started(experiment)
    twin = simulation._rollout_state()
    twin.states = twin.states.copy()
    returns = np.zeros(experiment.agents)
    for t in range(7):
        before = twin.states.copy()
        counts = np.bincount(before, minlength=9)
        stepping.step(**twin.arguments())
        entropies = twin.tables["entropy"][twin.policy_index, before]
        rewards = (twin.rewards[before, counts[before]] + entropies).astype(np.float32)
        returns += experiment.discount**t * rewards
    found = scored(experiment, update)
    np.testing.assert_allclose(found, -returns[update.learners], rtol=1e-13)


def test_a_temperature_draws_the_best_by_the_softmax_of_the_returns():
    """The policy of the best score is softmax-distributed: chi-squared over 4000 draws."""
    settings = {"score_rule": "highest_return", "score_steps": 1}
    temperature, n_draws = 0.4, 4000
    _, update = started(small(**settings))
    state = update.rollout_state
    states, generators = state.states.copy(), state.generators.copy()

    def score(**details):
        state.states[:] = states
        state.generators[:] = generators
        return scored(small(**settings, **details), update)

    drawn = (score(score_temperature=temperature, trial=trial) for trial in range(n_draws))
    wins = np.bincount([each.argmin() for each in drawn])
    returns = -score(score_temperature=0.0)
    softmax = np.exp(returns / temperature)
    expected = n_draws * softmax / softmax.sum()
    assert expected.min() > 100
    assert ((wins - expected) ** 2 / expected).sum() < 13.8  # 2 degrees of freedom, p = 0.001


def test_random_scores_differ_between_iterations_and_are_reproducible():
    _, update = started(small(score_rule="random"))
    experiment = small(score_rule="random")
    first = scored(experiment, update)
    np.testing.assert_array_equal(first, scored(experiment, update))
    later = dataclasses.replace(update, iteration=1)
    assert (first != scored(experiment, later)).all()


def test_what_an_agent_knows_of_its_step_is_weighted_by_where_it_was():
    _, update = started(small())
    means = {}
    for row, agent in enumerate(update.learners):
        old, new = (
            each.policies[each.policy_index[agent]] for each in (update.start, update.population)
        )
        shares = update.visits[row] / update.visits[row].sum()
        gains = [
            sum(
                shares[s] * (new[s, a] - old[s, a]) * table[agent, 5 * s + a]
                for s in range(9)
                for a in range(5)
            )
            for table in (update.q_values, update.last_q_values)
        ]
        change = sum(shares[s] * np.abs(new[s] - old[s]).sum() for s in range(9))
        confirmed = 0.0 if np.isnan(gains[1]) else gains[1]
        means.setdefault("smallest_weighted_change", []).append(change)
        means.setdefault("largest_expected_gain", []).append(-gains[0])
        means.setdefault("largest_confirmed_gain", []).append(-confirmed)
        means.setdefault("largest_confirmed_gain_per_change", []).append(-confirmed / change)
        means.setdefault("agent_number", []).append(agent)
    for rule, expected in means.items():
        found = scored(small(score_rule=rule), update)
        np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=rule)


def test_a_rule_sees_the_transitions_and_the_estimate_of_before():
    simulation = Simulation(small(score_rule="largest_confirmed_gain"))
    score, seen = simulation._score, []
    simulation._score = lambda context: seen.append(context) or score(context)
    estimates = [simulation.q_values.copy()]
    for _ in range(2):
        simulation.step()
        estimates.append(simulation.q_values.copy())
    experiment = simulation.experiment
    for k, context in enumerate(seen):
        np.testing.assert_array_equal(context.last_q_values, estimates[k])
        kept = experiment.transitions - experiment.burn_in - 1
        assert (context.visits.sum(axis=1) == kept).all()


def test_a_rule_that_needs_transitions_is_refused_where_none_are_kept():
    with pytest.raises(ConfigurationError, match="score_rule"):
        run(small(score_rule="smallest_weighted_change", algorithm="exact"))


def test_never_adopting_is_learning_alone():
    never = run(small(score_rule="never", failure_probability=0.5))
    alone = run(small(architecture="independent", failure_probability=0.5))
    assert_same_state(never, alone)


@pytest.mark.parametrize("rule", ["highest_return", "random"])
def test_with_everybody_in_reach_one_policy_is_left(rule):
    simulated = run(small(score_rule=rule, communication_radius=1.0))
    assert simulated.population.policies.shape[0] == 1
    assert simulated.records["adopted_policies"] == [1] * simulated.iteration


def test_a_failed_learner_has_no_score_under_any_rule():
    for rule, trial in itertools.product(("highest_return", "random"), range(8)):
        failing = {"agents": 12, "failure_probability": 0.8, "communication_radius": 1.0}
        simulated = run(small(score_rule=rule, **failing, iterations=1, trial=trial))
        learned = np.isfinite(simulated.q_values).all(axis=1)
        assert learned.sum() < 12
        assert (simulated.population.policies[0] != 0.2).any() == learned.any()


# ------------------------------------------------------------- adoptions and the theorems


def by_hand(policies, before, after, shared):
    """The definitions, by loops."""

    def norm(i, j):
        states = zip(policies[i].tolist(), policies[j].tolist(), strict=True)
        return max(sum(abs(x - y) for x, y in zip(*rows, strict=True)) for rows in states)

    adopted = {int(a) for b, a in zip(before, after, strict=True) if a != b}
    rises = [sum(norm(p, i) for i in after) - sum(norm(p, i) for i in before) for p in adopted]
    violations = sum(not rise < -1e-12 for rise in rises)
    rise = pytest.approx(max([0.0, *rises]) / len(after), abs=1e-12)
    left = sorted(set(after.tolist()))
    distinct = len(set(before.tolist())) == len(before)
    premises = shared is not None and distinct and 1 < len(left) < len(before)
    broken = False
    if premises:
        bound = max(2 * norm(i, shared) for i in left)
        broken = bound >= max(2 * norm(i, shared) for i in before) or any(
            norm(i, j) > bound + 1e-12 for i, j in itertools.combinations(left, 2)
        )
    return Adoptions(len(adopted), violations, rise, int(premises), int(broken))


@given(seed=st.integers(0, 2**32 - 1), n_agents=st.integers(2, 9), shared=st.booleans())
def test_adoptions_are_examined_by_the_definitions(seed, n_agents, shared):
    rng = np.random.default_rng(seed)
    policies = rng.dirichlet(np.ones(5), (n_agents + 1, 4))
    before = np.arange(1, n_agents + 1, dtype=np.int32)
    if rng.random() < 0.2:
        before[0] = 0
    after = np.where(rng.random(n_agents) < 0.5, before, rng.choice(before, n_agents))
    found = examine_adoptions(policies, before, after, 0 if shared else None)
    assert found == by_hand(policies, before, after, 0 if shared else None)


@pytest.mark.parametrize(
    ("positions", "before", "after", "shared", "found"),
    [
        # one adoption reduces the divergence from the adopted policy
        ((0.5, 0.1, 0.9), [1, 2], [1, 1], 0, (1, 0, 0.0, 0, 0)),
        # one agent comes to policy 1, while three that were near it go far away, to policy 3
        ((0.5, 0.0, 0.1, 1.0), [1, 2, 2, 2, 2, 3], [1, 1, 3, 3, 3, 3], None, (2, 1, 5.2 / 6, 0, 0)),
        # the agent whose policy changed most hears nobody and keeps it: the bound does not fall
        ((0.5, 0.6, 0.55, 1.0), [1, 2, 3], [2, 2, 3], 0, (1, 0, 0.0, 1, 1)),
        ((0.5, 0.6, 0.55, 1.0), [1, 2, 3], [1, 2, 2], 0, (1, 0, 0.0, 1, 0)),
    ],
)
def test_adoptions_of_policies_on_a_line(positions, before, after, shared, found):
    policies = np.array([[[x, 1 - x, 0, 0, 0]] for x in positions])
    examined = examine_adoptions(policies, np.array(before), np.array(after), shared)
    assert dataclasses.astuple(examined) == pytest.approx(found, abs=1e-12)


def test_the_most_common_policy_is_recorded():
    simulated = Simulation(small(agents=5))
    population = simulated.population
    population.policies = np.random.default_rng(1).dirichlet(np.ones(5), (3, 9))
    population.policy_index = np.array([2, 0, 1, 0, 1], dtype=np.int32)
    assert population.most_common() == (0, 2)
    expected = population.policies[0].astype(np.float32)
    simulated.step()
    np.testing.assert_array_equal(simulated.records["common_policy"][0], expected)
    assert simulated.records["common_policy_agents"] == [2]


def test_distances_are_of_the_worst_state():
    policies = np.array([[[1, 0], [0, 1]], [[0.5, 0.5], [0, 1]], [[0.9, 0.1], [1, 0]]])
    np.testing.assert_allclose(policy_distances(policies, policies[0]), [0.0, 1.0, 2.0])


@pytest.mark.parametrize("start", [0.0, 5.0, -1.5])
def test_q_functions_start_where_they_are_told_to(start):
    """A pair that is never visited keeps the initial value."""
    experiment = small(initial_q_value=start, transitions=8, discount=0.2, iterations=1)
    q_values = run(experiment).q_values
    assert (q_values == start).any()
    assert (q_values != start).any()
