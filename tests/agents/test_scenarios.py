"""Disturbances: agents that leave, a central learner that is lost, and all of them together."""

import copy
import itertools

import numpy as np
import pytest
from conftest import assert_same_state, run, small

from mfgcore import ConfigurationError
from mfgcore.agents import SCENARIOS
from mfgcore.batch import cost
from mfgcore.runs import checkpoint
from mfgcore.runs.simulation import Simulation

ARCHITECTURES = ("centralised", "independent", "networked")
LEAVING = {"agents": 9, "final_agents": 5, "population_change_at": 2}


@pytest.mark.parametrize("arrivals", ["after_learning", "before_learning"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_agents_leave_and_the_others_keep_what_is_theirs(name, arrivals):
    alone = {"communication_rounds": 0} if name == "networked" else {}
    simulated = run(
        small(architecture=name, arrival_timing=arrivals, **LEAVING, **alone), iterations=2
    )
    before = copy.deepcopy(simulated)
    staying = simulated._change_population()
    assert staying[0] == 0 and staying.size == simulated.population.size == 5
    for key in ("states", "policy_index"):
        kept = getattr(before.population, key)[staying]
        np.testing.assert_array_equal(getattr(simulated.population, key), kept)
    np.testing.assert_array_equal(simulated.q_values, before.q_values[staying])
    whole = run(small(architecture=name, arrival_timing=arrivals, **LEAVING, **alone))
    early = arrivals == "before_learning"
    assert whole.records["population_size"] == [9, 9, 5 if early else 9, 5]
    assert whole.q_values.shape == (5, 45)


def test_after_learning_the_others_go_on_with_their_own_streams_and_policies():
    """Without a network it makes no difference to those that stay that others leave."""
    settings = {"architecture": "independent", "communication_rounds": 0}
    left = run(small(**LEAVING, **settings), iterations=3)
    same = run(small(agents=9, **settings), iterations=3)
    chance = left.experiment.random_streams.uniforms("departures", 2, 9)
    staying = np.sort([0, *(1 + chance[1:].argsort()[4:])])
    np.testing.assert_array_equal(left.population.states, same.population.states[staying])
    np.testing.assert_array_equal(left.q_values, same.q_values[staying])
    for each, agents in ((left, np.arange(5)), (same, staying)):
        each.own = each.population.policies[each.population.policy_index[agents]]
    np.testing.assert_array_equal(left.own, same.own)


@pytest.mark.parametrize("cell", [0, 8, 4])
def test_the_nearest_to_a_cell_leave(cell):
    many = {"agents": 60, "final_agents": 30, "population_change_at": 0}
    simulated = Simulation(small(**many, departure_rule="nearest", departure_state=cell))
    far = simulated.game.distances[cell]
    distance = far[simulated.population.states]
    staying = simulated._change_population()
    leaving = np.setdiff1d(np.arange(60), staying)
    assert distance[leaving].max() <= distance[staying[1:]].min()


def test_who_leaves_among_equals_is_left_to_chance():
    left = set()
    for trial in range(40):
        simulated = Simulation(small(**{**LEAVING, "population_change_at": 0}, trial=trial))
        left |= set(range(9)) - set(simulated._change_population())
    assert left == set(range(1, 9))


def test_a_lost_learner_learns_no_more_and_stops_only_the_centralised():
    for name in ARCHITECTURES:
        lost = run(small(architecture=name, learner_lost_at=2))
        learners = 1 if name == "centralised" else 6
        assert lost.records["updates"] == [learners] * 2 + [learners - 1] * 2
        assert lost.records["failures"] == [0, 0, 1, 1]
    earlier = run(small(architecture="centralised", learner_lost_at=2), iterations=2)
    later = run(small(architecture="centralised", learner_lost_at=2))
    np.testing.assert_array_equal(earlier.population.policies, later.population.policies)
    work = [
        cost.work(small(architecture="centralised", learner_lost_at=k))["update"] for k in (1, 2)
    ]
    assert work[1] == 2 * work[0] > 0


DISTURBANCES = (
    {"failure_probability": 0.5},
    {"final_agents": 4, "population_change_at": 1},
    {"learner_lost_at": 2},
    {"link_failure_probability": 0.3},
    {"network": "ring", "nearest_neighbours": 2},
)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_disturbances_combine_and_a_resumed_run_has_the_same_bits(name, tmp_path):
    for some in itertools.chain(*(itertools.combinations(DISTURBANCES, n) for n in (2, 5))):
        settings = {key: value for each in some for key, value in each.items()}
        disturbed = small(architecture=name, **settings)
        if "failure_probability" in settings:
            assert disturbed.resolved_scenario == "disturbed"
        whole = run(disturbed)
        stopped = run(disturbed, iterations=2)
        checkpoint.save(stopped, tmp_path / "stopped")
        again = Simulation(disturbed, threads=2)
        checkpoint.restore(again, tmp_path / "stopped")
        for _ in range(2):
            again.step()
        assert_same_state(whole, again)


def test_a_scenario_of_a_users_own_must_be_told_what_it_reads(register):
    register(SCENARIOS, "mine", lambda *, failure_probability: None)
    with pytest.raises(ConfigurationError, match="scenario 'mine' needs it"):
        small(scenario="mine")
    with pytest.raises(ConfigurationError, match="scenario 'mine' has no use for it"):
        small(scenario="mine", failure_probability=0.5, learner_lost_at=1)


def test_those_who_arrive_before_anybody_has_learned_have_no_policy_of_their_own():
    growing = {"final_agents": 9, "population_change_at": 0, "arrival_timing": "before_learning"}
    for architecture in ARCHITECTURES:
        simulated = run(small(architecture=architecture, **growing), iterations=1)
        assert simulated.records["distinct_policies"] == [1]
        assert simulated.records["policy_divergence"] == [0.0]
        assert simulated.records["population_size"] == [9]
