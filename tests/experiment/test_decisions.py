"""Tests that fail under the wrong reading of the paper, decision by decision (docs, D1 ... D23)."""

import copy
import itertools
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
from hypothesis import given
from hypothesis import strategies as st
from reference import gossip, stepping

import mfgcore.agents.adoption
from mfgcore import ConfigurationError, Experiment, kernels
from mfgcore.agents.adoption import communicate, rank_policies
from mfgcore.agents.networks import NETWORKS, Links, Network, neighbour_cells
from mfgcore.agents.policy_improvement import policy_change
from mfgcore.agents.population import Population
from mfgcore.agents.rollout import RolloutState
from mfgcore.experiment import random_streams as streams
from mfgcore.games import Agree, Grid
from mfgcore.meanfield.policies import uniform_policy
from mfgcore.metrics.sampled import discounted_return
from mfgcore.metrics.theorems import Adoptions, examine_adoptions
from mfgcore.runs import simulation
from mfgcore.runs.simulation import Simulation

ARCHITECTURES = ("centralised", "independent", "networked")
EVERYBODY = 2.0  # a communication radius, in diagonals, that links all agents
SIX = np.arange(6, dtype=np.int32)  # all agents of a small experiment
FAILING = {"agents": 12, "failure_probability": 0.5}


def policies_of(simulated):
    """Every agent's own policy; (n_agents, n_states, n_actions)."""
    return simulated.population.policies[simulated.population.policy_index]


def norm(change):
    """sup_s of the 1-norm over actions, by loops."""
    return max(sum(abs(float(x)) for x in row) for row in change)


def listen(monkeypatch):
    """Record scores, totals and the policies before and after every call of communicate."""
    heard = []

    def recorder(walk, scores, totals, network, rounds):
        before = walk.policy_index.copy()
        origin = communicate(walk, scores, totals, network, rounds)
        heard.append((scores.copy(), totals.copy(), before, walk.policy_index.copy()))
        return origin

    monkeypatch.setattr(mfgcore.agents.adoption, "communicate", recorder)
    return heard


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


def walk_of(experiment, iteration=0):
    simulated = Simulation(experiment)
    simulated.iteration = iteration
    return simulated._rollout_state()


def path_of(walk, n_steps):
    return stepping.follow(n_steps, **copy.deepcopy(walk.arguments()))


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


DISTURBANCES = [
    {},
    {"failure_probability": 0.5},
    {"final_agents": 9, "population_change_at": 2},
    {"final_agents": 9, "population_change_at": 2, "arrival_timing": "before_learning"},
]


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


# --------------------------------------------------------------- D17: arrivals

GROWTH = {
    "agents": 5,
    "final_agents": 11,
    "population_change_at": 2,
    "communication_radius": EVERYBODY,
}


def after_arrival(**settings):
    """The run just after the iteration in which the further agents arrive."""
    return run(small(**{**GROWTH, **settings}), iterations=3)


def test_d17_the_population_grows_after_the_policy_update():
    simulated = run(small(**GROWTH, iterations=4))
    assert simulated.records["population_size"] == [5, 5, 5, 11]
    early = run(small(**GROWTH, iterations=4, arrival_timing="before_learning"))
    assert early.records["population_size"] == [5, 5, 11, 11]


def test_d17_newcomers_appear_at_uniform_random_cells_and_disturb_nobody():
    settings = {"architecture": "independent", "communication_rounds": 0}
    grown = after_arrival(**settings)
    same = run(small(agents=5, iterations=3, **settings))
    np.testing.assert_array_equal(grown.population.states[:5], same.population.states)
    expected = grown.experiment.random_streams.integers("arrivals", 2, 11, 9)[5:]
    np.testing.assert_array_equal(grown.population.states[5:], expected)


def test_d17_networked_newcomers_adopt_what_they_hear(monkeypatch):
    heard = listen(monkeypatch)
    simulated = after_arrival()
    scores, totals, *_ = heard[-1]
    assert np.isinf(scores[5:]).all() and np.isinf(totals[5:]).all()
    assert np.isfinite(scores[:5]).all()
    policies = policies_of(simulated)
    assert (policies == policies[0]).all()
    assert (policies != 0.2).any()
    assert np.isnan(simulated.q_values[5:]).all()


