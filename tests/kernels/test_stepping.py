"""The stepping kernels against their readable twin, on every build that this machine can run."""

import itertools
import math

import numpy as np
import pytest
from conftest import BUILDS
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_inputs import (
    assert_equal_arguments,
    copies,
    random_generators,
    random_policies,
    random_walk,
    seeds,
)
from reference import stepping, streams

from mfgcore import games, kernels
from mfgcore.agents.population import Population
from mfgcore.agents.rollout import RolloutState


@given(
    seed=seeds,
    n_actions=st.sampled_from([1, 2, 3, 5, 5, 7]),
    entropy_weight=st.sampled_from([0.0, 0.01, 1.0]),
)
def test_policy_tables_are_those_of_the_twin(build, seed, n_actions, entropy_weight):
    policies = random_policies(np.random.default_rng(seed), 3, 4, n_actions)
    tables = build.policy_tables(policies, entropy_weight)
    expected = stepping.policy_tables(policies, entropy_weight)
    np.testing.assert_array_equal(tables["thresholds"], expected["thresholds"])
    np.testing.assert_array_equal(tables["entropy"], expected["entropy"])
    assert tables.dtype == build.policy_row(n_actions)


@given(seed=seeds)
def test_thresholds_give_every_action_its_probability_to_the_resolution_of_the_draw(seed):
    policies = random_policies(np.random.default_rng(seed), 4, 5, 5)
    thresholds = kernels.policy_tables(policies, 0.01)["thresholds"]
    cuts = thresholds.astype(np.int64) + 1  # number of the 2**31 draws that are not above
    edges = np.concatenate(
        (np.zeros((4, 5, 1)), cuts, np.full((4, 5, 1), 2.0**31)), axis=2, dtype=float
    )
    chances = np.diff(edges, axis=2)
    assert (chances >= 0).all()
    assert (np.abs(chances / 2.0**31 - policies) <= 2.0**-31 + 1e-15).all()
    assert (chances[policies == 0.0] == 0).all()


def test_entropy_of_the_uniform_policy_is_its_maximum_and_of_a_certain_action_zero(build):
    rows = np.array([[[0.2] * 5, [0.0, 0.0, 1.0, 0.0, 0.0], [1e-300, 1.0, 0.0, 0.0, 0.0]]])
    entropies = build.policy_tables(rows, 0.01)["entropy"][0]
    np.testing.assert_allclose(entropies, [0.01 * math.log(5), 0.0, 0.0], atol=1e-17)
    assert (entropies >= 0.0).all()


def fitting_buffers(n_learners, n_steps, interval, n_discarded):
    kept = n_steps // interval - n_discarded - (interval == 1 and n_discarded == 0)
    return np.zeros((n_learners, max(kept, 0)), dtype=kernels.TRANSITION)


def assert_steps_of_the_twin(arguments):
    """Step by every build, and once by the twin, which takes nearly all of the time."""
    expected = copies(arguments)
    stepping.step_population(**expected)
    for build in BUILDS.values():
        own = copies(arguments)
        build.step_population(**own)
        assert_equal_arguments(own, expected)


