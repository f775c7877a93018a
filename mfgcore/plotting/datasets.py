"""Datasets that figures draw: the factors, levels and metrics in them, and their checks."""

from collections.abc import Sequence

import xarray as xr

from mfgcore._base.arguments import explained
from mfgcore._base.errors import ConfigurationError, RunFileError, unknown_name
from mfgcore.metrics.definitions import per_iteration
from mfgcore.runs.datasets import configuration

# metrics that figures show
PANELS = ("discounted_return", "exact_exploitability", "exploitability", "policy_divergence")
EXACT_PANELS = ("exact_return", "exact_exploitability", "worst_individual_exploitability")
NO_FACTORS = ("trial", "iteration", "state", "action", "agent")
# by what a dataset is over: what it is, and the figures that draw it
KINDS = {
    "run": ("a run, over iteration,", "run draws"),
    "factor": ("an experiment with one factor, trial and iteration", "metrics and mean_field draw"),
    "factors": ("an experiment with factors beside the architecture", "levels and heat_map draw"),
}


def factors_of(dataset: xr.Dataset) -> list[str]:
    """Dimensions that are factors of an experiment, such as architecture; list of str."""
    return [str(dim) for dim in dataset.dims if dim not in NO_FACTORS]


def metrics_of(dataset: xr.Dataset) -> list[str]:
    """Metrics in a dataset that are one number at each iteration; list of str."""
    entries = per_iteration().items()
    return [name for name, each in entries if each.dims == ("iteration",) and name in dataset]


def counted_trials(dataset: xr.Dataset) -> str:
    """Number of trials, such as "20 trials"; str."""
    number = dataset.sizes["trial"]
    return f"{number} trial{'s' * (number != 1)}"


def panels_of(dataset: xr.Dataset) -> list[str]:
    """Return and divergence, and the exploitability, sampled if it was not computed exactly."""
    first, *gaps, last = PANELS
    measured = [name for name in gaps if dataset[name].notnull().any()]
    return [first, *measured[:1], last]


def measured_panels(dataset: xr.Dataset) -> list[str]:
    """`PANELS` without the exact exploitability, if it was not computed; list of str."""
    exact = PANELS[1]
    there = exact in dataset and bool(dataset[exact].notnull().any())
    return [name for name in PANELS if there or name != exact]


def check_drawn(dataset: xr.Dataset, kind: str, *needed: str) -> None:
    """Refuse to draw a dataset that is of another kind, or lacks a variable or an attribute.

    Parameters
    ----------
    dataset : xarray.Dataset
    kind : {"run", "factor", "factors"}
        See `KINDS`.
    *needed : str
        Variables and attributes that are drawn.

    Raises
    ------
    ConfigurationError, RunFileError
    """
    need = f"dataset: {KINDS[kind][0]} is needed"
    factors, found = factors_of(dataset), ["run"]
    if factors or "trial" in dataset.dims:
        alone, others = len(factors) == 1, factors not in ([], ["architecture"])
        found = ["factor"] * alone + ["factors"] * others if "trial" in dataset.dims else []
    if kind not in found:
        hint = f", which {KINDS[found[0]][1]}" if found else ": select, or rename, a dimension"
        dims = ", ".join(map(str, dataset.dims))
        raise ConfigurationError(f"{need}; this is over {dims}{hint}")
    for name in (*needed, "configuration"):
        if name not in dataset and name not in dataset.attrs:
            hint = "xarray.set_options(keep_attrs=True) keeps attributes"
            raise RunFileError(f"{need}; this has no {name} ({hint})")


def check_panels(panels: Sequence[str], dataset: xr.Dataset) -> None:
    """Refuse panels, with a ConfigurationError, that are no metrics of a dataset, or none."""
    known = metrics_of(dataset)
    for name in list(panels) or [""]:
        if name not in known:
            raise ConfigurationError(f"panels: {unknown_name('metric', name, known)}")


def with_architecture(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset with a dimension of the architecture, also if all its runs are of one."""
    if "architecture" in dataset.dims:
        return dataset
    # what is chosen from an experiment has it as a coordinate
    chosen = str(dataset["architecture"].values) if "architecture" in dataset.coords else ""
    name = configuration(dataset).get("architecture", chosen)
    return dataset.drop_vars("architecture", errors="ignore").expand_dims(architecture=[name])


@explained
def over_settings(dataset: xr.Dataset) -> tuple[xr.Dataset, list[str]]:
    """Stack the factors beside the architecture to one dimension, `setting`.

    Returns
    -------
    xarray.Dataset
        With the dimensions setting, architecture, trial and iteration. A setting is called by its
        levels; if it has several, it has a coordinate of the name of each factor.
    list of str
        Names of the factors, without the architecture.
    """
    factors = [name for name in factors_of(dataset) if name != "architecture"]
    dataset = with_architecture(dataset)
    baselines = [dataset[name].attrs.get("baseline") for name in factors]
    if None not in baselines:
        dataset = dataset.assign_attrs(baseline=", ".join(map(str, baselines)))
    stacked = dataset
    if factors != ["setting"]:
        stacked = dataset.stack(setting=factors).reset_index("setting")
    levels = zip(*(stacked[name].values for name in factors), strict=True)
    return stacked.assign_coords(setting=[", ".join(map(str, each)) for each in levels]), factors
