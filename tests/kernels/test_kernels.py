"""Every compiled kernel against its readable twin, on every build that this machine can run."""

import itertools
import math

import mpmath
import numpy as np
import pytest
from conftest import BUILDS
from hypothesis import example, given, settings
from hypothesis import strategies as st
from random_inputs import (
    assert_equal_arguments,
    copies,
    random_generators,
    random_transitions,
    random_walk,
    seeds,
)
from reference import elementary, gossip, replay, streams

from mfgcore import kernels
from mfgcore.agents.networks import Links, neighbour_cells
from mfgcore.games import Grid


def permutation_counts(orders):
    """How often each permutation of four things occurs."""
    known = {order: n for n, order in enumerate(itertools.permutations(range(4)))}
    return np.bincount([known[tuple(order)] for order in orders], minlength=24)


def chi_square(counts):
    expected = counts.sum() / counts.size
    return float(((counts - expected) ** 2).sum() / expected)


# P(chi-square with 23 degrees of freedom > 72) is below 1e-6
CHI_SQUARE_LIMIT = 72.0


# ------------------------------------------------------------------------------------- builds


def test_the_chosen_build_is_the_preferred_one_or_the_one_asked_for():
    assert kernels.BUILD in BUILDS
    assert list(BUILDS)[-1] == "baseline"


def test_all_builds_come_from_the_present_sources():
    fingerprints = {module.source_fingerprint() for module in BUILDS.values()}
    assert len(fingerprints) == 1


# ------------------------------------------------------------------------------------ streams


def test_generators_yield_the_published_words_of_xoshiro128plusplus(build):
    generators = np.array([[1], [2], [3], [4]], dtype=np.uint32)
    words = np.empty(1, dtype=np.uint32)
    yielded = []
    for _ in range(10):
        build.next_words(generators, words)
        yielded.append(int(words[0]))
    # the test vector of the reference implementation's ports, state (1, 2, 3, 4)
    published = "641 1573767 3222811527 3517856514 836907274 4247214768 3867114732 1355841295"
    assert yielded == [int(word) for word in (published + " 495546011 621204420").split()]


@given(seed=seeds, n=st.integers(1, 70), steps=st.integers(1, 5))
def test_words_are_those_of_the_twin(build, seed, n, steps):
    generators = random_generators(np.random.default_rng(seed), 4, n)
    words = np.empty(n, dtype=np.uint32)
    one, other = copies([generators, words]), copies([generators, words])
    for _ in range(steps):
        build.next_words(*one)
        streams.next_words(*other)
        assert_equal_arguments(one, other)


@given(word=st.integers(0, 2**32 - 1))
@example(word=0)
@example(word=2**32 - 1)
def test_a_state_can_be_made_that_yields_a_given_word(word):
    state = streams.state_yielding(word)
    before = streams.state_before(state)
    streams.next_word(before)
    assert before == state
    assert streams.next_word(state) == word


@given(seed=seeds, n=st.integers(1, 100), passes=st.integers(1, 3))
@example(seed=0, n=1, passes=1)
@example(seed=0, n=16, passes=2)
@example(seed=0, n=17, passes=2)
def test_swaps_are_those_of_the_twin_and_in_range(build, seed, n, passes):
    one = random_generators(np.random.default_rng(seed), 4, 16)
    other = one.copy()
    for _ in range(passes):
        swaps = build.shuffle_swaps(one, n)
        np.testing.assert_array_equal(swaps, streams.shuffle_swaps(other, n))
        np.testing.assert_array_equal(one, other)
        assert (swaps >= np.arange(n)).all()
        assert (swaps < n).all()


@pytest.mark.parametrize("word", [0, 2**32 - 1])
def test_swaps_stay_in_range_at_the_extreme_words(build, word):
    generators = np.array([streams.state_yielding(word)] * 16, dtype=np.uint32).T.copy()
    swaps = build.shuffle_swaps(generators, 16)
    expected = np.arange(16) if word == 0 else np.full(16, 15)
    np.testing.assert_array_equal(swaps, expected)


def shuffled_orders(make_experiment, draw, n_agents=120, n_shuffles=120):
    generators = make_experiment().random_streams.shuffle_generators("shuffles", 3, n_agents)
    for agent in range(n_agents):
        for _ in range(n_shuffles):
            order = list(range(4))
            streams.shuffle(order, draw(generators[agent]))
            yield order


