"""Measures of performance, speed and loss, one number for each trial."""

from typing import Any

import numpy as np
import xarray as xr

from mfgcore.plotting.statistics import last_iterations
from mfgcore.runs.datasets import configuration
from mfgcore.study.claims.evidence import Evidence, NothingToJudge
from mfgcore.study.claims.normalisers import gain, split

LEARNED = 0.9  # share of its rise at which an architecture is said to have learned
MIN_RISE = 0.1  # of the gain: below it nothing was learned
WINDOW = 10  # iterations before and after a change of the population that are compared


def series(dataset: xr.Dataset, metric: str, architecture: str) -> tuple[np.ndarray, np.ndarray]:
    """A metric of one architecture over the iterations at which it was measured.

    Returns
    -------
    values : (n_trials, n) float64
    iterations : (n,) int64
    """
    if architecture not in dataset["architecture"].values:
        raise NothingToJudge(f"there are no {architecture} runs")
    if metric not in dataset:
        raise NothingToJudge(f"{metric} was not measured")
    values = dataset[metric].sel(architecture=architecture).transpose("trial", "iteration").values
    measured = np.isfinite(values).all(axis=0)
    if not measured.any():
        raise NothingToJudge(f"{metric} was not measured")
    return values[:, measured].astype(np.float64), dataset["iteration"].values[measured]


