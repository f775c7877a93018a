"""Intervals against known distributions."""

import numpy as np
import pytest

from mfgcore.plotting.statistics import bootstrap, interquartile_mean, last_iterations

# name: draw(generator, n) with mean 0
DISTRIBUTIONS = {
    "normal": lambda generator, n: generator.normal(0.0, 2.0, n),
    "uniform": lambda generator, n: generator.uniform(-1.0, 1.0, n),
    "exponential": lambda generator, n: generator.exponential(1.0, n) - 1.0,
}


def coverage(draw, sizes, n_samples=1500):
    """Share of simulated experiments whose 95 % interval holds the true value 0."""
    generator = np.random.default_rng(20)
    held = 0
    for _ in range(n_samples):
        strata = [draw(generator, n) for n in sizes]
        interval = bootstrap(strata, generator, resamples=1000)
        held += interval.low <= 0.0 <= interval.high
    return held / n_samples


@pytest.mark.parametrize(
    ("name", "sizes", "least", "most"),
    [
        ("normal", [10], 0.925, 0.97),
        ("normal", [30], 0.93, 0.97),
        ("normal", [10, 10, 4], 0.90, 0.97),
        ("uniform", [10], 0.92, 0.975),
        ("exponential", [30], 0.90, 0.96),
        ("normal", [4], 0.93, 0.97),
        ("normal", [4, 4], 0.92, 0.97),
        ("uniform", [5], 0.91, 0.97),
    ],
)
def test_intervals_cover_what_they_promise(name, sizes, least, most):
    """The standard error of a coverage from 1500 samples is 0.006."""
    assert least <= coverage(DISTRIBUTIONS[name], sizes) <= most


def test_the_same_generator_gives_the_same_interval():
    sample = [np.arange(7.0)]
    one, other = (bootstrap(sample, np.random.default_rng(3)) for _ in range(2))
    assert one == other
    assert one.estimate == 3.0
    assert one.low < 3.0 < one.high
    assert one.trials == 7


def test_strata_are_resampled_by_themselves():
    """Two constant strata have no spread, however far apart they are."""
    interval = bootstrap([np.full(5, 1.0), np.full(3, 9.0)], np.random.default_rng(0))
    assert (interval.estimate, interval.low, interval.high, interval.trials) == (5.0, 5.0, 5.0, 3)


@pytest.mark.parametrize(
    "strata", [[], [[1.0]], [[1.0, np.nan]], [[1.0, 2.0], [3.0]], [np.ones((2, 2))]]
)
def test_samples_that_say_nothing_are_refused(strata):
    with pytest.raises(ValueError, match=r"sample"):
        bootstrap(strata, np.random.default_rng(0))


def test_the_interquartile_mean():
    assert interquartile_mean(np.array([9.0, 1.0, 2.0, -50.0])) == 1.5
    # of ten values the third and the eighth count half
    values = np.array([-99.0, -99, 2, 3, 4, 5, 6, 7, 99, 99])
    assert interquartile_mean(values) == (0.5 * 2 + 3 + 4 + 5 + 6 + 0.5 * 7) / 5
    assert interquartile_mean(np.array([3.0, 5.0])) == 4.0


@pytest.mark.parametrize(("n", "end"), [(400, 40), (100, 10), (44, 5), (25, 5), (3, 3)])
def test_the_end_of_a_run(n, end):
    assert last_iterations(n) == end
