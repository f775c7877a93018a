"""Effects and their intervals: a stratified bootstrap over trials.

Trials are the replicates, agents of one run are not. What is compared is paired by trial, as trials
share their random numbers, by giving the differences; experiments that are pooled are strata, each
resampled by itself.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval.

    Parameters
    ----------
    estimate, low, high : float
        In the units of the sample.
    trials : int
        Of the smallest stratum.
    """

    estimate: float
    low: float
    high: float
    trials: int


def interquartile_mean(values):
    """Mean of the middle half of a sample, the outer of its values with fractional weights; float.

    For n = 4 it is the mean of the middle two, for n = 10 that of the middle five, the outermost
    two of six values with half the weight.
    """
    ordered = np.sort(values)
    n = ordered.size
    places = np.arange(n)
    # the share of each value's place [i, i + 1] / n that lies within [1/4, 3/4]
    weights = np.clip(np.minimum(places + 1, 0.75 * n) - np.maximum(places, 0.25 * n), 0.0, 1.0)
    return float(weights @ ordered / weights.sum())


def last_iterations(n_iterations):
    """How many iterations are the end of a run: a tenth of them, five at least; int."""
    return min(n_iterations, max(5, round(n_iterations / 10)))


def bootstrap(strata, generator, level=0.95, resamples=10_000):
    """Confidence interval of a mean over trials, or of the mean over strata of such means.

    A percentile interval of the bootstrap is too narrow for few trials, by sqrt((n - 1) / n) and
    by the normal quantile in place of Student's. The percentiles are therefore moved outwards
    until, for a normal sample, both are made good (Hesterberg 2015, What Teachers Should Know
    About the Bootstrap, Sec. 4.4). Where that asks for more than the most extreme resample, as
    with a single stratum of five trials or fewer, the interval is Student's.

    Parameters
    ----------
    strata : list of (n_trials,) float64
        One sample for each stratum; n_trials >= 2.
    generator : numpy.random.Generator
        Source of all randomness.
    level : float
        Coverage asked for, in (0, 1).
    resamples : int

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        If there is no stratum, or one has fewer than two trials or a value that is not finite.
    """
    samples = [np.asarray(sample, dtype=np.float64) for sample in strata]
    if not samples:
        raise ValueError("there is no sample")
    for sample in samples:
        if sample.ndim != 1 or sample.size < 2 or not np.isfinite(sample).all():
            raise ValueError("a sample needs two trials or more, all finite")
    estimate = float(np.mean([sample.mean() for sample in samples]))
    n = min(sample.size for sample in samples)
    student = stats.t.ppf(0.5 + level / 2.0, sum(sample.size - 1 for sample in samples))
    tail = NormalDist().cdf(-math.sqrt(n / (n - 1)) * student)
    # the probability of a resample that repeats one value
    if tail < math.prod(float(sample.size) ** (1 - sample.size) for sample in samples):
        error = sum(sample.var(ddof=1) / sample.size for sample in samples) ** 0.5 / len(samples)
        return Interval(estimate, estimate - student * error, estimate + student * error, n)
    resampled = np.zeros(resamples)
    for sample in samples:
        chosen = generator.integers(sample.size, size=(sample.size, resamples))
        resampled += sample[chosen].mean(axis=0)
    low, high = np.quantile(resampled / len(samples), [tail, 1.0 - tail])
    return Interval(estimate, float(low), float(high), n)
