"""What claims measure: numbers for each trial, in units of the game, and a table of figures."""

from typing import Any

import numpy as np
import xarray as xr

from mfgcore._base.arguments import explained
from mfgcore.plotting.statistics import last_iterations
from mfgcore.runs.datasets import configuration
from mfgcore.study.claims.evidence import Evidence, NothingToJudge
from mfgcore.study.claims.units import play, whole

# of its rise: when an architecture is said to have learned
LEARNED = 0.9
# in units of W: a smaller rise is none
RISE = 0.1
# iterations before and after the population changes that are compared
AROUND = 10


@explained
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


@explained
def paired(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """One sample minus another, over the trials that both have; (n_trials,) float64."""
    n_trials = min(first.size, second.size)
    return first[:n_trials] - second[:n_trials]


@explained
def mean_between(
    dataset: xr.Dataset, metric: str, architecture: str, first: int, last: int
) -> np.ndarray:
    """Mean over the iterations from `first` to `last`, both included; (n_trials,) float64."""
    values, k = series(dataset, metric, architecture)
    chosen = (k >= first) & (k <= last)
    if not chosen.any() or last >= dataset.sizes["iteration"]:
        raise NothingToJudge("the runs are too short for what is measured")
    return values[:, chosen].mean(axis=1)


@explained
def final_mean(dataset: xr.Dataset, metric: str, architecture: str) -> np.ndarray:
    """Mean over the end of a run; (n_trials,) float64."""
    n = dataset.sizes["iteration"]
    return mean_between(dataset, metric, architecture, n - last_iterations(n), n - 1)


@explained
def initial_return(dataset: xr.Dataset) -> float:
    """Mean return of all architectures and trials at k = 0, before anybody learned; float."""
    return float(dataset["discounted_return"].isel(iteration=0).mean(dtype=np.float64))


@explained
def end(dataset: xr.Dataset, architecture: str) -> np.ndarray:
    """Return at the end, in units of P; (n_trials,) float64."""
    return final_mean(dataset, "discounted_return", architecture) / play(dataset)


@explained
def best_of_ten(dataset: xr.Dataset, architecture: str) -> np.ndarray:
    """Highest mean return of ten iterations, in units of P; (n_trials,) float64."""
    values, _ = series(dataset, "discounted_return", architecture)
    windows = np.lib.stride_tricks.sliding_window_view(values, min(10, values.shape[1]), axis=1)
    return windows.mean(axis=2).max(axis=1) / play(dataset)


@explained
def mean_return(dataset: xr.Dataset, architecture: str) -> np.ndarray:
    """Mean return over the whole run, in units of W; (n_trials,) float64."""
    values, _ = series(dataset, "discounted_return", architecture)
    return values.mean(axis=1) / whole(dataset)


@explained
def gain(dataset: xr.Dataset, architecture: str) -> np.ndarray:
    """Rise of the return from k = 0 to the end, in units of W; (n_trials,) float64."""
    risen = final_mean(dataset, "discounted_return", architecture) - initial_return(dataset)
    return risen / whole(dataset)


@explained
def largest_fall(dataset: xr.Dataset, architecture: str) -> np.ndarray:
    """Largest fall of the return below an earlier value, in units of W; (n_trials,) float64."""
    values, _ = series(dataset, "discounted_return", architecture)
    falls = np.maximum.accumulate(values, axis=1) - values
    return falls.max(axis=1) / whole(dataset)


@explained
def before_increase(dataset: xr.Dataset) -> xr.Dataset:
    """The iterations before the population changes, if it does; xarray.Dataset."""
    return dataset.isel(iteration=slice(configuration(dataset).get("change_at")))


# ------------------------------------------------------------------------------ speed


@explained
def speed_advantage(dataset: xr.Dataset, first: str, second: str) -> np.ndarray:
    """How much faster one architecture learns than another; (n_trials,) float64.

    The area between their return curves, from k = 0 up to where the first of the two (by the means
    over trials) has done 90 % of its rise, as a share of the rectangle of that time and the larger
    rise. One that rises less than half as far as the other does not count as the first. 0: equally
    fast; 1: one is at its plateau all the time and the other does not rise at all.
    """
    origin = initial_return(dataset)
    curves = [series(dataset, "discounted_return", name)[0] for name in (first, second)]
    rises = [gain(dataset, name).mean() * whole(dataset) for name in (first, second)]
    largest = max(rises)
    _check_learned(dataset, first, second)
    time = min(
        _learned_at(curve.mean(axis=0), origin, LEARNED * rise)
        for curve, rise in zip(curves, rises, strict=True)
        if rise >= largest / 2.0
    )
    areas = [curve[:, : time + 1].mean(axis=1) for curve in curves]
    return (areas[0] - areas[1]) / largest


@explained
def rise_time(dataset: xr.Dataset, architecture: str, share: float = LEARNED) -> np.ndarray:
    """Iteration at which each trial has done a share of its own rise; (n_trials,) int64.

    A trial that has learned nothing is not there within the run: its time is the whole run.
    """
    values, iterations = series(dataset, "discounted_return", architecture)
    origin = initial_return(dataset)
    rises = gain(dataset, architecture)
    reached = _learned_at(values, origin, (share * rises * whole(dataset))[:, None])
    return np.where(rises >= RISE, iterations[reached], dataset.sizes["iteration"])


@explained
def time_advantage(
    dataset: xr.Dataset, first: str, second: str, start: float | None = None, share: float = LEARNED
) -> np.ndarray:
    """How much earlier one architecture has done a share of its rise; (n_trials,) float64.

    As a share of the slower one's mean time. With `start`, a smaller share, the time is counted
    from there.
    """
    _check_learned(dataset, first, second)
    times = [rise_time(dataset, name, share) for name in (first, second)]
    if start is not None:
        times = [
            np.where(gain(dataset, name) >= RISE, time - rise_time(dataset, name, start), time)
            for name, time in zip((first, second), times, strict=True)
        ]
    return (times[1] - times[0]) / max(time.mean() for time in times)


@explained
def slope_advantage(dataset: xr.Dataset, first: str, second: str) -> np.ndarray:
    """How much steeper one return curve rises than another; (n_trials,) float64.

    The steepest rise over ten iterations, as a share of the steeper one's mean.
    """
    _check_learned(dataset, first, second)
    curves = [series(dataset, "discounted_return", name)[0] for name in (first, second)]
    if curves[0].shape[1] <= AROUND:
        raise NothingToJudge("the runs are too short for what is measured")
    slopes = [(curve[:, AROUND:] - curve[:, :-AROUND]).max(axis=1) for curve in curves]
    return (slopes[0] - slopes[1]) / max(slope.mean() for slope in slopes)


def _check_learned(dataset, *architectures):
    if max(gain(dataset, name).mean() for name in architectures) < RISE:
        raise NothingToJudge(f"neither {' nor '.join(architectures)} agents learned anything")


def _learned_at(curves, origin, rises):
    """Place along the last axis at which curves have first risen so far."""
    return np.argmax(curves >= origin + rises, axis=-1)


# ------------------------------------------------------------------------------ setbacks


# what falls, or rises, when the population changes: the metric, and the sign of its fall
SETBACKS = {
    "return": ("discounted_return", 1.0),
    "exploitability": ("exact_exploitability", -1.0),
}


@explained
def setback(
    dataset: xr.Dataset,
    architecture: str,
    metric: str = "discounted_return",
    sign: float = 1.0,
    after: int = AROUND,
) -> np.ndarray:
    """By how much a metric falls when the population grows; (n_trials,) float64.

    Its mean over the ten iterations before the increase minus that over `after` ones after it.
    With `sign` -1: by how much it rises. Agents that arrive after learning are first there at the
    next iteration (D18).
    """
    arrived = change(dataset)
    before = mean_between(dataset, metric, architecture, arrived - AROUND + 1, arrived)
    return sign * (
        before - mean_between(dataset, metric, architecture, arrived + 1, arrived + after)
    )


@explained
def change(dataset: xr.Dataset) -> int:
    """Last iteration at which the population is as before it changed; int."""
    parameters = configuration(dataset)
    at = parameters.get("change_at")
    if at is None:
        raise NothingToJudge("the population does not change")
    return at - (parameters.get("arrivals") == "before_learning")


@explained
def setback_advantage(
    dataset: xr.Dataset,
    metric: str = "discounted_return",
    sign: float = 1.0,
    after: int = AROUND,
    other: str = "independent",
) -> np.ndarray:
    """How much greater another population's setback is than the networked one's; in units of W."""
    theirs = setback(dataset, other, metric, sign, after)
    return (theirs - setback(dataset, "networked", metric, sign, after)) / whole(dataset)


@explained
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
            learned = gain(mean, architecture)[0] >= RISE
            rows.append(
                {
                    "experiment": name,
                    "architecture": architecture,
                    "discounted_return": float(returns.mean()),
                    "standard_deviation": float(returns.std(ddof=min(1, returns.size - 1))),
                    "exploitability": float(gaps.mean()),
                    "arrived_at": int(rise_time(mean, architecture)[0]) if learned else None,
                }
            )
    return rows
