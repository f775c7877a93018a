"""Readings of passages that the paper leaves open, each a key; docs/decisions.md says which."""

import numpy as np
import pytest
from conftest import assert_same_state, learning_steps, run, small
from reference import gossip

from mfgcore import ConfigurationError, Experiment, kernels
from mfgcore.agents import adoption as package
from mfgcore.agents.networks import Links, graph
from mfgcore.agents.population import Population
from mfgcore.agents.rollout import RolloutState
from mfgcore.games import GAMES
from mfgcore.meanfield.policies import uniform_policy
from mfgcore.runs import simulation
from mfgcore.runs.simulation import Simulation

FAILING = {"failure_probability": 0.5, "communication_radius": 1.0}


# ------------------------------------------------------------ D3: when the reward is paid


@pytest.mark.parametrize(
    ("when", "paid_for"), [("before_move", "pair"), ("after_move", "next_pair")]
)
def test_d3_a_learner_is_paid_where_it_was_or_where_it_arrives(when, paid_for):
    experiment = small(game="diffuse", reward_timing=when)
    simulated = Simulation(experiment)
    learners = np.arange(6, dtype=np.int32)
    seen = learning_steps(
        experiment, simulated._rollout_state(), simulated._algorithm.n_discarded, learners
    )
    at_target = np.isin(seen.transitions[paid_for] // 5, [0, 2, 6, 8])
    assert 0.2 < at_target.mean() < 0.8
    # diffuse pays 3 or more of 5 at a corner and nothing elsewhere; h is 0.016
    np.testing.assert_array_equal(seen.transitions["reward"] > 0.5, at_target)


def test_d3_needs_a_game_that_pays_by_states():
    with pytest.raises(ConfigurationError, match=r"^reward_timing: 'after_move' is not allowed"):
        small(game="beach_bar", reward_timing="after_move")
    with pytest.raises(ValueError, match="reward_after_move needs rewards in a table"):
        kernels.step_population(
            **RolloutState.of(
                Population(*np.zeros((2, 3), np.int32), uniform_policy(10, 3)[None]),
                GAMES["beach_bar"](),
                0.0,
                np.ones((4, 3), np.uint32),
            ).arguments(),
            n_steps=4,
            learners=np.zeros(1, np.int32),
            transitions=np.zeros((1, 3), kernels.TRANSITION),
            reward_after_move=True,
        )


# ------------------------------------------------------------ D4: rewards in [0, 1]


def test_d4_rewards_by_hand():
    """8 x 8, a mean field with a quarter of the population in each corner, and a half in one."""
    quarter, half = np.zeros((2, 64))
    quarter[[0, 7, 56, 63]] = 0.25
    half[[0, 1]] = 0.5

    def paid(name, normalisation, mean_field, cell):
        game = GAMES[name](normalisation=normalisation)
        return game.rewards(mean_field)[cell, 0]

    assert paid("agree", "extremes", half, 0) == 0.75
    assert paid("agree", "clip", half, 0) == paid("agree", "attainable", half, 0) == 0.5
    assert paid("agree", "extremes", half, 1) == paid("agree", "clip", half, 1) == 0.0
    assert paid("diffuse", "extremes", quarter, 0) == pytest.approx(9.75 / 10.0)
    assert paid("diffuse", "clip", quarter, 0) == paid("diffuse", "clip", half, 0) == 1.0
    assert paid("diffuse", "attainable", quarter, 0) == 0.75
    assert paid("diffuse", "attainable", half, 0) == 0.5
    assert paid("diffuse", "attainable", half, 1) == 0.0
    assert paid("cluster", "attainable", half, 0) == paid("cluster", "extremes", half, 0)
    assert paid("cluster", "clip", half, 0) == 0.0


def test_d4_only_the_papers_games_read_it():
    assert small(game="agree").effective_parameters()["normalisation"] == "extremes"
    assert "normalisation" not in small(game="beach_bar").effective_parameters()


# ------------------------------------------------------------ D8: one shuffle for all


def test_d8_agents_that_see_the_same_learn_the_same_from_one_shuffle(monkeypatch):
    seen = {}

    def learn(part, q_values, generators, *_):
        seen.setdefault("rows", []).extend(map(bytes, generators))

    monkeypatch.setattr(kernels, "replay_td", learn, raising=False)
    for shuffles, distinct in (("own", 6), ("shared", 1)):
        seen.clear()
        run(small(shuffles=shuffles), iterations=1)
        assert len(seen["rows"]) == 6
        assert len(set(seen["rows"])) == distinct


# ------------------------------------------------------------ D15, D16: scores


def test_d15_sigma_can_be_the_sum_over_states(monkeypatch):
    used = watched_scores(monkeypatch)
    for rule in ("smallest_change", "smallest_total_change"):
        run(small(score_rule=rule), iterations=1)
    one, other = used
    np.testing.assert_array_equal(one[1], other[0])
    assert (one[0] < one[1]).all()


def watched_scores(monkeypatch):
    """A list to which the scores, (2, n_agents), are added by which agents go in an iteration."""
    used = []

    def communicate_by(adoption, state, scores, *rest):
        used.append(scores.copy())
        return package.communicate_by(adoption, state, scores, *rest)

    monkeypatch.setattr(simulation, "communicate_by", communicate_by)
    return used


def scores_of(monkeypatch, **settings):
    """What agents go by in the communication of each iteration, and who failed."""
    used = watched_scores(monkeypatch)
    simulated = run(small(iterations=4, **FAILING, **settings))
    return [scores[0] for scores in used], simulated


def test_d16_a_failed_learner_has_no_score_zero_or_its_last(monkeypatch):
    none, _ = scores_of(monkeypatch, failed_score="none")
    zero, frozen = scores_of(monkeypatch, failed_score="zero")
    last, _ = scores_of(monkeypatch, failed_score="last")
    for k in range(4):
        failed = np.isinf(none[k])
        assert failed.any()
        assert (zero[k][np.isinf(scores_failed(k))] == 0.0).all()
    # everybody hears everybody: whoever failed first is adopted by all, and nothing is learned
    np.testing.assert_array_equal(frozen.population.policies, uniform_policy(9, 5)[None])
    failed = np.isinf(none[0])
    np.testing.assert_array_equal(last[0], none[0])  # nobody has a last score yet
    again = np.isinf(scores_failed(1))
    # they all adopted the best of iteration 0, whose score travelled with its policy
    assert (last[1][again] == none[0].min()).all()
    assert np.isfinite(last[1]).all()


def scores_failed(k):
    """Infinite for the agents whose update fails at iteration k."""
    simulated = Simulation(small(iterations=4, **FAILING))
    simulated.iteration = k
    _, failed = simulated._learners()
    scores = np.zeros(6)
    scores[failed] = np.inf
    return scores


def test_d16_the_last_score_is_kept_in_checkpoints(tmp_path):
    from mfgcore.runs import checkpoint

    experiment = small(
        iterations=4, failed_score="last", final_agents=9, population_change_at=1, **FAILING
    )
    whole = run(experiment)
    checkpoint.save(run(experiment, iterations=2), tmp_path / "kept")
    again = Simulation(experiment)
    checkpoint.restore(again, tmp_path / "kept")
    again.step()
    again.step()
    assert_same_state(whole, again)
    np.testing.assert_array_equal(whole.scores, again.scores)


# ------------------------------------------------------------ D20: the literal evaluation


def test_d20_the_population_can_go_on_from_where_the_evaluation_left_it():
    sampled = {"sampled_exploitability": True, "evaluation_interval": 2}
    copied, moved = (run(small(evaluate_on_copy=each, **sampled)) for each in (True, False))
    one, other = (each.records["exploitability"] for each in (copied, moved))
    assert one[0] == other[0]
    assert one[2] != other[2]
    assert np.isnan(other[1])
    # nobody has a learning step more: only where it starts is another
    assert copied.records["updates"] == moved.records["updates"]
    assert moved.records["discounted_return"][0] != copied.records["discounted_return"][0]


# ------------------------------------------------------------ D24: softmax of each agent


def neighbours(groups, network, i):
    begin, heard = network.first_neighbour, network.neighbours
    linked = heard[begin[groups[i]] : begin[groups[i] + 1]]
    return [j for group in linked for j in np.flatnonzero(groups == group)]


def random_network(rng, n_agents, n_groups):
    """A symmetric one, everybody linked to itself, some groups empty."""
    near = rng.random((n_groups, n_groups)) < 0.4
    near = near | near.T | np.eye(n_groups, dtype=bool)
    first = np.concatenate(([0], near.sum(axis=1).cumsum())).astype(np.int32)
    network = Links(first, np.nonzero(near)[1].astype(np.int32))
    return rng.integers(0, n_groups, n_agents, dtype=np.int32), network


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e-3])
def test_softmax_draws_are_those_of_the_twin(scale):
    rng = np.random.default_rng(int(scale))
    for _ in range(200):
        n_agents, n_groups = rng.integers(1, 12, 2)
        groups, network = random_network(rng, n_agents, n_groups)
        scores = scale * rng.normal(size=n_agents)
        scores[rng.random(n_agents) < 0.3] = np.inf
        drawn = rng.random((n_agents, 2))
        drawn[rng.random((n_agents, 2)) < 0.1] = 2.0**-40
        drawn[rng.random((n_agents, 2)) < 0.1] = 1.0 - 2.0**-40
        expected = [
            gossip.draw_neighbour(scores, groups, network, i, *drawn[i]) for i in range(n_agents)
        ]
        found = package.draw_neighbours(scores, groups, network, drawn)
        assert found.tolist() == expected