@pytest.mark.parametrize("alone", [{"communication_rounds": 0}, {"architecture": "independent"}])
def test_d17_newcomers_that_hear_nobody_keep_the_uniform_policy_until_they_learn(alone):
    simulated = after_arrival(**alone)
    policies = policies_of(simulated)
    assert (policies[5:] == 0.2).all()
    assert (policies[:5] != 0.2).any(axis=(1, 2)).all()
    simulated.step()
    assert (policies_of(simulated)[5:] != 0.2).any(axis=(1, 2)).all()


@pytest.mark.parametrize("arrivals", ["after_learning", "before_learning"])
def test_d17_centralised_newcomers_get_the_pushed_policy(arrivals):
    simulated = after_arrival(architecture="centralised", arrival_timing=arrivals)
    policies = policies_of(simulated)
    assert len(policies) == 11
    assert (policies == policies[0]).all()
    assert (policies != 0.2).any()


@pytest.mark.parametrize("name", ["independent", "networked"])
def test_d17_before_learning_the_newcomers_learn_first(monkeypatch, name):
    heard = listen(monkeypatch)
    early = after_arrival(architecture=name, arrival_timing="before_learning")
    assert np.isfinite(heard[-1][0]).all() == (name == "networked")
    assert np.isfinite(early.q_values).all()
    if name == "independent":
        assert (policies_of(early)[5:] != 0.2).any(axis=(1, 2)).all()
        # one step of mirror ascent away from the uniform policy
        uniform, own = uniform_policy(9, 5)[None], early.q_values[5:]
        improved = improve_policies(early.experiment, uniform, 0 * SIX, own)
        np.testing.assert_array_equal(policies_of(early)[5:], improved)
    late = after_arrival(architecture=name)
    assert np.isnan(late.q_values[5:]).all()


@pytest.mark.parametrize(
    ("arrivals", "falls_back"), [("after_learning", False), ("before_learning", True)]
)
def test_d17_newcomers_that_learned_little_take_the_population_over(
    monkeypatch, arrivals, falls_back
):
    """The trap of D17, brought about: newcomers whose policy changed least win the argmin."""

    def newcomers_change_least(old, new):
        was_uniform = (old == 0.2).all(axis=(1, 2))
        return np.where(was_uniform, 0.001, 0.5), np.ones(len(new))

    monkeypatch.setattr(simulation, "policy_change", newcomers_change_least)
    simulated = after_arrival(arrival_timing=arrivals)
    policies = policies_of(simulated)
    assert (policies == policies[0]).all()
    uniform, own = uniform_policy(9, 5)[None], np.nan_to_num(simulated.q_values[5:])
    near_uniform = improve_policies(simulated.experiment, uniform, 0 * SIX, own)
    assert any((policies[0] == newcomer).all() for newcomer in near_uniform) == falls_back


def test_d17_arrivals_at_the_first_iteration_are_possible():
    for arrivals in ("after_learning", "before_learning"):
        simulated = run(small(**{**GROWTH, "population_change_at": 0}, arrival_timing=arrivals))
        assert simulated.population.size == 11


# ----------------------------------------------------------------- D18: timing


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_d18_every_value_speaks_of_the_policies_at_the_start_of_the_iteration(name):
    hardly = {"communication_radius": 0.1, "communication_rounds": 1}
    experiment = small(architecture=name, **hardly, agents=12)
    simulated = Simulation(experiment)
    for k in range(4):
        population = copy.deepcopy(simulated.population)
        walk = simulated._rollout_state()
        walk.states = walk.states.copy()
        seen = learning_steps(experiment, walk, 4)
        simulated.step()
        rewards = seen.population_rewards / 12
        expected = discounted_return(rewards, experiment.discount, experiment.return_horizon)
        metrics = {key: values[k] for key, values in simulated.records.items()}
        assert metrics["discounted_return"] == expected
        assert metrics["policy_divergence"] == population.policy_divergence()
        assert metrics["distinct_policies"] == len(np.unique(population.policy_index))
        np.testing.assert_array_equal(simulated.records["mean_field"][k], seen.mean_field)
        if k == 0:  # everybody still follows the uniform policy
            assert (metrics["policy_divergence"], metrics["distinct_policies"]) == (0.0, 1)
        if name == "independent" and k < 3:  # after the update the values are others
            assert metrics["policy_divergence"] != simulated.population.policy_divergence()


def test_the_mean_field_is_the_distribution_over_the_learning_steps():
    experiment = small(iterations=1)
    path = path_of(walk_of(experiment), experiment.learning_steps)
    expected = np.mean([counts for _, _, counts, _ in path], axis=0) / 6
    field = run(experiment).records["mean_field"][0]
    np.testing.assert_allclose(field, expected, rtol=1e-14)
    assert field.sum() == pytest.approx(1.0, rel=1e-14)


