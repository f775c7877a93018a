"""Data that claims are judged by: collected experiments, comparisons, numbers of the theory."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from mfgcore._base.errors import MfgcoreError

# reduced versions of the figures: scenarios of the comparison of interpretations
REDUCED = {
    "fig1": "agree, failing",
    "fig2": "diffuse, failing",
    "fig3": "agree, growing",
    "fig4": "diffuse, growing",
    "fig5": "cluster, failing",
}
INTERPRETATIONS = "readings"  # the comparison whose settings are interpretations of the paper
BASELINE = "paper"  # the setting that all others of a comparison differ from
# settings that the paper's text speaks against (Alg. 1, App. B): no claim depends on them
AGAINST_TEXT = (
    "D16 a failed score of zero",
    "D16 the last score",
    "Q starts at 5",
    "Q starts at 0",
)


class NothingToJudge(MfgcoreError):
    """The evidence lacks what a claim is about; the message says what."""


def configurations(dataset: xr.Dataset) -> dict[tuple[str, ...], dict[str, Any]]:
    """Parameters of a comparison's runs, by the levels of its factors; dict of dict."""
    every = json.loads(dataset.attrs["configurations"])
    return {tuple(key.split("|")): parameters for key, parameters in every.items()}


def as_experiment(dataset: xr.Dataset, scenario: str, setting: str) -> xr.Dataset:
    """Select one scenario and setting of a comparison, as an experiment's dataset.

    Parameters
    ----------
    dataset : xarray.Dataset
        Over (scenario, setting, variant, trial, iteration); NaN where nothing was run.
    scenario, setting : str

    Returns
    -------
    xarray.Dataset
        Over (architecture, trial, iteration): the variants that were run.

    Raises
    ------
    NothingToJudge
        If nothing was run, or not as many trials of each variant.
    """
    if scenario not in dataset["scenario"].values or setting not in dataset["setting"].values:
        raise NothingToJudge(f"there are no runs of {setting} in {scenario}")
    chosen = dataset.sel(scenario=scenario, setting=setting).drop_vars(("scenario", "setting"))
    there = chosen["discounted_return"].notnull()
    variants = there.any(("trial", "iteration")).values
    if not variants.any():
        raise NothingToJudge(f"there are no runs of {setting} in {scenario}")
    chosen, there = chosen.isel(variant=variants), there.isel(variant=variants)
    trials = there.any("iteration").transpose("variant", "trial").values
    n_trials = int(trials[0].sum())
    # trials are paired by their positions
    if (trials != (np.arange(trials.shape[1]) < n_trials)).any():
        raise NothingToJudge(f"trials of {setting} in {scenario} are missing")
    iterations = there.any(("variant", "trial")).values
    chosen = chosen.isel(trial=slice(n_trials), iteration=iterations)
    parameters = configurations(dataset)[scenario, setting, str(chosen["variant"].values[0])]
    chosen.attrs = {"configuration": json.dumps(parameters)}
    return chosen.rename(variant="architecture")


@dataclass(frozen=True)
class Evidence:
    """Datasets and numbers that claims are judged by.

    Parameters
    ----------
    experiments : dict of str to xarray.Dataset
        By name, over (architecture, trial, iteration).
    comparisons : dict of str to xarray.Dataset
        By name, over (scenario, setting, variant, trial, iteration).
    theory : dict of str to dict of str to list of float
        Effects by trial, by claim and label.
    partial : bool
        Whether a claim may be judged by some of the figures that it is about.
    """

    experiments: Mapping[str, xr.Dataset]
    comparisons: Mapping[str, xr.Dataset] = field(default_factory=dict)
    theory: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)
    partial: bool = False

    def experiment(self, name: str) -> xr.Dataset:
        """An experiment's dataset; NothingToJudge if it is missing."""
        if name not in self.experiments:
            raise NothingToJudge(f"there is no experiment {name}")
        return self.experiments[name]

    def figures(self, *names: str) -> list[tuple[str, xr.Dataset]]:
        """Names and datasets of experiments; of those that are there, if `partial`; list."""
        there = [name for name in names if name in self.experiments or not self.partial]
        return [(name, self.experiment(name)) for name in there]

    def runs(self, name: str, scenario: str, setting: str = BASELINE) -> xr.Dataset:
        """Runs of a comparison in a scenario and setting; see :func:`as_experiment`."""
        if name not in self.comparisons:
            raise NothingToJudge(f"there is no comparison {name}")
        return as_experiment(self.comparisons[name], scenario, setting)

    def theory_effects(self, name: str) -> dict[str, np.ndarray]:
        """Effects of a claim about the theory; dict of str to (n_trials,) float64."""
        if name not in self.theory:
            raise NothingToJudge(f"theory.json has no {name}")
        return {label: np.array(sample, float) for label, sample in self.theory[name].items()}

    def interpretations(
        self, figures: Iterable[str]
    ) -> Iterator[tuple[str, "Evidence", "Evidence"]]:
        """Reduced versions of figures under each interpretation, beside those of the baseline.

        Yields name of the interpretation, Evidence of the baseline, Evidence of the interpretation.
        Left out are other scores (D24) and those of `AGAINST_TEXT`, which the paper's text does not
        allow, and several changes together.
        """
        dataset = self.comparisons.get(INTERPRETATIONS)
        if dataset is None:
            return
        for name in map(str, dataset["setting"].values):
            allowed = name not in (BASELINE, *AGAINST_TEXT) and not name.startswith("D24")
            if not allowed or " + " in name:
                continue
            baseline, other = {}, {}
            for figure in figures:
                try:
                    both = [as_experiment(dataset, REDUCED[figure], s) for s in (BASELINE, name)]
                except NothingToJudge:
                    continue  # not all interpretations are run in all scenarios
                baseline[figure], other[figure] = both
            if other:
                yield name, Evidence(baseline, partial=True), Evidence(other, partial=True)
