"""Figures of the second protocol, and the price of communication in the paper's figures."""

from collections.abc import Iterable, Mapping
from typing import Any

from mfgcore.plotting.style import STYLES, WIDTH, save_figure, styled  # before matplotlib

# isort: split
import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mfgcore._base.errors import ConfigurationError
from mfgcore._base.files import StrPath
from mfgcore.plotting.statistics import half_interval
from mfgcore.runs.datasets import configuration
from mfgcore.study.claims import normalisers
from mfgcore.study.claims.measures import before_change, final_mean, rise_time
from mfgcore.study.law.measures import Law
from mfgcore.study.law.predictions import LEVEL, gains_and_leads, progress_cells
from mfgcore.study.law.score_rules import RULES

KNOWN = {"selection": "#0072B2", "known": "#E69F00"}
KINDS = {"selection": "random game, never run before", "known": "game of the literature"}
MOST = 3.0  # selection gain; what is beyond is drawn at the edge
MARKERS = "os"  # of the kinds of games, and of the figures of a game
TITLES = {
    "fig1": "Fig. 1: updates fail",
    "fig2": "Fig. 2: updates fail",
    "fig3": "Fig. 3: population grows",
    "fig4": "Fig. 4: population grows",
    "fig5": "Fig. 5: updates fail",
    "fig6": "Fig. 6: population grows",
}


def _mean_curve(runs: Any, places: np.ndarray) -> np.ndarray:
    """Mean over trials of the return at numbers of successful updates."""
    curves = [
        np.interp(places, progress, returns, left=np.nan, right=np.nan)
        for progress, returns in zip(runs.progress, runs.returns, strict=True)
    ]
    return np.mean(curves, axis=0)


