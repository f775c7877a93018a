"""Tests that fail under the wrong reading of the paper, decision by decision (docs, D1 ... D23)."""

import copy
import math

import numpy as np
import pytest
from conftest import (
    assert_same_state,
    estimate_q_values,
    improve_policies,
    learning_steps,
    run,
    small,
)
from decisions import (
    ARCHITECTURES,
    DISTURBANCES,
    EVERYBODY,
    FAILING,
    SIX,
    listen,
    norm,
    path_of,
    policies_of,
    walk_of,
)
from hypothesis import given
from hypothesis import strategies as st
from reference import gossip, stepping

from mfgcore import ConfigurationError, Experiment
from mfgcore.agents.adoption import rank_policies
from mfgcore.agents.networks import NETWORKS, Links, Network
from mfgcore.agents.policy_improvement import policy_change
from mfgcore.meanfield.policies import uniform_policy
from mfgcore.runs import simulation
from mfgcore.runs.simulation import Simulation

# ------------------------------------------------------------- D2: common random numbers


def test_d2_initial_states_are_the_same_in_the_three_architectures_of_a_trial():
    experiments = [small(architecture=name, agents=50) for name in ARCHITECTURES]
    states, *others = (Simulation(each).population.states for each in experiments)
    assert all((states == other).all() for other in others)
    assert (states != Simulation(small(agents=50, trial=1)).population.states).any()


def test_d2_initial_states_are_uniform_over_the_cells():
    states = Simulation(small(agents=9000)).population.states
    counts = np.bincount(states, minlength=9)
    # 8 degrees of freedom: P(chi-square > 45) < 1e-6
    assert ((counts - 1000) ** 2 / 1000).sum() < 45


def test_d2_before_any_communication_the_architectures_see_the_same():
    first = [run(small(architecture=name, iterations=1)) for name in ARCHITECTURES]
    for other in first[1:]:
        assert other.records["discounted_return"] == first[0].records["discounted_return"]
        np.testing.assert_array_equal(other.q_values[0], first[0].q_values[0])


# ------------------------------------------- D6, D7: which transitions, and how many


def shifted(path, learner, m, interval, shift):
    """(pair, next pair, reward as a float32) of the step that begins at t - 2 + shift."""
    start = (m + 1) * interval - 2 + shift
    if start < 0:
        return None
    pairs, own_rewards, *_ = path[start]
    return pairs[learner], path[start + 1][0][learner], float(np.float32(own_rewards[learner]))


@pytest.mark.parametrize("interval", [1, 2, 3, 10])
@pytest.mark.parametrize("wait", [0, 1, 4])
def test_d6_d7_what_is_kept_after_w_is_the_newest_whose_next_action_is_known(interval, wait):
    experiment = small(steps_per_transition=interval, burn_in=wait, transitions=60)
    walk = walk_of(experiment)
    path = path_of(walk, experiment.learning_steps + 1)
    learners = np.array([0, 3], dtype=np.int32)
    seen = learning_steps(experiment, walk, wait + 1, learners).transitions
    for row, learner in enumerate(learners):
        kept = range(wait + 1, 60)
        assert seen[row].tolist() == [shifted(path, learner, m, interval, 0) for m in kept]
        for wrong in (-1, 1):
            others = [shifted(path, learner, m, interval, wrong) for m in kept]
            assert seen[row].tolist() != others


def test_d6_with_one_step_for_each_transition_the_first_has_none():
    experiment = small(algorithm="online", steps_per_transition=1, transitions=50)
    assert experiment.kept_transitions == 49
    walk = walk_of(experiment)
    path = path_of(walk, 50)
    seen = learning_steps(experiment, walk, 0, np.array([2], dtype=np.int32)).transitions
    assert seen[0].tolist() == [shifted(path, 2, m, 1, 0) for m in range(1, 50)]
    # from two steps on every transition counts
    assert small(algorithm="online", transitions=50).kept_transitions == 50
    # and where the first is skipped anyway nothing more is lost
    waiting = small(steps_per_transition=1, burn_in=0, transitions=50)
    assert waiting.kept_transitions == 49


