"""What claims are judged by: collected experiments, comparisons, and numbers of the theory."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import xarray as xr

from mfgcore._base.arguments import explained
from mfgcore._base.errors import MfgcoreError

# the smaller versions of the figures in the comparison of readings
SMALLER = {
    "fig1": "agree, failing",
    "fig2": "diffuse, failing",
    "fig3": "agree, growing",
    "fig4": "diffuse, growing",
    "fig5": "cluster, failing",
}
OURS = "paper"  # the setting that all others of a comparison differ from


class NothingToJudge(MfgcoreError):
    """The evidence lacks what a claim is about; the message says what."""


@explained
def as_experiment(dataset: xr.Dataset, scenario: str, setting: str) -> xr.Dataset:
    """The runs of a comparison in one scenario and setting, as an experiment's dataset.

    Parameters
    ----------
    dataset : xarray.Dataset
        Over (scenario, setting, variant, trial, iteration); NaN where nothing was run.
    scenario, setting : str

    Returns
    -------
    xarray.Dataset
        Over (architecture, trial, iteration): its variants, and what was run of them.

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
    # trials are paired by their places
    if (trials != (np.arange(trials.shape[1]) < n_trials)).any():
        raise NothingToJudge(f"trials of {setting} in {scenario} are missing")
    iterations = there.any(("variant", "trial")).values
    chosen = chosen.isel(trial=slice(n_trials), iteration=iterations)
    first = chosen["variant"].values[0]
    every = json.loads(dataset.attrs["configurations"])
    chosen.attrs = {"configuration": json.dumps(every[f"{scenario}|{setting}|{first}"])}
    return chosen.rename(variant="architecture")


class Evidence:
    """What there is to judge by.

    Parameters
    ----------
    experiments : dict of str to xarray.Dataset
        By their names in the configuration, over (architecture, trial, iteration).
    comparisons : dict of str to xarray.Dataset, optional
        By their names, over (scenario, setting, variant, trial, iteration).
    theory : dict of str to dict of str to list of float, optional
        By claim: its effects by trial, by part.
    partial : bool
        Whether a claim may be judged by some of the figures that it is about.
    """

    def __init__(
        self,
        experiments: Mapping[str, xr.Dataset],
        comparisons: Mapping[str, xr.Dataset] | None = None,
        theory: Mapping[str, Mapping[str, Sequence[float]]] | None = None,
        partial: bool = False,
    ) -> None:
        self.experiments = experiments
        self.comparisons = comparisons or {}
        self.theory = theory or {}
        self.partial = partial

    def experiment(self, name: str) -> xr.Dataset:
        """An experiment's dataset; NothingToJudge if it is not there."""
        if name not in self.experiments:
            raise NothingToJudge(f"there is no experiment {name}")
        return self.experiments[name]

    def figures(self, *names: str) -> list[tuple[str, xr.Dataset]]:
        """Names and datasets of experiments, of those that are there if these are enough; list."""
        there = [name for name in names if name in self.experiments or not self.partial]
        return [(name, self.experiment(name)) for name in there]

    def comparison(self, name: str) -> xr.Dataset:
        """A comparison's dataset; NothingToJudge if it is not there."""
        if name not in self.comparisons:
            raise NothingToJudge(f"there is no comparison {name}")
        return self.comparisons[name]

    def runs(self, name: str, scenario: str, setting: str = OURS) -> xr.Dataset:
        """What a comparison ran in a scenario and setting; see :func:`as_experiment`."""
        return as_experiment(self.comparison(name), scenario, setting)

    def effects(self, name: str) -> dict[str, np.ndarray]:
        """Effects of a claim about the theory; dict of str to (n_trials,) float64."""
        if name not in self.theory:
            raise NothingToJudge(f"theory.json has no {name}")
        return {label: np.array(sample, float) for label, sample in self.theory[name].items()}

    def readings(self, figures: Iterable[str]) -> Iterator[tuple[str, "Evidence", "Evidence"]]:
        """Smaller versions of figures under each reading, and the same of them under ours.

        Yields name of the reading, Evidence of ours, Evidence of the reading. Another score than
        the paper's (D24) is none of its text, and of several readings flipped together none is.
        """
        dataset = self.comparisons.get("readings")
        if dataset is None:
            return
        for reading in map(str, dataset["setting"].values):
            if reading == OURS or reading.startswith("D24") or " + " in reading:
                continue
            ours, other = {}, {}
            for figure in figures:
                try:
                    both = [
                        as_experiment(dataset, SMALLER[figure], setting)
                        for setting in (OURS, reading)
                    ]
                except NothingToJudge:
                    continue  # not all readings are run in all scenarios
                ours[figure], other[figure] = both
            if other:
                yield reading, Evidence(ours, partial=True), Evidence(other, partial=True)