@given(
    seed=seeds,
    n_agents=st.integers(1, 23),
    n_states=st.integers(1, 12),
    n_actions=st.integers(1, 7) | st.just(5),
    n_policies=st.integers(1, 4),
    n_next_states=st.integers(1, 4),
    move_coupling=st.sampled_from([0.0, 0.3, 1.0]),
    tabled=st.booleans(),
    interval=st.integers(1, 5),
    n_discarded=st.integers(0, 4),
    further=st.integers(1, 6),
    left_over=st.integers(0, 4),
    wanted=st.sets(st.sampled_from(["population", "occupancy", "deviator"])),
    n_learners=st.none() | st.integers(0, 5),
    on_arrival=st.booleans(),
)
@settings(max_examples=300)
def test_steps_of_any_game_are_those_of_the_twin(
    seed,
    n_agents,
    n_states,
    n_actions,
    n_policies,
    n_next_states,
    move_coupling,
    tabled,
    interval,
    n_discarded,
    further,
    left_over,
    wanted,
    n_learners,
    on_arrival,
):
    rng = np.random.default_rng(seed)
    n_steps = (n_discarded + further) * interval + min(left_over, interval - 1)
    game = n_next_states, move_coupling, tabled
    arguments = random_walk(rng, n_agents, n_states, n_actions, n_policies, *game) | {
        "n_steps": n_steps,
        "population_rewards": np.full(n_steps, np.nan) if "population" in wanted else None,
        "occupancy": rng.integers(0, 5, n_states) if "occupancy" in wanted else None,
        "deviator": int(rng.integers(0, n_agents)),
        "deviator_rewards": np.full(n_steps, np.nan) if "deviator" in wanted else None,
        "interval": interval,
        "n_discarded": n_discarded,
    }
    if n_learners is not None:
        learners = rng.permutation(n_agents)[:n_learners].astype(np.int32)
        transitions = fitting_buffers(learners.size, n_steps, interval, n_discarded)
        assume(transitions.shape[1] > 0 or learners.size == 0)
        arguments |= {"learners": learners, "transitions": transitions}
        arguments |= {"reward_after_move": on_arrival and tabled}
    assert_steps_of_the_twin(arguments)


# next states, coupling of the moves, whether there is a table of rewards
GAMES = [(1, 0.0, True), (1, 0.0, False), (3, 0.0, True), (3, 0.0, False), (2, 1.0, False)]


@pytest.mark.parametrize(("interval", "n_discarded"), [(1, 0), (1, 70), (3, 20), (64, 1), (65, 1)])
@pytest.mark.parametrize(("n_agents", "n_actions"), [(63, 3), (64, 5), (130, 3), (130, 5)])
@pytest.mark.parametrize("game", GAMES, ids=str)
def test_steps_are_those_of_the_twin_beyond_a_group_and_a_block(
    n_agents, n_actions, game, interval, n_discarded
):
    """Kernels take 64 agents and 64 steps at a time, a transition may lie across."""
    rng = np.random.default_rng(n_agents)
    n_steps = 199
    learners = rng.permutation(n_agents)[:20].astype(np.int32)
    arguments = random_walk(rng, n_agents, 7, n_actions, 5, *game) | {
        "n_steps": n_steps,
        "population_rewards": np.empty(n_steps),
        "occupancy": np.zeros(7, dtype=np.int64),
        "deviator": n_agents - 1,
        "deviator_rewards": np.empty(n_steps),
        "learners": learners,
        "transitions": fitting_buffers(20, n_steps, interval, n_discarded),
        "interval": interval,
        "n_discarded": n_discarded,
    }
    assert_steps_of_the_twin(arguments)
    # the learners' transitions alone, for which few steps are counted
    left_out = dict.fromkeys(("population_rewards", "occupancy", "deviator_rewards"))
    for build in BUILDS.values():
        whole, alone = copies(arguments), copies(arguments | left_out)
        build.step_population(**whole)
        build.step_population(**alone)
        assert_equal_arguments(whole | left_out, alone)


def test_steps_are_those_of_the_twin_with_more_policies_than_the_caches_hold():
    rng = np.random.default_rng(4)
    learners = np.arange(0, 600, 7, dtype=np.int32)
    arguments = random_walk(rng, 600, 64, 5, 600) | {
        "n_steps": 12,
        "population_rewards": np.empty(12),
        "learners": learners,
        "transitions": fitting_buffers(learners.size, 12, 2, 1),
        "interval": 2,
        "n_discarded": 1,
    }
    assert arguments["tables"].nbytes > 2**20
    assert_steps_of_the_twin(arguments)


