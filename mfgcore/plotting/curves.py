"""Figures from collected datasets: metrics over iterations, and where the population is.

What draws a dataset can be told the files to draw (`drawings`: PDF, PNG or SVG), a CSV file for the
data drawn (`table`) and the title of the figure. It draws a figure of its own, which looks the same
under any settings of matplotlib, or into the Axes that it is given (`ax`: one for each panel), in
their style, and returns the Axes. Nothing here knows of pyplot's current figure, or changes how
other figures look.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mfgcore.plotting.style import (  # before matplotlib
    axes_for,
    check_drawn,
    checked_panels,
    literal,
    save_figure,
    styled,
)

# isort: split
import matplotlib
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.ticker import MaxNLocator

from mfgcore._base.errors import ConfigurationError, shorten
from mfgcore._base.files import StrPath, atomic_path
from mfgcore.metrics.definitions import label
from mfgcore.plotting.state_layout import MOST_CELLS, cells_of, layout_of, names_of
from mfgcore.plotting.statistics import by_setting, summarise, summarise_ablation
from mfgcore.runs.datasets import configuration

# what figures show of METRICS
PANELS = ("discounted_return", "exploitability", "policy_divergence")
EXACT_PANELS = ("exact_return", "exact_exploitability", "mean_individual_exploitability")
# Okabe & Ito's palette, which colour-blind readers can tell apart; the line styles serve print
STYLES = {
    "centralised": ("#0072B2", (0, (5, 1.5))),
    "independent": ("#D55E00", (0, (1, 1))),
    "networked": ("#009E73", "solid"),
}
OTHER_COLOURS = ("#CC79A7", "#E69F00", "#56B4E9", "#000000")
NOT_MEASURED = "not measured"
WIDTH = 7.2  # inches: the text width of a page


def _returned(axes):
    """One Axes as itself, several as an array."""
    return axes.item() if axes.size == 1 else axes.squeeze()


def style_of(architecture: str) -> tuple[str, Any]:
    """Colour and line style of an architecture, also of one that is not the paper's."""
    if architecture in STYLES:
        return STYLES[architecture]
    return OTHER_COLOURS[sum(map(ord, architecture)) % len(OTHER_COLOURS)], "dashdot"


def finish(
    axes: np.ndarray,
    ax: Any,
    drawings: Iterable[StrPath],
    title: str = "",
    note: str = "",
    legend: Axes | None = None,
) -> None:
    """Put the title above a figure, and below it the legend of one of its axes, and write it.

    Of Axes that were given, which may be of a larger figure, that one gets the legend.
    """
    figure = axes[0].figure.get_figure(root=True)
    if ax is None:
        figure.suptitle(f"{literal(title)}\n{note}".strip(), fontsize=8.5)
        if legend is not None:
            handles, labels = legend.get_legend_handles_labels()
            place = {"loc": "outside lower center", "ncols": len(labels)}
            figure.legend(handles, labels, frameon=False, **place)
    elif legend is not None:
        legend.legend(frameon=False)
    save_figure(figure, drawings)


def _count(number, noun):
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _over_iterations(axis, parameters, n_iterations):
    """Make an axis one over the iterations, with a line where the population changes."""
    integers = MaxNLocator("auto", integer=True, steps=[1, 2, 2.5, 5, 10], min_n_ticks=1)
    axis.xaxis.set_major_locator(integers)
    last, sizes = n_iterations - 1, [np.size(line.get_xdata()) for line in axis.lines]
    # of one value a line shows nothing; what starts alike is at one point, so that all are seen
    alone = [line for line, size in zip(axis.lines, sizes, strict=True) if size == 1]
    for place, line in enumerate(sorted(alone, key=lambda line: line.zorder)):
        line.set(marker="o", markersize=4 + 8 * (1 - (place + 1) / len(alone)))
    margin = 0.5 if last == 0 else 0.05 * last * bool(alone)
    axis.set(xlabel="Iteration $k$", xlim=(-margin, last + margin))
    axis.margins(y=0.04)
    if not any(sizes):
        axis.set(yticks=[])
        axis.annotate(NOT_MEASURED, (0.5, 0.5), xycoords="axes fraction", ha="center", va="center")
    for at, text in disturbances(parameters).items():
        axis.axvline(at, color="0.35", lw=0.8, ls=(0, (4, 3)), zorder=0, label=text)


