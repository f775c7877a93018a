"""Objectives: agents that learn from their own rewards, or from estimates of the average (D30)."""

import dataclasses

import numpy as np
import pytest
from conftest import assert_same_state, run, small

import mfgcore
from mfgcore import ConfigurationError
from mfgcore.agents import (
    NETWORKS,
    OBJECTIVES,
    REWARD_AVERAGINGS,
    Links,
    Network,
    RewardAveraging,
)
from mfgcore.agents.rollout import rollout
from mfgcore.runs import checkpoint
from mfgcore.runs.resources import run_bytes
from mfgcore.runs.simulation import Simulation

SHARED = {"objective": "shared", "agents": 9}
ESTIMATES = ("reward_estimates", "reward_estimate_error")
# links that are fixed, of positions, or drawn in every round, and both ways of averaging
SOME = {
    "radius": {"network": "radius", "communication_radius": 0.3},
    "ring": {"network": "ring", "nearest_neighbours": 2},
    "failing": {"link_failure_probability": 0.4, "communication_radius": 0.3},
    "resampled": {"network": "erdos_renyi", "link_probability": 0.3},
    "weights": {"reward_averaging": "metropolis", "communication_radius": 0.3},
    "failing weights": {
        "reward_averaging": "metropolis",
        "link_failure_probability": 0.4,
        "communication_radius": 0.3,
    },
}


@pytest.mark.parametrize("architecture", ["independent", "networked"])
def test_agents_that_hear_no_rewards_learn_as_from_their_own(architecture):
    rounds = {"reward_rounds": 0} if architecture == "networked" else {}
    own = run(small(architecture=architecture, agents=9))
    shared = run(small(architecture=architecture, **SHARED, **rounds))
    assert_same_state(own, shared, but=ESTIMATES)
    assert own.records["reward_estimates"] == [0] * 4
    assert np.isnan(own.records["reward_estimate_error"]).all()
    assert shared.records["reward_estimates"] == [shared.experiment.kept_transitions] * 4
    assert (np.array(shared.records["reward_estimate_error"]) > 0.0).all()


def stored(experiment):
    """Rewards of the first iteration's transitions, without h, and the step that each began."""
    experiment = dataclasses.replace(experiment, entropy_weight=0.0)
    simulation = Simulation(experiment)
    learners = np.arange(9, dtype=np.int32)
    lengths = experiment.transitions, experiment.steps_per_transition
    seen = rollout(
        simulation._rollout_state(),
        simulation._algorithm,
        *lengths,
        learners=learners,
        exchange=simulation._exchange(9, "learning"),
    )
    first = (experiment.burn_in + 2) * lengths[1] - 2
    return seen.transitions["reward"], seen.population_rewards[first :: lengths[1]] / 9


@pytest.mark.parametrize(
    "whose", [{"architecture": "centralised"}, {"network": "complete"}, {"communication_radius": 9}]
)
def test_whoever_hears_of_everybody_learns_from_the_average_reward(whose):
    rewards, averages = stored(small(**SHARED, **whose))
    np.testing.assert_allclose(rewards, np.tile(averages, (9, 1)), rtol=1e-7)
    assert np.unique(rewards, axis=0).shape[0] == 1
    simulation = run(small(**SHARED, **whose))
    assert simulation.records["reward_estimate_error"] == [0.0] * 4


@pytest.mark.parametrize("name", SOME)
def test_more_rounds_make_better_estimates(name):
    rounds = [0, 1, 8]
    found = [run(small(**SHARED, **SOME[name], reward_rounds=n)) for n in rounds]
    errors = [each.records["reward_estimate_error"][0] for each in found]
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("name", SOME)
def test_blocks_threads_and_interruptions_change_no_bit(name, tmp_path):
    disturbed = {"failure_probability": 0.3, "final_agents": 12, "population_change_at": 2}
    score = {"score_rule": "highest_return", "score_steps": 20}
    experiment = small(**SHARED, **SOME[name], reward_rounds=2, **disturbed, **score)
    whole = run(experiment)
    parts = Simulation(experiment, threads=3)
    parts.block = 2
    parts.step()
    checkpoint.save(parts, tmp_path / "run.checkpoint")
    resumed = Simulation(experiment)
    checkpoint.restore(resumed, tmp_path / "run.checkpoint")
    for _ in range(3):
        resumed.step()
    assert_same_state(whole, resumed)
    own = run(dataclasses.replace(experiment, objective="own"))
    assert (own.q_values != whole.q_values).any()


def test_the_evaluation_and_what_it_measures_stay_the_agents_own():
    """A deviator gains by its own reward, whatever it and the others learn from."""
    given = {**SHARED, "network": "complete"}
    one, other = (run(small(**given, sampled_exploitability=on)) for on in (True, False))
    assert_same_state(one, other, but=("exploitability",))
    own = run(small(agents=9, sampled_exploitability=True))
    first = [each.records["exploitability"][0] for each in (one, own)]
    assert first[0] == first[1]