def test_the_sum_of_rewards_is_that_of_the_agents_rewards():
    """Against the agents' own rewards, added exactly: the twin shares its order with the kernel."""
    rng = np.random.default_rng(3)
    walk = random_walk(rng, 21, 6, 5, 3)
    n_steps = 30
    path = stepping.follow(n_steps, **copies(walk))
    sums = np.empty(n_steps)
    kernels.step_population(**walk, n_steps=n_steps, population_rewards=sums)
    np.testing.assert_allclose(sums, [math.fsum(own) for _, own, *_ in path], rtol=1e-14)


SUPPORTS = [
    [action in support for action in range(5)]
    for size in range(1, 6)
    for support in itertools.combinations(range(5), size)
]


def one_step_with_words(build, policy, words):
    """The actions that agents with these words take under one row, seen by where they arrive."""
    n = len(words)
    states = np.zeros(n, dtype=np.int32)
    generators = np.array([streams.state_yielding(int(word)) for word in words], dtype=np.uint32)
    build.step_population(
        states,
        np.zeros(n, dtype=np.int32),
        build.policy_tables(np.tile(policy, (1, 5, 1)), 0.0),
        np.tile(np.arange(5, dtype=np.int32)[:, None], (5, 1, 1)),
        None,
        np.zeros((5, n + 1)),
        np.ascontiguousarray(generators.T),
        n_steps=1,
    )
    return states


@pytest.mark.parametrize("support", SUPPORTS, ids=str)
def test_an_action_of_probability_zero_is_never_taken(build, support):
    """At the extreme draws and at both sides of every threshold."""
    rng = np.random.default_rng(8)
    support = np.array(support)
    for weights in (np.ones(5), rng.random(5), 10.0 ** -rng.integers(0, 12, 5).astype(float)):
        policy = np.where(support, weights, 0.0)
        policy /= policy.sum()
        thresholds = (
            build.policy_tables(policy[None, None], 0.0)["thresholds"].ravel().astype(np.int64)
        )
        draws = np.concatenate([thresholds - 1, thresholds, thresholds + 1, thresholds + 2])
        draws = np.concatenate([draws, [0, 2**31 - 1], rng.integers(0, 2**31, 20)])
        draws = draws.clip(0, 2**31 - 1)
        words = np.concatenate([2 * draws, 2 * draws + 1])
        taken = one_step_with_words(build, policy, words)
        assert support[taken].all()
        cumulated = np.cumsum(np.rint(policy * 2.0**31))
        certain = np.searchsorted(cumulated, words >> 1, side="right")
        # a draw that is not within rounding of a threshold belongs to one action only
        clear = np.abs((words >> 1)[:, None] - cumulated[None, :]).min(axis=1) > 8
        np.testing.assert_array_equal(taken[clear], certain[clear])


def test_thresholds_reach_both_ends_of_the_draw(build):
    first = build.policy_tables(np.array([[[1.0, 0.0, 0.0, 0.0, 0.0]]]), 0.0)["thresholds"]
    last = build.policy_tables(np.array([[[0.0, 0.0, 0.0, 0.0, 1.0]]]), 0.0)["thresholds"]
    assert (first == 2**31 - 1).all()
    assert (last == -1).all()


def test_a_sum_of_probabilities_above_one_by_its_last_bits_does_not_overflow(build):
    row = np.array([[[0.3, 0.3, 0.2, math.nextafter(0.2, 1.0) + 1e-15, 0.0]]])
    assert row[0, 0, :4].sum() > 1.0
    assert build.policy_tables(row, 0.0)["thresholds"][0, 0, 3] == 2**31 - 1


def record_everything(walk, n_steps, n_states):
    """The other arguments of a walk of which everything is asked."""
    n_agents = walk["states"].size
    return walk | {
        "n_steps": n_steps,
        "population_rewards": np.empty(n_steps),
        "occupancy": np.zeros(n_states, dtype=np.int64),
        "deviator": n_agents - 1,
        "deviator_rewards": np.empty(n_steps),
        "learners": np.arange(n_agents, dtype=np.int32),
        "transitions": fitting_buffers(n_agents, n_steps, 1, 0),
    }


