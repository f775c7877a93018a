"""Quantities of the second protocol, one number for each trial."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mfgcore.plotting.statistics import Interval
from mfgcore.study import comparisons
from mfgcore.study.comparisons import Comparisons, array_of
from mfgcore.study.law import SEED

NEAR = "radius 0.2"  # the setting of *later_versions* with the least reach, and one round
LEARNABLE = 0.05  # lower bound of the rise of a game that counts
# of the metrics that are summed over a run, what is kept of them
GAINS = {
    "total_followed_gain": "sum over k of followed_gain",
    "total_mean_gain": "sum over k of useful_share times learner_gain",
    "mean_correlation": "mean over k of score_gain_correlation",
}


def condense(dataset: xr.Dataset) -> xr.Dataset:
    """What the second protocol needs of an experiment, in single precision; xarray.Dataset.

    The return and `useful_share` of each iteration, and `GAINS`, sums over a run. What has been
    condensed is returned as it is.
    """
    if set(GAINS) <= set(dataset):
        return dataset
    found = dataset[["discounted_return", "useful_share"]]
    gains = dataset["useful_share"] * dataset["learner_gain"]
    sums = (
        dataset["followed_gain"].sum("iteration", min_count=1),
        gains.sum("iteration", min_count=1),
        dataset["score_gain_correlation"].mean("iteration"),
    )
    for (name, text), values in zip(GAINS.items(), sums, strict=True):
        found[name] = values.assign_attrs(long_name=text)
    return found.map(lambda values: values.astype(np.float32), keep_attrs=True)


@dataclass(frozen=True)
class Runs:
    """The trials of one cell of an experiment.

    Parameters
    ----------
    returns : (n_trials, K) float64
        R(k).
    useful : (n_trials, K) float64
        u(k).
    followed, mean_gain, correlation : (n_trials,) float64
        See `GAINS`.
    """

    returns: np.ndarray
    useful: np.ndarray
    followed: np.ndarray
    mean_gain: np.ndarray
    correlation: np.ndarray

    @property
    def selection_gain(self) -> np.ndarray:
        """Gain of the followed policies over the mean gain, g; (n_trials,) float64."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.followed / self.mean_gain

    @property
    def end(self) -> np.ndarray:
        """Mean return of the last tenth; (n_trials,) float64."""
        n = self.returns.shape[1]
        return self.returns[:, -max(1, round(n / 10)) :].mean(axis=1)

    @property
    def progress(self) -> np.ndarray:
        """Successful updates before each iteration, the sum of u; (n_trials, K) float64."""
        return np.cumsum(self.useful, axis=1) - self.useful

    def progress_at(self, level: float) -> np.ndarray:
        """Successful updates until the return reaches a level; (n_trials,), NaN where it does not.

        Interpolated between the first iteration whose return is that high and the one before.
        """
        above = self.returns >= level
        k = above.argmax(axis=1)
        trials = np.arange(k.size)
        before = np.maximum(k - 1, 0)
        low, high = self.returns[trials, before], self.returns[trials, k]
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(k > before, (level - low) / (high - low), 0.0)
        found = self.progress[trials, before] + part * self.useful[trials, before]
        return np.where(above.any(axis=1), found, np.nan)


class Law(Comparisons):
    """The runs of the second protocol.

    Parameters
    ----------
    datasets : dict of str to xarray.Dataset
        By name of the experiment; whole or condensed.
    contraction : dict
        What `contraction` has measured.
    """

    def __init__(
        self, datasets: Mapping[str, xr.Dataset], contraction: Mapping[str, Any] | None = None
    ) -> None:
        every = {name: condense(dataset) for name, dataset in datasets.items()}
        super().__init__(every, "discounted_return")
        self.contraction = contraction or {}

    def runs(self, name: str, **labels: Any) -> Runs:
        """The trials of one cell, or NothingToJudge; as `cell` has it."""
        cell = self.cell(name, **labels)
        variables = "discounted_return", "useful_share", *GAINS
        return Runs(*(array_of(cell, variable) for variable in variables))


def interval_of(sample: np.ndarray, name: str) -> Interval:
    """95 % interval of a mean over trials; NothingToJudge if there is none."""
    return comparisons.interval_of(sample, name, SEED)


def rise(centralised: Runs) -> np.ndarray:
    """Return of the centralised population at the end, minus that at k = 0; (n_trials,) float64."""
    return centralised.end - centralised.returns[:, 0]


def counts(centralised: Runs, name: str) -> bool:
    """Whether there is something to learn in a game: the lower bound of the rise is above 0.05."""
    return interval_of(rise(centralised), f"rise, {name}").low > LEARNABLE


def lead(first: Runs, second: Runs, unit: float) -> np.ndarray:
    """Mean over k of the difference of the returns, in a unit; (n_trials,) float64."""
    return (first.returns - second.returns).mean(axis=1) / unit


def price(of: Runs, centralised: Runs, unit: float) -> np.ndarray:
    """Return at the end, centralised minus another's, in a unit; (n_trials,) float64."""
    return (centralised.end - of.end) / unit
