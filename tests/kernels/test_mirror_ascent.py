"""Policy mirror ascent against a reference of many digits, and its optimality conditions."""

import itertools
import math

import numpy as np
from conftest import BUILDS
from hypothesis import Phase, assume, example, given, settings
from hypothesis import strategies as st
from random_inputs import (
    random_policies,
    seeds,
)
from reference import mirror_ascent

from mfgcore import kernels

# the reference takes tenths of a second for a row: too long to shrink a failure
without_shrinking = {"phases": (Phase.explicit, Phase.generate)}
step_sizes = st.sampled_from([1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0])
entropy_weights = st.sampled_from([0.0, 1e-6, 1e-4, 0.01, 0.1, 1.0])
# log10 of unnormalised probabilities; None is 0
exponents = st.lists(
    st.none() | st.floats(-300.0, 0.0) | st.floats(-2.0, 0.0), min_size=5, max_size=5
).filter(lambda values: any(value is not None for value in values))
q_rows = st.lists(
    st.floats(0.0, 10.0) | st.floats(0.0, 1e3) | st.sampled_from([0.0, 10.0, 1e3]),
    min_size=5,
    max_size=5,
)


def make_row(exponents):
    largest = max(value for value in exponents if value is not None)
    row = np.array([0.0 if value is None else 10.0 ** (value - largest) for value in exponents])
    return row / row.sum()


def improve(build, row, q, step_size, entropy_weight, least_entropy=-1.0):
    policy, q_values = (np.array(values, dtype=float)[None, None] for values in (row, q))
    arguments = policy, np.zeros(1, dtype=np.int32), q_values, step_size, entropy_weight
    u = build.mirror_ascent(*arguments, least_entropy)[0, 0]
    assert np.isfinite(u).all()
    assert (u >= 0).all()
    assert abs(math.fsum(u) - 1.0) <= 1e-15
    return u


def entropy(u):
    return float(mirror_ascent.entropy(u))


def hard(exponents, q, step_size, weight, **others):
    return example(exponents=exponents, q=q, step_size=step_size, entropy_weight=weight, **others)


@settings(max_examples=250)
@given(
    exponents=exponents,
    q=q_rows,
    step_size=step_sizes | st.floats(1e-4, 10.0),
    entropy_weight=st.sampled_from([1e-6, 1e-4, 0.01, 0.1, 1.0]) | st.floats(1e-6, 1.0),
)
@hard([0, -300, -300, -300, -300], [0, 1e3, 0, 0, 0], 10.0, 1e-6)
@hard([0, None, None, None, None], [0, 0, 0, 0, 1e3], 0.01, 0.01)
@hard([0] * 5, [1e3] * 5, 10.0, 1.0)
# D10, the saw-tooth: a nearly deterministic row whose rare action is suddenly much better. There
# an unguarded Newton iteration on log u leaves the representable numbers
@hard([0, -30, -100, -200, -300], [0.1, 7.0, 10.1, 4.0, 9.0], 0.01, 0.01)
def test_mirror_ascent_satisfies_its_optimality_conditions(
    build, exponents, q, step_size, entropy_weight
):
    """The operator u + w log u is strongly monotone: a residual bounds the distance to the
    maximiser."""
    row = make_row(exponents)
    u = improve(build, row, q, step_size, entropy_weight)
    assert mirror_ascent.residual(u, row, q, step_size, entropy_weight) <= 1e-10


@given(seed=seeds, n_actions=st.sampled_from([1, 2, 3, 8, 13, 50]))
def test_mirror_ascent_takes_any_number_of_actions(build, seed, n_actions):
    rng = np.random.default_rng(seed)
    row, q = random_policies(rng, 1, n_actions)[0], 10.0 ** rng.uniform(-3, 3, n_actions)
    step_size, entropy_weight = 10.0 ** rng.uniform(-4, 1), 10.0 ** rng.uniform(-6, 0)
    u = improve(build, row, q, step_size, entropy_weight)
    assert mirror_ascent.residual(u, row, q, step_size, entropy_weight) <= 1e-10


@settings(max_examples=25, **without_shrinking)
@given(exponents=exponents, q=q_rows, step_size=step_sizes, entropy_weight=entropy_weights)
@hard([0, -300, -300, -300, -300], [0, 1e3, 0, 0, 0], 10.0, 1e-6)
@hard([0, -40, -80, -160, -300], [1, 2, 3, 4, 5], 0.01, 0.01)
@hard([0, -1, -2, -3, -4], [0, 0.1, 1e3, 999.9, 5], 1e-4, 1.0)
def test_mirror_ascent_is_the_fifty_digit_reference(exponents, q, step_size, entropy_weight):
    row = make_row(exponents)
    u = improve(kernels, row, q, step_size, entropy_weight)
    expected = mirror_ascent.mirror_ascent_row(row, q, step_size, entropy_weight)
    np.testing.assert_allclose(u, [float(value) for value in expected], rtol=0, atol=1e-10)