# --------------------------------------------------------- D19: discounted return


@given(
    seed=st.integers(0, 2**32 - 1),
    discount=st.sampled_from([0.0, 0.3, 0.5, 0.9]),
    further=st.integers(0, 50),
)
def test_d19_the_return_is_the_mean_over_start_times_of_the_discounted_sums(
    seed, discount, further
):
    horizon = 1 if discount == 0 else math.ceil(math.log(1e-6) / math.log(discount))
    rewards = np.random.default_rng(seed).random(horizon + further)
    sums = []
    for start in range(rewards.size - horizon + 1):
        total = 0.0
        for ahead in range(horizon):
            total += discount**ahead * float(rewards[start + ahead])
        sums.append(total)
    expected = math.fsum(sums) / len(sums)
    assert discounted_return(rewards, discount, horizon) == pytest.approx(expected, rel=1e-12)


def test_d19_of_a_constant_reward_only_the_stated_bias_is_missing():
    experiment = Experiment(game="agree")
    rewards = np.ones(experiment.learning_steps)
    value = discounted_return(rewards, experiment.discount, experiment.return_horizon)
    exact = 1.0 / (1.0 - experiment.discount)
    assert 0 < exact - value <= 1e-6 * exact * (1 + 1e-9)


def test_d19_the_return_includes_the_regulariser_and_averages_over_agents():
    """Nobody is ever paid where all are alone and off target: what is left is the entropy."""
    experiment = small(agents=1, iterations=1)
    expected = experiment.max_entropy / (1 - experiment.discount)
    assert run(experiment).records["discounted_return"][0] == pytest.approx(expected, rel=2e-6)


# ----------------------------------------------------------- D20: exploitability


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("disturbance", DISTURBANCES, ids=str)
def test_d20_evaluation_changes_nothing_that_is_learned(name, disturbance):
    with_it, without = (
        run(small(architecture=name, sampled_exploitability=evaluation, **disturbance))
        for evaluation in (True, False)
    )
    assert_same_state(with_it, without, but=("exploitability",))
    assert np.isnan(without.records["exploitability"]).all()


def test_d20_three_iterations_improve_and_three_evaluate_at_every_second_one():
    paper = Experiment(game="agree")
    assert (paper.improvement_iterations, paper.evaluation_iterations) == (3, 3)
    assert paper.evaluation_interval == 2


@pytest.mark.parametrize("interval", [1, 2, 3])
def test_d20_exploitability_is_sampled_at_every_so_many_iterations(interval):
    sampled = run(
        small(sampled_exploitability=True, evaluation_interval=interval, iterations=5)
    ).records["exploitability"]
    np.testing.assert_array_equal(np.isfinite(sampled), np.arange(5) % interval == 0)


def exploitability_by_hand(simulated, k):
    """F.2 with a policy table for every agent and two returns, not the return of a difference."""
    experiment, n = simulated.experiment, simulated.population.size
    deviator = int(experiment.random_streams.integers("deviator", k, 1, n)[0])
    policies = policies_of(simulated).copy()
    states = simulated.population.states.copy()
    generators = experiment.random_streams.action_generators("evaluation_actions", k, n)
    shuffles = experiment.random_streams.shuffle_generators("evaluation_shuffles", k, 1)

    def iterate(learners=None, deviating=None):
        population = Population(states, np.arange(n, dtype=np.int32), policies)
        walk = RolloutState.of(population, simulated.game, experiment.entropy_weight, generators)
        return learning_steps(experiment, walk, experiment.burn_in + 1, learners, deviating)

    for _ in range(experiment.improvement_iterations):
        seen = iterate(np.array([deviator], dtype=np.int32))
        q_values = estimate_q_values(experiment, seen.transitions, shuffles)
        policies[deviator] = improve_policies(
            experiment, policies, np.array([deviator], dtype=np.int32), q_values
        )[0]
    gains = []
    for _ in range(experiment.evaluation_iterations):
        seen = iterate(deviating=deviator)
        others = (seen.population_rewards - seen.deviator_rewards) / (n - 1)
        own, theirs = (
            discounted_return(rewards, experiment.discount, experiment.return_horizon)
            for rewards in (seen.deviator_rewards, others)
        )
        gains.append(own - theirs)
    return sum(gains) / len(gains)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_d20_the_sampled_exploitability_is_that_of_f2(name):
    sampled = {"sampled_exploitability": True, "evaluation_interval": 1}
    simulated = Simulation(small(architecture=name, **sampled, communication_rounds=1))
    for k in range(3):
        expected = exploitability_by_hand(simulated, k)
        simulated.step()
        assert simulated.records["exploitability"][k] == pytest.approx(expected, abs=1e-12)
        assert expected != 0.0


