"""Figures from collected datasets: metrics over iterations, and where the population is.

What draws a dataset is called with the files to draw (`drawings`: PDF, PNG or SVG), a CSV file for
the data drawn (`table`) and the title of the figure.
"""

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.collections import PolyCollection
from matplotlib.colors import PowerNorm
from matplotlib.patches import Polygon
from matplotlib.ticker import MaxNLocator

from mfgcore.datasets import configuration
from mfgcore.errors import RunFileError, shorten
from mfgcore.files import atomic_path
from mfgcore.metrics import label
from mfgcore.statistics import Interval, bootstrap, last_iterations

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
MOST_CELLS = 60  # of a chain or a ring; what is longer is drawn as bars
WIDTH = 7.2  # inches: the text width of a page
FORMATS = (".pdf", ".png", ".svg")


def use_style():
    """Set how all figures look."""
    matplotlib.use("Agg")
    sns.set_theme(
        context="paper",
        style="ticks",
        rc={
            "font.size": 8,
            "axes.titlesize": 8.5,
            "axes.labelsize": 8,
            "xtick.labelsize": 7.5,
            "ytick.labelsize": 7.5,
            "legend.fontsize": 8,
            "lines.linewidth": 1.3,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "pdf.fonttype": 42,
            "savefig.dpi": 200,
            "svg.hashsalt": "mfgcore",
        },
    )


def style_of(architecture):
    """Colour and line style of an architecture, also of one that is not the paper's."""
    if architecture in STYLES:
        return STYLES[architecture]
    return OTHER_COLOURS[sum(map(ord, architecture)) % len(OTHER_COLOURS)], "dashdot"


def _finish(figure, drawings, title, note="", legend=None):
    """Put the title above a figure, and below it the legend of an axis, and write it."""
    plain = title.replace("$", r"\$")  # a user's title is no formula
    figure.suptitle(f"{plain}\n{note}".strip(), fontsize=8.5)
    if legend is not None:
        handles, labels = legend.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    save_figure(figure, drawings)


def _count(number, noun):
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _over_iterations(axis, parameters, n_iterations):
    """Make an axis one over the iterations, with a line where the population changes."""
    axis.set(xlabel="Iteration $k$", xlim=(0, n_iterations - 1))
    axis.margins(y=0.04)
    for at, text in disturbances(parameters).items():
        axis.axvline(at, color="0.35", lw=0.8, ls=(0, (4, 3)), zorder=0, label=text)


def disturbances(parameters):
    """What happens to the population of a run, in words, by the iteration; dict of int to str."""
    found = {}
    if parameters.get("change_at") is not None:
        text = f"{parameters['agents']} → {parameters['agents_after']} agents"
        found[parameters["change_at"]] = text
    if parameters.get("learner_lost_at") is not None:
        before = found.get(parameters["learner_lost_at"])
        text = "central learner lost"
        found[parameters["learner_lost_at"]] = f"{before}, {text}" if before else text
    return found


def save_figure(figure, paths):
    """Write a figure to PDF, PNG or SVG files, whole or not at all, and close it.

    Raises
    ------
    RunFileError
        If a file cannot be written or has another ending.
    """
    for path in paths:
        suffix = Path(path).suffix
        if suffix not in FORMATS:
            raise RunFileError(
                f"{shorten(str(path))}: cannot draw {suffix or 'a file without ending'}; "
                f"one of {', '.join(FORMATS)}"
            )
        # no date inside, so that the same data give the same file
        metadata = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}, ".png": {}}[suffix]
        with atomic_path(path) as temporary:
            figure.savefig(temporary, metadata=metadata)
    plt.close(figure)