def disturbances(parameters: Mapping[str, Any]) -> dict[int, str]:
    """What happens to the population of a run, in words, by the iteration; dict of int to str."""
    found = {}
    if parameters.get("change_at") is not None:
        sizes = [str(parameters.get(key, "…")) for key in ("agents", "agents_after")]
        text = f"{' → '.join(sizes)} agents"  # "…": what an ablation varies
        found[parameters["change_at"]] = text
    if parameters.get("learner_lost_at") is not None:
        before = found.get(parameters["learner_lost_at"])
        text = "central learner lost"
        found[parameters["learner_lost_at"]] = f"{before}, {text}" if before else text
    return found


def save_table(table: pd.DataFrame, path: StrPath | None) -> None:
    """Write a table to a CSV file, whole or not at all; nowhere, if there is no path."""
    if path is None:
        return
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.10g")


@styled
def plot_metrics(
    dataset: xr.Dataset,
    drawings: Iterable[StrPath] = (),
    table: StrPath | None = None,
    title: str = "",
    panels: Sequence[str] = PANELS,
    reference: xr.Dataset | None = None,
    *,
    ax: Any = None,
) -> Axes | np.ndarray:
    """Return, exploitability and policy divergence over the iterations (Figures 1 to 6).

    Lines are means over trials, bands one standard deviation to either side. The dataset is an
    experiment's, `panels` are its metrics to draw, and `reference` is the dataset of a run drawn
    beside it: learning without sampling error.
    """
    panels = checked_panels(panels, dataset, "experiment")
    if reference is not None:
        check_drawn(reference, "run", *panels)
    summary = summarise(dataset, panels)
    parameters = configuration(dataset)
    axes = axes_for(ax, (WIDTH, 2.55), 1, len(panels))[0]
    for axis, metric in zip(axes, panels, strict=True):
        drawn = summary[summary["metric"] == metric]
        for architecture, rows in drawn.groupby("architecture", sort=False):
            colour, line = style_of(architecture)
            k, mean, deviation = rows["iteration"], rows["mean"], rows["standard_deviation"]
            axis.plot(k, mean, color=colour, ls=line, label=architecture)
            band = mean - deviation, mean + deviation
            axis.fill_between(k, *band, color=colour, alpha=0.18, linewidth=0)
            if len(k) == 1:
                axis.errorbar(k, mean, deviation, fmt="none", ecolor=colour)
        if reference is not None:
            exact = reference[metric].dropna("iteration")
            text = "one policy, no sampling error"
            axis.plot(exact["iteration"], exact, color="black", lw=0.8, zorder=1, label=text)
        axis.set_title(label(metric))
        _over_iterations(axis, parameters, dataset.sizes["iteration"])
    if reference is not None:
        alone = reference.expand_dims(architecture=["reference"], trial=[0])
        summary = pd.concat([summary, summarise(alone, panels)], ignore_index=True)
    note = f"mean ± standard deviation, {_count(dataset.sizes['trial'], 'trial')}"
    finish(axes, ax, drawings, title, note, legend=axes[0])
    save_table(summary, table)
    return _returned(axes)


def plot_exact(
    dataset: xr.Dataset,
    drawings: Iterable[StrPath] = (),
    table: StrPath | None = None,
    title: str = "",
    reference: xr.Dataset | None = None,
    *,
    ax: Any = None,
) -> Axes | np.ndarray:
    """The exact metrics, beside a run without sampling error; otherwise :func:`plot_metrics`."""
    return plot_metrics(dataset, drawings, table, title, EXACT_PANELS, reference, ax=ax)