# --------------------------------------------------------- D21: policy divergence


@given(seed=st.integers(0, 2**32 - 1), n_agents=st.integers(1, 8), n_policies=st.integers(1, 8))
def test_d21_divergence_is_the_mean_of_the_largest_distances_to_agent_0(seed, n_agents, n_policies):
    rng = np.random.default_rng(seed)
    policies = rng.dirichlet(np.ones(5), (n_policies, 4))
    index = rng.integers(0, n_policies, n_agents, dtype=np.int32)
    population = Population(np.zeros(n_agents, dtype=np.int32), index, policies)
    own = policies[index]
    expected = sum(norm(own[0] - own[i]) for i in range(n_agents)) / n_agents
    assert population.policy_divergence() == pytest.approx(expected, rel=1e-13, abs=1e-16)


# --------------------------------------------------------- D23: reproducibility


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("algorithm", ["replay", "online"])
def test_d23_threads_change_no_bit(name, algorithm):
    sampled = {"sampled_exploitability": True, "failure_probability": 0.3}
    experiment = small(architecture=name, algorithm=algorithm, **sampled)
    alone = run(experiment, threads=1)
    for threads in (2, 3, 7):  # 7 are more than there are learners
        assert_same_state(alone, run(experiment, threads=threads))


@pytest.mark.parametrize("other", [{"trial": 1}, {"seed": 2}, {"name": "other"}], ids=str)
def test_d23_the_same_run_gives_the_same_bits_another_trial_seed_or_name_others(other):
    one, another = run(small()), run(small(**other))
    assert_same_state(one, run(small()))
    assert one.records["discounted_return"] != another.records["discounted_return"]


def test_d23_streams_are_named_not_counted_from_the_root_seed():
    """seed 1, trial 1 and seed 2, trial 0 would be one stream under root_seed + trial."""
    names = [
        {"seed": seed, "trial": trial, "name": name}
        for seed, trial, name in itertools.product((0, 1, 2), (0, 1, 2), ("run", "nur"))
    ]
    seen = set()
    for settings in names:
        experiment = small(**settings)
        for purpose, iteration in itertools.product(streams.PURPOSES, (0, 1, 2)):
            words = experiment.random_streams.raw_bits(purpose, iteration, 2, 2)
            seen.update(int(word) for word in words.ravel())
    assert len(seen) == len(names) * len(streams.PURPOSES) * 3 * 4


def test_d23_nothing_that_a_stream_is_named_by_is_the_architecture_or_the_game():
    words = [
        small(game=game, architecture=name).random_streams.raw_bits("actions", 1, 3, 2)
        for game, name in itertools.product(("agree", "cluster"), ARCHITECTURES)
    ]
    for other in words[1:]:
        np.testing.assert_array_equal(words[0], other)


# --------------------------------------------- Section 3.3: consensus, Theorems 3.1 and 3.2


def standing_population(seed, n_agents, size=4):
    """Agents that never move, each with a policy, all of them changes of one common policy.

    Everybody stays whatever the policy says: all moves lead to where one stands. Besides the
    policies, of which the last is the common one, and the walk, the scores and totals.
    """
    rng = np.random.default_rng(seed)
    common = rng.dirichlet(np.ones(5), size**2)
    policies = 0.9 * common + 0.1 * rng.dirichlet(np.ones(5), (n_agents, size**2))
    walk = RolloutState(
        rng.integers(0, size**2, n_agents, dtype=np.int32),
        np.arange(n_agents, dtype=np.int32),
        kernels.policy_tables(policies, 0.01),
        np.tile(np.arange(size**2, dtype=np.int32)[:, None, None], (1, 5, 1)),
        None,
        np.zeros((size**2, n_agents + 1)),
        rng.integers(0, 2**32, (4, n_agents), dtype=np.uint32),
    )
    scores = policy_change(np.tile(common, (n_agents, 1, 1)), policies)
    return np.concatenate((policies, common[None])), walk, *scores


