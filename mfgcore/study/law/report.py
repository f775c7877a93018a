"""Tables of the second protocol: predictions, score rules in every game."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import xarray as xr

from mfgcore._base.files import write_text
from mfgcore.plotting.style import save_table
from mfgcore.study.law import plots, score_rules
from mfgcore.study.law.measures import Law
from mfgcore.study.law.predictions import PREDICTIONS
from mfgcore.study.predictions import Outcome, judge
from mfgcore.study.predictions_report import cells_of, cost_table, predictions_table
from mfgcore.study.report_style import markdown_table

TITLE = "Why networked agents learn faster, or slower"
# pictures, and the experiments without which there is none
PICTURES = {"law": {"updates", "alone"}, "selection": {"selection"}, "score_rules": {"selection"}}
CAPTIONS = {
    "law": "The return over iterations, where populations differ, and over successful updates.",
    "selection": "Each game by its selection gain g, and by the lead of networked agents.",
    "score_rules": "Each score rule in each game, against a central learner that never fails. "
    "Numbers: [score_rules.csv](score_rules.csv).",
}


def write(law: Law, folder: Path, formats: Iterable[str] = (".pdf", ".png")) -> list[Path]:
    """Judge the predictions; write law.md, law.csv, score_rules.csv and the figures to a folder.

    Parameters
    ----------
    law : Law
    folder : Path
    formats : list of str
        Endings of the pictures' files.

    Returns
    -------
    list of Path
        The pictures.
    """
    outcomes, rules = judge(PREDICTIONS, law), score_rules.measure(law)
    save_table(cells_of(outcomes), folder / "law.csv")
    save_table(rules, folder / "score_rules.csv")
    drawn = []
    for name, needed in PICTURES.items():
        if needed <= law.datasets.keys():
            paths = [folder / f"{name}{ending}" for ending in formats]
            getattr(plots, f"plot_{name}")(law, paths)
            drawn += paths
    names = list(dict.fromkeys(path.stem for path in drawn))
    write_text(folder / "law.md", to_markdown(outcomes, rules, law.datasets, names))
    return drawn


def to_markdown(
    outcomes: Sequence[Outcome],
    rules: pd.DataFrame,
    datasets: Mapping[str, xr.Dataset],
    drawn: Collection[str],
) -> str:
    """The predictions, the score rules and what the experiments took, for readers; str."""
    pictures = {
        name: [f"![{text.partition('. ')[0]}]({name}.png)", "", text, ""] if name in drawn else []
        for name, text in CAPTIONS.items()
    }
    lines = [
        f"# {TITLE}",
        "",
        "Predictions, quantities and rules were written down in the "
        "[second protocol](../protocol_law.md) before any of these runs. *Decides*: the cell that "
        "is farthest from what was predicted, or least within it. Intervals are at 95 %, over "
        "trials.",
        "",
        *predictions_table(outcomes),
        "",
        *pictures["law"],
        *pictures["selection"],
    ]
    if len(rules):
        lines += ["## Score rules", "", *_summary(rules), "", *pictures["score_rules"]]
    lines += ["## Cost", "", *cost_table(datasets)]
    return "\n".join(lines) + "\n"


def _summary(rules):
    """In how many games each rule does what it is meant to; lines."""
    groups = rules.groupby(["kind", "disturbance"], sort=False)
    names = list(dict.fromkeys(rules["rule"]))
    rows = []
    for (kind, disturbance), own in groups:
        aims = pd.crosstab(own["rule"], own["aim"])
        cells = [
            " / ".join(str(aims.get(aim, {}).get(name, 0)) for aim in ("reached", "missed", "open"))
            if name in aims.index
            else ""
            for name in names
        ]
        rows.append([f"{kind}, {disturbance}", *cells])
    return [
        "In how many games a rule reaches the aim / misses it / leaves it open: that it is not "
        "slower than a central learner that never fails (the interval of its lead is above "
        f"-{score_rules.MARGIN:g}) and has no price at the end (that of it is below "
        f"{score_rules.MARGIN:g}), as shares of the rise. A rule misses it where one of them lies "
        "wholly beyond.",
        "",
        *markdown_table(["games", *names], rows),
    ]