@styled
def plot_mean_field(
    dataset: xr.Dataset,
    drawings: Iterable[StrPath] = (),
    table: StrPath | None = None,
    title: str = "",
    snapshots: int = 6,
    *,
    ax: Any = None,
) -> Axes | np.ndarray:
    """Where the population is at a few iterations, for each architecture.

    Trials settle at different corners, and their average would be nowhere, so the first trial of
    the experiment is shown, at `snapshots` iterations from the first to the last. The Axes are
    (architectures, iterations); of a chain, whose maps are low and wide, the other way round.
    """
    check_drawn(dataset, "experiment", "mean_field", said=["layout"])
    if not isinstance(snapshots, int | np.integer) or snapshots < 1:
        raise ConfigurationError(f"snapshots: {shorten(snapshots)} is not a whole number >= 1")
    fields = dataset["mean_field"].isel(trial=0, iteration=_snapshots(dataset, snapshots))
    axes = axes_for(ax, (WIDTH, _height_of_maps(fields, dataset)), *_shape_of_maps(fields, dataset))
    _draw_maps(axes, fields, dataset)
    if ax is None:
        _say_what_shares_are(axes, dataset)
    note = f"mean over the learning steps of iteration $k$, trial {int(dataset['trial'][0])}"
    finish(axes.ravel(), ax, drawings, title, note)
    drawn = fields.to_dataframe(name="share").reset_index()
    where = [name for name in ("row", "column") if name in drawn] or ["state"]
    save_table(drawn[["architecture", "trial", "iteration", *where, "share"]], table)
    return _returned(axes)


def _snapshots(dataset, number):
    """So many iterations from the first to the last, or all if they are fewer."""
    return np.unique(np.linspace(0, dataset.sizes["iteration"] - 1, number).round().astype(int))


def _height_of_maps(fields, dataset):
    """In inches. Cells of a chain are wide and low, so that its iterations are below each other."""
    n_architectures, n_shown, _ = fields.shape
    chain = layout_of(dataset) == "line"
    return 0.33 * n_shown + 1.0 if chain else 1.22 * n_architectures + 0.55


def _shape_of_maps(fields, dataset):
    """How many maps there are below each other, and side by side."""
    n_architectures, n_shown, _ = fields.shape
    chain = layout_of(dataset) == "line"
    return (n_shown, n_architectures) if chain else (n_architectures, n_shown)


def _draw_maps(axes, fields, dataset):
    """Mean fields, (architecture, iteration, state), each in an axis of its own."""
    names, shown = fields["architecture"].values, fields["iteration"].values
    chain = layout_of(dataset) == "line"
    for name, row in zip(names, axes.T if chain else axes, strict=True):
        for axis, iteration in zip(row, shown, strict=True):
            shares = fields.sel(architecture=name, iteration=iteration).values
            draw_shares(axis, shares, dataset, float(fields.max()), style_of(name)[0])
        if chain:
            row[0].set_title(name)
        else:
            row[0].set_ylabel(name)
    for axis, iteration in zip(axes[:, 0] if chain else axes[0], shown, strict=True):
        if chain:
            axis.set_ylabel(f"$k = {iteration}$", rotation=0, ha="right", va="center")
        else:
            axis.set_title(f"$k = {iteration}$")


def _say_what_shares_are(axes, dataset):
    """The colours' meaning, or that of the bars."""
    figure, what = axes.flat[0].figure, "share of the population"
    if cells_of(dataset) is not None:
        shares = axes.flat[0].collections or axes.flat[0].images
        figure.colorbar(shares[0], ax=axes, label=what, shrink=0.85, pad=0.015)
    else:
        for axis in axes[:, 1:].flat:
            axis.tick_params(labelleft=False)
        figure.supylabel(what, fontsize="medium")
    for axis in axes[:-1].flat:
        axis.tick_params(labelbottom=False)
    if layout_of(dataset) == "ring":
        figure.supxlabel("state 0 is at the top, the others follow clockwise", fontsize="medium")
    elif layout_of(dataset) != "grid" and "state_name" not in dataset.coords:
        figure.supxlabel("state", fontsize="medium")


