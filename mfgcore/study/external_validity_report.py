"""Effects in other games as a forest plot, a table and Markdown."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mfgcore.plotting.style import literal, save_figure, styled  # before matplotlib

# isort: split
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mfgcore._base.files import StrPath, write_text
from mfgcore.plotting.style import STYLES, WIDTH, save_table
from mfgcore.study.claims import BORDERLINE, FAILS, HOLDS, INCONCLUSIVE
from mfgcore.study.external_validity import (
    ALL,
    KINDS_ALIKE,
    OTHERS,
    PREDICTORS,
    RULE,
    measure,
    pool,
    predict,
)
from mfgcore.study.report_style import COLOURS, markdown_table, signed

TITLE = "Does it go beyond three games?"
DISTURBANCES = {
    "undisturbed": "undisturbed",
    "failing": "updates fail",
    "growing": "the population grows",
    "loss": "agents are lost",
    "links fail": "links fail",
}
# verdict on networked agents beside independent ones, over all games
BETTER = {
    HOLDS: "better",
    BORDERLINE: "hardly better",
    FAILS: "not better",
    INCONCLUSIVE: "inconclusive",
}
# of the other population, the shift of its row, and the marker
LOOK = {
    "independent": (STYLES["independent"][0], 1.0, -0.2, "o"),
    "centralised": (STYLES["centralised"][0], 0.6, 0.22, "s"),
}
SHORT = {FAILS: "fails"}  # in a table
LEAST_REACH, MOST_REACH = 0.2, 1.0  # of the axis; what is beyond has an arrow


def write(
    chosen: xr.Dataset,
    random: xr.Dataset,
    seed: int,
    folder: Path,
    formats: Iterable[str] = (".pdf", ".png"),
) -> None:
    """Estimate the effects; write generality.csv, generality.md and the picture to a folder.

    Parameters
    ----------
    chosen, random : xarray.Dataset
        Comparisons in chosen and in random games.
    seed : int
        Root of the bootstrap's random numbers.
    folder : Path
    formats : list of str
        Endings of the pictures' files.
    """
    effects, games = measure({"chosen games": chosen, "random games": random})
    found = games, pool(effects, seed), predict(effects, games, seed)
    save_table(effects, folder / "generality.csv")
    write_text(folder / "generality.md", to_markdown(*found))
    drawings = [folder / f"generality{ending}" for ending in formats]
    plot_effects(effects, *found, drawings, TITLE)


@styled
def plot_effects(
    effects: pd.DataFrame,
    games: pd.DataFrame,
    pooled: pd.DataFrame,
    predictors: pd.DataFrame,
    drawings: Iterable[StrPath],
    title: str,
) -> None:
    """Forest plot: games down, a panel for each disturbance, below it the predictors.

    Parameters as those of :mod:`mfgcore.study.external_validity`.
    """
    disturbances = list(dict.fromkeys(effects["disturbance"]))
    rows = _rows(effects, games, pooled)
    figure = Figure(figsize=(WIDTH, 0.155 * len(rows) + 2.1), layout="constrained")
    axes = figure.subplots(
        2,
        len(disturbances),
        height_ratios=(len(rows), 5.5),
        sharey="row",
        squeeze=False,
    )
    shown = effects[effects["network"] == ALL]
    reach = np.nanmax(np.abs(shown[["low", "high"]].to_numpy()), initial=0.0)
    reach = min(max(1.05 * reach, LEAST_REACH), MOST_REACH)
    for disturbance, (forest, below) in zip(disturbances, axes.T, strict=True):
        _draw_forest(forest, disturbance, rows, effects, pooled, reach)
        forest.set_title(DISTURBANCES.get(disturbance, disturbance), fontsize=7.5, pad=14)
        own = pooled[(pooled["disturbance"] == disturbance) & (pooled["against"] == OTHERS[0])]
        for verdict in own[own["kind"] == "all"]["verdict"]:
            look = {
                "color": COLOURS[verdict],
                "fontsize": 6.5,
                "fontweight": "bold",
                "ha": "center",
            }
            above = {"xy": (0.5, 1.0), "xytext": (0, 4), "textcoords": "offset points"}
            forest.annotate(BETTER[verdict], xycoords="axes fraction", **above, **look)
        _draw_predictors(below, predictors[predictors["disturbance"] == disturbance])
    places = [place for place, row in enumerate(rows) if row is not None]
    axes[0, 0].set(ylim=(len(rows) - 0.3, -0.7))
    axes[0, 0].set_yticks(places, [_label(rows[place]) for place in places], fontsize=6.3)
    for place, tick in zip(places, axes[0, 0].get_yticklabels(), strict=True):
        tick.set_fontweight("bold" if rows[place][:2] == ("pooled", "all") else "normal")
    axes[1, 0].set(ylim=(len(PREDICTORS) - 0.4, -0.6))
    axes[1, 0].set_yticks(range(len(PREDICTORS)), PREDICTORS.values(), fontsize=6.3)
    for axis in axes[:, 1:].flat:
        axis.tick_params("y", length=0)
    axes[0, len(disturbances) // 2].set_xlabel("difference of the mean return / observed gain")
    axes[1, len(disturbances) // 2].set_xlabel("correlation with the effect against independent")
    handles = [
        Line2D([], [], color=colour, alpha=alpha, marker=marker, ms=3.5, lw=1.0)
        for colour, alpha, _, marker in LOOK.values()
    ]
    texts = [f"networked minus {other}" for other in LOOK]
    handles.append(Line2D([], [], color=LOOK[OTHERS[0]][0], marker="|", ms=4, lw=0, alpha=0.5))
    figure.legend(
        handles,
        [*texts, "on one network"],
        loc="outside lower center",
        ncols=3,
        frameon=False,
        fontsize=7,
    )
    note = (
        "bars: 95 % intervals over trials, pooled over games; dotted: smallest effect size of "
        "interest; brackets: observed gain, of 10\n"
        "better: networked than independent agents, over all games"
    )
    without = games.drop_duplicates(["kind", "game"])["learned"]
    if not without.all():
        note += f"; left out: {(~without).sum()} games with nothing to learn"
    figure.suptitle(f"{literal(title)}\n{note}", fontsize=8)
    save_figure(figure, drawings)


def _rows(effects, games, pooled):
    """Content of each row: ("pooled", kind), (kind, game, observed gain), or None for a space.

    Games of a kind are ordered by their mean effect; those with nothing to learn are left out.
    """
    gains = games.drop_duplicates(["kind", "game"]).set_index(["kind", "game"])["yields"]
    own = effects[(effects["network"] == ALL) & (effects["against"] == OTHERS[0])]
    means = own.groupby(["kind", "game"], sort=False)["estimate"].mean()
    rows: list[Any] = [("pooled", kind) for kind in dict.fromkeys(pooled["kind"])]
    for kind in dict.fromkeys(effects["kind"]):
        rows.append(None)
        ordered = means[kind].dropna().sort_values(ascending=False, kind="stable")
        rows += [(kind, game, gains[kind, game]) for game in ordered.index]
    return rows


def _label(row):
    if row[0] == "pooled":
        return "all games" if row[1] == "all" else row[1]
    _, game, gain = row
    return f"{game.replace('_', ' ')} ({gain:.2g})"


def _draw_forest(axis, disturbance, rows, effects, pooled, reach):
    axis.axvline(0.0, color="0.4", lw=0.6, zorder=0)
    axis.axvline(RULE.margin, color="0.4", lw=0.6, ls=(0, (1, 2)), zorder=0)
    axis.set(xlim=(-reach, reach))
    axis.tick_params("x", labelsize=6.5)
    effects = effects[effects["disturbance"] == disturbance]
    pooled = pooled[pooled["disturbance"] == disturbance]
    for place, row in enumerate(rows):
        if row is None:
            continue
        if row[0] == "pooled":
            axis.axhspan(place - 0.5, place + 0.5, color="0.93", zorder=-1, lw=0)
        for other, (colour, alpha, shift, marker) in LOOK.items():
            if row[0] == "pooled":
                found = pooled[(pooled["kind"] == row[1]) & (pooled["against"] == other)]
            else:
                mine = (effects["kind"] == row[0]) & (effects["game"] == row[1])
                found = effects[mine & (effects["against"] == other)]
                if other == OTHERS[0]:
                    single = found[found["network"] != ALL]["estimate"]
                    if len(single) > 1:
                        look = {"color": colour, "alpha": 0.5, "ms": 3.5, "mew": 0.7}
                        axis.plot(single, [place + shift] * len(single), "|", **look)
                found = found[found["network"] == ALL]
            found = found.dropna(subset=["estimate"])
            for each in found.itertuples():
                ends = np.clip([each.low, each.high], -reach, reach)
                width = 1.6 if row[0] == "pooled" else 0.9
                own = {"color": colour, "alpha": alpha, "clip_on": False}
                axis.plot(ends, [place + shift] * 2, lw=width, solid_capstyle="butt", **own)
                beyond = abs(each.estimate) > reach
                if row[0] == "pooled" and not beyond:
                    marker = "D"
                drawn = ("<" if each.estimate < 0.0 else ">") if beyond else marker
                middle = np.clip(each.estimate, -reach, reach)
                size = 3.6 if row[0] == "pooled" else 2.8
                axis.plot(middle, place + shift, drawn, ms=size, mew=0.0, **own)


def _draw_predictors(axis, predictors):
    axis.axvline(0.0, color="0.4", lw=0.6, zorder=0)
    axis.set(xlim=(-1.0, 1.0), xticks=(-1, 0, 1))
    axis.tick_params("x", labelsize=6.5)
    for found in predictors.dropna(subset=["correlation"]).itertuples():
        place = list(PREDICTORS).index(found.predictor)
        colour = "black" if found.found else "0.6"
        axis.plot([found.low, found.high], [place] * 2, color=colour, lw=1.0)
        axis.plot(found.correlation, place, "o", color=colour, ms=2.8)


# ------------------------------------------------------------ in words


def to_markdown(games: pd.DataFrame, pooled: pd.DataFrame, predictors: pd.DataFrame) -> str:
    """The pooled effects and the predictors, for readers; str."""
    own = games.drop_duplicates(["kind", "game"])
    kinds = own[own["learned"]].groupby("kind", sort=False).size()
    counted = " and ".join(f"{number} {kind}" for kind, number in kinds.items())
    kinds_of = {row.kind: _games(row) for row in pooled.itertuples()}
    effects = []
    for (disturbance, against), rows in pooled.groupby(["disturbance", "against"], sort=False):
        cells = {
            row.kind: f"{_estimate(row)} {SHORT.get(row.verdict, row.verdict)}"
            for row in rows.itertuples()
        }
        counts = rows.set_index("kind").loc["all"]
        effects.append(
            [
                DISTURBANCES.get(disturbance, disturbance),
                against,
                *(cells.get(kind, "") for kind in kinds_of),
                f"{counts['better']} / {counts['worse']}",
            ]
        )
    correlations = []
    for predictor, name in PREDICTORS.items():
        rows = predictors[predictors["predictor"] == predictor].set_index("disturbance")
        found = (rows.loc[each] for each in predictors["disturbance"].unique())
        correlations.append([name, *map(_correlation, found)])
    lines = [
        f"# {TITLE}",
        "",
        f"There is something to learn in {own['learned'].sum()} of {len(own)} games: {counted}. "
        "Effects are mean returns of the run, networked minus another architecture, in units of "
        "the gain observed in a game, with 95 % intervals over games, and whether they are more by "
        f"{RULE.margin:g}. *{KINDS_ALIKE.capitalize()}*: the mean of the kinds' means, as the "
        "random games are one family. *Better / worse*: games whose own interval excludes 0.",
        "",
        f"![{TITLE}](generality.png)",
        "",
    ]
    head = ["disturbance", "against", *kinds_of.values(), "better / worse"]
    lines += [*markdown_table(head, effects), ""]
    lines += [
        "What goes with the effect against independent agents (Spearman's correlation over games "
        "or networks; bold: its interval excludes 0):",
        "",
    ]
    shown = (DISTURBANCES.get(each, each) for each in predictors["disturbance"].unique())
    lines += markdown_table(["", *shown], correlations)
    measured = predictors["correlation"].notna().sum()
    lines += ["", f"Of {measured} such intervals one in twenty excludes 0 by chance."]
    return "\n".join(lines) + "\n"


def _games(row):
    if row.kind == "all":
        return f"all {row.games}"
    return row.kind if row.kind == KINDS_ALIKE else f"{row.games} {row.kind}"


def _estimate(row):
    return f"{signed(row.estimate)} ({signed(row.low)} to {signed(row.high)})"


def _correlation(row):
    if not np.isfinite(row.correlation):
        return "none: it is the same in all"
    text = f"{signed(row.correlation)} ({signed(row.low)} to {signed(row.high)})"
    return f"**{text}**" if row.found else text