@styled
def plot_law(law: Law, drawings: Iterable[StrPath], title: str = "") -> None:
    """Data collapse: the return over iterations, and over successful updates.

    A row for each score, a column for iterations and updates, a curve for each probability of
    failure, number of rounds and of agents.
    """
    scores = {"random": "a random score", "sigma": "the score $\\sigma$"}
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    axes = figure.subplots(len(scores), 2, sharey=True)
    failing = law.levels("updates", "failure_probability")
    colours = mpl.colormaps["viridis"](np.linspace(0.0, 0.88, len(failing)))
    for (score, words), (left, right) in zip(scores.items(), axes, strict=True):
        cells = list(progress_cells(law, score))
        sizes = sorted({agents for agents, *_ in cells})
        for agents, p, _, runs in cells:
            look: dict[str, Any] = {"color": colours[failing.index(p)], "lw": 0.8, "alpha": 0.8}
            look["ls"] = "-" if agents == sizes[-1] else (0, (2, 1))
            left.plot(np.arange(runs.returns.shape[1]) + 1, runs.returns.mean(axis=0), **look)
            places = np.linspace(0.0, runs.progress[:, -1].min(), 200)
            right.plot(places, _mean_curve(runs, places), **look)
        for axis in (left, right):
            axis.axhline(LEVEL, color="0.4", lw=0.6, ls=(0, (1, 2)))
        left.set(xscale="log", ylabel=f"return, {words}")
    longest = max(line.get_xdata()[-1] for axis in axes[:, 1] for line in axis.lines[:-1])
    for axis in axes[:, 1]:
        axis.set_xlim(0.0, min(longest, 80.0))
    axes[1, 0].set_xlabel("iteration k + 1")
    axes[1, 1].set_xlabel("successful updates, sum of the useful share u")
    axes[0, 0].set_title("over time, populations differ")
    axes[0, 1].set_title("over successful updates, they hardly do")
    handles = [
        Line2D([], [], color=colour, label=f"p = {p:g}")
        for colour, p in zip(colours, failing, strict=True)
    ]
    handles += [
        Line2D([], [], color="0.3", ls=style, label=f"N = {agents}")
        for agents, style in zip(sizes, ((0, (2, 1)), "-"), strict=False)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    if title:
        figure.suptitle(title, fontsize=8)
    save_figure(figure, drawings)


@styled
def plot_selection(law: Law, drawings: Iterable[StrPath], title: str = "") -> None:
    """Selection gain of each game against the lead of networked over independent agents.

    One panel for the paper's score, one for the others.
    """
    figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    names = [name for name in KNOWN if name in law.datasets]
    reach = 0.05
    for name, game, gained, ahead in gains_and_leads(law, "sigma", *names):
        x = min(gained.estimate, MOST)
        look = {"color": KNOWN[name], "lw": 0.8}
        left.plot(np.clip([gained.low, gained.high], -1.0, MOST), [ahead.estimate] * 2, **look)
        left.plot([x, x], [ahead.low, ahead.high], **look)
        left.plot(x, ahead.estimate, MARKERS[name == "known"], ms=3.5, color=KNOWN[name])
        number = game.removeprefix("garnet ").replace("_", " ")
        left.annotate(
            number, (x, ahead.estimate), (2.5, 2.5), fontsize=5, textcoords="offset points"
        )
        reach = max(reach, abs(ahead.low), abs(ahead.high))
    others = [rule for rule in RULES if rule != "sigma"]
    colours = mpl.colormaps["tab10"](np.arange(len(others)))
    for score, colour in zip(others, colours, strict=True):
        found = list(gains_and_leads(law, score, *names))
        gains = np.clip([gained.estimate for *_, gained, _ in found], -1.0, MOST)
        leads = [ahead.estimate for *_, ahead in found]
        right.plot(gains, leads, "o", ms=2.8, alpha=0.75, color=colour, mew=0, label=score)
        reach = float(max(reach, *map(abs, leads), 0.0))
    for axis in (left, right):
        axis.axhline(0.0, color="0.4", lw=0.6)
        axis.axvline(1.0, color="0.4", lw=0.6)
        axis.set(xlabel="selection gain g", ylim=(-1.1 * reach, 1.1 * reach))
    left.set(ylabel="lead over independent agents / rise", title="the score $\\sigma$")
    right.set_title("other scores")
    right.legend(fontsize=6.5, frameon=False, loc="lower right")
    handles = [
        Line2D([], [], color=colour, marker=marker, lw=0, label=KINDS[name])
        for (name, colour), marker in zip(KNOWN.items(), MARKERS, strict=True)
    ]
    left.legend(handles=handles, fontsize=6.5, frameon=False, loc="lower right")
    if title:
        figure.suptitle(title, fontsize=8)
    save_figure(figure, drawings)


@styled
def plot_price(
    experiments: Mapping[str, xr.Dataset], drawings: Iterable[StrPath], title: str = ""
) -> None:
    """Speed against final return and exploitability, of each architecture and figure.

    Parameters
    ----------
    experiments : dict of str to xarray.Dataset
        By name, over (architecture, trial, iteration).
    drawings : list of path
    title : str
    """
    if not experiments:
        raise ConfigurationError("experiments: there is none to draw")
    for name, dataset in experiments.items():
        if "architecture" not in dataset.dims:
            raise ConfigurationError(f"experiments: {name!r} has no dimension 'architecture'")
    games: dict[str, list[Any]] = {_game(dataset): [] for dataset in experiments.values()}
    for name, dataset in experiments.items():
        games[_game(dataset)].append((name, dataset))
    metrics = {
        "discounted_return": "return at the end",
        "exact_exploitability": "exact exploitability at the end",
    }
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    axes = figure.subplots(len(metrics), len(games), squeeze=False, sharex="col")
    for row, (metric, words) in zip(axes, metrics.items(), strict=True):
        row[0].set_ylabel(f"{words}\n(share of the attainable gain)")
        for axis, (game, own) in zip(row, games.items(), strict=True):
            for (name, dataset), marker in zip(own, MARKERS, strict=False):
                _draw_price(axis, dataset, metric, marker)
                axis.plot([], [], marker, color="0.3", ms=4, label=TITLES.get(name, name))
            if metric == "discounted_return":
                axis.set_title(game)
                axis.legend(frameon=False, fontsize=6.5, loc="best")
    for axis in axes[-1]:
        axis.set_xlabel("iterations until 90 % of its rise")
    handles = [
        Line2D([], [], color=colour, marker="o", lw=0, ms=4, label=each)
        for each, (colour, _) in STYLES.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    if title:
        figure.suptitle(title, fontsize=8)
    save_figure(figure, drawings)


def _game(dataset):
    return configuration(dataset)["game"]


def _draw_price(axis, dataset, metric, marker):
    """One point for each architecture of a figure, with 95 % intervals over trials."""
    unit = normalisers.gain(dataset)
    for name in (each for each in STYLES if each in dataset["architecture"].values):
        times = rise_time(before_change(dataset), name) + 1.0
        samples = times, final_mean(dataset, metric, name) / unit
        (x, width), (y, height) = (
            (each.mean(), half_interval(each.std(ddof=1), each.size)) for each in samples
        )
        look = {"color": STYLES[name][0], "ms": 4, "lw": 0.9}
        axis.errorbar(x, y, height, width, fmt=marker, **look)
