"""The verdicts by reading of :mod:`mfgcore.study.readings`, for readers: pictures and Markdown."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mfgcore.plotting.style import (
    WIDTH,
    literal,
    save_figure,
    save_table,
    styled,
)  # before matplotlib

# isort: split
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from mfgcore._base.arguments import checked
from mfgcore._base.errors import RunFileError
from mfgcore._base.files import StrPath, write_text
from mfgcore.study.claims.evidence import OURS
from mfgcore.study.claims.judging import DEPENDS, FAILS, HOLDS, OPEN, THRESHOLD
from mfgcore.study.ledger import COLOURS
from mfgcore.study.readings import NOT_RUN, NOTHING, claims_that_hold, closest, judge_readings

# of cells, which are filled, what is not decided is light; the signs serve print
FILLS = COLOURS | {OPEN: "0.85", NOTHING: "white", NOT_RUN: "white"}
SIGNS = {HOLDS: "✓", FAILS: "✗", DEPENDS: "±", THRESHOLD: "≈", OPEN: "?", NOTHING: "0", NOT_RUN: ""}
DARK = (HOLDS, FAILS, DEPENDS)
SIXTH = "sixth version"
TITLE = "Under which readings of the paper does a claim hold?"
CURVE_TITLE = "C5: networked agents learn faster than independent ones, undisturbed"
SAID = {
    "C1": "faster than\ncentralised",
    "C2": "faster than\nindependent",
    "C3": "centralised\nends highest",
    "C4": "steadier as\nit grows",
    "C5": "faster than indep.,\nundisturbed",
    "C8": "faster\nthan both",
}
LEGEND = {"frameon": False, "handlelength": 1.4, "columnspacing": 1.2, "handletextpad": 0.5}
REACH = 15  # margins; longer intervals are cut at the edge


@checked
def write(
    dataset: xr.Dataset,
    settings: Mapping[str, Mapping[str, Any]],
    seed: int,
    folder: Path,
    formats: Iterable[str] = (".pdf", ".png"),
) -> tuple[str, str]:
    """Judge the readings and write readings.csv, readings.md and the pictures to a folder.

    The arguments are those of :func:`mfgcore.study.readings.judge_readings`; returns what
    :func:`mfgcore.study.readings.closest` does.
    """
    cells, table = judge_readings(dataset, settings, seed)
    reading, text = closest(cells, settings)
    save_table(table, folder / "readings.csv")
    write_text(folder / "readings.md", to_markdown(cells, table, reading))
    drawings = [folder / f"readings{ending}" for ending in formats]
    plot_matrix(cells, drawings, TITLE, reading)
    drawings = [folder / f"readings_c5{ending}" for ending in formats]
    plot_curve(table, drawings, CURVE_TITLE)
    return reading, text


@checked
@styled
def plot_matrix(
    found: pd.DataFrame, drawings: Iterable[StrPath], title: str, best: str | None = None
) -> None:
    """A matrix of verdicts: readings down, claims across, our reading on top.

    `found` are the cells of `judge_readings`, `best` is the reading to be
    marked.
    """
    readings = list(dict.fromkeys(found["reading"]))
    columns = list(dict.fromkeys(zip(found["claim"], found["where"], strict=True)))
    heights = dict(zip(readings, _heights(readings), strict=True))
    lowest = max(heights.values())
    figure = Figure(figsize=(WIDTH, 0.2 * lowest + 1.75))
    axis = figure.subplots(gridspec_kw={"left": 0.27, "right": 0.99})
    size = figure.get_size_inches()[1]
    figure.subplots_adjust(top=1.0 - 1.15 / size, bottom=0.4 / size)
    places = _across(columns)
    for cell in found.itertuples():
        x, y = places[cell.claim, cell.where], heights[cell.reading]
        look: dict[str, Any] = {"facecolor": FILLS[cell.verdict], "linewidth": 0.6}
        if cell.verdict in (NOTHING, NOT_RUN):
            look |= {"edgecolor": "0.75", "hatch": "" if cell.verdict == NOTHING else "////"}
        axis.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, **look))
        colour = "white" if cell.verdict in DARK else "black"
        if np.isfinite(cell.effect):
            text = f"{SIGNS[cell.verdict]} {signed(cell.effect)}"
            style = "italic" if cell.source == OURS and cell.reading != OURS else "normal"
            axis.text(x, y, text, color=colour, style=style, fontsize=6.8, ha="center", va="center")
        elif cell.verdict == NOTHING:
            axis.text(x, y, SIGNS[NOTHING], fontsize=6.8, ha="center", va="center")
    _name_columns(axis, found, places)
    kept = _how_many_hold(found)
    right = max(places.values()) + 0.65
    for reading, y in heights.items():
        weight = "bold" if reading in (OURS, best) else "normal"
        axis.text(-0.6, y, _named(reading), ha="right", va="center", fontsize=7, fontweight=weight)
        text = kept[reading] + (" ← most" if reading == best else "")
        axis.text(right, y, text, va="center", fontsize=7, fontweight=weight)
    axis.set(xlim=(-0.5, right + 1.6), ylim=(lowest + 0.5, -0.5))
    axis.axis("off")
    shown = [verdict for verdict in SIGNS if (found["verdict"] == verdict).any()]
    handles = [
        Patch(
            facecolor=FILLS[verdict],
            edgecolor="0.7" if verdict in (OPEN, NOTHING, NOT_RUN) else FILLS[verdict],
            hatch="////" if verdict == NOT_RUN else "",
            label=f"{SIGNS[verdict]} {verdict}".strip(),
        )
        for verdict in shown
    ]
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), fontsize=7, **LEGEND)
    note = (
        "numbers: effects, of speed as shares of the time of learning, otherwise in units of what "
        "can be won (P: the play, W: the whole)"
    )
    if (found["source"] == OURS).any():
        note += "\nitalics: runs of our reading, as what is flipped plays no part in them"
    figure.text(0.5, 1.0 - 0.27 / size, note, fontsize=6.5, ha="center", va="top")
    figure.suptitle(literal(title), fontsize=8.5, y=1.0 - 0.08 / size, va="top")
    save_figure(figure, drawings)


@checked
def signed(value: float) -> str:
    """A number with its sign, in two decimals; str."""
    text = f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
    return "0.00" if text[1:] == "0.00" else text


def _named(reading):
    return "our reading" if reading == OURS else reading


def _how_many_hold(found):
    """How many of the claims that were judged hold, in words; dict of reading to str."""
    kept = claims_that_hold(found)
    judged = found[found["verdict"] != NOT_RUN].groupby("reading")["claim"].nunique()
    return {reading: f"{len(names)} of {judged.get(reading, 0)}" for reading, names in kept.items()}


def _heights(readings):
    """Where each reading is, with a gap around ours and before sets of several flips."""
    several = [" + " in reading or reading == SIXTH for reading in readings]
    gaps = [
        place == 1 or (place > 1 and several[place] != several[place - 1])
        for place in range(len(readings))
    ]
    return np.arange(len(readings)) + 0.4 * np.cumsum(gaps)


def _across(columns):
    """Where each column is, those of a claim side by side."""
    places, x, last = {}, -0.25, None
    for claim, where in columns:
        x += 1.0 if claim == last else 1.25
        places[claim, where], last = x - 1.0, claim
    return places


def _name_columns(axis, found, places):
    units = found.dropna(subset=["unit"]).groupby(["claim", "where"])["unit"].first()
    for claim in dict.fromkeys(claim for claim, _ in places):
        own = [x for (name, _), x in places.items() if name == claim]
        middle = sum(own) / len(own)
        axis.text(middle, -2.35, claim, ha="center", va="bottom", fontsize=8, fontweight="bold")
        axis.text(middle, -2.3, SAID[claim], ha="center", va="top", fontsize=5.8, linespacing=0.95)
    for (claim, where), x in places.items():
        unit = units.get((claim, where), "")
        text = where + (f", in {unit}" if unit else "")
        axis.text(x, -0.6, text, ha="center", va="bottom", fontsize=6, color="0.35")
    axis.text(max(places.values()) + 0.65, -0.6, "hold", va="bottom", fontsize=6, color="0.35")


@checked
@styled
def plot_curve(
    table: pd.DataFrame, drawings: Iterable[StrPath], title: str, claim: str = "C5"
) -> None:
    """A specification curve: a claim's effect by every reading and way, sorted, for each game.

    `table` is from `judge_readings`. Effects are in units of the difference
    that matters; the marks below tell which reading and way each is.

    Raises
    ------
    RunFileError
        If the claim is judged under no reading.
    """
    drawn = table[(table["claim"] == claim) & table["effect"].notna() & (table["source"] == "own")]
    if drawn.empty:
        raise RunFileError(f"{claim} is judged under no reading: there is no curve to draw")
    games = list(dict.fromkeys(drawn["where"]))
    ways = list(dict.fromkeys(drawn["way"]))
    readings = list(dict.fromkeys(drawn["reading"]))
    rows = [*ways, None, *readings]
    figure = Figure(figsize=(WIDTH, 2.2 + 0.125 * len(rows)), layout="constrained")
    axes = figure.subplots(
        2,
        len(games),
        height_ratios=(1.5, 0.125 * len(rows)),
        sharex="col",
        sharey="row",
        squeeze=False,
    )
    for game, (above, below) in zip(games, axes.T, strict=True):
        own = drawn[drawn["where"] == game].copy()
        for name in ("effect", "low", "high"):
            own[name] /= own["margin"]
        own = own.sort_values("effect", kind="stable").reset_index(drop=True)
        above.axhline(0.0, color="0.4", lw=0.6, zorder=0)
        above.axhline(1.0, color="0.4", lw=0.6, ls=(0, (4, 3)), zorder=0)
        colours = [COLOURS[verdict] for verdict in own["verdict"]]
        above.vlines(own.index, own["low"], own["high"], color=colours, lw=0.8, alpha=0.6)
        above.scatter(own.index, own["effect"], c=colours, s=5, zorder=3)
        ours = own[own["reading"] == OURS]
        ring = {"facecolors": "none", "edgecolors": "black", "linewidths": 0.8, "zorder": 4}
        above.scatter(ours.index, ours["effect"], s=20, **ring)
        above.set_title(game)
        for place, colour in zip(own.index, colours, strict=True):
            for row in (own["way"][place], own["reading"][place]):
                below.plot(place, rows.index(row), "|", color=colour, ms=3.6, mew=1.1)
        below.set_xlabel("every reading and way, sorted by effect")
        below.set(xticks=[], ylim=(len(rows) - 0.4, -0.6))
        below.tick_params("y", length=0, labelsize=6)
        for row in range(0, len(rows), 2):
            below.axhspan(row - 0.5, row + 0.5, color="0.96", zorder=0)
    lowest, highest = axes[0, 0].get_ylim()
    axes[0, 0].set_ylim(max(lowest, -REACH), min(highest, REACH))
    axes[0, 0].set_ylabel("effect / what matters")
    names = ["" if row is None else _named(row) for row in rows]
    axes[1, 0].set_yticks(range(len(rows)), names)
    note = "dashed: the least that matters; bars: 95 % intervals; ringed: our reading"
    found = [verdict for verdict in COLOURS if (drawn["verdict"] == verdict).any()]
    handles = [Patch(color=COLOURS[verdict], label=verdict) for verdict in found]
    figure.legend(handles=handles, loc="outside lower center", ncols=max(1, len(handles)), **LEGEND)
    figure.suptitle(f"{literal(title)}\n{note}", fontsize=8.5)
    save_figure(figure, drawings)


@checked
def to_markdown(found: pd.DataFrame, table: pd.DataFrame, best: str) -> str:
    """The verdicts by reading, for readers; str."""
    columns = list(dict.fromkeys(zip(found["claim"], found["where"], strict=True)))
    hold = _how_many_hold(found)
    lines = [
        f"# {TITLE}",
        "",
        _answer(found, best),
        "",
        f"![{TITLE}](readings.png)",
        "",
        f"| reading | {' | '.join(' '.join(column) for column in columns)} | hold |",
        "|---" * (len(columns) + 2) + "|",
    ]
    for reading, group in found.groupby("reading", sort=False):
        verdicts = [
            cell.verdict + (f" ({signed(cell.effect)})" if np.isfinite(cell.effect) else "")
            for cell in group.itertuples()
        ]
        lines.append(f"| {_named(reading)} | {' | '.join(verdicts)} | {hold[reading]} |")
    lines += ["", _curve_in_words(table, "C5"), "", f"![{CURVE_TITLE}](readings_c5.png)"]
    depends = found[found["verdict"] == DEPENDS]
    if len(depends):
        lines += ["", "Where ways disagree:", ""]
        lines += [
            f"- {_named(cell.reading)}, {cell.claim} {cell.where}: {cell.ways}"
            for cell in depends.itertuples()
        ]
    return "\n".join(lines) + "\n"


def _answer(found, best):
    kept, hold = claims_that_hold(found), _how_many_hold(found)

    def named(reading):
        return f"{hold[reading]} main claims hold ({', '.join(kept[reading]) or 'none'})"

    text = f"Under our reading {named(OURS)}."
    return text if best == OURS else f"{text} Most hold under *{best}*: {named(best)}."


def _curve_in_words(table, claim):
    """How many readings and ways say what of a claim, by game; str."""
    parts = []
    own = table[(table["claim"] == claim) & (table["source"] == "own") & table["effect"].notna()]
    for game, group in own.groupby("where", sort=False):
        counts = group["verdict"].value_counts()
        said = ", ".join(f"{verdict} in {counts[verdict]}" for verdict in counts.index)
        parts.append(f"in {game}, of {len(group)} readings and ways, it {said}")
    return f"{claim}: " + "; ".join(parts) + "."
