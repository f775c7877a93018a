"""Figures of what parameters change: the levels of one factor, and of two as a heat map."""

import re
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mfgcore._base.errors import ConfigurationError
from mfgcore.experiment.experiment import parameters
from mfgcore.metrics.definitions import label
from mfgcore.plotting.datasets import check_drawn, counted_trials, over_settings
from mfgcore.plotting.figures import FIGURES, NOT_MEASURED, finish, over_iterations, subplots
from mfgcore.plotting.statistics import half_interval, summarise_levels
from mfgcore.plotting.style import WIDTH, literal, style_of, styled, styles_of
from mfgcore.runs.datasets import configuration

CURVES = ("discounted_return", "exact_exploitability")
MEAN_RETURN = "Mean return of the whole run"
CELLS = {"mean": MEAN_RETURN, "exploitability": "Final exploitability (exact)"}
CELL = 0.62, 0.4  # inches: wide and high enough for a mean and its interval


def _summary(dataset, n_factors, other):
    """A checked dataset over settings, the names of its factors, and its summary."""
    check_drawn(dataset, "factors", *CURVES)
    dataset, factors = over_settings(dataset)
    if len(factors) != n_factors:
        raise ConfigurationError(f"dataset: its factors are {', '.join(factors)}; {other}")
    generator = np.random.default_rng(configuration(dataset)["seed"])
    return dataset, factors, summarise_levels(dataset, generator)


@FIGURES.register
@styled
def levels(dataset: xr.Dataset, *, reference: Any = None, ax: Any = None, **files: Any) -> Any:
    """Return and exact exploitability for each level of a factor, over k, and the mean return.

    Curves are means over trials, bands and bars their 95 % intervals. The dataset has one
    factor beside the architecture; its attribute `baseline` is the level in bold. The table is that
    of :func:`~mfgcore.plotting.statistics.summarise_levels`. No reference is drawn.

    Returns
    -------
    (2 n_architectures + 1,) array of Axes
        Return and exploitability of each architecture, and last the mean return.
    """
    dataset, [factor], data = _summary(dataset, 1, "heat_map draws two")
    settings, architectures = dataset["setting"].values, dataset["architecture"].values
    n_rows = len(architectures)
    if ax is None:
        figure = Figure(figsize=(WIDTH, max(2.6, 1.5 * n_rows + 0.8)), layout="constrained")
        grid = figure.add_gridspec(n_rows, 3, width_ratios=(1.0, 1.0, 0.9))
        places = [grid[row, column] for row in range(n_rows) for column in (0, 1)]
        axes = np.array([figure.add_subplot(place) for place in (*places, grid[:, 2])])
    else:
        axes = subplots(1, 2 * n_rows + 1, None, ax)[0]
    pairs = axes[:-1].reshape(n_rows, 2)
    styles = styles_of(factor, settings)
    for pair, architecture in zip(pairs, architectures, strict=True):
        own = dataset.sel(architecture=architecture)
        for axis, first, metric in zip(pair, pairs[0], CURVES, strict=True):
            for setting in settings:
                trials = own[metric].sel(setting=setting).dropna("trial", how="all")
                curve = trials.mean("trial").dropna("iteration")
                k, (colour, line) = curve["iteration"], styles[setting]
                name = literal(str(setting)).replace("_", " ")
                axis.plot(k, curve, color=colour, ls=line, label=name)
                deviation = trials.std("trial", ddof=1).sel(iteration=k)
                half = half_interval(deviation, trials.sizes["trial"])
                axis.fill_between(k, curve - half, curve + half, color=colour, alpha=0.2, lw=0)
            over_iterations(axis, dataset.sizes["iteration"], configuration(dataset))
            if axis is first:
                axis.set_title(label(metric))
            else:
                axis.sharey(first)
        pair[0].set_ylabel(architecture)
    for axis in pairs[:-1].flat:
        axis.set_xlabel("")
        axis.tick_params(labelbottom=False)
    _draw_means(axes[-1], data, settings, factor, dataset.attrs.get("baseline"))
    note = f"mean over {counted_trials(dataset)}, with 95 % intervals"
    if "baseline" in dataset.attrs:
        note += "; bold: the value of the other experiments"
    return finish(axes, data=data, note=note, legend=axes[0], ax=ax, **files)


