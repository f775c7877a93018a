"""Over trials: means and spreads, effects and their intervals by a stratified bootstrap.

Trials are the replicates, agents of one run are not. What is compared is paired by trial, as trials
share their random numbers, by giving the differences; experiments that are pooled are strata, each
resampled by itself.
"""

import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mfgcore._base.arguments import explained


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


@explained
def interquartile_mean(values: np.ndarray) -> float:
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


@explained
def last_iterations(n_iterations: int) -> int:
    """How many iterations are the end of a run: a tenth of them, five at least; int."""
    return min(n_iterations, max(5, round(n_iterations / 10)))


@explained
def generator_of(seed: int, name: str) -> np.random.Generator:
    """The bootstrap's random numbers for what has a name: one more changes no other's."""
    key = zlib.crc32(name.encode())
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(key,)))


@explained
def widened_tail(n: int, student: float) -> float:
    """The percentile at which a bootstrap's interval begins; see :func:`bootstrap`; float.

    `student` is the quantile of Student's distribution that a normal sample would ask for.
    """
    return NormalDist().cdf(-math.sqrt(n / (n - 1)) * student)


@explained
def half_interval(deviation: Any, trials: int) -> Any:
    """Half of the 95 % interval of a mean, by Student's distribution; as the deviation is.

    `deviation` is the standard deviation over so many trials, with n - 1; of one there is none: 0.
    """
    if trials < 2:
        return 0.0 * deviation
    from scipy import stats  # half a second that few need

    return stats.t.ppf(0.975, trials - 1) * deviation / trials**0.5


@explained
def bootstrap(
    strata: Sequence[np.ndarray],
    generator: np.random.Generator,
    level: float = 0.95,
    resamples: int = 10_000,
) -> Interval:
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
    from scipy import stats  # half a second that few need

    student = stats.t.ppf(0.5 + level / 2.0, sum(sample.size - 1 for sample in samples))
    tail = widened_tail(n, student)
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


@explained
def summarise(dataset: xr.Dataset, metrics: Iterable[str]) -> pd.DataFrame:
    """Mean and standard deviation over trials of some metrics of an experiment's dataset.

    Returns
    -------
    pandas.DataFrame
        Columns metric, one for each factor such as architecture, iteration, mean,
        standard_deviation (with n - 1; 0 for a single trial), trials. Iterations at which a metric
        was not measured are left out.
    """
    tables = []
    for metric in metrics:
        values = dataset[metric].transpose(..., "iteration", "trial")
        *dims, _ = values.dims
        places = pd.MultiIndex.from_product([values[dim].values for dim in dims], names=dims)
        measured = np.isfinite(values.values).all(axis=-1)
        sample = values.values[measured]
        rows = places[measured.ravel()].to_frame(index=False)
        rows.insert(0, "metric", metric)
        n_trials = sample.shape[1]
        spread = sample.std(axis=1, ddof=min(1, n_trials - 1))
        columns = {"mean": sample.mean(axis=1), "standard_deviation": spread}
        tables.append(rows.assign(**columns, trials=n_trials))
    return pd.concat(tables, ignore_index=True)


@explained
def summarise_levels(dataset: xr.Dataset, generator: np.random.Generator) -> pd.DataFrame:
    """Mean return over the whole run, with its 95 % interval, for every level of the factors.

    Parameters
    ----------
    dataset : xarray.Dataset
        As of :func:`mfgcore.plotting.datasets.over_settings`.
    generator : numpy.random.Generator
        Of the bootstrap over trials.

    Returns
    -------
    pandas.DataFrame
        Columns setting, one for each of its coordinates, architecture, mean, low, high, final (mean
        return at the end of the run, see `last_iterations`), exploitability (exact, likewise),
        trials.
    """
    dims = ("setting", "architecture", "trial", "iteration")
    returns = dataset["discounted_return"].transpose(*dims).values
    gaps = dataset["exact_exploitability"].transpose(*dims)
    last = slice(-last_iterations(returns.shape[-1]), None)
    names = {"setting": None} | dict(dataset["setting"].coords)
    rows = []
    for i, j in np.ndindex(returns.shape[:2]):
        whole = returns[i, j].mean(axis=1)
        interval = Interval(whole[0], whole[0], whole[0], 1)
        if whole.size > 1:
            interval = bootstrap([whole], generator)
        rows.append(
            {
                **{name: dataset[name].values[i] for name in names},
                "architecture": dataset["architecture"].values[j],
                "mean": interval.estimate,
                "low": interval.low,
                "high": interval.high,
                "final": returns[i, j, :, last].mean(),
                "exploitability": float(gaps[i, j, :, last].mean()),
                "trials": interval.trials,
            }
        )
    return pd.DataFrame(rows)