def hops(states, size, reach):
    """Lengths of the shortest paths between agents; infinity where there is none."""
    n = len(states)
    lengths = np.full((n, n), np.inf)
    for i in range(n):
        lengths[i, gossip.within(size, reach)(states, 0, i)] = 1.0
    np.fill_diagonal(lengths, 0.0)
    for via in range(n):
        lengths = np.minimum(lengths, lengths[:, [via]] + lengths[[via], :])
    return lengths


populations = {
    "seed": st.integers(0, 2**32 - 1),
    "n_agents": st.integers(2, 12),
    "radius": st.sampled_from([0.2, 0.3, 0.4]),
}


@given(**populations)
def test_a_static_network_agrees_within_its_diameter_and_no_sooner(seed, n_agents, radius):
    """After C rounds an agent holds the best policy that is at most C links away."""
    _, walk, scores, totals = standing_population(seed, n_agents)
    lengths = hops(walk.states, 4, radius * math.sqrt(2) * 4)
    diameter = int(lengths[np.isfinite(lengths)].max())
    for rounds in range(diameter + 1):
        after = copy.deepcopy(walk)
        communicate(after, scores, totals, Links(*neighbour_cells(Grid(4), radius)), rounds)
        for i in range(n_agents):
            near = np.flatnonzero(lengths[i] <= rounds)
            assert after.policy_index[i] == near[scores[near].argmin()]
    np.testing.assert_array_equal(after.states, walk.states)
    if np.isfinite(lengths).all():
        assert len(set(after.policy_index)) == 1


def test_agents_that_always_stay_agree_within_the_diameter_too():
    """The same with the policy that stays, on the game's own moves: a line of four agents."""
    line = np.arange(4, dtype=np.int32)
    population = Population(line, line.copy(), np.tile([1.0, 0.0, 0.0, 0.0, 0.0], (4, 16, 1)))
    walk = RolloutState.of(population, Agree(grid_size=4), 0.01, np.ones((4, 4), dtype=np.uint32))
    network = Links(*neighbour_cells(Grid(4), 1.0 / (4 * math.sqrt(2))))  # next neighbours only
    scores = np.array([0.1, 0.2, 0.3, 0.4])
    for rounds, expected in enumerate(([0, 1, 2, 3], [0, 0, 1, 2], [0, 0, 0, 1], [0, 0, 0, 0])):
        after = copy.deepcopy(walk)
        communicate(after, scores, scores, network, rounds)
        np.testing.assert_array_equal(after.policy_index, expected)
        np.testing.assert_array_equal(after.states, [0, 1, 2, 3])


@given(**populations)
def test_theorem_3_1_each_adoption_reduces_the_divergence_from_the_adopted_policy(
    seed, n_agents, radius
):
    policies, walk, scores, totals = standing_population(seed, n_agents)
    network = Links(*neighbour_cells(Grid(4), radius))
    for _ in range(4):
        before = walk.policy_index.copy()
        communicate(walk, scores[before], totals[before], network, 1)
        for j in np.flatnonzero(before != walk.policy_index):
            alone = before.copy()
            alone[j] = walk.policy_index[j]
            assert examine_adoptions(policies, before, alone) == Adoptions(1, 0, 0.0, 0, 0)
        best = before[scores[before].argmin()]
        reached, had = (set(np.flatnonzero(x == best)) for x in (walk.policy_index, before))
        assert had <= reached  # nobody gives the best policy up
        assert len(set(walk.policy_index)) <= len(set(before))


@given(**populations)
def test_theorem_3_2_communication_lowers_the_bound_on_the_distance_between_policies(
    seed, n_agents, radius
):
    policies, walk, scores, totals = standing_population(seed, n_agents)
    communicate(walk, scores, totals, Links(*neighbour_cells(Grid(4), radius)), 12)
    kept = sorted(set(walk.policy_index))
    found = examine_adoptions(policies, np.arange(n_agents), walk.policy_index, n_agents)
    assert found.theorem_3_2_premises == (1 < len(kept) < n_agents)
    # unless the policy that changed most is out of all others' reach, and kept
    lower = scores[kept].max() < scores.max()
    assert found.theorem_3_2_violations == (found.theorem_3_2_premises and not lower)
    assert (scores[walk.policy_index] <= scores).all()
    # of every connected part the policy that is kept is the one that changed least
    lengths = hops(walk.states, 4, radius * math.sqrt(2) * 4)
    parts = {frozenset(np.flatnonzero(np.isfinite(row))) for row in lengths}
    assert kept == sorted(min(part, key=lambda i: scores[i]) for part in parts)
