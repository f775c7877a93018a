"""What `generality` found, for readers: a forest plot and Markdown with an answer."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from mfgcore.plotting.style import (  # before matplotlib
    STYLES,
    WIDTH,
    literal,
    save_figure,
    save_table,
    styled,
)

# isort: split
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mfgcore._base.arguments import checked
from mfgcore._base.files import StrPath, write_text
from mfgcore.study.claims.judging import FAILS, HOLDS, OPEN, THRESHOLD
from mfgcore.study.generality import ALL, OTHERS, PREDICTORS, RULE, measure, pool, predict
from mfgcore.study.ledger import COLOURS
from mfgcore.study.readings_figures import signed

TITLE = "Does it go beyond three games?"
SAID = {
    "undisturbed": "undisturbed",
    "failing": "updates fail",
    "growing": "the population grows",
    "loss": "agents are lost",
    "links fail": "links fail",
}
WHEN = {"failing": "when updates fail", "growing": "when the population grows"}
WHEN |= {"loss": "when agents are lost", "links fail": "when links fail"}
# what the verdict on all games says of networked agents beside independent ones
BETTER = {
    HOLDS: "better",
    THRESHOLD: "hardly better",
    FAILS: "not better",
    OPEN: "not decided",
}
# of the other population, the shift of its row, and the marker
LOOK = {
    "independent": (STYLES["networked"][0], 1.0, -0.16, "o"),
    "centralised": (STYLES["centralised"][0], 0.45, 0.2, "s"),
}
LEAST_REACH, MOST_REACH = 0.2, 1.0  # of the axis; what is beyond has an arrow


@checked
def write(
    datasets: Mapping[str, xr.Dataset],
    seed: int,
    folder: Path,
    formats: Iterable[str] = (".pdf", ".png"),
) -> None:
    """Measure the effects and write generality.csv, generality.md and the picture to a folder.

    `datasets` are those of :func:`mfgcore.study.generality.measure`.
    """
    effects, games = measure(datasets)
    found = effects, games, pool(effects, seed), predict(effects, games, seed)
    save_table(effects, folder / "generality.csv")
    write_text(folder / "generality.md", to_markdown(*found[1:]))
    drawings = [folder / f"generality{ending}" for ending in formats]
    plot_generality(*found, drawings, TITLE)


@checked
@styled
def plot_generality(
    effects: pd.DataFrame,
    games: pd.DataFrame,
    pooled: pd.DataFrame,
    predictors: pd.DataFrame,
    drawings: Iterable[StrPath],
    title: str,
) -> None:
    """A forest plot: games down, a panel for each disturbance, below it what predicts the effect.

    The arguments are from :mod:`mfgcore.study.generality`.
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
    reach = np.nanmax(np.abs(shown["effect"]), initial=0.0)
    reach = min(max(1.15 * reach, LEAST_REACH), MOST_REACH)
    for disturbance, (forest, below) in zip(disturbances, axes.T, strict=True):
        _draw_forest(forest, disturbance, rows, effects, pooled, reach)
        forest.set_title(SAID.get(disturbance, disturbance), fontsize=7.5, pad=14)
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
    axes[0, len(disturbances) // 2].set_xlabel(
        "difference of the mean return / what the game yields"
    )
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
        "bars: 95 % intervals over trials, pooled over games; dotted: the least that matters; "
        "brackets: what the game yields, of 10\n"
        "better: networked than independent agents, over all games"
    )
    figure.suptitle(f"{literal(title)}\n{note}", fontsize=8)
    save_figure(figure, drawings)


def _rows(effects, games, pooled):
    """What is drawn in each row: ("pooled", kind), (kind, game, yield), or None for a gap.

    Games of a kind are ordered by their mean effect.
    """
    yields = games.drop_duplicates(["kind", "game"]).set_index(["kind", "game"])["yields"]
    own = effects[(effects["network"] == ALL) & (effects["against"] == OTHERS[0])]
    means = own.groupby(["kind", "game"], sort=False)["effect"].mean()
    rows = [("pooled", kind) for kind in dict.fromkeys(pooled["kind"])]
    for kind in dict.fromkeys(effects["kind"]):
        rows.append(None)
        ordered = means[kind].sort_values(ascending=False, na_position="last", kind="stable")
        rows += [(kind, game, yields[kind, game]) for game in ordered.index]
    return rows


def _label(row):
    if row[0] == "pooled":
        return "all games" if row[1] == "all" else row[1]
    _, game, yields = row
    return f"{game.replace('_', ' ')} ({yields:.2g})"


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
                    single = found[found["network"] != ALL]["effect"]
                    if len(single) > 1:
                        look = {"color": colour, "alpha": 0.5, "ms": 3.5, "mew": 0.7}
                        axis.plot(single, [place + shift] * len(single), "|", **look)
                found = found[found["network"] == ALL]
            found = found.dropna(subset=["effect"])
            for each in found.itertuples():
                ends = np.clip([each.low, each.high], -reach, reach)
                width = 1.6 if row[0] == "pooled" else 0.9
                own = {"color": colour, "alpha": alpha, "clip_on": False}
                axis.plot(ends, [place + shift] * 2, lw=width, solid_capstyle="butt", **own)
                beyond = abs(each.effect) > reach
                if row[0] == "pooled" and not beyond:
                    marker = "D"
                drawn = ("<" if each.effect < 0.0 else ">") if beyond else marker
                middle = np.clip(each.effect, -reach, reach)
                size = 3.6 if row[0] == "pooled" else 2.8
                axis.plot(middle, place + shift, drawn, ms=size, mew=0.0, **own)
            if found.empty and other == OTHERS[0]:
                text = {"fontsize": 5, "color": "0.45", "ha": "center", "va": "center"}
                axis.text(0.0, place, "nothing to learn", backgroundcolor="white", **text)


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


