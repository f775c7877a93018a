"""As test_decisions: arrivals, timing, metrics and reproducibility (D17 ... D23, Sec. 3.3)."""

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
from decisions import (
    ARCHITECTURES,
    DISTURBANCES,
    EVERYBODY,
    SIX,
    listen,
    norm,
    path_of,
    policies_of,
    walk_of,
)
from hypothesis import given
from hypothesis import strategies as st
from reference import gossip

from mfgcore import Experiment, kernels
from mfgcore.agents.adoption import communicate
from mfgcore.agents.networks import Links, neighbour_cells
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