def test_d6_the_last_action_of_a_transition_is_really_taken():
    """The next pair lies where the pair's action led."""
    experiment = small()
    walk = walk_of(experiment)
    seen = learning_steps(experiment, walk, 4, SIX).transitions
    np.testing.assert_array_equal(
        walk.next_states.reshape(-1)[seen["pair"]], seen["next_pair"] // 5
    )


def test_d7_the_buffer_holds_2979_transitions_at_the_papers_values():
    experiment = Experiment(game="agree")
    assert (experiment.transitions, experiment.burn_in) == (3000, 20)
    assert experiment.kept_transitions == 3000 - 20 - 1 == 2979


def test_d7_the_run_itself_learns_from_these_transitions():
    experiment = small(iterations=1)
    seen = learning_steps(experiment, walk_of(experiment), 4, SIX)
    expected = estimate_q_values(experiment, seen.transitions)
    np.testing.assert_array_equal(run(experiment).q_values, expected)


@pytest.mark.parametrize(("transitions", "allowed"), [(22, True), (21, False), (20, False)])
def test_d7_a_buffer_without_transitions_is_an_error(transitions, allowed):
    few = {"transitions": transitions, "burn_in": 20, "steps_per_transition": 100}
    if allowed:
        assert Experiment(game="agree", **few).kept_transitions == 1
    else:
        with pytest.raises(ConfigurationError, match="transitions"):
            Experiment(game="agree", **few)


# --------------------------------------------------- D12, D13: one algorithm (D.3)


@pytest.mark.parametrize("disturbance", DISTURBANCES, ids=str)
def test_d12_networked_without_links_is_independent(monkeypatch, disturbance):
    independent = run(small(architecture="independent", **disturbance))
    linked = run(small(architecture="networked", **disturbance))
    nobody = Links(np.zeros(10, dtype=np.int32), np.empty(0, dtype=np.int32))
    monkeypatch.setitem(NETWORKS._entries, "radius", lambda: Network(lambda n_agents: nobody))
    networked = run(small(architecture="networked", **disturbance))
    assert_same_state(independent, networked)
    assert independent.records["policy_divergence"] != linked.records["policy_divergence"]


@pytest.mark.parametrize("game", ["agree", "diffuse", "cluster"])
@pytest.mark.parametrize(
    "disturbance", [{}, {"final_agents": 9, "population_change_at": 2}], ids=str
)
def test_d12_networked_with_agent_0_always_lowest_and_everyone_linked_is_centralised(
    monkeypatch, disturbance, game
):
    settings = {"game": game, "sampled_exploitability": True, **disturbance}
    centralised = run(small(architecture="centralised", **settings))
    linked = {"architecture": "networked", "communication_radius": EVERYBODY, **settings}
    by_similarity = run(small(**linked))

    def numbered(old, new):  # agents' numbers in place of their changes
        return np.arange(len(new), dtype=float), np.zeros(len(new))

    monkeypatch.setattr(simulation, "policy_change", numbered)
    networked = run(small(**linked))
    but = ("q_values", "mean_change", "updates", "adopted_policies", "theorem_3_1_violations")
    assert_same_state(centralised, networked, but=but)
    np.testing.assert_array_equal(centralised.q_values[0], networked.q_values[0])
    assert (policies_of(by_similarity) != policies_of(centralised)).any()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_d12_all_architectures_take_the_steps_of_the_communication_rounds(name):
    still, moved = (
        run(small(architecture=name, iterations=1, communication_rounds=rounds))
        for rounds in (0, 7)
    )
    assert (still.population.states != moved.population.states).any()
    experiment = still.experiment
    walk = walk_of(experiment)
    learning_steps(experiment, walk, 0)
    np.testing.assert_array_equal(still.population.states, walk.states)


