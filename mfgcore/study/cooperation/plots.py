"""Figure of the third protocol: welfare over iterations, and over the error of the estimates."""

import functools
from collections.abc import Iterable, Iterator
from typing import Any

from mfgcore.plotting.statistics import half_interval
from mfgcore.plotting.style import STYLES, WIDTH, save_figure, styled  # before matplotlib

# isort: split
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from mfgcore._base.files import StrPath
from mfgcore.equilibrium.tables import first_equilibrium
from mfgcore.experiment.experiment import make_experiment
from mfgcore.study.claims.evidence import NothingToJudge
from mfgcore.study.cooperation.measures import WELFARE, Cooperation, Runs
from mfgcore.study.cooperation.predictions import ROUNDS

SHADES = mpl.colormaps["viridis"](np.linspace(0.0, 0.88, len(ROUNDS)))
CURVES = {  # variant of `rounds`: colour, line and name
    "independent": (*STYLES["independent"], "independent"),
    "centralised": (*STYLES["centralised"], "central"),
}
CURVES |= {
    f"C_r={n}, return": (shade, "solid", f"$C_r = {n}$")
    for n, shade in zip(ROUNDS, SHADES, strict=True)
}
SCORES = {"sigma": "s", "return": "o", "random": "^"}
NEAR = 0.075  # of a panel's height: names that are nearer are moved apart
HALO = [withStroke(linewidth=1.4, foreground="white")]


@functools.cache
def equilibrium_welfare(game: str) -> float:
    """Welfare at the equilibrium of the game of 50 agents that is found; NaN where none is."""
    own = {"network": "ring"} if game == "sis_epidemic" else {}  # it has no distances
    experiment = make_experiment(game=game, agents=50, **own)
    found = first_equilibrium(experiment.make_game().for_population(50))
    return float(found["exact_return"]) if found.attrs["converged"] else np.nan


@styled
def plot_cooperation(runs: Cooperation, drawings: Iterable[StrPath], title: str = "") -> None:
    """A row for each game of `rounds`: W over iterations, and w over the error.

    No updates fail on the left; networked agents have the return score there.
    """
    games = [game for game in WELFARE if game in runs.levels("rounds", "setting")]
    figure = Figure(figsize=(WIDTH, 0.5 + 1.55 * len(games)), layout="constrained")
    axes = figure.subplots(len(games), 2, squeeze=False, width_ratios=(1.7, 1.0))
    for (left, right), game in zip(axes, games, strict=True):
        _draw_welfare(left, runs, game)
        _draw_errors(right, runs, game)
        left.set_ylabel(f"{game.replace('_', ' ')}\nwelfare $W$")
        right.set_ylabel("share $w$")
    axes[0, 0].set_title("welfare: networked agents choose by return")
    axes[0, 1].set_title("mean over $k$, by error")
    axes[-1, 0].set_xlabel("iteration $k$")
    axes[-1, 1].set_xlabel("error of the estimated average reward")
    look: dict[str, Any] = {"lw": 0, "ms": 3.5, "color": "0.3"}
    handles = [
        Line2D([], [], marker=m, label=f"{each} score", **look) for each, m in SCORES.items()
    ]
    handles.append(Line2D([], [], marker="o", mfc="none", label="half of the updates fail", **look))
    figure.legend(handles=handles, loc="outside lower right", ncols=4, frameon=False, fontsize=7)
    if title:
        figure.suptitle(title, fontsize=8)
    save_figure(figure, drawings)


def _draw_welfare(axis: Axes, runs: Cooperation, game: str) -> None:
    """W over iterations with 95 % intervals; the optimum's and the equilibrium's are lines."""
    ends = []
    for variant, (colour, line, name) in CURVES.items():
        try:
            own = runs.rounds(game, 0.0, variant)
        except NothingToJudge:
            continue
        k, mean = own.iterations, own.welfare.mean(axis=0)
        half = half_interval(
            own.welfare.std(axis=0, ddof=min(1, len(own.error) - 1)), len(own.error)
        )
        axis.plot(k, mean, color=colour, ls=line, lw=1.1)
        axis.fill_between(k, mean - half, mean + half, color=colour, alpha=0.2, lw=0)
        ends.append((float(mean[-1]), int(k[-1]), name, colour))
    levels = {"optimum": WELFARE[game][1], "equilibrium": equilibrium_welfare(game)}
    last = max((k for _, k, *_ in ends), default=1)
    for name, level in levels.items():
        if np.isfinite(level):
            axis.plot((0, last), (level, level), color="0.4", lw=0.7, ls=(0, (1, 2)), zorder=0)
            ends.append((level, last, name, "0.35"))
    axis.set_xlim(0, 1.3 * last)
    axis.set_xticks([tick for tick in axis.get_xticks() if 0 <= tick <= last])
    _name(axis, ends, 1.03 * last)


def _name(axis: Axes, ends: list[tuple[float, int, str, Any]], x: float) -> None:
    """Write names in a column at x, each joined to the end of its curve, none over another."""
    low, high = axis.get_ylim()
    least, below = NEAR * (high - low), -np.inf
    for height, last, name, colour in sorted(ends, key=lambda end: end[0]):
        place = max(height, below + least)
        axis.plot((last, x), (height, place), color=colour, lw=0.4, alpha=0.6, clip_on=False)
        look: dict[str, Any] = {"color": colour, "fontsize": 6, "va": "center"}
        axis.annotate(name, (x, place), (2, 0), textcoords="offset points", **look)
        below = place
    axis.set_ylim(low, max(high, below + least))


def _draw_errors(axis: Axes, runs: Cooperation, game: str) -> None:
    """A point for each cell of `rounds` with its error and w; filled where no updates fail."""
    for colour, marker, name, p, own in _points(runs, game):
        x, y = own.error.mean(), own.w.mean()
        face = colour if p == 0.0 else "none"
        axis.plot(x, y, marker, color=colour, mfc=face, ms=3.2, mew=0.7)
        if name:
            look: dict[str, Any] = {"color": colour, "fontsize": 6, "path_effects": HALO}
            axis.annotate(name, (x, y), (3, 3), textcoords="offset points", **look)


def _points(runs: Cooperation, game: str) -> Iterator[tuple[Any, str, str, float, Runs]]:
    """Colour, marker, name, share of failing updates and runs of each cell that is there."""
    variants = [(each, CURVES[each][0], "D", CURVES[each][2]) for each in STYLES if each in CURVES]
    for n, shade in zip(ROUNDS, SHADES, strict=True):
        for score, marker in SCORES.items():
            name = f"$C_r = {n}$" if score == "return" else ""
            variants.append((f"C_r={n}, {score}", shade, marker, name))
    for variant, colour, marker, name in variants:
        for p in (0.0, 0.5):
            try:
                yield colour, marker, name if p == 0.0 else "", p, runs.rounds(game, p, variant)
            except NothingToJudge:
                continue