def test_every_order_of_four_transitions_is_equally_likely(make_experiment):
    orders = shuffled_orders(make_experiment, lambda state: kernels.shuffle_swaps(state, 4))
    assert chi_square(permutation_counts(orders)) < CHI_SQUARE_LIMIT


def test_the_test_of_equal_likelihood_notices_the_classic_wrong_shuffle(make_experiment):
    def naive(state):
        words = np.empty(16, dtype=np.uint32)
        kernels.next_words(state, words)
        return [int(word) * 4 >> 32 for word in words[:4]]

    orders = shuffled_orders(make_experiment, naive)
    assert chi_square(permutation_counts(orders)) > 5 * CHI_SQUARE_LIMIT


@pytest.mark.parametrize("replay_cycles", [1, 2])
def test_replay_leaves_every_order_of_its_buffer_equally_likely(make_experiment, replay_cycles):
    n_agents, rounds = 1500, 8
    orders = []
    for k in range(rounds):
        transitions = np.zeros((n_agents, 4), dtype=kernels.TRANSITION)
        transitions["pair"] = np.arange(4)
        generators = make_experiment().random_streams.shuffle_generators("shuffles", k, n_agents)
        kernels.replay_td(transitions, np.zeros((n_agents, 4)), generators, replay_cycles, 0.1, 0.9)
        orders.extend(transitions["pair"].tolist())
    assert chi_square(permutation_counts(orders)) < CHI_SQUARE_LIMIT


def test_streams_of_different_names_are_uncorrelated(make_experiment):
    """Agents, purposes, iterations, trials, seeds, names of experiments: 96 streams, all pairs."""
    variants = [
        (make_experiment(), "actions", 0),
        (make_experiment(), "actions", 1),
        (make_experiment(), "evaluation_actions", 0),
        (make_experiment(trial=1), "actions", 0),
        (make_experiment(seed=2), "actions", 0),
        (make_experiment(name="other"), "actions", 0),
    ]

    def streams_of(experiment, purpose, iteration):
        return experiment.random_streams.action_generators(purpose, iteration, 16)

    generators = np.concatenate([streams_of(*name) for name in variants], axis=1)
    n_words = 4000
    words = np.empty((n_words, generators.shape[1]), dtype=np.uint32)
    for row in words:
        kernels.next_words(generators, row)
    x = words / 2.0**32
    assert abs(x.mean() - 0.5) < 6 / math.sqrt(12 * x.size)
    for lag in (0, 1):
        first, second = x[: n_words - lag], x[lag:]
        standard = [(part - 0.5) * math.sqrt(12) for part in (first, second)]
        correlation = standard[0].T @ standard[1] / math.sqrt(n_words - lag)
        if lag == 0:
            correlation = correlation[~np.eye(len(correlation), dtype=bool)]
        assert np.abs(correlation).max() < 5.5  # sigmas; 9216 pairs, P(any) < 4e-4


def test_the_lanes_of_shuffle_streams_are_uncorrelated(make_experiment):
    generators = make_experiment().random_streams.shuffle_generators("shuffles", 0, 6)
    lanes = np.ascontiguousarray(generators.transpose(1, 0, 2).reshape(4, 96))
    words = np.empty((4000, 96), dtype=np.uint32)
    for row in words:
        kernels.next_words(lanes, row)
    standard = (words / 2.0**32 - 0.5) * math.sqrt(12)
    correlation = standard.T @ standard / math.sqrt(4000)
    assert np.abs(correlation[~np.eye(96, dtype=bool)]).max() < 5.5


@pytest.mark.parametrize("make", ["action_generators", "shuffle_generators", "uniforms"])
def test_an_agents_stream_does_not_depend_on_the_number_of_agents(make_experiment, make):
    few, many = (getattr(make_experiment().random_streams, make)("actions", 2, n) for n in (3, 50))
    if make == "action_generators":
        few, many = few.T, many.T
    np.testing.assert_array_equal(few, many[:3])


def test_uniforms_are_multiples_of_two_to_the_minus_53_in_the_unit_interval(make_experiment):
    drawn = make_experiment().random_streams.uniforms("failures", 0, 20000)
    assert ((drawn >= 0) & (drawn < 1)).all()
    assert (drawn * 2.0**53 == np.floor(drawn * 2.0**53)).all()
    assert abs(drawn.mean() - 0.5) < 6 / math.sqrt(12 * drawn.size)


# --------------------------------------------------------------------------------- elementary

