"""Figures from collected datasets: metrics over iterations, and where the population is."""

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import PowerNorm

from mfgcore.datasets import configuration
from mfgcore.errors import RunFileError, shorten
from mfgcore.files import atomic_path
from mfgcore.statistics import Interval, bootstrap, last_iterations

PANELS = {
    "discounted_return": "Average discounted return",
    "exploitability": "Exploitability (sampled)",
    "policy_divergence": "Policy divergence",
}
EXACT_PANELS = {
    "exact_return": "Return (exact)",
    "exact_exploitability": "Exploitability, joint (exact)",
    "mean_individual_exploitability": "Exploitability, individual (exact)",
}
# Okabe & Ito's palette, which colour-blind readers can tell apart; the line styles serve print
STYLES = {
    "centralised": ("#0072B2", (0, (5, 1.5))),
    "independent": ("#D55E00", (0, (1, 1))),
    "networked": ("#009E73", "solid"),
}
OTHER_COLOURS = ("#CC79A7", "#E69F00", "#56B4E9", "#000000")
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


def save_figure(figure, paths):
    """Write a figure to files, whole or not at all, and close it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    paths : list of path
        PDF, PNG or SVG files.

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


def _save_table(table, path):
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.10g")


def summarise(dataset, metrics=tuple(PANELS)):
    """Mean and standard deviation over trials of some metrics.

    Parameters
    ----------
    dataset : xarray.Dataset
        An experiment's dataset.
    metrics : sequence of str
        Their variables.

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
                        "standard_deviation": (
                            series.std(axis=1, ddof=1) if n_trials > 1 else np.zeros(len(series))
                        ),
                        "trials": n_trials,
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


def plot_metrics(dataset, outputs, table, title, panels=None, reference=None):
    """Return, exploitability and policy divergence over the iterations (Figures 1 to 6).

    Lines are means over trials, bands one standard deviation to either side.

    Parameters
    ----------
    dataset : xarray.Dataset
        An experiment's dataset.
    outputs : list of path
        Files to draw, PDF, PNG or SVG.
    table : path
        CSV file for the data drawn.
    title : str
    panels : dict of str to str, optional
        Metrics to draw instead, with their titles.
    reference : xarray.Dataset, optional
        A run drawn beside the experiment: learning without sampling error.
    """
    use_style()
    panels = PANELS if panels is None else panels
    summary = summarise(dataset, tuple(panels))
    parameters = configuration(dataset)
    figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, 2.55), layout="constrained")
    for axis, (metric, label) in zip(axes, panels.items(), strict=True):
        drawn = summary[summary["metric"] == metric]
        for architecture, rows in drawn.groupby("architecture", sort=False):
            colour, line = style_of(architecture)
            axis.plot(rows["iteration"], rows["mean"], color=colour, ls=line, label=architecture)
            axis.fill_between(
                rows["iteration"],
                rows["mean"] - rows["standard_deviation"],
                rows["mean"] + rows["standard_deviation"],
                color=colour, alpha=0.18, linewidth=0,
            )  # fmt: skip
        if reference is not None:
            exact = reference[metric].dropna("iteration")
            axis.plot(
                exact["iteration"], exact, color="black", lw=0.8, zorder=1,
                label="one policy, no sampling error",
            )  # fmt: skip
        axis.set(title=label, xlabel="Iteration $k$", xlim=(0, dataset.sizes["iteration"] - 1))
        axis.margins(y=0.04)
        if parameters.get("increase_at") is not None:
            axis.axvline(
                parameters["increase_at"], color="0.35", lw=0.8, ls=(0, (4, 3)), zorder=0,
                label=f"{parameters['agents']} → {parameters['agents_after']} agents",
            )  # fmt: skip
    n_trials = dataset.sizes["trial"]
    figure.suptitle(
        f"{title}\nmean ± standard deviation, {_count(n_trials, 'trial')}", fontsize=8.5
    )
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    if reference is not None:
        alone = reference.expand_dims(architecture=["reference"], trial=[0])
        summary = pd.concat([summary, summarise(alone, tuple(panels))], ignore_index=True)
    save_figure(figure, outputs)
    _save_table(summary, table)