@settings(max_examples=200)
@given(
    exponents=exponents,
    q=q_rows,
    step_size=step_sizes,
    entropy_weight=entropy_weights,
    share=st.floats(0.0, 1.0) | st.sampled_from([1.0 - 1e-6, 1.0]),
)
@hard([0, -1, -5, -40, -300], [1, 9, 2, 8, 10], 0.01, 0.01, share=0.5)
@hard([0, None, None, None, None], [0, 1e3, 999, 0, 5], 0.1, 1e-4, share=0.9)
@hard([0, 0, 0, 0, 0], [3, 4, 5, 6, 7], 1.0, 0.0, share=0.2)
def test_the_bounded_maximiser_is_in_the_set_and_optimal_there(
    build, exponents, q, step_size, entropy_weight, share
):
    row, least = make_row(exponents), share * math.log(5)
    free = improve(build, row, q, step_size, entropy_weight)
    u = improve(build, row, q, step_size, entropy_weight, least)
    assert entropy(u) >= least - 1e-14
    if entropy(free) >= least + 1e-14:
        np.testing.assert_array_equal(u, free)
    elif entropy(free) < least - 1e-14:
        assert (u != free).any()
        # the bound is reached, not overshot; nowhere else is the maximum of a concave function
        assert entropy(u) <= least + 1e-12
        # the conditions are those of a larger weight of the entropy, by the bound's multiplier
        points, seen = row + step_size * np.array(q), np.flatnonzero(u >= 1e-300)
        top, low = seen[u[seen].argmax()], seen[u[seen].argmin()]
        assume(0.02 < share < 0.98)
        weight = ((points - u)[top] - (points - u)[low]) / math.log(u[top] / u[low])
        assert weight >= step_size * entropy_weight - 1e-12
        residual = mirror_ascent.residual(u, row, q, step_size, weight / step_size)
        assert residual <= 1e-10 * max(1.0, weight)


@given(
    seed=seeds,
    n_actions=st.integers(2, 7),
    least=st.sampled_from([-1.0, 0.6]),
    entropy_weight=st.sampled_from([0.0, 0.01]),
)
def test_a_row_of_mirror_ascent_does_not_depend_on_its_neighbours(
    build, seed, n_actions, least, entropy_weight
):
    """Nor on its place; each learner's own policy and Q-values are taken."""
    rng = np.random.default_rng(seed)
    policies = random_policies(rng, 3, 4, n_actions)
    index = rng.integers(0, 3, 5, dtype=np.int32)
    q_values = rng.random((5, 4, n_actions)) * 10.0 ** rng.integers(0, 3, (5, 4, 1))
    result = build.mirror_ascent(policies, index, q_values, 0.1, entropy_weight, least)
    assert result.shape == (5, 4, n_actions)
    for learner, s in itertools.product(range(5), range(4)):
        row = policies[index[learner], s], q_values[learner, s]
        alone = improve(build, *row, 0.1, entropy_weight, least)
        np.testing.assert_array_equal(result[learner, s], alone)


@given(seed=seeds)
def test_mirror_ascent_maximises_what_definition_3_2_says(seed):
    rng = np.random.default_rng(seed)
    row = rng.dirichlet(np.ones(5))
    q = rng.random(5) * 10

    def objective(u):
        return float(u @ q) + 0.01 * entropy(u) - float(((u - row) ** 2).sum()) / (2 * 0.05)

    u = improve(kernels, row, q, 0.05, 0.01)
    best = objective(u)
    for _ in range(20):
        direction = rng.dirichlet(np.ones(5)) - u
        assert objective(u + 10.0 ** rng.uniform(-6, 0) * direction) <= best + 1e-12


@settings(max_examples=200)
@given(
    point=st.lists(
        st.floats(-1e4, 1e4) | st.floats(-2.0, 2.0) | st.sampled_from([0.0, 0.2, 1.0, 1e-300]),
        min_size=1,
        max_size=8,
    )
)
@example(point=[0.0] * 5)
@example(point=[1.0, 0.0, 0.0])
@example(point=[0.2] * 5)
@example(point=[1e4, -1e4])
@example(point=[1e300, -1e300])
def test_without_entropy_mirror_ascent_is_the_exact_projection(build, point):
    u = improve(build, np.zeros(len(point)), point, 1.0, 0.0)
    expected = mirror_ascent.project_row(point)
    scale = max(1.0, *map(abs, point))
    np.testing.assert_allclose(u, [float(x) for x in expected], rtol=0, atol=4e-15 * scale)
    # u_a = max(point_a - nu, 0) for one nu
    nu = np.subtract(point, u)[u > 1e-150]
    assert np.ptp(nu) <= 4e-15 * scale
    assert (np.array(point)[u <= 1e-150] <= nu.min() + 8e-15 * scale).all()


def test_mirror_ascent_has_the_same_bits_in_all_builds():
    rng = np.random.default_rng(6)
    policies = random_policies(rng, 3, 30, 5)
    index = rng.integers(0, 3, 10, dtype=np.int32)
    for step_size, weight, least in itertools.product(
        (1e-4, 0.01, 10.0), (0.0, 1e-6, 0.01, 1.0), (-1.0, 0.5)
    ):
        q_values = 10.0 ** rng.uniform(-3, 3, (10, 30, 5))
        arguments = policies, index, q_values, step_size, weight, least
        expected = BUILDS["baseline"].mirror_ascent(*arguments)
        for module in BUILDS.values():
            np.testing.assert_array_equal(module.mirror_ascent(*arguments), expected)