def paired(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """One sample minus another, over the trials that both have; (n_trials,) float64."""
    n_trials = min(first.size, second.size)
    return first[:n_trials] - second[:n_trials]


def mean_between(
    dataset: xr.Dataset, metric: str, architecture: str, first: int, last: int
) -> np.ndarray:
    """Mean over the iterations from `first` to `last`, both included; (n_trials,) float64."""
    values, k = series(dataset, metric, architecture)
    chosen = (k >= first) & (k <= last)
    if not chosen.any() or last >= dataset.sizes["iteration"]:
        raise NothingToJudge("the runs are too short for what is measured")
    return values[:, chosen].mean(axis=1)


def final_mean(dataset: xr.Dataset, metric: str, architecture: str) -> np.ndarray:
    """Mean over the end of a run; (n_trials,) float64."""
    n = dataset.sizes["iteration"]
    return mean_between(dataset, metric, architecture, n - last_iterations(n), n - 1)


def initial_return(dataset: xr.Dataset) -> float:
    """Mean return of all architectures and trials at k = 0, before anybody learned; float."""
    return float(dataset["discounted_return"].isel(iteration=0).mean(dtype=np.float64))


def final_return(dataset: xr.Dataset, architecture: str) -> np.ndarray:
    """Return at the end, in units of the split; (n_trials,) float64."""
    return final_mean(dataset, "discounted_return", architecture) / split(dataset)


def best_window(dataset: xr.Dataset, architecture: str) -> np.ndarray:
    """Highest mean return of ten iterations, in units of the split; (n_trials,) float64."""
    values, _ = series(dataset, "discounted_return", architecture)
    windows = np.lib.stride_tricks.sliding_window_view(values, min(10, values.shape[1]), axis=1)
    return windows.mean(axis=2).max(axis=1) / split(dataset)


def mean_return(dataset: xr.Dataset, architecture: str) -> np.ndarray:
    """Mean return over the whole run, in units of the gain; (n_trials,) float64."""
    values, _ = series(dataset, "discounted_return", architecture)
    return values.mean(axis=1) / gain(dataset)


def rise(dataset: xr.Dataset, architecture: str) -> np.ndarray:
    """Rise of the return from k = 0 to the end, in units of the gain; (n_trials,) float64."""
    risen = final_mean(dataset, "discounted_return", architecture) - initial_return(dataset)
    return risen / gain(dataset)


def largest_drop(dataset: xr.Dataset, architecture: str) -> np.ndarray:
    """Largest drop of the return below an earlier value, in units of the gain; (n_trials,)."""
    values, _ = series(dataset, "discounted_return", architecture)
    drops = np.maximum.accumulate(values, axis=1) - values
    return drops.max(axis=1) / gain(dataset)


def before_change(dataset: xr.Dataset) -> xr.Dataset:
    """The iterations before the population changes, if it does; xarray.Dataset."""
    return dataset.isel(iteration=slice(configuration(dataset).get("population_change_at")))


# ------------------------------------------------------------------------------ speed


def speed_advantage(dataset: xr.Dataset, first: str, second: str) -> np.ndarray:
    """Advantage in speed of one architecture over another, as an area; (n_trials,) float64.

    The area between their return curves, from k = 0 up to where the first of the two (by the means
    over trials) has done 90 % of its rise, as a share of the rectangle of that time and the larger
    rise. One that rises less than half as far as the other does not count as the first. 0: equally
    fast; 1: one is at its plateau all the time and the other does not rise at all.
    """
    origin = initial_return(dataset)
    curves = [series(dataset, "discounted_return", name)[0] for name in (first, second)]
    rises = [rise(dataset, name).mean() * gain(dataset) for name in (first, second)]
    largest = max(rises)
    check_learned(dataset, first, second)
    time = min(
        _learned_at(curve.mean(axis=0), origin, LEARNED * own)
        for curve, own in zip(curves, rises, strict=True)
        if own >= largest / 2.0
    )
    areas = [curve[:, : time + 1].mean(axis=1) for curve in curves]
    return (areas[0] - areas[1]) / largest


def rise_time(dataset: xr.Dataset, architecture: str, share: float = LEARNED) -> np.ndarray:
    """Iteration at which each trial has done a share of its own rise; (n_trials,) int64.

    A trial that has learned nothing is not there within the run: its time is the whole run.
    """
    values, iterations = series(dataset, "discounted_return", architecture)
    origin = initial_return(dataset)
    rises = rise(dataset, architecture)
    reached = _learned_at(values, origin, (share * rises * gain(dataset))[:, None])
    return np.where(rises >= MIN_RISE, iterations[reached], dataset.sizes["iteration"])


def time_advantage(
    dataset: xr.Dataset, first: str, second: str, start: float | None = None, share: float = LEARNED
) -> np.ndarray:
    """Advantage in the time until a share of the rise is done; (n_trials,) float64.

    As a share of the slower one's mean time. With `start`, a smaller share, the time is counted
    from there.
    """
    check_learned(dataset, first, second)
    times = [rise_time(dataset, name, share) for name in (first, second)]
    if start is not None:
        times = [
            np.where(rise(dataset, name) >= MIN_RISE, time - rise_time(dataset, name, start), time)
            for name, time in zip((first, second), times, strict=True)
        ]
    return (times[1] - times[0]) / max(time.mean() for time in times)


def slope_advantage(dataset: xr.Dataset, first: str, second: str) -> np.ndarray:
    """Advantage in the steepest slope of the return; (n_trials,) float64.

    The steepest rise over ten iterations, as a share of the steeper one's mean.
    """
    check_learned(dataset, first, second)
    curves = [series(dataset, "discounted_return", name)[0] for name in (first, second)]
    if curves[0].shape[1] <= WINDOW:
        raise NothingToJudge("the runs are too short for what is measured")
    slopes = [(curve[:, WINDOW:] - curve[:, :-WINDOW]).max(axis=1) for curve in curves]
    return (slopes[0] - slopes[1]) / max(slope.mean() for slope in slopes)


def check_learned(dataset: xr.Dataset, *architectures: str) -> None:
    """Raise NothingToJudge unless one of the architectures has learned something."""
    if max(rise(dataset, name).mean() for name in architectures) < MIN_RISE:
        raise NothingToJudge(f"neither {' nor '.join(architectures)} agents learned anything")


def _learned_at(curves, origin, rises):
    """First index along the last axis at which curves have risen so far."""
    return np.argmax(curves >= origin + rises, axis=-1)


# ------------------------------------------------------------------------------ performance drop

# metric, and the sign by which its fall is a loss
DROPS = {
    "return": ("discounted_return", 1.0),
    "exploitability": ("exact_exploitability", -1.0),
}


def performance_drop(
    dataset: xr.Dataset,
    architecture: str,
    metric: str = "discounted_return",
    sign: float = 1.0,
    after: int = WINDOW,
) -> np.ndarray:
    """Fall of a metric when the population grows, or rise with `sign` -1; (n_trials,) float64.

    Mean over the ten iterations before the increase minus mean over `after` iterations after it.
    Agents that arrive after learning are first there at the next iteration (D18).
    """
    last = last_before_change(dataset)
    before = mean_between(dataset, metric, architecture, last - WINDOW + 1, last)
    return sign * (before - mean_between(dataset, metric, architecture, last + 1, last + after))


def last_before_change(dataset: xr.Dataset) -> int:
    """Last iteration at which the population is as before it changed; int."""
    parameters = configuration(dataset)
    at = parameters.get("population_change_at")
    if at is None:
        raise NothingToJudge("the population does not change")
    return at - (parameters.get("arrival_timing") == "before_learning")


def drop_difference(
    dataset: xr.Dataset,
    metric: str = "discounted_return",
    sign: float = 1.0,
    after: int = WINDOW,
    other: str = "independent",
) -> np.ndarray:
    """Performance drop of another population minus the networked one's, in units of the gain.

    What was not learned before the change cannot drop: there is nothing to judge then.
    """
    check_learned(before_change(dataset), "networked", other)
    theirs = performance_drop(dataset, other, metric, sign, after)
    return (theirs - performance_drop(dataset, "networked", metric, sign, after)) / gain(dataset)


def summary(evidence: Evidence) -> list[dict[str, Any]]:
    """Final performance and learning time of every architecture of every experiment.

    Returns
    -------
    list of dict
        Keys experiment, architecture, discounted_return and standard_deviation over trials (n - 1)
        and exact exploitability at the end of the run, and learned_at: the iteration at which the
        mean return has done 90 % of its rise, before any increase of the population, or None.
    """
    rows = []
    for name, dataset in evidence.experiments.items():
        mean = before_change(dataset).mean("trial").expand_dims(trial=[0])
        mean.attrs = dataset.attrs
        for architecture in map(str, dataset["architecture"].values):
            returns = final_mean(dataset, "discounted_return", architecture)
            gaps = final_mean(dataset, "exact_exploitability", architecture)
            learned = rise(mean, architecture)[0] >= MIN_RISE
            rows.append(
                {
                    "experiment": name,
                    "architecture": architecture,
                    "discounted_return": float(returns.mean()),
                    "standard_deviation": float(returns.std(ddof=min(1, returns.size - 1))),
                    "exploitability": float(gaps.mean()),
                    "learned_at": int(rise_time(mean, architecture)[0]) if learned else None,
                }
            )
    return rows