def draw_shares(
    axis: Axes,
    shares: np.ndarray,
    dataset: xr.Dataset,
    largest: float | None = None,
    colour: str = OTHER_COLOURS[2],
) -> Axes:
    """Draw how a population is spread over the states, as these lie.

    A grid is drawn as a grid, its obstacles in grey, a chain as a row of cells, a ring as a ring,
    and what has no geometry, or is too long for cells, as bars. States that pay best where
    everybody is spread evenly are outlined.

    Parameters
    ----------
    axis : matplotlib axes
    shares : (n_states,) float64
    dataset : xarray.Dataset
        Of a run or an experiment of the game.
    largest : float, optional
        Share at the end of the scale.
    colour : colour, optional
        Of bars.

    Returns
    -------
    matplotlib axes
    """
    axes_for(axis, None, 1)
    if np.shape(shares) != (dataset.sizes["state"],):
        raise ConfigurationError(f"shares: {dataset.sizes['state']} numbers are needed")
    largest = shares.max() if largest is None else largest
    cells, layout = cells_of(dataset), layout_of(dataset)
    if cells is None:
        _draw_bars(axis, shares, dataset, largest, colour)
        return axis
    colours: dict[str, Any] = {"norm": PowerNorm(0.5, vmin=0.0, vmax=largest), "cmap": "viridis"}
    edge: dict[str, Any] = {"closed": True, "fill": False, "joinstyle": "miter", "zorder": 3}
    around = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)])
    if layout == "ring":
        around = np.stack([np.cos(angles := np.linspace(0, 2 * np.pi, 40)), np.sin(angles)], axis=1)
        beads = PolyCollection([(cell + 0.47 * around)[:, ::-1] for cell in cells], **colours)
        beads.set_array(shares)
        axis.add_collection(beads)
        reach = np.abs(cells).max() + 0.6
        axis.set(xlim=(-reach, reach), ylim=(reach, -reach), aspect="equal")
    else:
        drawn = np.full(cells.max(axis=0) + 1, np.nan)
        drawn[tuple(cells.T)] = shares
        axis.set_facecolor("0.72")
        axis.imshow(drawn, aspect="auto" if layout == "line" else "equal", **colours)
    axis.set(xticks=[], yticks=[])
    if layout == "line":
        _name_states(axis, dataset)
    axis.spines[:].set_visible(False)
    for cell in cells[dataset["best"].values == 1]:
        corners = (cell + 0.4 * around)[:, ::-1]
        for shade, width in (("black", 1.5), ("white", 0.75)):
            axis.add_patch(Polygon(corners, edgecolor=shade, linewidth=width, **edge))
    return axis


def _draw_bars(axis, shares, dataset, largest, colour):
    states = np.arange(shares.size)
    if shares.size > MOST_CELLS:  # one outline, as so many bars would take minutes
        edges = np.arange(shares.size + 1) - 0.5
        axis.stairs(shares, edges, fill=True, facecolor=colour, edgecolor=colour, linewidth=0.6)
    else:
        axis.bar(states, shares, color=colour)
    axis.set(xlim=(-0.6, shares.size - 0.4), ylim=(0.0, 1.04 * largest))
    _name_states(axis, dataset)


def _name_states(axis, dataset):
    """Name states below an axis, or some of them if they are many."""
    names = [literal(name) for name in names_of(dataset)]
    if len(names) > 10:
        axis.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    else:
        long = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
        axis.set_xticks(range(len(names)), names, **(long if max(map(len, names)) > 2 else {}))
    axis.tick_params("x", length=2)