positive = st.floats(min_value=5e-324, allow_infinity=False, exclude_min=False)


def ulps(result, exact):
    """Error in units of the last place of the exact value."""
    if exact == 0:
        return 0.0 if result == 0.0 else math.inf
    return float(abs(mpmath.mpf(result) - exact) / math.ulp(float(exact)))


@settings(max_examples=300)
@given(x=positive)
@example(x=5e-324)
@example(x=2.2250738585072014e-308)
@example(x=math.nextafter(1.0, 0.0))
@example(x=math.nextafter(1.0, 2.0))
@example(x=math.sqrt(0.5))
@example(x=math.nextafter(math.sqrt(0.5), 0.0))
@example(x=1.7976931348623157e308)
def test_log_is_the_twins_and_within_one_and_a_half_units_in_the_last_place(build, x):
    result = float(build.log(x))
    assert result == elementary.log(x)
    with mpmath.workdps(50):
        assert ulps(result, mpmath.log(mpmath.mpf(x))) <= 1.5


@settings(max_examples=300)
@given(x=st.floats(-750.0, 715.0) | st.floats(-1e-3, 1e-3))
@example(x=0.0)
@example(x=709.782712893384)  # the last whose exponential is finite
@example(x=709.7827128933841)
@example(x=-745.1332191019411)  # the last whose exponential is not 0
@example(x=-745.1332191019412)
@example(x=-708.3964185322641)  # about the smallest normal number
@example(x=-720.0)
@example(x=1e-320)
def test_exp_is_the_twins_and_within_one_and_a_half_units_in_the_last_place(build, x):
    result = float(build.exp(x))
    assert result == elementary.exp(x)
    with mpmath.workdps(50):
        exact = mpmath.exp(mpmath.mpf(x))
        if exact > mpmath.mpf(2) ** 1024 - mpmath.mpf(2) ** 970:
            assert result == math.inf
        elif exact < mpmath.mpf(2) ** -1074:
            assert result <= 5e-324
        else:
            assert ulps(result, exact) <= 1.5


def test_log_and_exp_at_their_edges_and_of_arrays(build):
    np.testing.assert_array_equal(build.log([0.0, 1.0, np.inf]), [-np.inf, 0.0, np.inf])
    np.testing.assert_array_equal(
        build.exp([-np.inf, -1e9, 0.0, 1e9, np.inf]), [0.0, 0.0, 1.0, np.inf, np.inf]
    )
    assert np.isnan(build.log(np.nan))
    assert np.isnan(build.exp(np.nan))
    values = np.arange(1.0, 13.0).reshape(3, 4)
    np.testing.assert_allclose(build.log(values), np.log(values), rtol=4e-16)
    np.testing.assert_allclose(build.exp(values[:, ::2]), np.exp(values[:, ::2]), rtol=4e-16)
    assert build.log(2.0).shape == ()


def test_log_and_exp_have_the_same_bits_in_all_builds_and_as_the_twin():
    rng = np.random.default_rng(5)
    logs = np.concatenate((np.exp2(rng.uniform(-1074, 1024, 10000)), rng.uniform(0.5, 2, 10000)))
    exps = np.concatenate((rng.uniform(-750, 715, 10000), rng.uniform(-1, 1, 10000)))
    for values, name in ((logs, "log"), (exps, "exp")):
        expected = [getattr(elementary, name)(float(x)) for x in values]
        for module in BUILDS.values():
            np.testing.assert_array_equal(getattr(module, name)(values), expected)


# ------------------------------------------------------------------------------------- replay

rates = st.sampled_from([1e-6, 0.01, 0.1, 0.5, 1.0])
discounts = st.sampled_from([0.0, 0.5, 0.9, 0.999])


@given(
    seed=seeds,
    n_learners=st.integers(0, 4),
    n=st.integers(1, 40),
    n_pairs=st.integers(1, 12),
    replay_cycles=st.integers(1, 5),
    rate=rates,
    discount=discounts,
)
@settings(max_examples=80)
def test_replay_is_the_twins(build, seed, n_learners, n, n_pairs, replay_cycles, rate, discount):
    rng = np.random.default_rng(seed)
    arguments = [
        random_transitions(rng, n_learners, n, n_pairs),
        rng.random((n_learners, n_pairs)) * 10,
        random_generators(rng, n_learners, 4, 16),
        replay_cycles,
        rate,
        discount,
    ]
    one, other = copies(arguments), copies(arguments)
    build.replay_td(*one)
    replay.replay_td(*other)
    assert_equal_arguments(one, other)


