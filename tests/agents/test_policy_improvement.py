"""Policy improvements beside mirror ascent: Boltzmann policies, online mirror descent."""

import math

import numpy as np
import pytest
from conftest import run, small
from hypothesis import given
from hypothesis import strategies as st

from mfgcore.meanfield import best_response, policy_value

SHAPE = (3, 4, 5)  # learners, states, actions


def softmax(weights):
    """Plain Python's, of one state."""
    largest = max(weights)
    exponentials = [math.exp(weight - largest) for weight in weights]
    return [each / math.fsum(exponentials) for each in exponentials]


@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([1e-3, 1.0, 1e3]))
def test_both_are_the_formula_of_each_state(seed, scale):
    """Within the rounding of exp and log: some last bits, and of exponents of a thousand more."""
    rng = np.random.default_rng(seed)
    policies, q_values = rng.dirichlet(np.ones(5), SHAPE[:2]), scale * rng.normal(size=SHAPE)
    temperature, eta = 0.5, 0.3
    boltzmann = small(policy_improvement="softmax", softmax_temperature=temperature)
    descent = small(policy_improvement="online_mirror_descent", policy_learning_rate=eta)
    found = [each.make("policy_improvement")(policies, q_values) for each in (boltzmann, descent)]
    for place in np.ndindex(SHAPE[:2]):
        q, old = q_values[place].tolist(), policies[place].tolist()
        by_hand = (
            softmax([each / temperature for each in q]),
            softmax([math.log(p) + eta * each for p, each in zip(old, q, strict=True)]),
        )
        for new, expected in zip(found, by_hand, strict=True):
            np.testing.assert_allclose(new[place], expected, rtol=1e-11 * max(1.0, scale))


def test_an_action_that_was_never_taken_can_come_back():
    policies = np.eye(5)[None, :4]
    q_values = np.tile(np.arange(5.0), (1, 4, 1))
    descent = small(policy_improvement="online_mirror_descent", policy_learning_rate=1000.0)
    new = descent.make("policy_improvement")(policies, q_values)
    np.testing.assert_array_equal(new[0].argmax(axis=1), 4)


@pytest.mark.parametrize("name", ["softmax", "online_mirror_descent"])
def test_with_exact_q_functions_each_responds_well(name):
    """In a game without interaction: the best response to anything, nearly."""
    settings = {
        "policy_learning_rate": 1.0,
        "softmax_temperature": 0.01,
        "policy_improvement": name,
    }
    experiment = small(
        game="no_interaction",
        architecture="centralised",
        algorithm="exact",
        discount=0.9,
        entropy_weight=0.0,
        iterations=30,
        transitions=200,
        **settings,
    )
    policy, even = run(experiment).population.policies[0], np.full(7, 1 / 7)
    game, weights = experiment.make_game(), {"discount": 0.9, "entropy_weight": 0.0}
    best = best_response(even, game, **weights).values
    start = policy_value(np.full((7, 3), 1 / 3), even, game, **weights)
    left = (best - policy_value(policy, even, game, **weights)) / (best - start)
    assert 0.0 <= left.max() < 0.05
