"""The figure of a study that varies two parameters."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

from mfgcore._base.errors import ConfigurationError
from mfgcore._base.files import StrPath
from mfgcore.plotting.curves import NOT_MEASURED, WIDTH, finish, save_table
from mfgcore.plotting.statistics import by_setting, summarise_ablation
from mfgcore.plotting.style import axes_for, check_drawn, styled
from mfgcore.runs.datasets import configuration

SHOWN = {
    "mean": "Mean return of the whole run",
    "exploitability": "Final exploitability (exact)",
}
DRAWN = ("discounted_return", "exact_exploitability")
CELL = 0.62, 0.4  # inches: wide and high enough for a mean and its interval


@styled
def plot_heat_map(
    dataset: xr.Dataset,
    drawings: Iterable[StrPath] = (),
    table: StrPath | None = None,
    title: str = "",
    *,
    ax: Any = None,
) -> np.ndarray:
    """Mean return and exact exploitability of every architecture for each pair of values.

    The dataset is an experiment's with two factors beside the architecture. In a cell are the mean
    over trials, of the return also half of its 95 % interval, and the number of trials; a frame is
    around the values of the other ablations. The table is that of `summarise_ablation`, by both
    parameters. The Axes are those of return and exploitability for each architecture.
    """
    dataset = by_setting(dataset)
    check_drawn(dataset, "ablation", *DRAWN, said=["varied", "baseline"])
    first, comma, second = dataset.attrs["varied"].partition(", ")
    if not comma:
        raise ConfigurationError(f"dataset: varies {first} alone; plot_ablation draws that")
    summary = summarise_ablation(dataset, np.random.default_rng(configuration(dataset)["seed"]))
    for place, key in enumerate((first, second)):
        values = dict(zip(dataset["setting"].values, dataset[key].values, strict=True))
        summary.insert(place + 1, key, summary["setting"].map(values))
    rows, columns = (list(dict.fromkeys(dataset[key].values)) for key in (first, second))
    architectures = dataset["architecture"].values
    width = min(2 * (CELL[0] * len(columns) + 1.6), 1.6 * WIDTH)
    height = len(architectures) * (CELL[1] * len(rows) + 0.75) + 0.6
    axes = axes_for(ax, (max(width, 0.7 * WIDTH), height), len(architectures), len(SHOWN))
    for column, (what, name) in enumerate(SHOWN.items()):
        lowest, highest = summary[what].min(), summary[what].max()
        for architecture, axis in zip(architectures, axes[:, column], strict=True):
            own = summary[summary["architecture"] == architecture].set_index([first, second])
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
                if cell["setting"] == dataset.attrs["baseline"]:
                    x, y = np.array([[-1, 1, 1, -1, -1], [-1, -1, 1, 1, -1]]) * 0.47
                    axis.plot(j + x, i + y, color="#D55E00", lw=1.6)
        axes[-1, column].set_xlabel(second)
        axes[0, column].set_title(name, pad=16)
        if np.isfinite(lowest):
            image.get_figure().colorbar(image, ax=list(axes[:, column]), shrink=0.9, pad=0.02)
    note = "mean over n trials ± half of its 95 % interval; framed: the other ablations' values"
    finish(axes.ravel(), ax, drawings, title, note)
    save_table(summary, table)
    return axes.ravel()
