"""Learning at the level of an iteration: Q-functions, schedules, policies, what goes wrong."""

import functools
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import assert_same_state, estimate_q_values, improve_policies, run, small
from reference import mirror_ascent, replay

from mfgcore import ConfigurationError, NumericalError, kernels, simulate
from mfgcore.agents import algorithms as learning
from mfgcore.experiment.components import POLICY_IMPROVEMENTS
from mfgcore.meanfield.policies import uniform_policy


def transitions_for(experiment, n_learners, seed=0):
    rng = np.random.default_rng(seed)
    shape = n_learners, experiment.kept_transitions
    n_pairs = experiment.grid_size**2 * 5
    transitions = np.zeros(shape, dtype=kernels.TRANSITION)
    transitions["reward"] = rng.random(shape)
    transitions["pair"] = rng.integers(0, n_pairs, shape)
    transitions["next_pair"] = rng.integers(0, n_pairs, shape)
    return transitions


def test_replay_starts_at_q_max_and_is_the_twins():
    experiment = small(replay_cycles=6)
    transitions = transitions_for(experiment, 3)
    shuffles = experiment.random_streams.shuffle_generators("shuffles", 1, 3)
    expected = np.full((3, 45), experiment.max_q_value)
    replay.replay_td(transitions.copy(), expected, shuffles.copy(), 6, 0.1, 0.5)
    np.testing.assert_array_equal(estimate_q_values(experiment, transitions, shuffles), expected)


def test_pairs_that_were_never_seen_keep_q_max():
    for algorithm in ("replay", "online"):
        experiment = small(algorithm=algorithm)
        transitions = transitions_for(experiment, 2)
        transitions["pair"] %= 7
        q_values = estimate_q_values(experiment, transitions)
        assert (q_values[:, 7:] == experiment.max_q_value).all()
        assert (q_values[:, :7] != experiment.max_q_value).all()


@pytest.mark.parametrize("algorithm", ["replay", "online"])
def test_a_q_function_does_not_carry_over_to_the_next_iteration(algorithm):
    one, other = (run(small(algorithm=algorithm), iterations=1) for _ in range(2))
    other.q_values[:] = 7.0
    one.step()
    other.step()
    assert_same_state(one, other)


def test_q_values_stay_between_zero_and_q_max():
    simulated = run(small(architecture="independent", replay_cycles=50))
    assert (simulated.q_values >= 0).all()
    assert (simulated.q_values <= simulated.experiment.max_q_value * (1 + 1e-15)).all()


def test_more_cycles_go_on_from_fewer():
    """Each cycle is shuffled afresh: six cycles are three and three more from the same stream."""
    six, three = small(replay_cycles=6), small(replay_cycles=3)
    shuffles = six.random_streams.shuffle_generators("shuffles", 0, 1)
    transitions = transitions_for(six, 1)
    expected = estimate_q_values(six, transitions.copy(), shuffles.copy())
    q_values = estimate_q_values(three, transitions, shuffles)
    kernels.replay_td(transitions, q_values, shuffles, 3, 0.1, 0.5)
    np.testing.assert_array_equal(q_values, expected)
    kernels.replay_td(transitions, q_values, shuffles, 0, 0.1, 0.5)
    np.testing.assert_array_equal(q_values, expected)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_learners_are_shared_among_threads_without_a_difference(threads):
    experiment = small()
    for n_learners in (0, 1, 4):
        transitions = transitions_for(experiment, n_learners)
        alone = estimate_q_values(experiment, transitions.copy())
        shared = estimate_q_values(experiment, transitions, threads=threads)
        np.testing.assert_array_equal(alone, shared)


# ------------------------------------------------------------------------------------- online


@pytest.mark.parametrize("interval", [1, 2])
@pytest.mark.parametrize("offset", [None, 1.0, 25.0])
def test_algorithm_1_uses_each_transition_once_with_its_own_rate(interval, offset):
    """beta_m = beta m0 / (m0 + m), m counted in the iteration: with M_td = 1 from 1."""
    rate = {"steps_per_transition": interval, "td_learning_rate_offset": offset}
    experiment = small(algorithm="online", **rate)
    transitions = transitions_for(experiment, 2)
    first = 1 if interval == 1 else 0
    assert transitions.shape[1] == 40 - first
    rates = [0.1 if offset is None else 0.1 * offset / (offset + m) for m in range(first, 40)]
    expected = np.full((2, 45), experiment.max_q_value)
    replay.online_td(transitions, expected, rates, 0.5)
    q_values = estimate_q_values(experiment, transitions)
    np.testing.assert_allclose(q_values, expected, rtol=1e-13)
    if offset is None:
        np.testing.assert_array_equal(q_values, expected)