def save_table(table, path):
    """Write a table to a CSV file, whole or not at all."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.10g")


def summarise(dataset, metrics=PANELS):
    """Mean and standard deviation over trials of some metrics of an experiment's dataset.

    Returns
    -------
    pandas.DataFrame
        Columns metric, architecture, iteration, mean, standard_deviation (with n - 1; 0 for a
        single trial), trials. Iterations at which a metric was not measured are left out.
    """
    rows = []
    for metric in metrics:
        values = dataset[metric].transpose("architecture", "iteration", "trial")
        for architecture in values["architecture"].values:
            series = values.sel(architecture=architecture).values
            measured = np.isfinite(series).all(axis=1)
            series = series[measured]
            n_trials = series.shape[1]
            rows.append(
                pd.DataFrame(
                    {
                        "metric": metric,
                        "architecture": architecture,
                        "iteration": dataset["iteration"].values[measured],
                        "mean": series.mean(axis=1),
                        "standard_deviation": series.std(axis=1, ddof=min(1, n_trials - 1)),
                        "trials": n_trials,
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


def plot_metrics(dataset, drawings, table, title, panels=PANELS, reference=None):
    """Return, exploitability and policy divergence over the iterations (Figures 1 to 6).

    Lines are means over trials, bands one standard deviation to either side. The dataset is an
    experiment's, `panels` are its metrics to draw, and `reference` is the dataset of a run drawn
    beside it: learning without sampling error.
    """
    use_style()
    summary = summarise(dataset, panels)
    parameters = configuration(dataset)
    figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, 2.55), layout="constrained")
    for axis, metric in zip(axes, panels, strict=True):
        drawn = summary[summary["metric"] == metric]
        for architecture, rows in drawn.groupby("architecture", sort=False):
            colour, line = style_of(architecture)
            k, mean, deviation = rows["iteration"], rows["mean"], rows["standard_deviation"]
            axis.plot(k, mean, color=colour, ls=line, label=architecture)
            band = mean - deviation, mean + deviation
            axis.fill_between(k, *band, color=colour, alpha=0.18, linewidth=0)
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
    _finish(figure, drawings, title, note, legend=axes[0])
    save_table(summary, table)


def plot_exact(dataset, drawings, table, title, reference):
    """The exact metrics, beside a run without sampling error; otherwise :func:`plot_metrics`."""
    plot_metrics(dataset, drawings, table, title, EXACT_PANELS, reference)


def plot_mean_field(dataset, drawings, table, title, snapshots=6):
    """Where the population is at a few iterations, for each architecture.

    Trials settle at different corners, and their average would be nowhere, so the first trial of
    the experiment is shown, at `snapshots` iterations from the first to the last.
    """
    use_style()
    shown = _snapshots(dataset, snapshots)
    fields = dataset["mean_field"].isel(trial=0, iteration=shown)
    figure = plt.figure(figsize=(WIDTH, _height_of_maps(fields, dataset)), layout="constrained")
    _draw_maps(figure, fields, dataset)
    note = f"mean over the learning steps of iteration $k$, trial {int(dataset['trial'][0])}"
    _finish(figure, drawings, title, note)
    drawn = fields.to_dataframe(name="share").reset_index()
    where = [name for name in ("row", "column") if name in drawn] or ["state"]
    save_table(drawn[["architecture", "trial", "iteration", *where, "share"]], table)


def _snapshots(dataset, number):
    """So many iterations from the first to the last, or all if they are fewer."""
    return np.unique(np.linspace(0, dataset.sizes["iteration"] - 1, number).round().astype(int))


def _height_of_maps(fields, dataset):
    """In inches. Cells of a chain are wide and low, so that its iterations are below each other."""
    n_architectures, n_shown, _ = fields.shape
    chain = layout_of(dataset) == "line"
    return 0.33 * n_shown + 1.0 if chain else 1.22 * n_architectures + 0.55


def _draw_maps(figure, fields, dataset):
    """Mean fields, (architecture, iteration, state), each in an axis of its own."""
    names, shown = fields["architecture"].values, fields["iteration"].values
    chain = layout_of(dataset) == "line"
    shape = (len(shown), len(names)) if chain else (len(names), len(shown))
    axes = figure.subplots(*shape, squeeze=False)
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
    _say_what_shares_are(figure, axes, dataset)


def _say_what_shares_are(figure, axes, dataset):
    """The colours' meaning, or that of the bars."""
    what = "share of the population"
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