def test_d12_the_steps_of_communication_follow_the_adopted_policies():
    """Adopt, then step (lines 25 to 27), with the action streams going on."""
    experiment = small(iterations=1, communication_rounds=4, communication_radius=0.3)
    before = Simulation(experiment)
    walk = before._rollout_state()
    q_values = estimate_q_values(experiment, learning_steps(experiment, walk, 4, SIX).transitions)
    improved = improve_policies(experiment, before.population.policies, 0 * SIX, q_values)
    scores = [norm(new - uniform_policy(9, 5)) for new in improved]
    totals = [float(np.abs(new - uniform_policy(9, 5)).sum()) for new in improved]
    twin = copy.deepcopy(walk.arguments())
    twin["policy_index"] = np.arange(6)
    twin["tables"] = stepping.policy_tables(improved, 0.01)
    held = gossip.communicate(twin, scores, totals, gossip.within(3, 0.3 * math.sqrt(2) * 3), 4)
    after = run(experiment)
    np.testing.assert_array_equal(after.population.states, twin["states"])
    np.testing.assert_array_equal(policies_of(after), improved[[i for _, _, i in held]])


@pytest.mark.parametrize("rounds", [0, 3])  # the pushed policy needs none
def test_d13_centralised_learns_from_agent_0_and_pushes_its_policy_to_everyone(rounds):
    centralised = run(small(architecture="centralised", communication_rounds=rounds))
    assert set(centralised.records["distinct_policies"]) == {1.0}
    assert set(centralised.records["policy_divergence"]) == {0.0}
    assert np.isfinite(centralised.q_values[0]).all()
    assert np.isnan(centralised.q_values[1:]).all()
    assert (policies_of(centralised) == policies_of(centralised)[0]).all()
    assert (policies_of(centralised) != 0.2).any()


# ------------------------------------------------------- D15: scores and ties


def test_d15_sigma_is_the_largest_change_over_the_states_and_the_total_their_sum():
    rng = np.random.default_rng(0)
    old, new = (rng.dirichlet(np.ones(5), (7, 9)) for _ in range(2))
    largest, total = policy_change(old, new)
    for i in range(7):
        by_state = [sum(abs(float(x)) for x in row) for row in new[i] - old[i]]
        assert largest[i] == pytest.approx(max(by_state), rel=1e-14)
        assert total[i] == pytest.approx(sum(by_state), rel=1e-14)
        assert largest[i] != pytest.approx(sum(by_state))


@given(
    keys=st.lists(
        st.tuples(st.sampled_from([0.0, 0.5, math.inf]), st.sampled_from([1.0, 2.0, math.inf])),
        min_size=1,
        max_size=12,
    )
)
def test_d15_ranks_go_by_sigma_then_the_total_then_the_agents_number(keys):
    scores, totals = (np.array(column) for column in zip(*keys, strict=True))
    ranks, order = rank_policies(scores, totals)
    expected = sorted(range(len(keys)), key=lambda i: (*keys[i], i))
    assert order.tolist() == expected
    assert [expected[rank] for rank in ranks] == list(range(len(keys)))


@pytest.mark.parametrize(
    ("scores", "totals", "winner"),
    [
        ([3, 2, 1, 2, 3, 3], [9, 9, 9, 9, 9, 9], 2),  # the smallest sigma, not the largest
        ([1, 1, 1, 1, 2, 1], [5, 4, 3, 4, 0, 6], 2),  # a tie: the smallest total
        ([1, 1, 1, 1, 1, 1], [5, 4, 3, 3, 3, 6], 2),  # both: the smallest number
        ([1, 1, 0, 0, 1, 1], [0, 0, 7, 8, 0, 0], 2),  # the total counts only in ties
    ],
)
def test_d15_the_population_adopts_the_winner(monkeypatch, scores, totals, winner):
    change = np.array(scores, dtype=float), np.array(totals, dtype=float)
    monkeypatch.setattr(simulation, "policy_change", lambda old, new: change)
    settings = {"iterations": 1, "communication_rounds": 1}
    together = run(small(communication_radius=EVERYBODY, **settings))
    apart = run(small(architecture="independent", **settings))
    for policy in policies_of(together):
        np.testing.assert_array_equal(policy, policies_of(apart)[winner])