def test_algorithm_1_waits_for_nothing_and_keeps_the_order_of_time():
    experiment = small(algorithm="online", burn_in=30)
    assert experiment.kept_transitions == 40
    transitions = transitions_for(experiment, 1)
    shuffles = experiment.random_streams.shuffle_generators("shuffles", 0, 1)
    before, states = transitions.copy(), shuffles.copy()
    forwards = estimate_q_values(experiment, transitions, shuffles)
    np.testing.assert_array_equal(transitions, before)
    np.testing.assert_array_equal(shuffles, states)
    backwards = estimate_q_values(experiment, transitions[:, ::-1].copy(), shuffles)
    assert (forwards != backwards).any()


# ----------------------------------------------------------------------------------- policies


def test_policies_are_improved_from_each_learners_own():
    experiment = small()
    rng = np.random.default_rng(1)
    policies = rng.dirichlet(np.ones(5), (3, 9))
    index = np.array([2, 0], dtype=np.int32)
    q_values = rng.random((2, 45)) * 2
    improved = improve_policies(experiment, policies, index, q_values)
    for learner, policy in enumerate(index):
        for s in range(9):
            q = q_values[learner, 5 * s : 5 * s + 5]
            new, old = improved[learner, s], policies[policy, s]
            assert mirror_ascent.residual(new, old, q, 0.5, 0.01) <= 1e-12


@pytest.mark.parametrize("gap", [1e-4, 0.002, 0.01])
def test_an_entropy_gap_bounds_the_improved_policies(gap):
    """h(u) >= h_max - L_h (D11), and only where the bound binds is the policy another one."""
    rng = np.random.default_rng(2)
    free, bounded = (small(policy_learning_rate=0.3, entropy_gap=g) for g in (None, gap))
    q_values = rng.random((4, 45)) * np.repeat([0.01, 0.5, 2.0, 10.0], 45).reshape(4, 45)
    arguments = uniform_policy(9, 5)[None], np.zeros(4, dtype=np.int32), q_values
    improved, unbounded = (improve_policies(e, *arguments) for e in (bounded, free))
    h = np.array([[0.01 * float(mirror_ascent.entropy(row)) for row in p] for p in improved])
    h_free = np.array([[0.01 * float(mirror_ascent.entropy(row)) for row in p] for p in unbounded])
    least = 0.01 * math.log(5) - gap
    assert (h >= least - 1e-15).all()
    inside = h_free >= least
    assert inside.any() and not inside.all()
    np.testing.assert_array_equal(improved[inside], unbounded[inside])
    np.testing.assert_allclose(h[~inside], least, rtol=0, atol=1e-14)


def test_an_entropy_gap_of_at_least_the_maximum_is_vacuous():
    experiment = small(architecture="independent")
    vacuous = small(architecture="independent", entropy_gap=experiment.max_entropy)
    free, bounded = (run(each).population.policies for each in (experiment, vacuous))
    np.testing.assert_array_equal(free, bounded)


# ------------------------------------------------------------------------- what is not finite


def poison(monkeypatch, owner, name, row, after=0, value=np.nan):
    """Let a function give a number that is not finite in its result after so many calls."""
    original, calls = owner[name], []

    @functools.wraps(original)
    def poisoned(*arguments, **given):
        result = original(*arguments, **given)
        calls.append(1)
        if len(calls) > after:
            result[row, ..., 2] = value
        return result

    monkeypatch.setitem(owner, name, poisoned)


@pytest.mark.parametrize(
    ("owner", "name", "what"),
    [
        (vars(learning), "_shared_among_threads", "Q-function"),
        (POLICY_IMPROVEMENTS._entries, "mirror_ascent", "policy"),
    ],
)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_not_finite_names_the_iteration_and_the_agent(
    monkeypatch, owner, name, what, value
):
    poison(monkeypatch, owner, name, 4, after=2, value=value)
    with pytest.raises(NumericalError, match=rf"iteration 2, agent 4: its {what} is not finite"):
        run(small())


def test_the_agent_named_is_the_agent_and_not_its_place_among_the_learners(monkeypatch):
    experiment = small(failure_probability=0.5, agents=12)
    learners = np.flatnonzero(experiment.random_streams.uniforms("failures", 0, 12) >= 0.5)
    assert learners[1] != 1
    poison(monkeypatch, vars(learning), "_shared_among_threads", 1)
    with pytest.raises(NumericalError, match=rf"iteration 0, agent {learners[1]}:"):
        run(experiment)


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", None])
def test_a_number_of_threads_that_is_none_is_refused(threads):
    with pytest.raises(ConfigurationError, match=r"^threads: .* is not a whole number( >= 1)?$"):
        simulate(small(), threads)


def test_threads_are_bounded_by_what_there_is(monkeypatch):
    asked = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, threads):
            asked.append(threads)
            super().__init__(2)

    monkeypatch.setattr(learning, "ThreadPoolExecutor", Pool)
    experiment = small(agents=200, iterations=1, transitions=100, communication_rounds=0)
    found = simulate(experiment, 10**9)
    assert asked == [learning.MOST_THREADS]
    assert found.equals(simulate(experiment))
