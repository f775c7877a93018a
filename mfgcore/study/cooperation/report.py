"""The page of the third protocol: predictions, welfare by game, cost."""

from collections.abc import Iterable
from pathlib import Path

from mfgcore._base.files import write_text
from mfgcore.plotting.style import save_table
from mfgcore.study.cooperation import plots
from mfgcore.study.cooperation.measures import Cooperation
from mfgcore.study.cooperation.predictions import PREDICTIONS
from mfgcore.study.predictions import judge
from mfgcore.study.predictions_report import cells_of, cost_table, predictions_table

HEAD = (
    "# Do agents that share a goal raise welfare?",
    "",
    "Predictions, quantities and rules were written down in the "
    "[third protocol](../protocol_cooperation.md) before any of these runs. *Decides*: the cell "
    "that is farthest from what was predicted, or least within it; every cell: "
    "[cooperation.csv](cooperation.csv). Intervals are at 95 %, over trials.",
    "",
)
CAPTION = "Welfare over iterations, and its mean over the error of the estimates."


def write(runs: Cooperation, folder: Path, formats: Iterable[str] = (".pdf", ".png")) -> list[Path]:
    """Judge the predictions; write cooperation.md, cooperation.csv and the figure to a folder.

    Parameters
    ----------
    runs : Cooperation
    folder : Path
    formats : list of str
        Endings of the picture's files.

    Returns
    -------
    list of Path
        The pictures; none without the runs of `rounds`.
    """
    outcomes = judge(PREDICTIONS, runs)
    save_table(cells_of(outcomes), folder / "cooperation.csv")
    drawn = []
    if "rounds" in runs.datasets:
        drawn = [folder / f"cooperation{ending}" for ending in formats]
        plots.plot_cooperation(runs, drawn)
    picture = [f"![{CAPTION.rstrip('.')}](cooperation.png)", "", CAPTION, ""] if drawn else []
    lines = [*HEAD, *predictions_table(outcomes), "", *picture]
    lines += ["## Cost", "", *cost_table(runs.datasets)]
    write_text(folder / "cooperation.md", "\n".join(lines) + "\n")
    return drawn