@given(
    seed=seeds,
    n_learners=st.integers(0, 4),
    n=st.integers(1, 40),
    n_pairs=st.integers(1, 12),
    discount=discounts,
)
def test_online_learning_is_the_twins(build, seed, n_learners, n, n_pairs, discount):
    rng = np.random.default_rng(seed)
    arguments = [
        random_transitions(rng, n_learners, n, n_pairs),
        rng.random((n_learners, n_pairs)) * 10,
        rng.random(n),
        discount,
    ]
    one, other = copies(arguments), copies(arguments)
    build.online_td(*one)
    replay.online_td(*other)
    assert_equal_arguments(one, other)


def test_the_collected_update_is_the_papers_operator():
    """Q - beta (Q - r - h - gamma Q'), to rounding (Def. 3.1)."""
    rng = np.random.default_rng(2)
    for _ in range(200):
        q, (rate, discount) = rng.random(2) * 10, rng.random(2)
        reward = float(rng.random(dtype=np.float32))
        expected = q[0] - rate * (q[0] - reward - discount * q[1])
        transitions = np.array([[(0, 1, reward)]], dtype=kernels.TRANSITION)
        q_values = q[None].copy()
        kernels.online_td(transitions, q_values, np.array([rate]), discount)
        assert q_values[0, 0] == pytest.approx(expected, rel=1e-14)
        assert q_values[0, 1] == q[1]


# ------------------------------------------------------------------------------------- gossip


@given(
    seed=seeds,
    size=st.integers(2, 5),
    n_agents=st.integers(1, 13),
    radius=st.sampled_from([0.0, 0.1, 0.2, 0.35, 0.5, 2.0]),
    boundary=st.sampled_from(["wall", "torus"]),
)
@settings(max_examples=80)
def test_a_round_of_adoption_is_the_twins(build, seed, size, n_agents, radius, boundary):
    rng = np.random.default_rng(seed)
    states = rng.integers(0, size**2, n_agents, dtype=np.int32)
    ranks = rng.permutation(n_agents).astype(np.int32)
    hears = gossip.within(size, radius * math.sqrt(2) * size, boundary)
    expected = gossip.adopt(ranks.tolist(), states, hears)
    build.adopt_policies(states, ranks, *neighbour_cells(Grid(size, boundary), radius))
    np.testing.assert_array_equal(ranks, expected)


@given(
    seed=seeds,
    size=st.integers(2, 5),
    n_agents=st.integers(1, 11),
    n_policies=st.integers(1, 11),
    radius=st.sampled_from([None, 0.0, 0.2, 0.35, 2.0]),
    rounds=st.integers(0, 6),
    drop_probability=st.sampled_from([0.0, 0.4, 1.0]),
)
@settings(max_examples=100)
def test_communication_is_the_twins(
    build, seed, size, n_agents, n_policies, radius, rounds, drop_probability
):
    rng = np.random.default_rng(seed)
    grid = Grid(size)
    walk = random_walk(rng, n_agents, size**2, 5, n_policies)
    walk["next_states"] = grid.next_state()[..., None]
    # few different values, so that there are ties of every kind
    scores = rng.choice([0.0, 0.25, 1.0, np.inf], n_agents)
    totals = np.where(scores < np.inf, rng.choice([0.5, 1.0], n_agents), np.inf)
    order = sorted(range(n_agents), key=lambda i: (scores[i], totals[i], i))
    ranks = np.argsort(order).astype(np.int32)
    policy_of_rank = walk["policy_index"][order]

    other = copies(walk)
    hears, network = None, {}
    if radius is not None:
        of_rounds = rng.integers(0, 2**64, rounds, dtype=np.uint64)
        links = Links(*neighbour_cells(grid, radius), None, 1.0, drop_probability, of_rounds)
        network = links.arguments()
        hears = gossip.within(size, radius * math.sqrt(2) * size)
        hears = gossip.failing(hears, of_rounds, drop_probability)
    held = gossip.communicate(other, scores, totals, hears, rounds)

    build.communicate(**walk, ranks=ranks, policy_of_rank=policy_of_rank, rounds=rounds, **network)
    np.testing.assert_array_equal([order[rank] for rank in ranks], [i for _, _, i in held])
    walk["policy_index"] = policy_of_rank[ranks]
    assert_equal_arguments(walk, other)