def _draw_means(
    axis: Axes, data: pd.DataFrame, settings: np.ndarray, factor: str, baseline: str | None
) -> None:
    """Draw the mean return of every level with its interval, the architectures side by side."""
    places = np.arange(len(settings))
    architectures = data["architecture"].unique()
    shifts = np.linspace(-0.12, 0.12, len(architectures)) if len(architectures) > 1 else (0.0,)
    for shift, architecture in zip(shifts, architectures, strict=True):
        rows = data[data["architecture"] == architecture]
        spread = np.abs(rows[["low", "high"]].to_numpy().T - rows["mean"].to_numpy())
        look: dict[str, Any] = {"label": architecture, "color": style_of(architecture)[0]}
        axis.errorbar(places + shift, rows["mean"], spread, fmt="o", ms=3.5, lw=1.0, **look)
    axis.set(title=MEAN_RETURN, xticks=places, xlim=(-0.5, places[-1] + 0.5))
    axis.set_xlabel(_in_words(factor))
    axis.set_ylim(
        min(0.0, 1.1 * data["low"].min()),
        max(1e-9, (1.1 if len(architectures) == 1 else 1.35) * data["high"].max()),
    )
    names = [literal(str(setting)).replace("_", "\n") for setting in settings]
    width = sum(max(map(len, name.split("\n"))) for name in names)
    axis.set_xticklabels(names, rotation=30 if width > 24 else 0, fontsize=7)
    for tick, setting in zip(axis.get_xticklabels(), settings, strict=True):
        tick.set_fontweight("bold" if str(setting) == baseline else "normal")
    if len(architectures) > 1:
        axis.legend(frameon=False, loc="upper right")


def _in_words(factor):
    """A factor without underscores, and with the paper's symbol if it is a parameter; str."""
    words = literal(factor.replace("_", " "))
    if factor not in parameters() or not (symbol := parameters()[factor].symbol):
        return words
    greek = "\\" if symbol.isalpha() and symbol.islower() and len(symbol) > 1 else ""
    symbol = re.sub("_(.*)", r"_{\1}", symbol)
    return f"{words} ${greek}{symbol}$"


@FIGURES.register
@styled
def heat_map(dataset: xr.Dataset, *, reference: Any = None, ax: Any = None, **files: Any) -> Any:
    """Mean return and exact exploitability of each architecture for each pair of levels.

    In a cell are the mean over trials, of the return also half of its 95 % interval, and the number
    of trials; a frame is around the baseline. The dataset has two factors beside the architecture;
    see :func:`levels` for one.

    Returns
    -------
    (2 n_architectures,) array of Axes
    """
    dataset, [first, second], data = _summary(dataset, 2, "levels draws one")
    rows, columns = (list(dict.fromkeys(dataset[key].values)) for key in (first, second))
    architectures = dataset["architecture"].values
    width = min(2 * (CELL[0] * len(columns) + 1.6), 1.6 * WIDTH)
    height = len(architectures) * (CELL[1] * len(rows) + 0.75) + 0.6
    axes = subplots(len(architectures), len(CELLS), (max(width, 0.7 * WIDTH), height), ax)
    for column, (what, name) in zip(axes.T, CELLS.items(), strict=True):
        lowest, highest = data[what].min(), data[what].max()
        for architecture, axis in zip(architectures, column, strict=True):
            own = data[data["architecture"] == architecture].set_index([first, second])
            means = own[what].unstack(second).loc[rows, columns].to_numpy()
            image = axis.imshow(means, vmin=lowest, vmax=highest, cmap="viridis", aspect="auto")
            axis.set(xticks=range(len(columns)), yticks=range(len(rows)))
            axis.set(xticklabels=columns, yticklabels=rows, ylabel=first)
            axis.annotate(architecture, (0.0, 1.03), xycoords="axes fraction", fontsize=8)
            for (i, j), mean in np.ndenumerate(means):
                cell = own.loc[rows[i], columns[j]]
                half = f" ± {(cell['high'] - cell['low']) / 2:.2g}" if what == "mean" else ""
                dark = mean < (lowest + highest) / 2
                look = {"ha": "center", "va": "center", "fontsize": 6.5}
                text = f"{mean:.3g}{half}" if np.isfinite(mean) else NOT_MEASURED.replace(" ", "\n")
                text += f"\nn = {cell['trials']}"
                axis.text(j, i, text, color="white" if dark else "black", **look)
                if cell["setting"] == dataset.attrs.get("baseline"):
                    x, y = np.array([[-1, 1, 1, -1, -1], [-1, -1, 1, 1, -1]]) * 0.47
                    axis.plot(j + x, i + y, color="#D55E00", lw=1.6)
        column[-1].set_xlabel(second)
        column[0].set_title(name, pad=16)
        if np.isfinite(lowest):
            image.get_figure().colorbar(image, ax=list(column), shrink=0.9, pad=0.02)
    note = "mean over n trials ± half of its 95 % interval"
    if "baseline" in dataset.attrs:
        note += "; framed: the other experiments' values"
    return finish(axes.ravel(), data=data, note=note, ax=ax, **files)
