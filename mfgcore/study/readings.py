"""The main claims under each reading of what the paper leaves open (docs/protocol.md).

They are judged as those of the figures are, from the smaller versions of these in the comparison
*readings*, over (scenario, setting, variant, trial, iteration): a setting is a reading.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import xarray as xr
import yaml

from mfgcore._base.arguments import explained
from mfgcore.batch.design import sets_of
from mfgcore.study.claims.evidence import OURS, SMALLER, Evidence, NothingToJudge, as_experiment
from mfgcore.study.claims.judging import CLAIMS, HOLDS, Finding, judge_one

NOTHING, NOT_RUN = "nothing to judge", "not run"
# what a parameter needs to play a part: without it a run has the bits of our reading
NEEDS = {"failed_score": "failure_probability", "arrivals": "agents_after"}


@dataclass(frozen=True)
class Column:
    """What is judged of a reading.

    Parameters
    ----------
    main, where : str
        The main claim, and of which games.
    claim : str
        That judges it: what C5 says of one game, C5c says of others.
    figures : tuple of str
    parts : int
        Of a figure, in each way.
    """

    main: str
    where: str
    claim: str
    figures: tuple[str, ...]
    parts: int = 1


ABOUT = ["reading", "claim", "where"]  # of a cell, and of a row of the table
CELL = ["verdict", "effect", "unit", "source", "ways"]
ROW = ["way", "part", "effect", "low", "high", "unit", "margin", "trials", "verdict", "source"]
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


@explained
def judge_readings(
    dataset: xr.Dataset, settings: Mapping[str, Mapping[str, Any]], seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Judge the main claims under every reading.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of the comparison.
    settings : dict of str to dict
        Its settings in the configuration: what each reading flips.
    seed : int
        Root of the bootstrap's random numbers.

    Returns
    -------
    cells : pandas.DataFrame
        A row for each reading and column. Columns `ABOUT` and `CELL`: the effect is of the part
        with the verdict of the deciding way that is furthest from holding, source says whose runs
        they are ("own", or "paper" where what is flipped plays no part and they are those of the
        reading that is ours), ways are their verdicts, and why some runs are left out, in words.
    table : pandas.DataFrame
        A row for each part of each way. Columns `ABOUT` and `ROW`.
    """
    cells, table = [], []
    for reading in settings:
        for column in COLUMNS:
            about = {"reading": reading, "claim": column.main, "where": column.where}
            evidence, source = _evidence(dataset, settings, reading, column.figures)
            about["source"] = source
            if evidence is None:
                cells.append(about | {"verdict": NOT_RUN, "ways": ""})
                continue
            finding = _judge(column, evidence, seed)
            cells.append(about | _cell(finding))
            table += [about | _row(judged) for judged in finding.parts]
    return pd.DataFrame(cells, columns=ABOUT + CELL), pd.DataFrame(table, columns=ABOUT + ROW)


def _evidence(dataset, settings, reading, figures):
    """The smaller versions of figures under a reading, and whose runs they are."""
    found, source = {}, OURS
    for figure in figures:
        scenario = SMALLER[figure]
        try:
            found[figure] = as_experiment(dataset, scenario, reading)
            source = "own"
        except NothingToJudge:
            left_out = scenario not in dataset["scenario"].values
            if left_out or _plays_a_part(dataset, settings[reading], scenario):
                return None, "none"
            found[figure] = as_experiment(dataset, scenario, OURS)
    return Evidence(found, partial=True), source


def _plays_a_part(dataset, setting, scenario):
    """Whether what a reading flips can matter in a scenario."""
    place = f"{scenario}|{OURS}|networked"
    paper = json.loads(dataset.attrs["configurations"]).get(place, {})
    return not all(key in NEEDS and not paper.get(NEEDS[key]) for key in sets_of(setting))


def _judge(column, evidence, seed):
    """The finding on a claim, by those of its ways that the runs are long enough for.

    Figures in which there is nothing to judge, as however agents divide they earn the same, say,
    are left out.
    """
    each, parts, without = CLAIMS[column.claim], [], []
    for name, dataset in evidence.experiments.items():
        own, why = [], ""
        try:
            own.extend(each.parts(Evidence({name: dataset}, partial=True)))
        except NothingToJudge as reason:  # what came before it can be judged
            why = f"{reason}"
        ways = [part.way for part in own]
        if ways and ways.count(ways[0]) == column.parts:
            parts += [part for part in own if ways.count(part.way) == column.parts]
        else:  # the way that decides is not there
            without.append(f"without {SMALLER[name]}: {why}")
    note = "; ".join(without)
    if not parts:
        return Finding(each, NOTHING, note=note)
    found = dataclasses.replace(each, parts=lambda _: parts, readings=())
    return dataclasses.replace(judge_one(found, evidence, seed), note=note)


def _cell(finding):
    if not finding.parts:
        return {"verdict": finding.verdict, "ways": finding.note}
    decides = next(iter(finding.ways.values()))
    ways = [f"{way}: {verdict}" for way, verdict in finding.ways.items()]
    found = [judged for judged in finding.deciding if judged.corrected == decides]
    worst = min(found, key=_in_margins)
    return {
        "verdict": finding.verdict,
        "effect": worst.interval.estimate,
        "unit": worst.part.unit,
        "ways": "; ".join([*ways, *([finding.note] if finding.note else [])]),
    }


def _in_margins(judged):
    return float(judged.part.rule.in_margins(judged.interval.estimate))


def _row(judged):
    part, interval = judged.part, judged.interval
    return {
        "way": part.way,
        "part": part.label,
        "effect": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "unit": part.unit,
        "margin": part.rule.margin,
        "trials": interval.trials,
        "verdict": judged.verdict,
    }


@explained
def claims_that_hold(cells: pd.DataFrame) -> dict[str, list[str]]:
    """The claims that hold wherever they are judged; dict of reading to list of str."""
    kept: dict[str, list[str]] = {}
    for (reading, claim), group in cells.groupby(["reading", "claim"], sort=False):
        kept.setdefault(reading, [])
        if (group["verdict"] == HOLDS).all():
            kept[reading].append(claim)
    return kept


@explained
def closest(cells: pd.DataFrame, settings: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """The reading under which most main claims hold.

    Ties go to fewer flips, and then to the order of the settings.

    Returns
    -------
    reading : str
    text : str
        Of a configuration file of the workflow with the reading's parameters.
    """
    kept = claims_that_hold(cells)
    reading = min(settings, key=lambda name: (-len(kept[name]), len(sets_of(settings[name]))))
    n_claims = cells["claim"].nunique()
    content = {"output": {kind: f"{kind}/closest" for kind in ("results", "figures")}}
    if flipped := sets_of(settings[reading]):
        content["parameters"] = flipped
    text = (
        "# The reading of docs/decisions.md under which most of the paper's main claims hold, as\n"
        f"# docs/protocol.md defines it: {reading}. {len(kept[reading])} of {n_claims} hold: "
        f"{', '.join(kept[reading]) or 'none'}.\n"
        "# snakemake --configfile config/closest.yaml\n"
    )
    return reading, text + yaml.safe_dump(content, sort_keys=False)
