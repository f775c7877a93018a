"""What claims measure: numbers without unit, one for each trial, and a table of all experiments."""

from typing import Any

import numpy as np
import xarray as xr

from mfgcore.claims.evidence import Evidence, NothingToJudge
from mfgcore.datasets import configuration
from mfgcore.statistics import last_iterations

# of its rise: when an architecture is said to have learned
LEARNED = 0.9
# as a share of the highest return: a smaller rise is none
RISE = 0.1
# iterations before and after the population increase that are compared
AROUND = 10


def series(dataset: xr.Dataset, metric: str, architecture: str) -> tuple[np.ndarray, np.ndarray]:
    """A metric of one architecture over the iterations at which it was measured.

    Returns
    -------
    values : (n_trials, n) float64
    iterations : (n,) int64
    """
    if architecture not in dataset["architecture"].values:
        raise NothingToJudge(f"there are no {architecture} runs")
    values = dataset[metric].sel(architecture=architecture).transpose("trial", "iteration").values
    measured = np.isfinite(values).all(axis=0)
    if not measured.any():
        raise NothingToJudge(f"{metric} was not measured")
    return values[:, measured], dataset["iteration"].values[measured]


def final_mean(dataset: xr.Dataset, metric: str, architecture: str) -> np.ndarray:
    """Mean over the end of a run; (n_trials,) float64."""
    values, iterations = series(dataset, metric, architecture)
    n_iterations = dataset.sizes["iteration"]
    return values[:, iterations >= n_iterations - last_iterations(n_iterations)].mean(axis=1)


def initial_return(dataset: xr.Dataset) -> float:
    """Mean return of all architectures and trials at k = 0, before anybody learned; float."""
    return float(dataset["discounted_return"].isel(iteration=0).mean())


def highest_return(dataset: xr.Dataset) -> float:
    """1 / (1 - gamma): the return of an agent that gets the largest reward at every step."""
    return 1.0 / (1.0 - configuration(dataset)["discount"])


def mean_return(dataset: xr.Dataset, architecture: str) -> np.ndarray:
    """Mean return over the whole run, as a share of the highest; (n_trials,) float64."""
    values, _ = series(dataset, "discounted_return", architecture)
    return values.mean(axis=1) / highest_return(dataset)


def gain(dataset: xr.Dataset, architecture: str) -> np.ndarray:
    """Rise of the return from k = 0 to the end, as a share of the highest; (n_trials,) float64."""
    risen = final_mean(dataset, "discounted_return", architecture) - initial_return(dataset)
    return risen / highest_return(dataset)


def at_baseline(evidence: Evidence, study: str, architecture: str = "networked") -> xr.Dataset:
    """An ablation's dataset at the value that its other values are compared with.

    Raises
    ------
    NothingToJudge
        If nothing is learned there, so that nothing can be lost either.
    """
    setting = evidence.baseline(study)
    dataset = evidence.ablation(study, setting)
    if gain(dataset, architecture).mean() < RISE:
        raise NothingToJudge(f"{architecture} agents learn nothing in ablation {study} = {setting}")
    return dataset


def before_increase(dataset: xr.Dataset) -> xr.Dataset:
    """The iterations before the population grows, if it does; xarray.Dataset."""
    return dataset.isel(iteration=slice(configuration(dataset).get("change_at")))


def speed_advantage(dataset: xr.Dataset, first: str, second: str) -> np.ndarray:
    """How much faster one architecture learns than another; (n_trials,) float64.

    The area between their return curves, from k = 0 up to where the first of the two (by the means
    over trials) has done 90 % of its rise, as a share of the rectangle of that time and the larger
    rise. One that rises less than half as far as the other does not count as the first. 0: equally
    fast; 1: one is at its plateau all the time and the other does not rise at all.
    """
    origin = initial_return(dataset)
    curves = [series(dataset, "discounted_return", name)[0] for name in (first, second)]
    rises = [
        final_mean(dataset, "discounted_return", name).mean() - origin for name in (first, second)
    ]
    largest = max(rises)
    if largest < RISE * highest_return(dataset):
        raise NothingToJudge(f"neither {first} nor {second} agents learned anything")
    time = min(
        _learned_at(curve.mean(axis=0), origin, rise)
        for curve, rise in zip(curves, rises, strict=True)
        if rise >= largest / 2.0
    )
    areas = [curve[:, : time + 1].mean(axis=1) for curve in curves]
    return (areas[0] - areas[1]) / largest


def rise_time(dataset: xr.Dataset, architecture: str) -> np.ndarray:
    """Iteration at which each trial has done 90 % of its own rise; (n_trials,) int64."""
    values, iterations = series(dataset, "discounted_return", architecture)
    origin = initial_return(dataset)
    rises = final_mean(dataset, "discounted_return", architecture) - origin
    if (rises < RISE * highest_return(dataset)).any():
        raise NothingToJudge(f"not all {architecture} trials learned anything")
    return iterations[_learned_at(values, origin, rises[:, None])]


def _learned_at(curves, origin, rises):
    """Place along the last axis at which curves have first done 90 % of their rises."""
    return np.argmax(curves >= origin + LEARNED * rises, axis=-1)


def setback(
    dataset: xr.Dataset, architecture: str, metric: str = "discounted_return", sign: float = 1.0
) -> np.ndarray:
    """By how much a metric falls when the population grows; (n_trials,) float64.

    Its mean over the ten iterations before the increase minus that over the ten after it. With
    `sign` -1: by how much it rises. Agents that arrive after learning are first there at the next
    iteration (D18).
    """
    parameters = configuration(dataset)
    arrived = parameters.get("change_at")
    if arrived is None:
        raise NothingToJudge("the population does not grow")
    if parameters.get("arrivals", dataset.coords.get("setting")) == "before_learning":
        arrived -= 1
    values, k = series(dataset, metric, architecture)
    before = values[:, (k > arrived - AROUND) & (k <= arrived)].mean(axis=1)
    after = values[:, (k > arrived) & (k <= arrived + AROUND)].mean(axis=1)
    return sign * (before - after)


def setback_advantage(
    dataset: xr.Dataset, metric: str = "discounted_return", sign: float = 1.0
) -> np.ndarray:
    """How much greater the setback of the independent population is than the networked one's.

    As a share of the highest return, also for an exploitability.
    """
    independent = setback(dataset, "independent", metric, sign)
    return (independent - setback(dataset, "networked", metric, sign)) / highest_return(dataset)


def at_a_glance(evidence: Evidence) -> list[dict[str, Any]]:
    """Where every architecture of every experiment ends, and when it is there; list of dict.

    They have: experiment, architecture, discounted_return and standard_deviation over trials
    (n - 1), exploitability (exact), all at the end of the run, and arrived_at: where the mean
    return has done 90 % of its rise, before any increase of the population.
    """
    rows = []
    for name, dataset in evidence.experiments.items():
        mean = before_increase(dataset).mean("trial").expand_dims(trial=[0])
        mean.attrs = dataset.attrs
        for architecture in map(str, dataset["architecture"].values):
            returns = final_mean(dataset, "discounted_return", architecture)
            gaps = final_mean(dataset, "exact_exploitability", architecture)
            try:
                arrived_at = int(rise_time(mean, architecture)[0])
            except NothingToJudge:
                arrived_at = None
            rows.append(
                {
                    "experiment": name,
                    "architecture": architecture,
                    "discounted_return": float(returns.mean()),
                    "standard_deviation": float(returns.std(ddof=min(1, returns.size - 1))),
                    "exploitability": float(gaps.mean()),
                    "arrived_at": arrived_at,
                }
            )
    return rows
