"""Forest plot and summary picture of the claims."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from mfgcore.plotting.style import STYLES, WIDTH, literal, save_figure, styled  # before matplotlib

# isort: split
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from mfgcore._base.errors import ConfigurationError
from mfgcore._base.files import StrPath
from mfgcore.study.claims import DEPENDS, FIGURES, NOT_JUDGED, ClaimResult
from mfgcore.study.claims_report import TITLE, describe
from mfgcore.study.report_style import COLOURS, MARKERS

REACH = 30.0  # margins; effects beyond are drawn at the edge, with an arrow
PAGE = (16.54, 11.69)  # inches, A3
COLUMNS = 3
# the main effects, by panel: the claims that have them, and the other architecture, if it is one
OF_GROWTH = "drop avoided when more\njoin (share of the gain)"
HEADLINE: dict[str, dict[str, str | None]] = {
    "lead while learning\n(share of the rise)": {
        "C1": "centralised",
        "C2": "independent",
        "C8": None,
        "C5": "independent",
        "C5c": "independent",
        "X3": "centralised",
    },
    OF_GROWTH: {
        "C4": "independent",
        "C8": "independent",
        "C19": "centralised",
    },
    "return at the end\n(share of the split)": {"X1": None},
    "less exploitable at the end\n(share of the split)": {"X2": None},
}
NOTE: dict[str, Any] = {"color": "0.5", "fontsize": 6.5, "ha": "center", "va": "center"}
# where a claim says that the effect is, in margins from the threshold, by kind of rule
SHADED = {
    "more": [(0.0, np.inf)],
    "not less": [(-1.0, np.inf)],
    "beyond": [(0.0, np.inf)],
    "below": [(-np.inf, 0.0)],
    "equal": [(-1.0, 1.0)],
    "differs": [(-np.inf, -1.0), (1.0, np.inf)],
    "always": [(-np.inf, 0.0)],
}


@styled
def plot_forest(
    results: Sequence[ClaimResult], outputs: Iterable[StrPath], title: str = TITLE
) -> None:
    """Forest plot on one page: the deciding effects and intervals, and what the claims say.

    Effects are divided by the smallest effect size of interest, m, so that all share one axis: the
    threshold is at 0, and m at 1.
    """
    columns = _columns([_rows(result) for result in results], COLUMNS)
    figure = Figure(figsize=PAGE)
    axes = figure.subplots(1, COLUMNS)
    figure.subplots_adjust(left=0.125, right=0.99, bottom=0.045, top=0.935, wspace=0.75)
    longest = max(map(len, columns))
    for axis, rows in zip(axes, columns, strict=True):
        _draw_column(axis, rows, longest)
    marks = [
        Line2D([], [], color=COLOURS[name], marker=marker, ms=4, lw=1.2, label=name)
        for name, marker in MARKERS.items()
    ]
    marks.append(Line2D([], [], color=COLOURS[DEPENDS], lw=0, marker="$→$", label=DEPENDS))
    marks.append(Line2D([], [], color="0.3", marker="|", ms=5, lw=0, label="another estimand"))
    figure.legend(
        handles=marks, loc="upper center", ncols=6, bbox_to_anchor=(0.5, 0.966), fontsize=7.5
    )
    figure.suptitle(
        f"{title}: effects with 95 % intervals over trials, in smallest effect sizes of interest "
        "from the threshold at 0; shaded: where the claim says that the effect is",
        fontsize=9,
        y=0.99,
    )
    with mpl.rc_context({"savefig.dpi": 105}):  # a page has many pixels
        save_figure(figure, outputs)


@styled
def plot_headline(results: Sequence[ClaimResult], outputs: Iterable[StrPath]) -> None:
    """The main effects of each figure: speed, loss at the growth, and what is there at the end.

    All effects are of networked agents, and better to the right.
    """
    rows = list(_headline({result.claim.name: result for result in results}))
    figures = [name for name in FIGURES if name in {row[0] for row in rows}]
    if not figures:
        raise ConfigurationError("results: there is none of a figure to draw")
    figure = Figure(figsize=(WIDTH, 0.36 * len(figures) + 1.3), layout="constrained")
    axes = figure.subplots(1, len(HEADLINE), sharey=True)
    for axis, title in zip(axes, HEADLINE, strict=True):
        axis.axvline(0.0, color="0.4", lw=0.6, zorder=0)
        axis.set_title(title, fontsize=7.5)
        axis.tick_params("x", labelsize=6.5)
        axis.margins(x=0.12)
    for name, title, other, interval in rows:
        place = figures.index(name) + (0.14 if other == "independent" else -0.14)
        axis = axes[list(HEADLINE).index(title)]
        look = {"color": STYLES[other][0], "marker": "o" if other == "independent" else "s"}
        axis.plot([interval.low, interval.high], [place] * 2, color=look["color"], lw=1.2)
        axis.plot(interval.estimate, place, ms=3.5, mew=0, **look)
    grown, axis = (
        {row[0] for row in rows if row[1] == OF_GROWTH},
        axes[[*HEADLINE].index(OF_GROWTH)],
    )
    for place, name in enumerate(figures):
        if name not in grown:
            axis.text(0.5, place, "nobody joins", transform=axis.get_yaxis_transform(), **NOTE)
    axes[0].set_yticks(range(len(figures)), [f"Figure {name[3:]}" for name in figures])
    axes[0].set_ylim(len(figures) - 0.4, -0.6)
    handles = [
        Line2D([], [], color=STYLES[other][0], marker=marker, ms=3.5, lw=1.2, label=name)
        for other, marker, name in (
            ("centralised", "s", "compared with centralised agents"),
            ("independent", "o", "compared with independent agents"),
        )
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(
        "Networked agents: better to the right; 95 % intervals over trials", fontsize=8.5
    )
    save_figure(figure, outputs)


def _headline(found):
    """Figure, panel, other architecture and interval of each of the main effects."""
    for title, claims in HEADLINE.items():
        for name, usual in claims.items():
            for each in found[name].deciding if name in found else ():
                label, _, what = each.effect.label.partition(", ")
                if what == "exploitability":
                    continue
                other = next((own for own in STYLES if own in what), usual)
                of_growth = what in ("return", "drop") or each.effect.estimand == "return"
                if label in FIGURES and of_growth == (title == OF_GROWTH):
                    yield label, title, other, each.interval


def _rows(result):
    """Rows of a claim in the forest plot: lines of text, then one row for each effect."""
    verdict = describe(result)
    if result.verdict == NOT_JUDGED:
        verdict += f": {result.note}"
    kinds = {"J": "a conjecture", "H": "our own hypothesis", "X": "post hoc"}
    kind = "a consistency check" if result.claim.check else kinds.get(result.claim.kind, "")
    heading = f"{result.claim.name}  {result.claim.text} {kind and f'({kind})'}".strip()
    others: dict[Any, list[Any]] = {}
    for each in result.effects:
        others.setdefault((each.effect.label, each.effect.normaliser), []).append(each)
    look = COLOURS[result.verdict], "bold"
    return [
        *((line, "black", "normal") for line in textwrap.wrap(heading, 72)),
        *((line, *look) for line in textwrap.wrap(f"→ {verdict}", 70)),
        *(
            (each, others[each.effect.label, each.effect.normaliser][1:])
            for each in result.deciding
        ),
        None,
    ]


def _columns(blocks, n_columns):
    """The rows of blocks in columns of about the same length, without parting a block."""
    ends = np.cumsum([len(rows) for rows in blocks])
    columns: list[list[Any]] = [[] for _ in range(n_columns)]
    for rows, end in zip(blocks, ends, strict=True):
        middle = end - len(rows) / 2.0
        columns[min(n_columns - 1, int(middle * n_columns / ends[-1]))] += rows
    return columns


def _draw_column(axis, rows, longest):
    def write(place, left, text, size, **look):
        beside = axis.get_yaxis_transform()
        axis.text(left, place, text, transform=beside, fontsize=size, va="center", **look)

    axis.set_xscale("symlog", linthresh=1.0, linscale=0.7)
    for place, row in enumerate(rows):
        if row is None:
            continue
        if isinstance(row[0], str):
            text, colour, weight = row
            write(place, -0.62, literal(text), 5.6, color=colour, fontweight=weight)
            continue
        each, others = row
        rule, interval, colour = each.effect.rule, each.interval, COLOURS[each.verdict]
        label = each.effect.label if each.effect.counted else f"({each.effect.label})"
        write(place, -0.03, label, 5.4, ha="right")
        # not less, without a margin, is more or equal
        exact = rule.kind == "not less" and not rule.margin
        for span in SHADED["more" if exact else rule.kind]:
            low, high = np.clip(span, -REACH, REACH)
            axis.barh(place, high - low, left=low, height=0.9, color="0.92", zorder=0)
        ends = _drawn(rule, [interval.low, interval.high])
        axis.plot(ends, [place, place], color=colour, lw=1.2, solid_capstyle="butt")
        middle = float(rule.in_margins(interval.estimate))
        beyond = abs(middle) > REACH
        marker = ("<" if middle < 0 else ">") if beyond else MARKERS[each.verdict]
        axis.plot(np.clip(middle, -REACH, REACH), place, marker, color=colour, ms=3, clip_on=False)
        for other in others:
            at = _drawn(other.effect.rule, other.interval.estimate)
            axis.plot(at, place, "|", color=COLOURS[other.verdict], ms=5, mew=0.8, zorder=3)
    for at in (-1.0, 0.0, 1.0):
        axis.axvline(at, color="0.4", lw=0.6 if at == 0.0 else 0.4, ls=":" if at else "-", zorder=1)
    ticks = (-10, -1, 0, 1, 10)
    axis.set(ylim=(longest, -1), xlim=(-REACH, REACH), yticks=[], xlabel="effect / m")
    axis.set_xticks(ticks, [f"{tick}" for tick in ticks])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.spines["left"].set_visible(False)
    axis.tick_params(labelsize=6)


def _drawn(rule, values):
    return np.clip(rule.in_margins(values), -REACH, REACH)
