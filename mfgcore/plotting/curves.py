"""Figures of curves: metrics over the iterations, and the cost over the population."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mfgcore._base.errors import ConfigurationError
from mfgcore.experiment.experiment import make_experiment
from mfgcore.metrics.definitions import label
from mfgcore.plotting.datasets import (
    EXACT_PANELS,
    check_drawn,
    check_panels,
    counted_trials,
    factors_of,
    measured_panels,
    panels_of,
    with_architecture,
)
from mfgcore.plotting.figures import FIGURES, finish, label_lines, over_iterations, subplots
from mfgcore.plotting.maps import Maps
from mfgcore.plotting.statistics import half_interval, summarise
from mfgcore.plotting.style import STYLES, WIDTH, styled, styles_of
from mfgcore.runs.datasets import configuration

LEAST = 1e-4  # of a logarithmic axis, unless all is below
RETURNS = ("discounted_return", "exact_return", "mean_individual_return")
REFERENCE = "reference"  # what tables call the run drawn beside an experiment


@FIGURES.register
@styled
def metrics(
    dataset: xr.Dataset,
    *,
    reference: xr.Dataset | None = None,
    panels: Sequence[str] | None = None,
    logarithmic: Sequence[str] = (),
    ax: Any = None,
    **files: Any,
) -> Any:
    """Return, exploitability and policy divergence over the iterations (Figures 1 to 6).

    Lines are means over trials. Dark bands are their 95 % intervals, light ones one standard
    deviation to either side.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of an experiment with one factor, such as the architecture: a line for each of its levels.
    reference : xarray.Dataset, optional
        Of a run to draw beside it: learning without sampling error.
    panels : list of str, optional
        The metrics to draw, by default return, exact and sampled exploitability, and divergence.
    logarithmic : list of str, optional
        Those of them on a logarithmic axis.
    ax : Axes, optional
        Those to draw into, one for each panel.
    **files
        `drawings`, `table` and `title`: see :func:`~mfgcore.plotting.figures.finish`.

    Returns
    -------
    Axes or (n_panels,) array of Axes
    """
    check_drawn(dataset, "factor")
    panels = measured_panels(dataset) if panels is None else panels
    check_panels(panels, dataset)
    shape = (2, 2) if len(panels) == 4 else (1, len(panels))
    axes = subplots(*shape, (WIDTH, 0.6 + 1.95 * shape[0]), ax).reshape(1, -1)
    for axis, panel in zip(axes[0], panels, strict=True):
        axis.set_yscale("log" if panel in logarithmic else "linear")
    data = _draw_metrics(axes[0], dataset, panels, reference)
    note = f"mean, its 95 % interval and the standard deviation, {counted_trials(dataset)}"
    note += "; on logarithmic axes without the latter" if logarithmic else ""
    return finish(axes, data=data, note=note, legend=axes[0, 0], ax=ax, **files)


@FIGURES.register
def exact(dataset: xr.Dataset, *, panels: Sequence[str] = EXACT_PANELS, **options: Any) -> Any:
    """Exact return and exploitability, beside a run without sampling error; see :func:`metrics`.

    Exploitabilities have a logarithmic axis.
    """
    small = [panel for panel in panels if panel.endswith("exploitability")]
    return metrics(dataset, panels=panels, logarithmic=small, **options)


@FIGURES.register
@styled
def run(
    dataset: xr.Dataset,
    *,
    reference: xr.Dataset | None = None,
    panels: Sequence[str] | None = None,
    ax: Any = None,
    **files: Any,
) -> Any:
    """The metrics of a single run and, unless Axes are given, maps of its mean field.

    The arguments are those of :func:`metrics`; `panels` are by default those of
    :func:`~mfgcore.plotting.datasets.panels_of`, the Axes are theirs, and the title is the run's.
    """
    check_drawn(dataset, "run", *([] if ax is not None else ["mean_field", "layout"]))
    panels = panels_of(dataset) if panels is None else panels
    check_panels(panels, dataset)
    own = with_architecture(dataset.drop_vars("trial", errors="ignore").expand_dims(trial=[0]))
    if ax is None:
        maps = Maps(own, snapshots=6)
        heights = 1.9, maps.height
        figure = Figure(figsize=(WIDTH, 0.3 + sum(heights)), layout="constrained")
        halves: Any = figure.subfigures(2, 1, height_ratios=heights)
        above, below = halves
        axes = above.subplots(1, len(panels), squeeze=False)
        maps.draw(below.subplots(*maps.shape, squeeze=False), explained=True)
    else:
        axes = subplots(1, len(panels), None, ax)
    data = _draw_metrics(axes[0], own, panels, reference)
    files = {"title": dataset.attrs.get("title", "")} | files
    return finish(axes, data=data, ax=ax, **files)


def _draw_metrics(
    axes: Sequence[Axes], dataset: xr.Dataset, metrics: Sequence[str], reference: Any
) -> pd.DataFrame:
    """Draw each metric of an experiment into an Axes; returns what is drawn."""
    [factor] = factors_of(dataset)
    data = summarise(dataset, metrics)
    styles = styles_of(factor, dataset[factor].values)
    prefix = "" if factor == "architecture" else f"{factor} = "
    curves: dict[Any, dict] = {
        level: {"color": colour, "ls": line, "label": f"{prefix}{level}"}
        for level, (colour, line) in styles.items()
    }
    if reference is not None:
        check_drawn(reference, "run", *metrics)
        alone = reference.drop_vars([factor, "trial"], errors="ignore")
        alone = alone.expand_dims({factor: [REFERENCE], "trial": [0]})
        data = pd.concat([data, summarise(alone, metrics)], ignore_index=True)
        name = "one policy, no sampling error"
        curves[REFERENCE] = {"color": "black", "lw": 0.8, "zorder": 1, "label": name}
    for axis, metric in zip(axes, metrics, strict=True):
        own = data["metric"] == metric
        for level, rows in data[own].groupby(factor, sort=False):
            k, mean, deviation = rows["iteration"], rows["mean"], rows["standard_deviation"]
            axis.plot(k, mean, **curves[level])
            if level == REFERENCE:
                continue
            colour = curves[level]["color"]
            if axis.get_yscale() == "linear":  # on the other, what is below 0 would fill the panel
                axis.fill_between(
                    k, mean - deviation, mean + deviation, color=colour, alpha=0.18, linewidth=0
                )
            half = half_interval(deviation, int(rows["trials"].iloc[0]))
            axis.fill_between(k, mean - half, mean + half, color=colour, alpha=0.4, linewidth=0)
            if len(k) == 1:
                axis.errorbar(k, mean, deviation, fmt="none", ecolor=colour)
        axis.set_title(label(metric))
        over_iterations(axis, dataset.sizes["iteration"], configuration(dataset))
        if metric in RETURNS and (highest := _highest_return(configuration(dataset))):
            axis.set_ylabel(f"at most {highest:.3g}")
        if axis.get_yscale() == "log" and (highest := data.loc[own, "mean"].max()) > 0.0:
            lowest = data.loc[own & (data["mean"] > 0.0), "mean"].min()
            axis.set_ylim(min(max(LEAST, 0.5 * lowest), 0.1 * highest), 2.0 * highest)
        label_lines(axis, len(styles))
    return data


def _highest_return(parameters):
    """(1 + h_max) / (1 - gamma), of the parameters of a run; None if they do not tell."""
    try:
        return make_experiment(**parameters).max_q_value
    except ConfigurationError:
        return None


@FIGURES.register
@styled
def scaling(dataset: pd.DataFrame, *, reference: Any = None, ax: Any = None, **files: Any) -> Any:
    """Seconds and memory of an iteration over the population, and seconds over the threads.

    `dataset` is a table with the columns agents, threads, seconds (of an iteration) and megabytes
    (peak of the process). No reference is drawn.
    """
    columns = ["agents", "threads", "seconds", "megabytes"]
    if not {*columns} <= {*dataset} or dataset.empty:
        raise ConfigurationError(f"dataset: the columns {', '.join(columns)} are needed")
    axes = subplots(1, 3, (WIDTH, 2.3), ax)
    time, memory, speed = axes[0]
    measured = {"ms": 3, "color": STYLES["networked"][0], "label": "measured"}
    linear = {"color": "0.5", "lw": 0.8, "ls": "--", "label": "linear in $N$"}
    alone = dataset[dataset["threads"] == 1].sort_values("agents")
    agents = alone["agents"]
    # through the largest population, where what does not grow with N counts least
    slope = alone["seconds"].iloc[-1] / agents.iloc[-1]
    time.plot(agents, alone["seconds"], "o-", **measured)
    time.plot(agents, agents * slope, **linear)
    time.legend(frameon=False)
    memory.plot(agents, alone["megabytes"], "o-", **measured)
    for axis, what, unit in ((time, "Time of an iteration", "s"), (memory, "Peak memory", "MiB")):
        axis.set(xscale="log", yscale="log", title=what, xlabel="Agents $N$", ylabel=unit)
    most = dataset.groupby("agents")["threads"].nunique().idxmax()
    shared = dataset[dataset["agents"] == most].sort_values("threads")
    threads = shared["threads"]
    speed.plot(threads, shared["seconds"].iloc[0] / shared["seconds"], "o-", **measured)
    speed.plot(threads, threads, **linear)
    speed.set(title=f"Speed-up, N = {most}", xlabel="Threads", xticks=threads)
    return finish(axes, data=dataset, ax=ax, **files)