# --------------------------------------------------------------- D16: failures


def test_d16_a_failed_learner_keeps_its_policy_and_has_no_score(monkeypatch):
    heard = listen(monkeypatch)
    experiment = small(**FAILING, iterations=1, communication_rounds=0)
    simulated = Simulation(experiment)
    fails = experiment.random_streams.uniforms("failures", 0, 12) < 0.5
    assert 0 < fails.sum() < 12
    simulated.step()
    scores, totals, *_ = heard[0]
    np.testing.assert_array_equal(np.isinf(scores), fails)
    np.testing.assert_array_equal(np.isinf(totals), fails)
    assert (scores > 0).all()
    np.testing.assert_array_equal((policies_of(simulated) == 0.2).all(axis=(1, 2)), fails)
    np.testing.assert_array_equal(np.isnan(simulated.q_values).all(axis=1), fails)
    assert simulated.records["failures"] == [fails.sum()]
    assert simulated.records["mean_change"] == [scores[~fails].mean()]


def test_d16_a_failed_learner_never_wins(monkeypatch):
    heard = listen(monkeypatch)
    run(small(**FAILING, iterations=8, communication_radius=EVERYBODY))
    for scores, _, before, after in heard:
        learned = np.isfinite(scores)
        assert learned.any()
        assert set(after) <= set(before[learned])
        assert set(after) == {before[scores.argmin()]}


def test_d16_a_population_with_failures_does_not_freeze():
    experiment = small(**FAILING, iterations=4, communication_radius=EVERYBODY)
    simulated = Simulation(experiment)
    for _ in range(4):
        before = policies_of(simulated)
        simulated.step()
        assert (policies_of(simulated) != before).all(axis=0).any()
    assert min(simulated.records["failures"]) > 0

    # the trap: a failed learner's sigma is ||pi_k - pi_k|| = 0 and wins every comparison
    assert (policies_of(run(small(base=experiment, failed_score="zero"))) == 0.2).all()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_d16_nothing_is_learned_where_every_learner_fails(name):
    simulated = run(small(architecture=name, failure_probability=1.0))
    assert (policies_of(simulated) == 0.2).all()
    assert np.isnan(simulated.q_values).all()
    assert np.isnan(simulated.records["mean_change"]).all()
    learners = 1 if name == "centralised" else 6
    assert simulated.records["failures"] == [learners] * 4
    assert np.isfinite(simulated.records["discounted_return"]).all()


def test_d16_in_the_centralised_case_a_failure_of_agent_0_stops_everybody():
    experiment = small(architecture="centralised", failure_probability=0.5, iterations=12)
    simulated = Simulation(experiment)
    outcomes = set()
    for k in range(12):
        before = policies_of(simulated)
        simulated.step()
        fails = experiment.random_streams.uniforms("failures", k, 6)[0] < 0.5
        assert (policies_of(simulated) == before).all() == fails
        outcomes.add(bool(fails))
    assert outcomes == {True, False}


def test_d16_failing_changes_no_other_agents_result():
    """Who fails is drawn before learning, and everybody has a stream of its own."""
    with_failures = run(small(architecture="independent", failure_probability=0.5, iterations=1))
    without = run(small(architecture="independent", iterations=1))
    learned = np.isfinite(with_failures.q_values).all(axis=1)
    assert 0 < learned.sum() < 6
    np.testing.assert_array_equal(with_failures.q_values[learned], without.q_values[learned])
