"""Quantities of the third protocol, one number for each trial."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mfgcore.plotting.statistics import Interval
from mfgcore.study import comparisons
from mfgcore.study.claims.evidence import NothingToJudge
from mfgcore.study.comparisons import Comparisons, array_of
from mfgcore.study.cooperation import SEED

WELFARE = {  # of the protocol: W_0 of the uniform policy, and W* of the optimum
    "diffuse": (0.784, 9.845),
    "agree": (0.484, 10.110),
    "cluster": (1.614, 10.110),
    "beach_bar": (5.438, 5.573),
    "two_bars": (4.599, 9.659),
    "sis_epidemic": (2.888, 9.291),
}
ERROR = "mean_reward_estimate_error"


def condense(dataset: xr.Dataset) -> xr.Dataset:
    """What the third protocol needs of an experiment, in single precision; xarray.Dataset.

    The welfare of each iteration where it was measured, and the mean over k of the error of
    estimates. What has been condensed is returned as it is.
    """
    if ERROR in dataset:
        return dataset
    found = dataset[["exact_return"]]
    mean = dataset["reward_estimate_error"].mean("iteration")
    found[ERROR] = mean.assign_attrs(long_name="mean over k of reward_estimate_error")
    return found.map(lambda values: values.astype(np.float32), keep_attrs=True)


@dataclass(frozen=True)
class Runs:
    """The trials of one cell of an experiment.

    Parameters
    ----------
    last : int
        The first iteration of the last tenth.
    iterations : (n,) int64
        Those in which welfare was measured.
    welfare : (n_trials, n) float64
        W(k).
    error : (n_trials,) float64
        Mean over k of the error of estimates.
    uniform, optimum : float
        W_0 and W* of the game.
    """

    last: int
    iterations: np.ndarray
    welfare: np.ndarray
    error: np.ndarray
    uniform: float
    optimum: float

    @property
    def shares(self) -> np.ndarray:
        """Share of the attainable welfare of each iteration; (n_trials, n) float64."""
        return (self.welfare - self.uniform) / (self.optimum - self.uniform)

    @property
    def w(self) -> np.ndarray:
        """Mean over k of the share of the attainable welfare; (n_trials,) float64."""
        return self.shares.mean(axis=1)

    @property
    def end(self) -> np.ndarray:
        """Mean W of the last tenth; (n_trials,) float64."""
        return self.welfare[:, self.iterations >= self.last].mean(axis=1)


class Cooperation(Comparisons):
    """The runs of the third protocol.

    Parameters
    ----------
    datasets : dict of str to xarray.Dataset
        By name of the experiment; whole or condensed.
    """

    def __init__(self, datasets: Mapping[str, xr.Dataset]) -> None:
        every = {name: condense(dataset) for name, dataset in datasets.items()}
        super().__init__(every, "exact_return")

    def runs(self, name: str, setting: str, **labels: Any) -> Runs:
        """The trials of one cell, or NothingToJudge if a trial is missing."""
        where = ", ".join(map(str, (name, setting, *labels.values())))
        cell = self.cell(name, setting=setting, **labels)
        welfare, error = array_of(cell, "exact_return"), array_of(cell, ERROR)
        if len(error) < self.dataset(name).sizes["trial"] or not np.isfinite(welfare).all():
            raise NothingToJudge(f"trials of {where} are missing")
        n = self.parameters(name, setting=setting, **labels)["iterations"]
        last = n - max(1, round(n / 10))
        return Runs(last, cell["iteration"].values, welfare, error, *WELFARE[setting])

    def rounds(self, game: str, p: float, variant: str) -> Runs:
        """The trials of one cell of `rounds`, of which a share p of the updates fails."""
        return self.runs("rounds", game, failure_probability=p, variant=variant)

    def games(self, name: str) -> Iterator[str]:
        """The protocol's games in an experiment, of which each must be there."""
        settings = self.levels(name, "setting")
        wanted = ("diffuse", "agree", "two_bars") if name == "size" else WELFARE
        for game in wanted:
            if game not in settings:
                raise NothingToJudge(f"{name} has no {game}")
            yield game


def interval_of(sample: np.ndarray, name: str) -> Interval:
    """95 % interval of a mean over trials; NothingToJudge if there is none."""
    return comparisons.interval_of(sample, name, SEED)
