"""Figures of equilibria: what solvers reach, what is gained among N agents, what all lose."""

import math
import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mfgcore._base.errors import ConfigurationError
from mfgcore.plotting.figures import FIGURES, finish, subplots
from mfgcore.plotting.style import OTHER_COLOURS, STYLES, WIDTH, styled

TOLERANCE = 1e-6  # at which a method stops
SOLVED = 1e-5  # an exploitability above this is no equilibrium's
NOTHING = 3e-8  # a gain below this is that of the solver's tolerance
POWERS = {-0.5: r"$N^{-1/2}$", -1.0: r"$N^{-1}$", -2.0: r"$N^{-2}$"}
COLUMNS = 4
UNSOLVED = "No equilibrium found"
SIDES = ("Shipped games", "Random games (garnets)")


@FIGURES.register
@styled
def solvers(dataset: pd.DataFrame, *, reference: Any = None, ax: Any = None, **files: Any) -> Any:
    """Smallest exploitability so far over the iterations, a panel for each game.

    `dataset` is a table with the columns game, method, iteration (from 1) and exploitability. No
    reference is drawn.
    """
    _check(dataset, "game", "method", "iteration", "exploitability")
    games, methods = dataset["game"].unique(), dataset["method"].unique()
    colours = [colour for colour, _ in STYLES.values()] + [*OTHER_COLOURS]
    looks = dict(zip(methods, colours * math.ceil(methods.size / len(colours)), strict=False))
    columns = min(COLUMNS, games.size)
    rows = math.ceil(games.size / columns)
    axes = subplots(rows, columns, (WIDTH, 0.5 + 1.45 * rows), ax)
    low, high = TOLERANCE / 30.0, 3.0 * dataset["exploitability"].max()
    for axis, game in zip(axes.flat, games, strict=False):
        own = dataset[dataset["game"] == game]
        for method, colour in looks.items():
            line = own[own["method"] == method]
            found = line["exploitability"].clip(lower=low)
            label = str(method).replace("_", " ")
            axis.plot(line["iteration"], found, color=colour, lw=1.1, label=label)
            axis.plot(line["iteration"].tail(1), found.tail(1), "o", ms=2.5, color=colour)
        axis.axhline(TOLERANCE, color="0.4", lw=0.7, ls=(0, (1, 2)), zorder=0)
        axis.set(xscale="log", yscale="log", ylim=(low / 1.5, high))
        axis.set_xlim(0.9, 1.2 * dataset["iteration"].max())
        axis.set_title(str(game).replace("_", " "))
    for axis in axes.flat[games.size :]:
        axis.set_axis_off()
    for axis in axes[:, 0]:
        axis.set_ylabel("exploitability")
    for place in range(games.size):
        if place + columns >= games.size:
            axes.flat[place].set_xlabel("Iterations")
    return finish(axes, data=dataset, legend=axes.flat[0], ax=ax, **files)


@FIGURES.register
@styled
def finite_population(
    dataset: pd.DataFrame, *, reference: Any = None, ax: Any = None, **files: Any
) -> Any:
    """Gain of one of N agents that deviates from a mean-field equilibrium, over N.

    Slopes are those of log gain over log N, from the sizes where the 95 % interval is above 0.
    Gains within the solver's tolerance are none.

    `dataset` is a table with the columns game, agents, nash_gap, low, high (the interval) and
    exploitability (among infinitely many agents). No reference is drawn.
    """
    _check(dataset, "game", "agents", "nash_gap", "low", "high", "exploitability")
    data = dataset.assign(slope=np.nan)
    for game, own in data.groupby("game"):
        data.loc[data["game"] == game, "slope"] = slope(own)
    axes = subplots(1, 2, (WIDTH, 4.2), ax)
    random = data["game"].str.startswith("garnet ")
    shown = data[data["nash_gap"] > NOTHING]
    top = 3.0 * max(shown["high"].max(), 10.0 * NOTHING) if len(shown) else 1.0
    for axis, title, part in zip(axes.flat, SIDES, (data[~random], data[random]), strict=True):
        _draw_gaps(axis, part, top)
        axis.set(title=title, xlabel="Agents $N$")
    axes[0, 0].set_ylabel("gain, discounted regularised return")
    return finish(axes, data=data, ax=ax, **files)