@styled
def plot_ablation(
    dataset: xr.Dataset,
    drawings: Iterable[StrPath] = (),
    table: StrPath | None = None,
    title: str = "",
    *,
    ax: Any = None,
) -> np.ndarray:
    """What one parameter changes: return and exact exploitability over k, and the mean return.

    The dataset is an experiment's with a factor beside the architecture. The table is that of
    :func:`summarise_ablation`; in the figure are the means over trials. The Axes are those of
    return and exploitability for each architecture, and last that of the mean return.
    """
    curves = {"return": "discounted_return", "gap": "exact_exploitability"}
    dataset = by_setting(dataset)
    check_drawn(dataset, "ablation", *curves.values(), said=["varied", "baseline"])
    parameters = configuration(dataset)
    summary = summarise_ablation(dataset, np.random.default_rng(parameters["seed"]))
    settings, architectures = dataset["setting"].values, dataset["architecture"].values
    n_rows = len(architectures)
    if ax is None:
        figure = Figure(figsize=(WIDTH, max(2.6, 1.5 * n_rows + 0.8)), layout="constrained")
        mosaic: Any = [[*(f"{name} {row}" for name in curves), "mean"] for row in range(n_rows)]
        named = figure.subplot_mosaic(mosaic, width_ratios=(1.0, 1.0, 0.9))
        ax_of = [named[f"{name} {row}"] for row in range(n_rows) for name in curves]
        axes = np.array([*ax_of, named["mean"]], dtype=object)
    else:
        axes = axes_for(ax, None, 1, 2 * n_rows + 1)[0]
    pairs = axes[:-1].reshape(n_rows, 2)
    for row, architecture in enumerate(architectures):
        means = dataset.sel(architecture=architecture).mean("trial")
        for column, metric in enumerate(curves.values()):
            axis = pairs[row, column]
            colours = matplotlib.colormaps["viridis"](np.linspace(0, 1, len(settings) + 3)[1:-2])
            for setting, colour in zip(settings, colours, strict=True):
                curve = means[metric].sel(setting=setting).dropna("iteration")
                axis.plot(curve["iteration"], curve, color=colour, label=literal(setting))
            _over_iterations(axis, parameters, dataset.sizes["iteration"])
            if row:
                axis.sharey(pairs[0, column])
            else:
                axis.set_title(label(metric))
            if row < n_rows - 1:
                axis.set_xlabel("")
                axis.tick_params(labelbottom=False)
        pairs[row, 0].set_ylabel(architecture)
    _draw_means(axes[-1], summary, settings, dataset.attrs)
    note = (
        f"mean over {_count(dataset.sizes['trial'], 'trial')}, bars: 95 % intervals; bold: the "
        "value of the other ablations"
    )
    finish(axes, ax, drawings, title, note, legend=axes[0])
    save_table(summary, table)
    return axes


def _draw_means(axis, summary, settings, attributes):
    """The mean return of every value of an ablation, with its interval."""
    places = np.arange(len(settings))
    architectures = summary["architecture"].unique()
    shifts = np.linspace(-0.12, 0.12, len(architectures)) if len(architectures) > 1 else (0.0,)
    for shift, architecture in zip(shifts, architectures, strict=True):
        rows = summary[summary["architecture"] == architecture]
        spread = np.abs(rows[["low", "high"]].to_numpy().T - rows["mean"].to_numpy())
        look = {"fmt": "o", "ms": 3.5, "lw": 1.0, "color": style_of(architecture)[0]}
        axis.errorbar(places + shift, rows["mean"], spread, label=architecture, **look)
    axis.set(title="Mean return of the whole run", xticks=places, xlim=(-0.5, places[-1] + 0.5))
    axis.set_ylim(
        min(0.0, 1.1 * summary["low"].min()),
        max(1e-9, (1.1 if len(architectures) == 1 else 1.35) * summary["high"].max()),
    )
    names = [literal(setting).replace("_", "\n") for setting in settings]
    width = sum(max(map(len, name.split("\n"))) for name in names)
    axis.set_xticklabels(names, rotation=30 if width > 24 else 0, fontsize=7)
    for tick, setting in zip(axis.get_xticklabels(), settings, strict=True):
        tick.set_fontweight("bold" if setting == attributes["baseline"] else "normal")
    axis.set_xlabel(attributes["varied"])
    if len(architectures) > 1:
        axis.legend(frameon=False, loc="upper right")