def test_softmax_draws_have_the_frequencies_of_a_softmax():
    rng = np.random.default_rng(5)
    groups, network = random_network(rng, 9, 4)
    scores = rng.normal(size=9)
    scores[2] = np.inf
    n = 40_000
    drawn = rng.random((n, 9, 2))
    found = np.array([package.draw_neighbours(scores, groups, network, each) for each in drawn])
    for i in range(9):
        heard = neighbours(groups, network, i)
        weights = np.exp(-scores[heard])
        if not weights.any():
            assert (found[:, i] == i).all()
            continue
        expected = n * weights / weights.sum()
        counts = np.array([(found[:, i] == j).sum() for j in heard])
        assert counts.sum() == n
        positive = expected > 0
        assert counts[~positive].sum() == 0
        statistic = ((counts - expected)[positive] ** 2 / expected[positive]).sum()
        assert statistic < 40.0  # of at most 8 degrees of freedom: less than 1e-5 are larger


def test_at_a_low_temperature_the_best_that_is_heard_is_adopted():
    settings = {"agents": 12, "iterations": 1, "communication_rounds": 1, "network": "ring"}
    low = {"adoption_temperature": 1e-9, "final_adoption_temperature": 1e-9}
    one = run(small(**settings))
    other = run(small(adoption="softmax", **low, **settings))
    assert_same_state(one, other)