@FIGURES.register
@styled
def price_of_anarchy(
    dataset: pd.DataFrame, *, reference: Any = None, ax: Any = None, **files: Any
) -> Any:
    """Social welfare of each game at an equilibrium and at the optimum, with their ratio.

    `dataset` is a table with the columns game, equilibrium, optimum and price; games in which no
    equilibrium is found have NaN. No reference is drawn.
    """
    _check(dataset, "game", "equilibrium", "optimum", "price")
    axes = subplots(1, 1, (WIDTH, 0.9 + 0.24 * len(dataset)), ax)
    axis, own = axes[0, 0], dataset.sort_values("price", na_position="first")
    colours = STYLES["independent"][0], STYLES["networked"][0]
    for place, row in enumerate(own.itertuples()):
        axis.plot([row.equilibrium, row.optimum], [place, place], color="0.7", lw=1.2, zorder=1)
        axis.plot(row.equilibrium, place, "o", ms=3.5, color=colours[0])
        axis.plot(row.optimum, place, "D", ms=7, mfc="none", color=colours[1])
        text = f"{row.price:.3f}" if math.isfinite(row.price) else "no equilibrium found"
        axis.annotate(text, (1.01, place), xycoords=("axes fraction", "data"), va="center")
    names = [str(game).replace("_", " ") for game in own["game"]]
    axis.set_yticks(range(len(own)), names)
    axis.set(xlabel="social welfare, discounted regularised return", ylim=(-0.6, len(own) - 0.2))
    axis.grid(axis="x", color="0.92", zorder=0)
    axis.annotate("price", (1.01, len(own) - 0.3), xycoords=("axes fraction", "data"), color="0.35")
    top = own[["equilibrium", "optimum"]].iloc[-1]
    for name, colour, side in zip(top.index, colours, (-1, 1), strict=True):
        if math.isfinite(top[name]):
            look: dict[str, Any] = {"color": colour, "ha": "right" if side < 0 else "left"}
            look |= {"xytext": (7 * side, 0), "textcoords": "offset points", "va": "center"}
            axis.annotate(name, (top[name], len(own) - 1), **look)
    return finish(axes, data=dataset, ax=ax, **files)


def slope(own: pd.DataFrame) -> float:
    """Slope of log gain over log N, by least squares; NaN from fewer than 3 sizes."""
    sure = _sure(own)
    if len(sure) < 3:
        return math.nan
    return float(np.polyfit(np.log(sure["agents"]), np.log(sure["nash_gap"]), 1)[0])


def _sure(own):
    """The sizes at which something is gained."""
    return own[(own["low"] > 0.0) & (own["nash_gap"] > NOTHING)]


def _draw_gaps(axis: Axes, data: pd.DataFrame, top: float) -> None:
    """Curves of the games in which there is something to gain, named; the others in a list."""
    bottom = NOTHING / 3.0
    left: dict[str, list[str]] = {"No gain at any N": [], "Not told from 0": [], UNSOLVED: []}
    ends: list[tuple[float, float, str, str]] = []
    colours = [colour for colour, _ in STYLES.values()] + [*OTHER_COLOURS]
    for game, own in data.groupby("game", sort=False):
        name = str(game).replace("_", " ")
        if (own["exploitability"] > SOLVED).any():
            left[UNSOLVED].append(name)
            continue
        sure = _sure(own)
        if sure.empty:
            nothing = (own["high"] < NOTHING).all()
            left["No gain at any N" if nothing else "Not told from 0"].append(name)
            continue
        colour = colours[len(ends) % len(colours)]
        limits = sure["low"].clip(lower=bottom), sure["high"]
        errors = [sure["nash_gap"] - limits[0], limits[1] - sure["nash_gap"]]
        axis.errorbar(
            sure["agents"], sure["nash_gap"], errors, fmt="o-", ms=2.5, lw=1.0, color=colour
        )
        falls = own["slope"].iloc[0]
        text = name if math.isnan(falls) else f"{name}: slope {falls:.2f}"
        last = sure.iloc[-1]
        ends.append((math.log(last["nash_gap"]), last["agents"], text, colour))
    axis.set(xscale="log", yscale="log", ylim=(bottom, top))
    sizes = data["agents"] if len(data) else pd.Series([1, 10])
    axis.set_xlim(0.8 * sizes.min(), 40.0 * sizes.max())
    _name_ends(axis, ends, 1.8 * sizes.max(), bottom, top)
    x = np.array([sizes.min(), sizes.max()], dtype=float)
    for power, word in POWERS.items():
        y = top / 1.5 * (x / x[0]) ** power
        axis.plot(x, y, color="0.6", lw=0.8, ls="--", zorder=0)
        at = x[0] ** 0.3 * x[1] ** 0.7
        height = top / 1.5 * (at / x[0]) ** power
        look: dict[str, Any] = {"color": "0.45", "fontsize": 7, "textcoords": "offset points"}
        axis.annotate(word, (at, height), (2, 2), **look)
    text = "\n".join(
        textwrap.fill(f"{said}: {', '.join(names)}.", 56) for said, names in left.items() if names
    )
    place: dict[str, Any] = {"transform": axis.transAxes, "va": "top"}
    axis.text(0.0, -0.17, text, fontsize=6.5, color="0.35", **place)


def _name_ends(axis: Axes, ends: list, x: float, bottom: float, top: float) -> None:
    """Write names in a column at x, each joined to the end of its curve, none over another."""
    ends = sorted(ends)
    least, below = math.log(top / bottom) * 0.045, -math.inf
    for height, last, text, colour in ends:
        place = max(height, math.log(bottom) + least / 2.0, below + least)
        axis.plot(
            (last, x),
            (math.exp(height), math.exp(place)),
            color=colour,
            lw=0.4,
            alpha=0.6,
            zorder=0,
        )
        look: dict[str, Any] = {"color": colour, "fontsize": 6.5, "textcoords": "offset points"}
        axis.annotate(text, (x, math.exp(place)), (2, 0), va="center", **look)
        below = place


def _check(dataset: pd.DataFrame, *columns: str) -> None:
    if not {*columns} <= {*dataset} or dataset.empty:
        raise ConfigurationError(f"dataset: the columns {', '.join(columns)} are needed")
