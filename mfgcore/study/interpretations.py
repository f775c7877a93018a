"""Robustness of the main claims to interpretations of what the paper leaves open.

Judged as those of the figures, from their reduced versions in the comparison *readings*, over
(scenario, setting, variant, trial, iteration): a setting is an interpretation.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import pandas as pd
import xarray as xr

from mfgcore.study.claims import CLAIMS, HOLDS, ClaimResult, judge_one
from mfgcore.study.claims.evidence import (
    BASELINE,
    REDUCED,
    Evidence,
    NothingToJudge,
    as_experiment,
    configurations,
)

NOTHING, NOT_RUN = "nothing to judge", "not run"
# parameters without effect unless another one is set: a run then has the bits of the baseline
NEEDS = {"failed_score": "failure_probability", "arrival_timing": "final_agents"}


@dataclass(frozen=True)
class Column:
    """Part of a main claim that is judged under every interpretation.

    Parameters
    ----------
    main, where : str
        The main claim, and of which games.
    claim : str
        That judges it: what C5 says of one game, C5c says of others.
    figures : tuple of str
    effects : int
        Of a figure, for each estimand.
    """

    main: str
    where: str
    claim: str
    figures: tuple[str, ...]
    effects: int = 1


ABOUT = ["interpretation", "claim", "where"]
CELL = ["verdict", "estimate", "normaliser", "source", "estimands"]
ROW = [
    *("estimand", "label", "estimate", "low", "high", "normaliser", "margin", "trials"),
    *("verdict", "source"),
]
COLUMNS = (
    Column("C1", "agree", "C1", ("fig1",)),
    Column("C1", "diffuse", "C1", ("fig2",)),
    Column("C2", "agree", "C2", ("fig1",)),
    Column("C2", "diffuse", "C2", ("fig2",)),
    Column("C3", "all four", "C3", ("fig1", "fig2", "fig3", "fig4"), 2),
    Column("C4", "both", "C4", ("fig3", "fig4"), 2),
    Column("C5", "agree", "C5", ("fig3",)),
    Column("C5", "diffuse", "C5c", ("fig4",)),
    Column("C8", "cluster", "C8", ("fig5",), 2),
)


def judge_interpretations(dataset: xr.Dataset, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Judge the main claims under every interpretation.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of the comparison.
    seed : int
        Root of the bootstrap's random numbers.

    Returns
    -------
    cells : pandas.DataFrame
        A row for each interpretation and column. Columns `ABOUT` and `CELL`: the estimate is of
        the effect, of those with the verdict of the deciding estimand, that is furthest from
        holding; source says whose runs they are ("own", or "paper" where the changed parameters
        have no effect and they are those of the baseline, or "none"); estimands are their
        verdicts, and why some runs are left out, in words.
    table : pandas.DataFrame
        A row for each effect. Columns `ABOUT` and `ROW`.
    """
    cells, table = [], []
    for interpretation, changed in changes(dataset).items():
        for column in COLUMNS:
            about = {"interpretation": interpretation, "claim": column.main, "where": column.where}
            evidence, source = _evidence(dataset, interpretation, changed, column.figures)
            about["source"] = source
            if evidence is None:
                cells.append(about | {"verdict": NOT_RUN, "estimands": ""})
                continue
            result = _judge(column, evidence, seed)
            cells.append(about | _cell(result))
            table += [about | _row(each) for each in result.effects]
    return pd.DataFrame(cells, columns=ABOUT + CELL), pd.DataFrame(table, columns=ABOUT + ROW)


def changes(dataset: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Parameters in which each interpretation differs from the baseline; dict of dict."""
    every = configurations(dataset)
    found: dict[str, dict[str, Any]] = {name: {} for name in map(str, dataset["setting"].values)}
    for (scenario, name, variant), parameters in every.items():
        baseline = every.get((scenario, BASELINE, variant), parameters)
        found[name] |= {
            key: value
            for key, value in parameters.items()
            if key not in baseline or value != baseline[key]
        }
    return found


def _evidence(dataset, interpretation, changed, figures):
    """Reduced versions of figures under an interpretation, and whose runs they are."""
    found, source = {}, BASELINE
    for figure in figures:
        scenario = REDUCED[figure]
        try:
            found[figure] = as_experiment(dataset, scenario, interpretation)
            source = "own"
        except NothingToJudge:
            baseline = configurations(dataset).get((scenario, BASELINE, "networked"), {})
            without_effect = all(key in NEEDS and not baseline.get(NEEDS[key]) for key in changed)
            if scenario not in dataset["scenario"].values or not without_effect:
                return None, "none"
            found[figure] = as_experiment(dataset, scenario, BASELINE)
    return Evidence(found, partial=True), source


def _judge(column, evidence, seed):
    """Result of a claim, by those of its estimands that the runs are long enough for.

    Figures in which there is nothing to judge, as all divisions of the population earn the same,
    say, are left out.
    """
    each, effects, without = CLAIMS[column.claim], [], []
    for name, dataset in evidence.experiments.items():
        own, why = [], ""
        try:
            own.extend(each.measure(Evidence({name: dataset}, partial=True)))
        except NothingToJudge as reason:  # what came before it can be judged
            why = f"{reason}"
        estimands = [effect.estimand for effect in own]
        if estimands and estimands.count(estimands[0]) == column.effects:
            effects += [e for e in own if estimands.count(e.estimand) == column.effects]
        else:  # the deciding estimand is missing
            without.append(f"without {REDUCED[name]}: {why}")
    note = "; ".join(without)
    if not effects:
        return ClaimResult(each, NOTHING, note=note)
    found = dataclasses.replace(each, measure=lambda _: effects, figures=())
    return dataclasses.replace(judge_one(found, evidence, seed), note=note)


def _cell(result):
    if not result.effects:
        return {"verdict": result.verdict, "estimands": result.note}
    decides = next(iter(result.estimands.values()))
    verdicts = [f"{name}: {verdict}" for name, verdict in result.estimands.items()]
    found = [each for each in result.deciding if each.corrected == decides]
    worst = min(found, key=lambda e: float(e.effect.rule.in_margins(e.interval.estimate)))
    return {
        "verdict": result.verdict,
        "estimate": worst.interval.estimate,
        "normaliser": worst.effect.normaliser,
        "estimands": "; ".join([*verdicts, *filter(None, [result.note])]),
    }


def _row(each):
    return {
        "estimand": each.effect.estimand,
        "label": each.effect.label,
        **dataclasses.asdict(each.interval),
        "normaliser": each.effect.normaliser,
        "margin": each.effect.rule.margin,
        "verdict": each.verdict,
    }


def claims_that_hold(cells: pd.DataFrame) -> dict[str, list[str]]:
    """The claims that hold wherever they are judged; dict of interpretation to list of str."""
    kept: dict[str, list[str]] = {}
    for (interpretation, claim), group in cells.groupby(["interpretation", "claim"], sort=False):
        kept.setdefault(interpretation, [])
        if (group["verdict"] == HOLDS).all():
            kept[interpretation].append(claim)
    return kept
