"""What claims are judged by: the collected datasets, by their names in the configuration."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

import xarray as xr


class NothingToJudge(Exception):
    """The evidence lacks what a claim is about; the message says what."""


class Evidence:
    """The collected datasets.

    Parameters
    ----------
    experiments, ablations : dict of str to xarray.Dataset
        By their names in the configuration.
    """

    def __init__(
        self, experiments: Mapping[str, xr.Dataset], ablations: Mapping[str, xr.Dataset]
    ) -> None:
        self.experiments = experiments
        self.ablations = ablations

    def experiment(self, name: str) -> xr.Dataset:
        """An experiment's dataset; NothingToJudge if it is not there."""
        if name not in self.experiments:
            raise NothingToJudge(f"there is no experiment {name}")
        return self.experiments[name]

    def ablation(self, name: str, setting: str) -> xr.Dataset:
        """An ablation's dataset at one value of its parameter; NothingToJudge if it has none."""
        dataset = self._ablation(name)
        if setting not in dataset["setting"].values:
            raise NothingToJudge(f"ablation {name} has no value {setting}")
        return dataset.sel(setting=setting)

    def baseline(self, name: str) -> str:
        """The value of an ablation's parameter that all other ablations have; str."""
        return self._ablation(name).attrs["baseline"]

    def settings(self, name: str, compare: Callable[[Any, Any], Any] = operator.ne) -> list[str]:
        """The values of an ablation's parameter that so compare with its baseline; list of str."""
        baseline = self.baseline(name)
        values = map(str, self._ablation(name)["setting"].values)
        found = [value for value in values if compare(float(value), float(baseline))]
        if not found:
            raise NothingToJudge(f"ablation {name} has no value to compare with {baseline}")
        return found

    def _ablation(self, name):
        if name not in self.ablations:
            raise NothingToJudge(f"there is no ablation {name}")
        return self.ablations[name]
