"""The runs of a protocol's comparisons, cell by cell, and intervals over their trials."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mfgcore.plotting.statistics import Interval, bootstrap, generator_of
from mfgcore.study.claims.evidence import NothingToJudge, configurations


class Comparisons:
    """The runs of a protocol.

    Parameters
    ----------
    datasets : dict of str to xarray.Dataset
        By name of the experiment.
    metric : str
        One that every run has.
    """

    def __init__(self, datasets: Mapping[str, xr.Dataset], metric: str) -> None:
        self.datasets = dict(datasets)
        self._metric = metric
        self._cells = {name: configurations(each) for name, each in self.datasets.items()}

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
        return self._key(name, labels) in self._cells[name]

    def parameters(self, name: str, **labels: Any) -> dict[str, Any]:
        """Parameters of a cell's runs; dict."""
        return self._cells[name][self._key(name, labels)]

    def _key(self, name, labels):
        dims = self.dataset(name)[self._metric].dims[:-2]
        return tuple(str(labels[str(dim)]) for dim in dims)

    def cell(self, name: str, **labels: Any) -> xr.Dataset:
        """The trials and iterations of one cell that were run, or NothingToJudge.

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
        there = np.isfinite(cell[self._metric].transpose("trial", "iteration").values)
        if not there.any():
            raise NothingToJudge(f"{name} has no {where}")
        return cell.isel(trial=there.any(axis=1), iteration=there.any(axis=0))


def array_of(cell: xr.Dataset, variable: str) -> np.ndarray:
    """A variable of a cell; (n_trials, ...) float64."""
    return cell[variable].transpose("trial", ...).values.astype(np.float64)


def interval_of(sample: np.ndarray, name: str, seed: int) -> Interval:
    """95 % interval of a mean over trials; NothingToJudge if there is none."""
    if sample.size < 2:
        raise NothingToJudge("a single trial says nothing about the spread over trials")
    if not np.isfinite(sample).all():
        raise NothingToJudge(f"{name}: not every trial has what is measured")
    return bootstrap([sample], generator_of(seed, name))