def test_the_highest_return_is_of_the_estimates():
    """With the exact average all returns are equal, and the first agent's policy is taken."""
    given = {"score_rule": "highest_return", "entropy_weight": 0.0, "network": "complete"}
    shared, own = (Simulation(small(**given, agents=9, objective=o)) for o in ("shared", "own"))
    scores = []
    for simulation in (shared, own):
        score = simulation._score

        def kept(context, score=score):
            scores.append(score(context))
            return scores[-1]

        simulation._score = kept
        simulation.step()
    assert np.unique(scores[0]).size == 1
    assert np.unique(scores[1]).size > 1


def test_learning_and_scoring_draw_links_of_their_own():
    simulation = Simulation(small(**SHARED, **SOME["failing"]))
    phases = [simulation._exchange(9, phase)["seed"] for phase in ("learning", "scoring")]
    simulation.iteration = 1
    phases += [simulation._exchange(9, phase)["seed"] for phase in ("learning", "scoring")]
    assert len(set(phases)) == 4


def test_the_rounds_are_read_only_where_rewards_travel():
    keys = {"reward_rounds", "reward_averaging"}
    own, networked = small(), small(objective="shared")
    central = small(objective="shared", architecture="centralised")
    assert not keys & own.effective_parameters().keys()
    assert not keys & central.effective_parameters().keys()
    assert keys <= networked.effective_parameters().keys()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"algorithm": "exact"}, "objective: 'shared' .*'exact'"),
        ({"objective": "common"}, "objective: unknown objective 'common'"),
        ({"reward_averaging": "metropolis1"}, "reward_averaging: .*'metropolis1'.*'metropolis'"),
        ({"reward_rounds": -1}, "reward_rounds: -1 is not .*>= 0"),
    ],
)
def test_what_cannot_be_shared_is_refused_in_one_line(settings, message):
    with pytest.raises(ConfigurationError, match=f"^{message}") as caught:
        small(**{"objective": "shared", **settings})
    assert len(str(caught.value).splitlines()) == 1


def test_a_way_of_averaging_is_a_function_of_ones_own(register):
    lazy = RewardAveraging(lambda neighbours: 0.5 / (1.0 + neighbours))
    register(REWARD_AVERAGINGS, "lazy", lambda: lazy)
    given = {**SHARED, "network": "ring", "nearest_neighbours": 2, "reward_rounds": 2}
    errors = [
        run(small(**given, reward_averaging=name)).records["reward_estimate_error"][0]
        for name in ("lazy", "metropolis")
    ]
    assert errors[0] > errors[1] > 0.0
    beyond = RewardAveraging(lambda neighbours: 0.4 + 0.0 * neighbours)
    register(REWARD_AVERAGINGS, "beyond", lambda: beyond)
    with pytest.raises(ConfigurationError, match=r"^reward_averaging: 0.4.* 3 neighbours"):
        small(**given, reward_averaging="beyond")


def test_weights_need_links_that_go_both_ways(register):
    first, heard = np.arange(0, 19, 2, dtype=np.int32), np.arange(18) // 2
    heard[1::2] = (heard[1::2] + 1) % 9  # a ring on which everybody hears the next
    heard = heard.astype(np.int32)
    links = Links(first, heard, np.arange(9, dtype=np.int32))
    register(NETWORKS, "one_way", lambda: Network(lambda n_agents: links))
    given = {**SHARED, "network": "one_way"}
    found = run(small(**given, link_failure_probability=0.3))
    assert found.records["reward_estimate_error"][0] > 0.0
    with pytest.raises(ConfigurationError, match=r"^reward_averaging: "):
        run(small(**given, reward_averaging="metropolis"))


@pytest.mark.parametrize("more", [{}, {"link_failure_probability": 0.1}])
def test_the_memory_of_who_has_heard_of_whom_is_counted(more):
    given = {"network": "ring", "nearest_neighbours": 2, "agents": 20_000, **more}
    own, shared = (run_bytes(small(**given, objective=o), 1) for o in ("own", "shared"))
    matrix = 20_000**2 / 8.0
    assert (5.0 if more else 3.0) * matrix <= shared - own < 6.0 * matrix


def test_every_objective_and_averaging_makes_a_file(tmp_path):
    for objective in OBJECTIVES:
        for averaging in REWARD_AVERAGINGS:
            experiment = small(objective=objective, reward_averaging=averaging)
            path = tmp_path / f"{objective}{averaging}.nc"
            mfgcore.save(mfgcore.simulate(experiment), path)
            found = mfgcore.load(path)
            assert found["reward_estimates"].values.all() == (objective == "shared")