def test_the_temperature_is_geometric(monkeypatch):
    temperatures = []

    def draw(scores, *rest):
        temperatures.append(1.0 / scores[0])
        return np.arange(scores.size)

    monkeypatch.setattr(package, "draw_neighbours", draw)
    settings = {"adoption_temperature": 4.0, "final_adoption_temperature": 0.25, "iterations": 5}
    experiment = small(adoption="softmax", communication_rounds=1, **settings)
    state = run(small(), iterations=0)._rollout_state()
    given = state, np.ones((2, 6)), graph(6, []), 1
    for k in range(5):
        streams = experiment.random_streams
        package.communicate_by(experiment.make("adoption"), *given, k, streams)
    assert temperatures == pytest.approx([4.0, 2.0, 1.0, 0.5, 0.25])


def test_softmax_with_threads_and_resumed_has_the_same_bits(tmp_path):
    from mfgcore.runs import checkpoint

    experiment = small(
        adoption="softmax",
        score_rule="highest_return",
        iterations=4,
        final_agents=4,
        population_change_at=2,
        failure_probability=0.3,
    )
    whole = run(experiment)
    checkpoint.save(run(experiment, iterations=2, threads=2), tmp_path / "kept")
    again = Simulation(experiment)
    checkpoint.restore(again, tmp_path / "kept")
    again.step()
    again.step()
    assert_same_state(whole, again)


@pytest.mark.parametrize(
    "drawn", [{"link_failure_probability": 0.1}, {"network": "erdos_renyi", "resample_links": True}]
)
def test_softmax_is_refused_where_links_are_drawn_in_every_round(drawn):
    with pytest.raises(ConfigurationError, match=r"^adoption: 'softmax' is not allowed"):
        small(adoption="softmax", **drawn)


def test_a_reading_that_a_run_does_not_read_is_no_part_of_it():
    readings = {
        "reward_timing",
        "normalisation",
        "shuffles",
        "failed_score",
        "adoption",
        "adoption_temperature",
        "final_adoption_temperature",
        "evaluate_on_copy",
    }
    read = set(Experiment(game="agree").effective_parameters())
    assert readings - read == {"adoption_temperature", "final_adoption_temperature"}
    alone = set(
        Experiment(
            game="beach_bar",
            architecture="independent",
            algorithm="exact",
            sampled_exploitability=False,
        ).effective_parameters()
    )
    assert not readings & alone
