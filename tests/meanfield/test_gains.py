"""First-order gains of updates, and the metrics of what is adopted."""

import numpy as np
import pytest
from conftest import run, small

from mfgcore.agents.rollout import count_visits
from mfgcore.games import GAMES
from mfgcore.meanfield import action_values, joint_mean_field, policy_value, stationary_distribution
from mfgcore.meanfield.gains import update_gains
from mfgcore.metrics.sampled import correlation
from mfgcore.runs.simulation import Simulation

WEIGHTS = {"discount": 0.8, "entropy_weight": 0.1}


def population(name, n_policies=3, n_updates=4):
    game = GAMES[name](**{"grid_size": 3} if name in ("agree", "diffuse") else {})
    game = game.for_population(10)
    rng = np.random.default_rng(3)
    shape = game.n_states, len(game.actions)
    policies = rng.dirichlet(np.ones(shape[1]), (n_policies, shape[0]))
    policy_index = rng.integers(0, n_policies, 10)
    rows = rng.integers(0, n_policies, n_updates)
    target = rng.dirichlet(np.ones(shape[1]), (n_updates, shape[0]))
    return game, policies, policy_index, rows, target


@pytest.mark.parametrize("name", ["agree", "diffuse", "contraction", "sis_epidemic"])
def test_a_gain_is_the_derivative_of_the_value_against_the_mean_field(name):
    """Of a small step the first-order gain is the change of the value, to the second order."""
    game, policies, policy_index, rows, target = population(name)
    mean_field = joint_mean_field(policies, game, policy_index=policy_index)
    small_step = 1e-4
    updated = policies[rows] + small_step * (target - policies[rows])
    gains, residual = update_gains(policies, policy_index, rows, updated, game, **WEIGHTS)
    assert residual < 1e-9
    for gain, row, new in zip(gains, rows, updated, strict=True):
        if game.mean_field_dynamics:
            continue  # the agent's own distribution is that against the joint mean field
        found_at = stationary_distribution(policies[row], game)
        values = [policy_value(each, mean_field, game, **WEIGHTS) for each in (new, policies[row])]
        np.testing.assert_allclose(gain, found_at @ (values[0] - values[1]), rtol=1e-3)


@pytest.mark.parametrize("name", ["agree", "sis_epidemic"])
def test_a_gain_is_the_sum_that_its_formula_says(name):
    game, policies, policy_index, rows, updated = population(name, n_policies=1)
    gains, _ = update_gains(policies, policy_index, rows, updated, game, **WEIGHTS)
    mean_field = stationary_distribution(policies[0], game)
    q_values = action_values(policies[0], mean_field, game, **WEIGHTS)
    h = -WEIGHTS["entropy_weight"] * (policies * np.log(policies)).sum(axis=2)[0]
    for gain, new in zip(gains, updated, strict=True):
        new_h = -WEIGHTS["entropy_weight"] * (new * np.log(new)).sum(axis=1)
        by_state = ((new - policies[0]) * q_values).sum(axis=1) + new_h - h
        expected = mean_field @ by_state / (1.0 - WEIGHTS["discount"])
        np.testing.assert_allclose(gain, expected, rtol=1e-9)


def measured(**parameters):
    asked = {"selection_metrics": True, "evaluation_interval": 1}
    return run(small(agents=12, **asked, **parameters)).records


def test_every_learner_that_keeps_its_policy_is_useful():
    found = measured(architecture="independent", failure_probability=0.5)
    assert found["useful_share"] == [n / 12 for n in found["updates"]]
    for own, followed, share in zip(
        found["learner_gain"], found["followed_gain"], found["useful_share"], strict=True
    ):
        np.testing.assert_allclose(followed, own * share, atol=1e-15)


def test_what_is_adopted_is_what_is_measured():
    """With everybody in reach all follow the learner of the smallest change, if there is one."""
    parameters = {"communication_radius": 1.0, "failure_probability": 0.9, "iterations": 12}
    asked = {"selection_metrics": True, "evaluation_interval": 1}
    found = measured(**parameters)
    assert found["useful_share"] == [float(n > 0) for n in found["updates"]]
    assert 0.0 in found["useful_share"]
    simulation = Simulation(small(agents=12, **asked, **parameters))
    for k in range(12):
        old = simulation.population.snapshot()
        score, seen = simulation._score, []
        simulation._score = lambda context, s=score, kept=seen: (
            kept.append((context, context.steps)) or s(context)
        )
        simulation.step()
        simulation._score = score
        ((context, steps),) = seen
        if context.learners.size == 0:
            assert found["followed_gain"][k] == found["learner_gain"][k] == 0.0
            continue
        winner = np.lexsort((context.total, context.change))[0]
        experiment = simulation.experiment
        gains, _ = update_gains(
            old.policies,
            old.policy_index,
            old.policy_index[context.learners],
            old.policies[old.policy_index[context.learners]] + steps,
            simulation.game.for_population(12),
            discount=experiment.discount,
            entropy_weight=experiment.entropy_weight,
        )
        np.testing.assert_allclose(found["followed_gain"][k], gains[winner], rtol=1e-9)
        np.testing.assert_allclose(found["learner_gain"][k], gains.mean(), rtol=1e-9)
        expected = np.corrcoef(context.change, gains)[0, 1] if gains.size > 1 else 0.0
        np.testing.assert_allclose(found["score_gain_correlation"][k], expected, atol=1e-9)


def test_nothing_is_measured_where_it_is_not_asked_for():
    found = run(small()).records
    for name in ("useful_share", "learner_gain", "followed_gain", "score_gain_correlation"):
        assert np.isnan(found[name]).all()


def test_agents_that_arrive_follow_nothing_new():
    found = measured(final_agents=24, population_change_at=1, communication_rounds=0)
    assert found["useful_share"] == [1.0, 0.5, 1.0, 1.0]


def test_a_correlation_of_what_does_not_vary_is_zero():
    assert correlation(np.ones(3), np.arange(3.0)) == 0.0
    assert correlation(np.array([np.inf, 1.0]), np.arange(2.0)) == 0.0
    assert correlation(np.zeros(0), np.zeros(0)) == 0.0
    np.testing.assert_allclose(correlation(np.arange(3.0), -np.arange(3.0)), -1.0)


def test_visits_are_counted_by_agent():
    pairs = np.array([[0, 5, 6, 44], [9, 9, 9, 9]])
    found = count_visits(pairs, 9, 5)
    assert found.tolist() == [[1, 2, 0, 0, 0, 0, 0, 0, 1], [0, 4, 0, 0, 0, 0, 0, 0, 0]]