def draw_shares(axis, shares, dataset, largest=None, colour=OTHER_COLOURS[2]):
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
    """
    largest = shares.max() if largest is None else largest
    cells, layout = cells_of(dataset), layout_of(dataset)
    if cells is None:
        return _draw_bars(axis, shares, dataset, largest, colour)
    colours = {"norm": PowerNorm(0.5, vmin=0.0, vmax=largest), "cmap": "viridis"}
    edge = {"closed": True, "fill": False, "joinstyle": "miter", "zorder": 3}
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
    sns.despine(ax=axis, left=True, bottom=True)
    for cell in cells[dataset["best"].values == 1]:
        corners = (cell + 0.4 * around)[:, ::-1]
        for shade, width in (("black", 1.5), ("white", 0.75)):
            axis.add_patch(Polygon(corners, edgecolor=shade, linewidth=width, **edge))


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
    names = names_of(dataset)
    if len(names) > 10:
        axis.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    else:
        long = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
        axis.set_xticks(range(len(names)), names, **(long if max(map(len, names)) > 2 else {}))
    axis.tick_params("x", length=2)


def layout_of(dataset):
    """How the states are drawn: as a "grid", "line", "ring", or "none": as bars; str."""
    layout, long = dataset.attrs["layout"], dataset.sizes["state"] > MOST_CELLS
    return "none" if long and layout in ("line", "ring") else layout


def names_of(dataset):
    """What the states are called; list of str."""
    names = dataset["state_name" if "state_name" in dataset.coords else "state"]
    return [str(name) for name in names.values]


def turns_of(dataset):
    """By how much "up" is turned in each state, clockwise, in radians; (n_states,) float64."""
    n_states = dataset.sizes["state"]
    return 2.0 * np.pi / n_states * np.arange(n_states) * (layout_of(dataset) == "ring")


def cells_of(dataset):
    """Where each state is drawn, (row, column), (n_states, 2); None where they are drawn as bars.

    A ring starts at the top and goes clockwise; its centre is at (0, 0).
    """
    places = dataset["state"].values
    match layout_of(dataset):
        case "grid":
            return np.stack((dataset["row"].values, dataset["column"].values), axis=1)
        case "line":
            return np.stack((0 * places, places), axis=1)
        case "ring":
            turns = turns_of(dataset)
            radius = 0.5 / np.sin(np.pi / max(places.size, 2))  # neighbours are 1 apart
            return radius * np.stack((-np.cos(turns), np.sin(turns)), axis=1)
    return None


def summarise_ablation(dataset, generator):
    """Mean return over the whole run, with its 95 % interval, for every value of an ablation.

    Returns
    -------
    pandas.DataFrame
        Columns setting, architecture, mean, low, high, final (mean return at the end of the run,
        see :func:`mfgcore.statistics.last_iterations`), exploitability (exact, likewise), trials.
        The intervals are bootstrapped over trials with `generator`.
    """
    returns = dataset["discounted_return"]
    last = slice(-last_iterations(dataset.sizes["iteration"]), None)
    rows = []
    for setting in dataset["setting"].values:
        for architecture in dataset["architecture"].values:
            place = {"setting": setting, "architecture": architecture}
            own = returns.sel(place).transpose("trial", "iteration").values
            whole = own.mean(axis=1)
            interval = (
                bootstrap([whole], generator) if whole.size > 1 else Interval(*3 * [whole[0]], 1)
            )
            gap = dataset["exact_exploitability"].sel(place).isel(iteration=last)
            rows.append(
                {
                    **place,
                    "mean": interval.estimate,
                    "low": interval.low,
                    "high": interval.high,
                    "final": own[:, last].mean(),
                    "exploitability": float(gap.mean()),
                    "trials": interval.trials,
                }
            )
    return pd.DataFrame(rows)


def plot_ablation(dataset, drawings, table, title):
    """What one parameter changes: return and exact exploitability over k, and the mean return.

    The dataset is an ablation's: that of an experiment with the dimension `setting`, the values of
    the parameter named by the attribute `varied`; `baseline` is the one of the other ablations. The
    table is that of :func:`summarise_ablation`; in the figure are the means over trials.
    """
    use_style()
    parameters = configuration(dataset)
    summary = summarise_ablation(dataset, np.random.default_rng(parameters["seed"]))
    settings, architectures = dataset["setting"].values, dataset["architecture"].values
    curves = {"return": "discounted_return", "gap": "exact_exploitability"}
    n_rows = len(architectures)
    figure = plt.figure(figsize=(WIDTH, max(2.6, 1.5 * n_rows + 0.8)), layout="constrained")
    axes = figure.subplot_mosaic(
        [[*(f"{name} {row}" for name in curves), "mean"] for row in range(n_rows)],
        width_ratios=(1.0, 1.0, 0.9),
    )
    for row, architecture in enumerate(architectures):
        means = dataset.sel(architecture=architecture).mean("trial")
        for name, metric in curves.items():
            axis = axes[f"{name} {row}"]
            colours = sns.color_palette("viridis", len(settings) + 1)[:-1]
            for setting, colour in zip(settings, colours, strict=True):
                curve = means[metric].sel(setting=setting).dropna("iteration")
                axis.plot(curve["iteration"], curve, color=colour, label=setting)
            _over_iterations(axis, parameters, dataset.sizes["iteration"])
            if row:
                axis.sharey(axes[f"{name} 0"])
            else:
                axis.set_title(label(metric))
            if row < n_rows - 1:
                axis.set_xlabel("")
                axis.tick_params(labelbottom=False)
        axes[f"return {row}"].set_ylabel(architecture)
    _draw_means(axes["mean"], summary, settings, dataset.attrs)
    note = (
        f"mean over {_count(dataset.sizes['trial'], 'trial')}, bars: 95 % intervals; bold: the "
        "value of the other ablations"
    )
    _finish(figure, drawings, title, note, legend=axes["return 0"])
    save_table(summary, table)


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
    names = [setting.replace("_", "\n") for setting in settings]
    width = sum(max(map(len, name.split("\n"))) for name in names)
    axis.set_xticklabels(names, rotation=30 if width > 24 else 0, fontsize=7)
    for tick, setting in zip(axis.get_xticklabels(), settings, strict=True):
        tick.set_fontweight("bold" if setting == attributes["baseline"] else "normal")
    axis.set_xlabel(attributes["varied"])
    if len(architectures) > 1:
        axis.legend(frameon=False, loc="upper right")


def plot_run(dataset, path):
    """The metrics of a single run, from its dataset, and where its population was, in a file."""
    use_style()
    architecture = configuration(dataset)["architecture"]
    colour, line = style_of(architecture)
    fields = dataset["mean_field"].isel(iteration=_snapshots(dataset, 6))
    fields = fields.expand_dims(architecture=[architecture])
    heights = 1.9, _height_of_maps(fields, dataset)
    figure = plt.figure(figsize=(WIDTH, 0.3 + sum(heights)), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=heights)
    panels = panels_of(dataset)
    for axis, metric in zip(above.subplots(1, len(panels)), panels, strict=True):
        measured = dataset[metric].dropna("iteration")
        axis.plot(measured["iteration"], measured, color=colour, ls=line)
        axis.set_title(label(metric))
        _over_iterations(axis, configuration(dataset), dataset.sizes["iteration"])
    _draw_maps(below, fields, dataset)
    _finish(figure, [path], dataset.attrs["title"])


def panels_of(dataset):
    """What was measured of `PANELS`, and the exact exploitability if the sampled one was not."""
    gap = "exploitability"
    gaps = [name for name in (gap, f"exact_{gap}") if dataset[name].notnull().any()][:1]
    return [name for panel in PANELS for name in (gaps if panel == gap else [panel])]


def plot_scaling(table, drawings, title):
    """Seconds and memory of an iteration over the population, and seconds over the threads.

    `table` is a pandas.DataFrame with the columns agents, threads, seconds (of an iteration) and
    megabytes (peak of the process).
    """
    use_style()
    figure, (time, memory, speed) = plt.subplots(1, 3, figsize=(WIDTH, 2.3), layout="constrained")
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
    _finish(figure, drawings, title)