def assert_close_sums_and_all_else_equal(one, other):
    """Sums of rewards are added in another order where a table gives them."""
    sums = [walk.pop("population_rewards") for walk in (one, other)]
    np.testing.assert_allclose(*sums, rtol=1e-14)
    for name in one.keys() - {"rewards", "next_state_thresholds", "game"}:
        np.testing.assert_array_equal(one[name], other[name], name)


class Tabled:
    """A paper's game that computes the rewards of a table."""

    def __init__(self, table):
        self.table = table

    def checked_rewards(self, mean_fields):
        n_states, n = self.table.shape
        counts = np.rint(mean_fields * (n - 1)).astype(int)
        return np.repeat(self.table[np.arange(n_states), counts][..., None], 5, axis=-1)


@pytest.mark.parametrize("name", ["cluster", "agree", "diffuse"])
def test_a_game_of_the_paper_is_the_same_by_its_table_and_when_asked(build, name):
    rng = np.random.default_rng(11)
    game = games.GAMES[name](grid_size=4)
    population = Population(
        rng.integers(0, 16, 37, dtype=np.int32),
        rng.integers(0, 6, 37, dtype=np.int32),
        random_policies(rng, 6, 16, 5),
    )
    walk = RolloutState.of(population, game, 0.01, random_generators(rng, 4, 37)).arguments()
    asked = walk | {"rewards": None, "game": Tabled(walk["rewards"])}
    one, other = (copies(record_everything(each, 150, 16)) for each in (walk, asked))
    build.step_population(**one)
    build.step_population(**other)
    assert_close_sums_and_all_else_equal(one, other)


@given(seed=seeds, n_next_states=st.integers(2, 4), tabled=st.booleans())
def test_fixed_probabilities_are_the_same_when_asked_for_at_every_step(
    build, seed, n_next_states, tabled
):
    walk = random_walk(np.random.default_rng(seed), 9, 6, 5, 3, n_next_states, 0.0, tabled)
    one = copies(record_everything(walk, 130, 6))
    other = copies(one) | {"next_state_thresholds": None}
    build.step_population(**one)
    build.step_population(**other)
    for name in one.keys() - {"next_state_thresholds"}:
        np.testing.assert_array_equal(one[name], other[name], name)


@pytest.mark.parametrize("game", GAMES, ids=str)
def test_steps_do_not_depend_on_how_they_are_cut_into_calls_and_blocks(build, game):
    walk = random_walk(np.random.default_rng(6), 21, 6, 5, 3, *game)
    whole, part = copies(walk), copies(walk)
    sums, own = np.empty(150), np.empty(150)
    build.step_population(**whole, n_steps=150, population_rewards=sums, deviator_rewards=own)
    for cut in (slice(0, 1), slice(1, 70), slice(70, 150)):
        pieces = {"population_rewards": sums[cut].copy(), "deviator_rewards": own[cut].copy()}
        again = copies(pieces)
        build.step_population(**part, n_steps=cut.stop - cut.start, **again)
        assert_equal_arguments(pieces, again)
    assert_equal_arguments(whole, part)


@pytest.mark.parametrize("game", GAMES, ids=str)
def test_a_round_of_communication_moves_everybody_as_a_step_does(build, game):
    walk = random_walk(np.random.default_rng(7), 21, 6, 4, 3, *game)
    stepped, talked = copies(walk), copies(walk)
    build.step_population(**stepped, n_steps=9)
    ranks = np.arange(21, dtype=np.int32)
    build.communicate(**talked, ranks=ranks, policy_of_rank=walk["policy_index"], rounds=9)
    assert_equal_arguments(stepped, talked)


