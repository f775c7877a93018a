"""Quantities of the second protocol, one number for each trial."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mfgcore.plotting.statistics import Interval, bootstrap, generator_of
from mfgcore.study.claims.evidence import NothingToJudge, configurations
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


class Law:
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
        self.datasets = {name: condense(dataset) for name, dataset in datasets.items()}
        self._cells = {name: configurations(each).keys() for name, each in self.datasets.items()}
        self.contraction = contraction or {}

    def dataset(self, name: str) -> xr.Dataset:
        """An experiment's dataset; NothingToJudge if it is missing."""
        if name not in self.datasets:
            raise NothingToJudge(f"there are no runs of {name}")
        return self.datasets[name]

    def levels(self, name: str, factor: str) -> list[Any]:
        """The levels of a factor of an experiment, as they are in its dataset; list."""
        return self.dataset(name)[factor].values.tolist()

    def was_run(self, name: str, **labels: Any) -> bool:
        """Whether an experiment has a cell: some levels are only combined with some others."""
        dims = self.dataset(name)["discounted_return"].dims[:-2]
        return tuple(str(labels[str(dim)]) for dim in dims) in self._cells[name]

    def runs(self, name: str, **labels: Any) -> Runs:
        """The trials of one cell, or NothingToJudge.

        Parameters
        ----------
        name : str
            Of the experiment.
        **labels
            The level of each factor.
        """
        where = ", ".join(map(str, labels.values()))
        try:
            cell = self.dataset(name).sel(labels)
        except KeyError:
            raise NothingToJudge(f"{name} has no {where}") from None
        returns = cell["discounted_return"].transpose("trial", "iteration").values
        there = np.isfinite(returns)
        trials, iterations = there.any(axis=1), there.any(axis=0)
        if not trials.any():
            raise NothingToJudge(f"{name} has no {where}")

        def array(variable, *places):
            return cell[variable].transpose("trial", ...).values[places].astype(np.float64)

        curves = np.ix_(trials, iterations)
        return Runs(
            *(array(variable, *curves) for variable in ("discounted_return", "useful_share")),
            *(array(variable, trials) for variable in GAINS),
        )


def interval_of(sample: np.ndarray, name: str) -> Interval:
    """95 % interval of a mean over trials; NothingToJudge if there is none."""
    if sample.size < 2:
        raise NothingToJudge("a single trial says nothing about the spread over trials")
    if not np.isfinite(sample).all():
        raise NothingToJudge(f"{name}: not every trial has what is measured")
    return bootstrap([sample], generator_of(SEED, name))


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
