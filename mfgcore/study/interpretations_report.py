"""Verdicts by interpretation as a table, Markdown and pictures."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mfgcore.plotting.style import literal, save_figure, styled  # before matplotlib

# isort: split
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from mfgcore._base.errors import RunFileError
from mfgcore._base.files import StrPath, write_text
from mfgcore.plotting.style import WIDTH, save_table
from mfgcore.study.claims import BORDERLINE, DEPENDS, FAILS, HOLDS, INCONCLUSIVE
from mfgcore.study.claims.evidence import AGAINST_TEXT, BASELINE
from mfgcore.study.interpretations import (
    NOT_RUN,
    NOTHING,
    claims_that_hold,
    judge_interpretations,
)
from mfgcore.study.report_style import COLOURS, markdown_table, signed

# fill and symbol of a cell; the symbols serve print
FILLS = COLOURS | {INCONCLUSIVE: "0.85", NOTHING: "white", NOT_RUN: "white"}
SIGNS = {HOLDS: "✓", FAILS: "✗", DEPENDS: "◐", BORDERLINE: "≈", INCONCLUSIVE: "?"}
SIGNS |= {NOTHING: "0", NOT_RUN: ""}
DARK = (HOLDS, FAILS, DEPENDS)
SIXTH = "sixth version"
TITLE = "Under which interpretations of the paper does a claim hold?"
CURVE_TITLE = "C5: networked agents learn faster than independent ones, undisturbed"
TEXTS = {
    "C1": "faster than\ncentralised",
    "C2": "faster than\nindependent",
    "C3": "centralised\nends highest",
    "C4": "steadier as\nit grows",
    "C5": "faster than indep.,\nundisturbed",
    "C8": "faster\nthan both",
}
MARK, AGAINST = "†", "the paper's text speaks against it: no claim depends on it"
LEGEND = {"frameon": False, "handlelength": 1.4, "columnspacing": 1.2, "handletextpad": 0.5}
REACH = 15  # margins; longer intervals are cut at the edge


def write(
    dataset: xr.Dataset, seed: int, folder: Path, formats: Iterable[str] = (".pdf", ".png")
) -> None:
    """Judge the interpretations; write readings.csv, readings.md and the pictures to a folder.

    Parameters as those of :func:`mfgcore.study.interpretations.judge_interpretations`.
    """
    cells, table = judge_interpretations(dataset, seed)
    save_table(table, folder / "readings.csv")
    write_text(folder / "readings.md", to_markdown(cells, table))
    plot_matrix(cells, [folder / f"readings{ending}" for ending in formats], TITLE)
    plot_curve(table, [folder / f"readings_c5{ending}" for ending in formats], CURVE_TITLE)


@styled
def plot_matrix(found: pd.DataFrame, drawings: Iterable[StrPath], title: str) -> None:
    """Matrix of verdicts: interpretations down, claims across, the baseline on top.

    Parameters
    ----------
    found : pandas.DataFrame
        Cells of `judge_interpretations`.
    drawings : list of path
    title : str
    """
    names = list(dict.fromkeys(found["interpretation"]))
    columns = list(dict.fromkeys(zip(found["claim"], found["where"], strict=True)))
    heights = dict(zip(names, _heights(names), strict=True))
    lowest = max(heights.values())
    figure = Figure(figsize=(WIDTH, 0.2 * lowest + 1.85))
    axis = figure.subplots(gridspec_kw={"left": 0.27, "right": 0.99})
    size = figure.get_size_inches()[1]
    figure.subplots_adjust(top=1.0 - 1.25 / size, bottom=0.4 / size)
    places = _across(columns)
    for cell in found.itertuples():
        x, y = places[cell.claim, cell.where], heights[cell.interpretation]
        look: dict[str, Any] = {"facecolor": FILLS[cell.verdict], "linewidth": 0.6}
        if cell.verdict in (NOTHING, NOT_RUN):
            look |= {"edgecolor": "0.75", "hatch": "" if cell.verdict == NOTHING else "////"}
        axis.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, **look))
        colour = "white" if cell.verdict in DARK else "black"
        if np.isfinite(cell.estimate):
            text = f"{SIGNS[cell.verdict]} {signed(cell.estimate)}"
            style = (
                "italic"
                if cell.source == BASELINE and cell.interpretation != BASELINE
                else "normal"
            )
            axis.text(x, y, text, color=colour, style=style, fontsize=6.8, ha="center", va="center")
        elif cell.verdict == NOTHING:
            axis.text(x, y, SIGNS[NOTHING], fontsize=6.8, ha="center", va="center")
    _name_columns(axis, places)
    kept = _how_many_hold(found)
    right = max(places.values()) + 0.65
    for name, y in heights.items():
        weight = "bold" if name == BASELINE else "normal"
        axis.text(-0.6, y, _named(name), ha="right", va="center", fontsize=7, fontweight=weight)
        axis.text(right, y, kept[name], va="center", fontsize=7, fontweight=weight)
    axis.set(xlim=(-0.5, right + 1.6), ylim=(lowest + 0.5, -0.5))
    axis.axis("off")
    shown = [verdict for verdict in SIGNS if (found["verdict"] == verdict).any()]
    handles = [
        Patch(
            facecolor=FILLS[verdict],
            edgecolor="0.7" if verdict in (INCONCLUSIVE, NOTHING, NOT_RUN) else FILLS[verdict],
            hatch="////" if verdict == NOT_RUN else "",
            label=f"{SIGNS[verdict]} {verdict}".strip(),
        )
        for verdict in shown
    ]
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), fontsize=7, **LEGEND)
    note = (
        "numbers: effects, of speed as shares of the time of learning, of returns in units of "
        f"docs/protocol.md ({_units(found)})\ngames with nothing to judge are left out of a cell"
    )
    if (found["source"] == BASELINE).any():
        note += "\nitalics: runs of the baseline, as what is changed has no effect in them"
    if found["interpretation"].isin(AGAINST_TEXT).any():
        note += f"\n{MARK} {AGAINST}"
    figure.text(0.5, 1.0 - 0.27 / size, note, fontsize=6.5, ha="center", va="top")
    figure.suptitle(literal(title), fontsize=8.5, y=1.0 - 0.08 / size, va="top")
    save_figure(figure, drawings)


def _named(interpretation):
    if interpretation == BASELINE:
        return "baseline"
    return f"{interpretation} {MARK}" if interpretation in AGAINST_TEXT else interpretation


def _how_many_hold(found):
    """Number of claims that hold, of those that were judged; dict of interpretation to str."""
    kept = claims_that_hold(found)
    judged = found[found["verdict"] != NOT_RUN].groupby("interpretation")["claim"].nunique()
    return {name: f"{len(held)} of {judged.get(name, 0)}" for name, held in kept.items()}


def _heights(names):
    """Position of each row, with a gap after the baseline and before sets of several changes."""
    several = [" + " in name or name == SIXTH for name in names]
    gaps = [
        place == 1 or (place > 1 and several[place] != several[place - 1])
        for place in range(len(names))
    ]
    return np.arange(len(names)) + 0.4 * np.cumsum(gaps)


def _across(columns):
    """Position of each column, those of a claim side by side."""
    places, x, last = {}, -0.25, None
    for claim, where in columns:
        x += 1.0 if claim == last else 1.25
        places[claim, where], last = x - 1.0, claim
    return places


def _units(found):
    """Normaliser of each claim that has one, in words; str."""
    judged = found.dropna(subset=["normaliser"])
    units = dict(zip(judged["claim"], judged["normaliser"], strict=True))
    return ", ".join(f"{claim}: {unit}" for claim, unit in units.items() if unit)


def _name_columns(axis, places):
    for claim in dict.fromkeys(claim for claim, _ in places):
        own = [x for (name, _), x in places.items() if name == claim]
        middle = sum(own) / len(own)
        axis.text(middle, -2.35, claim, ha="center", va="bottom", fontsize=8, fontweight="bold")
        axis.text(middle, -2.3, TEXTS[claim], ha="center", va="top", fontsize=5.8, linespacing=0.95)
    for (_, where), x in places.items():
        axis.text(x, -0.6, where, ha="center", va="bottom", fontsize=6, color="0.35")
    axis.text(max(places.values()) + 0.65, -0.6, "hold", va="bottom", fontsize=6, color="0.35")


@styled
def plot_curve(
    table: pd.DataFrame, drawings: Iterable[StrPath], title: str, claim: str = "C5"
) -> None:
    """Specification curve: a claim's effect by interpretation and estimand, sorted, for each game.

    `table` is that of `judge_interpretations`. Effects are in units of the smallest effect size of
    interest; the marks below tell the interpretation and the estimand of each.

    Raises
    ------
    RunFileError
        If the claim is judged under no interpretation.
    """
    drawn = _own(table, claim)
    if drawn.empty:
        raise RunFileError(f"{claim} is judged under no interpretation: there is no curve to draw")
    games = list(dict.fromkeys(drawn["where"]))
    estimands = list(dict.fromkeys(drawn["estimand"]))
    rows = [*estimands, None, *dict.fromkeys(drawn["interpretation"])]
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
        for name in ("estimate", "low", "high"):
            own[name] /= own["margin"]
        own = own.sort_values("estimate", kind="stable").reset_index(drop=True)
        above.axhline(0.0, color="0.4", lw=0.6, zorder=0)
        above.axhline(1.0, color="0.4", lw=0.6, ls=(0, (4, 3)), zorder=0)
        colours = [COLOURS[verdict] for verdict in own["verdict"]]
        above.vlines(own.index, own["low"], own["high"], color=colours, lw=0.8, alpha=0.6)
        above.scatter(own.index, own["estimate"], c=colours, s=5, zorder=3)
        baseline = own[own["interpretation"] == BASELINE]
        ring = {"facecolors": "none", "edgecolors": "black", "linewidths": 0.8, "zorder": 4}
        above.scatter(baseline.index, baseline["estimate"], s=20, **ring)
        above.set_title(game)
        for place, colour in zip(own.index, colours, strict=True):
            for row in (own["estimand"][place], own["interpretation"][place]):
                below.plot(place, rows.index(row), "|", color=colour, ms=3.6, mew=1.1)
        below.set_xlabel("interpretation and estimand, by effect")
        below.set(xticks=[], ylim=(len(rows) - 0.4, -0.6))
        below.tick_params("y", length=0, labelsize=6)
        for row in range(0, len(rows), 2):
            below.axhspan(row - 0.5, row + 0.5, color="0.96", zorder=0)
    lowest, highest = axes[0, 0].get_ylim()
    axes[0, 0].set_ylim(max(lowest, -REACH), min(highest, REACH))
    axes[0, 0].set_ylabel("effect / smallest\nof interest")
    names = ["" if row is None else _named(row) for row in rows]
    axes[1, 0].set_yticks(range(len(rows)), names)
    note = "dashed: smallest effect size of interest; bars: 95 % intervals; ringed: baseline"
    if drawn["interpretation"].isin(AGAINST_TEXT).any():
        note += f"\n{MARK} {AGAINST}"
    found = [verdict for verdict in COLOURS if (drawn["verdict"] == verdict).any()]
    handles = [Patch(color=COLOURS[verdict], label=verdict) for verdict in found]
    figure.legend(handles=handles, loc="outside lower center", ncols=max(1, len(handles)), **LEGEND)
    figure.suptitle(f"{literal(title)}\n{note}", fontsize=8.5)
    save_figure(figure, drawings)


def to_markdown(found: pd.DataFrame, table: pd.DataFrame) -> str:
    """The verdicts by interpretation, for readers; str."""
    columns = dict.fromkeys(zip(found["claim"], found["where"], strict=True))
    rows = []
    for name, group in found.groupby("interpretation", sort=False):
        verdicts = [
            SIGNS[cell.verdict]
            + (f" {signed(cell.estimate)}" if np.isfinite(cell.estimate) else "")
            for cell in group.itertuples()
        ]
        rows.append([_named(name), *verdicts])
    signs = ", ".join(f"{sign} {verdict}" for verdict, sign in SIGNS.items() if sign)
    answer = (
        f"Under the baseline interpretation {_hold(found)[BASELINE]}. Games with nothing to judge "
        f"are left out of a cell. {signs}. *Depends*: by estimand; readings.csv, beside this page, "
        "has each."
    )
    if found["interpretation"].isin(AGAINST_TEXT).any():
        answer += f" {MARK}: {AGAINST}."
    lines = [f"# {TITLE}", "", answer, "", f"![{TITLE}](readings.png)", ""]
    lines += markdown_table(["interpretation", *map(" ".join, columns)], rows)
    lines += ["", _curve_in_words(table, "C5"), "", f"![{CURVE_TITLE}](readings_c5.png)"]
    return "\n".join(lines) + "\n"


def _hold(found):
    """The main claims that hold under each interpretation, in words; dict of str."""
    hold = _how_many_hold(found)
    return {
        name: f"{hold[name]} main claims hold ({', '.join(kept) or 'none'})"
        for name, kept in claims_that_hold(found).items()
    }


def _own(table, claim):
    """Effects on a claim in an interpretation's own runs."""
    return table[(table["claim"] == claim) & table["estimate"].notna() & (table["source"] == "own")]


def _curve_in_words(table, claim):
    """Number of interpretations and estimands with each verdict, by game; str."""
    parts = []
    for game, group in _own(table, claim).groupby("where", sort=False):
        counts = group["verdict"].value_counts()
        listed = ", ".join(f"{verdict} in {counts[verdict]}" for verdict in counts.index)
        parts.append(f"in {game}, of {len(group)} interpretations and estimands, {listed}")
    return f"{claim}: " + "; ".join(parts) + "."
