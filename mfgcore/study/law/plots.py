"""Figures of the second protocol, and the price of communication in the paper's figures."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mfgcore.plotting.statistics import half_interval
from mfgcore.plotting.style import STYLES, WIDTH, save_figure, styled  # before matplotlib

# isort: split
import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import Bbox

from mfgcore._base.errors import ConfigurationError
from mfgcore._base.files import StrPath
from mfgcore.runs.datasets import configuration
from mfgcore.study.claims import normalisers
from mfgcore.study.claims.measures import before_change, final_mean, rise_time
from mfgcore.study.law import score_rules
from mfgcore.study.law.measures import Law
from mfgcore.study.law.predictions import LEVEL, gains_and_leads, progress_cells
from mfgcore.study.law.score_rules import RULES

# colour, marker and words of the games of an experiment
KINDS = {
    "selection": ("#0072B2", "o", "random game, never run before"),
    "known": ("#E69F00", "s", "game of the literature"),
}
# ... and of the kinds of games in which score rules are compared
GROUPS = {
    "fresh": ("#0072B2", "o"),
    "known": ("#E69F00", "s"),
    "the paper's": ("#009E73", "^"),
    "few loops": ("#CC79A7", "D"),
}
SHOWN = -1.0, 3.0  # selection gains; what is beyond is an arrow at the edge
MARKERS = "os"  # of the figures of a game
TITLES = {f"fig{n}": f"Fig. {n}: updates fail" for n in (1, 2, 5)}
TITLES |= {f"fig{n}": f"Fig. {n}: population grows" for n in (3, 4, 6)}


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
    scores = {"random": "adopted at random", "sigma": "by the paper's score"}
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
    axes[1, 1].set_xlabel("successful updates per agent")
    axes[0, 0].set_title("over iterations: populations differ")
    axes[0, 1].set_title("over successful updates: they are alike")
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
    names = [name for name in KINDS if name in law.datasets]
    reach, numbers = 0.05, []
    for name, game, gained, ahead in gains_and_leads(law, "sigma", *names):
        colour, marker, _ = KINDS[name]
        look = {"color": colour, "lw": 0.8}
        left.plot(np.clip([gained.low, gained.high], *SHOWN), [ahead.estimate] * 2, **look)
        left.plot([np.clip(gained.estimate, *SHOWN)] * 2, [ahead.low, ahead.high], **look)
        x, marker = _within(gained.estimate, marker)
        left.plot(x, ahead.estimate, marker, ms=3.5, color=colour)
        numbers.append((x, ahead.estimate, game.removeprefix("garnet ").replace("_", " ")))
        reach = max(reach, abs(ahead.low), abs(ahead.high))
    others = [rule for rule in RULES if rule != "sigma"]
    colours = mpl.colormaps["tab10"](np.arange(len(others)))
    for score, colour in zip(others, colours, strict=True):
        for *_, gained, ahead in gains_and_leads(law, score, *names):
            x, marker = _within(gained.estimate, "o")
            right.plot(x, ahead.estimate, marker, ms=2.8, alpha=0.75, color=colour, mew=0)
            reach = max(reach, abs(ahead.estimate))
        right.plot([], [], "o", ms=2.8, color=colour, mew=0, label=score)
    for axis in (left, right):
        axis.axhline(0.0, color="0.4", lw=0.6)
        axis.axvline(1.0, color="0.4", lw=0.6)
        axis.set(xlabel="selection gain g", ylim=(-1.1 * reach, 1.1 * reach))
    left.set(ylabel="lead over independent agents / rise", title="by the paper's score")
    right.set_title("other scores")
    right.legend(fontsize=6.5, frameon=False, loc="lower right")
    for name in names:
        colour, marker, words = KINDS[name]
        left.plot([], [], marker, color=colour, ms=3.5, label=words)
    left.legend(fontsize=6.5, frameon=False, loc="lower right")
    if title:
        figure.suptitle(title, fontsize=8)
    figure.draw_without_rendering()  # so that the places of the labels are known
    _label(left, numbers)
    save_figure(figure, drawings)


def _within(gain: float, marker: str) -> tuple[float, str]:
    """Where a selection gain is drawn, and its marker: an arrow at the edge if it is beyond."""
    low, high = SHOWN
    return min(max(gain, low), high), "<" if gain < low else ">" if gain > high else marker


def _label(axis: Any, points: Sequence[tuple[float, float, str]]) -> None:
    """Name the points of a panel, but for those whose names would lie on other names or points."""
    places = axis.transData.transform([point[:2] for point in points])
    scale = axis.figure.dpi / 72.0
    taken = [Bbox.from_extents(x - 3, y - 3, x + 3, y + 3) for x, y in places]
    for (x, y, name), (left, bottom) in zip(points, places, strict=True):
        width, height = 3.2 * scale * len(name), 6.0 * scale
        for right, up in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
            corner = left + right * (4 + width / 2) - width / 2, bottom + up * (2 + height / 2)
            box = Bbox.from_bounds(corner[0], corner[1] - height / 2, width, height)
            if not box.count_overlaps(taken):
                taken.append(box)
                place = (right * 2.5, up * 2.0)
                look = {"ha": "left" if right > 0 else "right", "va": "bottom" if up > 0 else "top"}
                axis.annotate(name, (x, y), place, fontsize=5, textcoords="offset points", **look)
                break


@styled
def plot_score_rules(law: Law, drawings: Iterable[StrPath], title: str = "") -> None:
    """Each score rule in each game: how much faster than a central learner, and at which price.

    Games in the shaded corner reach the aim but for their intervals; one panel for each rule.
    """
    found = score_rules.measure(law)
    if not len(found):
        raise ConfigurationError("experiments: there is no game in which score rules can be judged")
    found["beyond"] = np.clip(found["price"], -0.6, 0.6)
    rules = [rule for rule in RULES if rule in set(found["rule"])]
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    axes = figure.subplots(2, -(-len(rules) // 2), sharex=True, sharey=True, squeeze=False)
    for axis in axes.flat[len(rules) :]:
        axis.set_axis_off()
    for rule, axis in zip(rules, axes.flat, strict=False):
        own = found[found["rule"] == rule]
        margin = score_rules.MARGIN
        axis.axhline(0.0, color="0.4", lw=0.6)
        axis.axvline(0.0, color="0.4", lw=0.6)
        axis.fill_between([-margin, 1.0], -1.0, margin, color="0.9", lw=0, zorder=0)
        for (kind, disturbance), cells in own.groupby(["kind", "disturbance"], sort=False):
            axis.plot(cells["lead"], cells["beyond"], **_look(kind, disturbance))
        aims = own["aim"].value_counts()
        counted = ", ".join(f"{aims.get(aim, 0)} {aim}" for aim in ("reached", "missed"))
        axis.set_title(f"{rule}\n{counted} of {len(own)}", fontsize=7.5)
    reach = 1.08 * max(0.05, found["lead"].abs().max())
    axes[0, 0].set(xlim=(-reach, reach), ylim=(-0.65, 0.65))
    figure.supxlabel("lead over a central learner that never fails / rise", fontsize=8)
    figure.supylabel("price at the end / rise", fontsize=8)
    there = dict.fromkeys(zip(found["kind"], found["disturbance"], strict=True))
    handles: list[Any] = [Line2D([], [], label=", ".join(each), **_look(*each)) for each in there]
    handles.append(Patch(color="0.9", label="as fast, and no price"))
    axes.flat[-1].legend(handles=handles, frameon=False, fontsize=6.5, loc="center left")
    if title:
        figure.suptitle(title, fontsize=8)
    save_figure(figure, drawings)


def _look(kind: str, disturbance: str) -> dict[str, Any]:
    """Markers of a kind of games: hollow where updates fail."""
    colour, marker = GROUPS[kind]
    face = colour if disturbance == "undisturbed" else "none"
    return {"color": colour, "marker": marker, "mfc": face, "ms": 3.2, "mew": 0.7, "lw": 0}


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
                look = {"frameon": False, "fontsize": 6.5, "borderpad": 0.0}
                axis.legend(title=game, loc="lower center", bbox_to_anchor=(0.5, 1.0), **look)
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