@styled
def plot_run(
    dataset: xr.Dataset,
    drawings: Iterable[StrPath] = (),
    title: str | None = None,
    panels: Sequence[str] | None = None,
    *,
    ax: Any = None,
) -> Axes | np.ndarray:
    """The metrics of a single run, and in a figure of its own also where its population was.

    The dataset is a run's, and `panels` are its metrics, by default those of :func:`panels_of`; the
    Axes are theirs.
    """
    check_drawn(dataset, "run", *([] if ax is not None else ["mean_field"]), said=["layout"])
    panels = checked_panels(panels_of(dataset) if panels is None else panels, dataset, "run")
    # a run that is chosen from an experiment has it as a coordinate
    architecture = configuration(dataset).get("architecture") or str(dataset["architecture"].values)
    colour, line = style_of(architecture)
    if ax is None:
        fields = dataset["mean_field"].isel(iteration=_snapshots(dataset, 6))
        fields = fields.expand_dims(architecture=[architecture])
        heights = 1.9, _height_of_maps(fields, dataset)
        figure = Figure(figsize=(WIDTH, 0.3 + sum(heights)), layout="constrained")
        halves: Any = figure.subfigures(2, 1, height_ratios=heights)
        above, below = halves
        axes = above.subplots(1, len(panels), squeeze=False)[0]
        maps = below.subplots(*_shape_of_maps(fields, dataset), squeeze=False)
        _draw_maps(maps, fields, dataset)
        _say_what_shares_are(maps, dataset)
    else:
        axes = axes_for(ax, None, 1, len(panels))[0]
    for axis, metric in zip(axes, panels, strict=True):
        measured = dataset[metric].dropna("iteration")
        axis.plot(measured["iteration"], measured, color=colour, ls=line)
        axis.set_title(label(metric))
        _over_iterations(axis, configuration(dataset), dataset.sizes["iteration"])
    finish(axes, ax, drawings, dataset.attrs.get("title", "") if title is None else title)
    return _returned(axes)


def panels_of(dataset: xr.Dataset) -> list[str]:
    """What was measured of `PANELS`, and the exact exploitability if the sampled one was not."""
    gap = "exploitability"
    gaps = [
        name for name in (gap, f"exact_{gap}") if name in dataset and dataset[name].notnull().any()
    ][:1]
    return [name for panel in PANELS for name in (gaps if panel == gap else [panel])]


@styled
def plot_scaling(
    table: pd.DataFrame, drawings: Iterable[StrPath] = (), title: str = "", *, ax: Any = None
) -> np.ndarray:
    """Seconds and memory of an iteration over the population, and seconds over the threads.

    `table` is a pandas.DataFrame with the columns agents, threads, seconds (of an iteration) and
    megabytes (peak of the process).
    """
    columns = ["agents", "threads", "seconds", "megabytes"]
    if not isinstance(table, pd.DataFrame) or not {*columns} <= {*table} or table.empty:
        text = f"table: a pandas.DataFrame with the columns {', '.join(columns)} is needed"
        raise ConfigurationError(f"{text}, {type(table).__name__} given")
    time, memory, speed = axes = axes_for(ax, (WIDTH, 2.3), 1, 3)[0]
    measured = {"ms": 3, "color": STYLES["networked"][0], "label": "measured"}
    linear = {"color": "0.5", "lw": 0.8, "ls": "--", "label": "linear in $N$"}
    alone = table[table["threads"] == 1].sort_values("agents")
    agents = alone["agents"]
    # through the largest population, where what does not grow with N counts least
    slope = alone["seconds"].iloc[-1] / agents.iloc[-1]
    time.plot(agents, alone["seconds"], "o-", **measured)
    time.plot(agents, agents * slope, **linear)
    time.legend(frameon=False)
    memory.plot(agents, alone["megabytes"], "o-", **measured)
    for axis, what, unit in ((time, "Time of an iteration", "s"), (memory, "Peak memory", "MiB")):
        axis.set(xscale="log", yscale="log", title=what, xlabel="Agents $N$", ylabel=unit)
    most = table.groupby("agents")["threads"].nunique().idxmax()
    shared = table[table["agents"] == most].sort_values("threads")
    threads = shared["threads"]
    speed.plot(threads, shared["seconds"].iloc[0] / shared["seconds"], "o-", **measured)
    speed.plot(threads, threads, **linear)
    speed.set(title=f"Speed-up, N = {most}", xlabel="Threads", xticks=threads)
    finish(axes, ax, drawings, title)
    return axes