def test_only_an_action_of_several_outcomes_takes_a_second_word(build):
    for n_next_states, words in ((1, 12), (2, 24)):
        walk = random_walk(np.random.default_rng(8), 5, 4, 3, 2, n_next_states)
        expected, drawn = walk["generators"].copy(), np.empty(5, dtype=np.uint32)
        build.step_population(**walk, n_steps=12)
        for _ in range(words):
            build.next_words(expected, drawn)
        np.testing.assert_array_equal(walk["generators"], expected)


def test_an_outcome_of_probability_zero_never_happens(build):
    """At the extreme draws and at both sides of every threshold."""
    probabilities = np.array([0.0, 0.3, 0.0, 0.7, 0.0])[None, None]
    thresholds = build.next_state_thresholds(probabilities)
    np.testing.assert_array_equal(
        thresholds, stepping.cumulated_thresholds(probabilities), strict=True
    )
    cut = round(0.3 * 2**31)
    draws = [0, 1, cut - 1, cut, cut + 1, 2**31 - 1]
    # the word before is that of the action, of which there is one
    generators = [streams.state_before(streams.state_yielding(2 * draw)) for draw in draws]
    states = np.zeros(6, dtype=np.int32)
    build.step_population(
        states,
        np.zeros(6, dtype=np.int32),
        build.policy_tables(np.ones((1, 5, 1)), 0.0),
        np.tile(np.arange(5, dtype=np.int32), (5, 1, 1)),
        np.tile(thresholds, (5, 1, 1)),
        np.zeros((5, 7)),
        np.array(generators, dtype=np.uint32).T.copy(),
        n_steps=1,
    )
    np.testing.assert_array_equal(states, [1, 1, 1, 3, 3, 3])


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("next_states", np.zeros((4, 3, 3), dtype=np.int32)),
        ("next_states", np.full((4, 3, 2), 4, dtype=np.int32)),
        ("next_states", np.full((4, 3, 2), -1, dtype=np.int32)),
        ("next_states", np.zeros((4, 3, 0), dtype=np.int32)),
        ("next_states", np.zeros((40000, 2, 2), dtype=np.int32)),
        ("next_state_thresholds", np.zeros((4, 3, 2), dtype=np.int32)),
        ("next_state_thresholds", np.zeros((3, 4, 1), dtype=np.int32)),
        ("next_state_thresholds", None),
        ("rewards", None),
        ("occupancy", np.zeros(3, dtype=np.int64)),
    ],
)
def test_outcomes_that_do_not_fit_are_refused(build, name, wrong):
    walk = random_walk(np.random.default_rng(1), 4, 4, 3, 1, 2) | {"game": None}
    with pytest.raises(ValueError, match=r"^[^\n]*must[^\n]*$"):
        build.step_population(**walk | {name: wrong}, n_steps=2)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("policy_index", np.zeros(3, dtype=np.int32)),
        ("tables", kernels.policy_tables(np.full((1, 4, 4), 0.25), 0.0)),
        ("tables", kernels.policy_tables(np.full((1, 3, 5), 0.2), 0.0)),
        ("rewards", np.zeros((4, 4))),
        ("generators", np.zeros((4, 3), dtype=np.uint32)),
        ("population_rewards", np.zeros(5)),
        ("deviator_rewards", np.zeros(3)),
        ("transitions", np.zeros((1, 7), dtype=kernels.TRANSITION)),
        ("transitions", None),
    ],
)
def test_shapes_that_do_not_fit_are_refused(build, name, wrong):
    arguments = random_walk(np.random.default_rng(1), 4, 4, 5, 1) | {
        "n_steps": 6,
        "learners": np.zeros(1, dtype=np.int32),
        "transitions": np.zeros((1, 2), dtype=kernels.TRANSITION),
        "interval": 2,
        "n_discarded": 1,
    }
    build.step_population(**copies(arguments))
    with pytest.raises(ValueError, match="must"):
        build.step_population(**arguments | {name: wrong})
