"""The registry of figures, and their panels, axes and legends."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from mfgcore._base.errors import ConfigurationError, shorten
from mfgcore._base.files import StrPath
from mfgcore._base.registry import Registry
from mfgcore.plotting.style import literal, save_figure, save_table

FIGURES = Registry("figure")
NOT_MEASURED = "not measured"
# shares of a panel's height: lines that are nowhere farther apart cover each other; lines that are
# so far apart somewhere are named there
COVERED, APART = 0.01, 0.08


def subplots(
    rows: int = 1, columns: int = 1, size: tuple[float, float] | None = None, ax: Any = None
) -> np.ndarray:
    """Axes of the panels of a new figure, of a size in inches, or those given; (rows, columns).

    Raises
    ------
    ConfigurationError
        If `ax` is not so many of matplotlib's Axes.
    """
    if ax is None:
        return Figure(figsize=size, layout="constrained").subplots(rows, columns, squeeze=False)
    try:
        given = np.array(ax, dtype=object, ndmin=1)
    except (TypeError, ValueError):  # lists of several lengths, an empty dataset
        given = np.array([None])
    if given.size != rows * columns or not all(isinstance(each, Axes) for each in given.flat):
        needed = f"{rows * columns} of matplotlib's Axes"
        raise ConfigurationError(f"ax: {shorten(ax)} is not {needed}")
    return given.reshape(rows, columns)


def finish(
    axes: np.ndarray,
    *,
    drawings: Iterable[StrPath] = (),
    table: StrPath | None = None,
    data: pd.DataFrame | None = None,
    title: str = "",
    note: str = "",
    legend: Axes | None = None,
    ax: Any = None,
) -> Any:
    """Add title and legend to a figure, and write its pictures and its table.

    Parameters
    ----------
    axes : array of Axes
        Those of its panels.
    drawings, table : paths, path
        PDF, PNG or SVG files; CSV file.
    data : pandas.DataFrame, optional
        Content of the table.
    title, note : str
        Above the panels; the title is no formula.
    legend : Axes, optional
        The panel whose legend is that of the figure.
    ax : optional
        Axes that the caller was given, of a figure with a title of its own.

    Returns
    -------
    Axes or array of Axes
    """
    figure = axes.flat[0].figure.get_figure(root=True)
    if ax is None:
        figure.suptitle(f"{literal(title)}\n{note}".strip(), fontsize=8.5)
        if legend is not None:
            handles, labels = legend.get_legend_handles_labels()
            place = {"loc": "outside lower center", "ncols": len(labels)}
            figure.legend(handles, labels, frameon=False, **place)
    elif legend is not None:
        legend.legend(frameon=False)
    save_figure(figure, drawings)
    if data is not None:
        save_table(data, table)
    return axes.item() if axes.size == 1 else axes.squeeze()


def over_iterations(axis: Axes, n_iterations: int, parameters: Mapping[str, Any]) -> None:
    """Make the x-axis of a panel that of the iterations, with a line at each disturbance.

    Lines of a single point get markers, of different sizes, so that all are seen.
    """
    integers = MaxNLocator("auto", integer=True, steps=[1, 2, 2.5, 5, 10], min_n_ticks=1)
    axis.xaxis.set_major_locator(integers)
    last, sizes = n_iterations - 1, [np.size(line.get_xdata()) for line in axis.lines]
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


def label_lines(axis: Axes, n_lines: int) -> None:
    """Write the names of the first lines of a panel beside them, where they are farthest apart.

    A name is left out where its line is near to others all the time; of lines that cover each
    other, that is said.
    """
    lines = axis.lines[:n_lines]
    places = [np.asarray(line.get_xdata(), dtype=float) for line in lines]
    if len(lines) < 2 or len({each.size for each in places}) > 1:
        return
    x, curves = places[0], np.array([line.get_ydata() for line in lines], dtype=float)
    inside = slice(len(x) // 12, max(2, len(x) * 5 // 6))
    low, high = axis.get_ylim()
    if curves[:, inside].shape[1] < 2 or not np.isfinite(curves).all():
        return
    drawn = curves
    if axis.get_yscale() == "log":
        curves, low, high = np.log(np.maximum(curves, low)), np.log(low), np.log(high)
    names = [str(line.get_label()) for line in lines]
    write: dict[str, Any] = {"fontsize": 6.5, "ha": "center", "textcoords": "offset points"}
    halo = [withStroke(linewidth=1.6, foreground="white")]
    for i, line in enumerate(lines):
        gaps = np.abs(curves - curves[i]) / (high - low)
        gaps[i] = np.inf
        covered = [names[j] for j in range(i) if gaps[j].max() < COVERED]
        gap = gaps.min(axis=0)[inside]
        at = int(gap.argmax()) + (inside.start or 0)
        if covered:
            text, up, at = f"{covered[0]} and {names[i]}", True, len(x) * 2 // 3
        elif gap.max() >= APART:
            nearest = int(gaps[:, at].argmin())
            text, up = names[i], curves[i, at] >= curves[nearest, at]
        else:
            continue
        share = (curves[i, at] - low) / (high - low)
        up = (up or share < 0.1) and share < 0.95
        place: dict[str, Any] = {"xytext": (0, 3 if up else -3), "va": "bottom" if up else "top"}
        axis.annotate(
            text,
            (x[at], max(drawn[i, at], axis.get_ylim()[0])),
            color=line.get_color(),
            path_effects=halo,
            **place,
            **write,
        )


def disturbances(parameters: Mapping[str, Any]) -> dict[int, str]:
    """Disturbances of a run's population, in words, by their iteration; dict of int to str."""
    found = {}
    if parameters.get("population_change_at") is not None:
        sizes = [str(parameters.get(key, "…")) for key in ("agents", "final_agents")]
        found[parameters["population_change_at"]] = (
            f"{' → '.join(sizes)} agents"  # "…": it is a factor
        )
    if (at := parameters.get("learner_lost_at")) is not None:
        found[at] = ", ".join([*([found[at]] if at in found else []), "central learner lost"])
    return found
