"""Tables of the predictions of a protocol, and of what its runs took."""

from collections.abc import Mapping, Sequence

import pandas as pd
import xarray as xr

from mfgcore.study.predictions import NOT_JUDGED, Outcome
from mfgcore.study.report_style import markdown_table, signed


def cells_of(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Every cell of every prediction; pandas.DataFrame."""
    rows = [
        {
            "prediction": outcome.prediction.name,
            "cell": cell.label,
            "estimate": cell.found.estimate,
            "low": cell.found.low,
            "high": cell.found.high,
            "trials": cell.found.trials,
            "held": cell.held,
            "refuted": cell.refuted,
        }
        for outcome in outcomes
        for cell in outcome.cells
    ]
    return pd.DataFrame(rows)


def predictions_table(outcomes: Sequence[Outcome]) -> list[str]:
    """The predictions with what decides and the verdict, in Markdown; lines."""
    rows = []
    for each in outcomes:
        about = [each.prediction.name, each.prediction.text, each.prediction.quantity]
        if each.verdict == NOT_JUDGED:
            rows.append([*about, each.note, "", "", each.verdict])
            continue
        found = each.worst.found
        rows.append(
            [
                *about,
                f"{each.worst.label}: {signed(found.estimate)}",
                f"{signed(found.low)} to {signed(found.high)}",
                f"{each.n_held} of {len(each.cells)}",
                f"**{each.verdict}**",
            ]
        )
    head = ["", "prediction", "measured", "decides", "interval", "as predicted", "verdict"]
    return markdown_table(head, rows)


def cost_table(datasets: Mapping[str, xr.Dataset]) -> list[str]:
    """CPU hours of each experiment and of all, in Markdown; lines."""
    hours = {name: data.attrs.get("cpu_seconds", 0.0) / 3600.0 for name, data in datasets.items()}
    hours["all"] = sum(hours.values())
    rows = [[name, f"{value:.2f}"] for name, value in hours.items()]
    return markdown_table(["experiment", "CPU hours"], rows)