def _count(number, noun):
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def plot_mean_field(dataset, outputs, table, title, snapshots=6):
    """Where the population is: the grid at a few iterations, for each architecture.

    Trials settle at different corners, and their average would be nowhere, so the first trial
    is shown.

    Parameters
    ----------
    dataset : xarray.Dataset
        An experiment's dataset.
    outputs : list of path
    table : path
        CSV file for the data drawn.
    title : str
    snapshots : int
        Number of iterations shown, evenly spaced from the first to the last.
    """
    use_style()
    n_iterations = dataset.sizes["iteration"]
    shown = np.unique(np.linspace(0, n_iterations - 1, snapshots).round().astype(int))
    architectures = dataset["architecture"].values
    size = round(dataset.sizes["state"] ** 0.5)
    fields = dataset["mean_field"].isel(trial=0, iteration=shown)
    figure, axes = plt.subplots(
        len(architectures), len(shown), figsize=(WIDTH, 1.22 * len(architectures) + 0.55),
        squeeze=False, layout="constrained",
    )  # fmt: skip
    norm = PowerNorm(0.5, vmin=0.0, vmax=float(fields.max()))
    for row, architecture in enumerate(architectures):
        for column, iteration in enumerate(shown):
            axis = axes[row, column]
            field = fields.sel(architecture=architecture, iteration=iteration).values
            image = axis.imshow(field.reshape(size, size), norm=norm, cmap="viridis")
            axis.set(xticks=[], yticks=[])
            sns.despine(ax=axis, left=True, bottom=True)
            if row == 0:
                axis.set_title(f"$k = {iteration}$")
            if column == 0:
                axis.set_ylabel(architecture)
    figure.colorbar(image, ax=axes, label="share of the population", shrink=0.85, pad=0.015)
    trial = int(dataset["trial"][0])
    figure.suptitle(
        f"{title}\nmean over the learning steps of iteration $k$, trial {trial}", fontsize=8.5
    )
    save_figure(figure, outputs)
    drawn = fields.to_dataframe(name="share").reset_index()
    drawn["row"], drawn["column"] = drawn["state"] // size, drawn["state"] % size
    _save_table(drawn[["architecture", "trial", "iteration", "row", "column", "share"]], table)