@checked
def to_markdown(games: pd.DataFrame, pooled: pd.DataFrame, predictors: pd.DataFrame) -> str:
    """An answer in one paragraph, and the pooled effects and predictors; str."""
    lines = [
        f"# {TITLE}",
        "",
        answer(games, pooled, predictors),
        "",
        f"![{TITLE}](generality.png)",
        "",
        "| disturbance | against | games | effect | 95 % interval | better in | worse in | more by "
        f"{RULE.margin:g} |",
        "|---" * 8 + "|",
    ]
    for found in pooled.itertuples():
        kind = f"{found.games}" if found.kind == "all" else f"{found.games} {found.kind}"
        lines.append(
            f"| {SAID.get(found.disturbance, found.disturbance)} | {found.against} | {kind} | "
            f"{signed(found.effect)} | {signed(found.low)} to {signed(found.high)} | "
            f"{found.better} | {found.worse} | {found.verdict} |"
        )
    lines += [
        "",
        "| disturbance | goes with the effect against independent agents | correlation | "
        "95 % interval | games |",
        "|---" * 5 + "|",
    ]
    for found in predictors.itertuples():
        known = np.isfinite(found.correlation)
        numbers = (
            f"{signed(found.correlation)} | {signed(found.low)} to {signed(found.high)}"
            if known
            else "none: it is the same in all | "
        )
        name = PREDICTORS[found.predictor]
        lines.append(
            f"| {SAID.get(found.disturbance, found.disturbance)} | "
            f"{f'**{name}**' if found.found else name} | {numbers} | {found.games} |"
        )
    return "\n".join(lines) + "\n"


@checked
def answer(games: pd.DataFrame, pooled: pd.DataFrame, predictors: pd.DataFrame) -> str:
    """One paragraph that says no more than the intervals do; str."""
    own = games.drop_duplicates(["kind", "game"])
    kinds = own[own["learned"]].groupby("kind", sort=False).size()
    counted = " and ".join(f"{number} {kind}" for kind, number in kinds.items())
    text = f"There is something to learn in {own['learned'].sum()} of {len(own)} games: {counted}."
    for other in OTHERS:
        among = pooled[(pooled["kind"] == "all") & (pooled["against"] == other)]
        text += f" Against {other} agents, networked ones {_verdicts(among)}."
    text += " Numbers are shares of what a game yields, with 95 % intervals over games."
    return f"{text} {_predicted(predictors)}"


def _verdicts(among):
    """Under which disturbances it is better, and so on; str."""
    said = {
        HOLDS: "earn more over a run",
        THRESHOLD: "earn more, but by less than matters,",
        FAILS: "do not earn more",
        OPEN: "may earn more, which is not decided,",
    }
    parts = []
    for verdict, words in said.items():
        found = [
            f"{WHEN.get(each.disturbance, each.disturbance)} ({signed(each.effect)}, "
            f"{signed(each.low)} to {signed(each.high)}; better in {each.better} games, worse in "
            f"{each.worse})"
            for each in among[among["verdict"] == verdict].itertuples()
        ]
        if found:
            parts.append(f"{words} {_listed(found)}")
    return "; they ".join(parts)


def _predicted(predictors):
    found = predictors[predictors["found"]]
    parts = []
    for predictor, group in found.groupby("predictor", sort=False):
        for sign, word in ((1.0, "larger"), (-1.0, "smaller")):
            where = group[group["correlation"] * sign > 0.0]
            if len(where):
                when = [
                    f"{WHEN.get(each.disturbance, each.disturbance)} "
                    f"(Spearman {signed(each.correlation)})"
                    for each in where.itertuples()
                ]
                parts.append(f"{word} the larger {GOES_WITH[predictor]}, {_listed(when)}")
    others = [GOES_WITH[name] for name in PREDICTORS if name not in set(found["predictor"])]
    text = f"Their advantage over independent agents is {'; '.join(parts)}." if parts else ""
    if others:
        subject = "It" if parts else "Their advantage over independent agents"
        text += f" {subject} was not seen to go with {_listed(others, 'or')}."
    measured = predictors["correlation"].notna().sum()
    text += f" Of {measured} such intervals one in twenty excludes 0 by chance."
    return text.strip()


GOES_WITH = {
    "states": "the number of states",
    "moves": "the dependence of moves on the mean field",
    "yields": "what there is to earn",
    "distance": "the distance between agents in the network",
}


def _listed(parts, word="and"):
    return ", ".join(parts[:-1]) + f" {word} " * (len(parts) > 1) + parts[-1]