def summarise_ablation(dataset, generator):
    """Mean return over the whole run, with its 95 % interval, for every value of an ablation.

    Parameters
    ----------
    dataset : xarray.Dataset
        An ablation's dataset.
    generator : numpy.random.Generator
        For the bootstrap over trials.

    Returns
    -------
    pandas.DataFrame
        Columns setting, architecture, mean, low, high, final (mean return at the end of the run,
        see :func:`mfgcore.statistics.last_iterations`), exploitability (exact, likewise), trials.
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


def plot_ablation(dataset, outputs, table):
    """What one parameter changes: return and exact exploitability over k, and the mean return.

    Parameters
    ----------
    dataset : xarray.Dataset
        An ablation's dataset: that of an experiment with the dimension `setting`, the values of
        the parameter named by the attribute `varied`; `baseline` is the one of the other ablations.
    outputs : list of path
    table : path
        CSV file for :func:`summarise_ablation`; in the figure are the means over trials.
    """
    use_style()
    parameters = configuration(dataset)
    summary = summarise_ablation(dataset, np.random.default_rng(parameters["seed"]))
    settings, architectures = dataset["setting"].values, dataset["architecture"].values
    colours = sns.color_palette("viridis", len(settings) + 1)[: len(settings)]
    n_rows = len(architectures)
    figure = plt.figure(figsize=(WIDTH, max(2.6, 1.5 * n_rows + 0.8)), layout="constrained")
    axes = figure.subplot_mosaic(
        [[f"return {row}", f"gap {row}", "mean"] for row in range(n_rows)],
        width_ratios=(1.0, 1.0, 0.9),
    )
    for row, architecture in enumerate(architectures):
        curves = dataset.sel(architecture=architecture).mean("trial")
        for setting, colour in zip(settings, colours, strict=True):
            chosen = curves.sel(setting=setting)
            axes[f"return {row}"].plot(
                chosen["iteration"], chosen["discounted_return"], color=colour, label=setting
            )
            gap = chosen["exact_exploitability"].dropna("iteration")
            axes[f"gap {row}"].plot(gap["iteration"], gap, color=colour)
        axes[f"return {row}"].set_ylabel(architecture)
        for name in ("return", "gap"):
            axis = axes[f"{name} {row}"]
            axis.set_xlim(0, dataset.sizes["iteration"] - 1)
            axis.margins(y=0.04)
            if row:
                axis.sharey(axes[f"{name} 0"])
            if parameters.get("increase_at") is not None:
                axis.axvline(parameters["increase_at"], color="0.35", lw=0.8, ls=(0, (4, 3)))
            if row < n_rows - 1:
                axis.tick_params(labelbottom=False)
    axes["return 0"].set_title(PANELS["discounted_return"])
    axes["gap 0"].set_title(EXACT_PANELS["exact_exploitability"])
    for name in ("return", "gap"):
        axes[f"{name} {n_rows - 1}"].set_xlabel("Iteration $k$")
    axis = axes["mean"]
    places = np.arange(len(settings))
    for shift, (architecture, rows) in zip(
        np.linspace(-0.12, 0.12, n_rows) if n_rows > 1 else (0.0,),
        summary.groupby("architecture", sort=False),
        strict=True,
    ):
        spread = np.abs(rows[["low", "high"]].to_numpy().T - rows["mean"].to_numpy())
        axis.errorbar(
            places + shift, rows["mean"], spread, fmt="o", ms=3.5, lw=1.0,
            color=style_of(architecture)[0], label=architecture,
        )  # fmt: skip
    axis.set(title="Mean return of the whole run", xticks=places, xlim=(-0.5, places[-1] + 0.5))
    axis.set_ylim(
        min(0.0, 1.1 * summary["low"].min()),
        max(1e-9, (1.1 if n_rows == 1 else 1.35) * summary["high"].max()),
    )
    names = [setting.replace("_", "\n") for setting in settings]
    width = sum(max(map(len, name.split("\n"))) for name in names)
    axis.set_xticklabels(names, rotation=30 if width > 24 else 0, fontsize=7)
    for label, setting in zip(axis.get_xticklabels(), settings, strict=True):
        label.set_fontweight("bold" if setting == dataset.attrs["baseline"] else "normal")
    axis.set_xlabel(dataset.attrs["varied"])
    if n_rows > 1:
        axis.legend(frameon=False, loc="upper right")
    figure.suptitle(
        f"{dataset.attrs['title']}\nmean over {_count(dataset.sizes['trial'], 'trial')}, bars: "
        "95 % intervals; bold: the value of the other ablations",
        fontsize=8.5,
    )
    handles, labels = axes["return 0"].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    save_figure(figure, outputs)
    _save_table(summary, table)


def plot_run(dataset, path):
    """The metrics of a single run.

    Parameters
    ----------
    dataset : xarray.Dataset
        A run's dataset.
    path : path
        PDF, PNG or SVG file.
    """
    use_style()
    architecture = configuration(dataset)["architecture"]
    colour, line = style_of(architecture)
    figure, axes = plt.subplots(1, len(PANELS), figsize=(WIDTH, 2.3), layout="constrained")
    for axis, (metric, label) in zip(axes, PANELS.items(), strict=True):
        measured = dataset[metric].dropna("iteration")
        axis.plot(measured["iteration"], measured, color=colour, ls=line)
        axis.set(title=label, xlabel="Iteration $k$")
    figure.suptitle(dataset.attrs["title"], fontsize=8.5)
    save_figure(figure, [path])


def plot_scaling(table, outputs):
    """Seconds and memory of an iteration over the population, and seconds over the threads.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns agents, threads, seconds (of an iteration), megabytes (peak of the process).
    outputs : list of path
    """
    use_style()
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 2.3), layout="constrained")
    alone = table[table["threads"] == 1].sort_values("agents")
    agents, seconds = alone["agents"], alone["seconds"]
    # through the largest population, where what does not grow with N counts least
    largest = alone.iloc[-1]
    axes[0].plot(agents, seconds, "o-", ms=3, color=STYLES["networked"][0], label="measured")
    axes[0].plot(
        agents, agents * largest["seconds"] / largest["agents"], color="0.5", lw=0.8, ls="--",
        label="linear in $N$",
    )  # fmt: skip
    axes[0].set(
        xscale="log", yscale="log", title="Time of an iteration", xlabel="Agents $N$", ylabel="s"
    )
    axes[0].legend(frameon=False)
    axes[1].plot(agents, alone["megabytes"], "o-", ms=3, color=STYLES["networked"][0])
    axes[1].set(xscale="log", yscale="log", title="Peak memory", xlabel="Agents $N$", ylabel="MiB")
    counts = table.groupby("agents")["threads"].nunique()
    shared = table[table["agents"] == counts.idxmax()].sort_values("threads")
    speed = shared["seconds"].iloc[0] / shared["seconds"]
    axes[2].plot(shared["threads"], speed, "o-", ms=3, color=STYLES["networked"][0])
    axes[2].plot(shared["threads"], shared["threads"], color="0.5", lw=0.8, ls="--")
    axes[2].set(
        title=f"Speed-up, N = {counts.idxmax()}", xlabel="Threads", xticks=shared["threads"]
    )
    figure.suptitle("Networked, agree, one iteration without evaluation", fontsize=8.5)
    save_figure(figure, outputs)
