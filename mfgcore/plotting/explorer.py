"""The explorer: an interactive page of the populations and their policies, by iteration.

The page is one file that needs no network: ``explorer.html`` beside this module is its template,
into which the data and plotly's script go.
"""

import base64
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from plotly.offline import get_plotlyjs

from mfgcore._base.arguments import explained
from mfgcore._base.files import StrPath, write_text
from mfgcore.experiment.components import OBJECTIVES
from mfgcore.games import ACTIONS, GAMES, MOVES
from mfgcore.metrics.definitions import label
from mfgcore.plotting.datasets import check_drawn, factors_of, panels_of
from mfgcore.plotting.figures import disturbances
from mfgcore.plotting.state_layout import cells_of, layout_of, names_of, turns_of
from mfgcore.plotting.statistics import summarise
from mfgcore.plotting.style import styles_of
from mfgcore.runs.datasets import configuration

TEMPLATE = Path(__file__).with_name("explorer.html")
# Maps are nearly all of the data: 7 bytes for each cell, iteration, trial and architecture. Three
# trials of the paper's experiments make a page of 12 MB, all ten would make one of 25 MB.
SHOWN_TRIALS = 3
# Fractions are sent as integers: the largest stands for 1. A share of the population that is
# wrong by 1e-5 and a probability that is wrong by 0.002 look the same.
SHARES, PROBABILITIES = "<u2", "<u1"
LINE_WIDTH = 2.0  # pixels


@explained
def write_page(experiments: Iterable[tuple[str, xr.Dataset]], path: StrPath) -> None:
    """Write the page of some experiments; the same experiments give the same bytes.

    Parameters
    ----------
    experiments : sequence of (str, xarray.Dataset)
        Titles and experiments' datasets, in the order in which they are offered.
    path : path
        HTML file.
    """
    data = json.dumps([describe(title, dataset) for title, dataset in experiments])
    # "</script>" or "<!--" in a title must not end the element
    parts = {"plotly": get_plotlyjs(), "data": data.replace("<", r"\u003c")}
    template = TEMPLATE.read_text(encoding="utf-8")
    page = re.sub("@(plotly|data)@", lambda match: parts[match[1]], template)
    write_text(path, page)


@explained
def describe(title: str, dataset: xr.Dataset) -> dict[str, Any]:
    """Data of the page for an experiment's dataset with one factor; dict of JSON's types.

    ``mean_field``, over (factor, trial, iteration, state), and ``common_policy``, also over
    (action), are base64 of the fractions of `SHARES`' and `PROBABILITIES`' largest integers, of the
    first `SHOWN_TRIALS` trials.
    """
    check_drawn(dataset, "factor", "mean_field", "layout")
    [factor] = factors_of(dataset)
    order = (factor, "trial", "iteration", "state", "action")
    shown = dataset.isel(trial=slice(SHOWN_TRIALS)).transpose(*order)
    cells = cells_of(dataset)
    actions = [str(name) for name in dataset["action"].values]
    steps = dict(zip(ACTIONS, MOVES, strict=True))
    return {
        "title": title,
        "goal": _goal(configuration(dataset)),
        "layout": layout_of(dataset),
        "cells": None if cells is None else _rounded(cells),
        "turns": _rounded(turns_of(dataset)) if cells is not None else [],
        "states": dataset.sizes["state"],
        "names": names_of(dataset) if "state_name" in dataset.coords else None,
        "best": [] if cells is None else np.flatnonzero(dataset["best"].values).tolist(),
        "actions": actions,
        # the steps that actions are named after; what is no step has no arrow
        "moves": [steps.get(name, (0, 0)) for name in actions],
        "still": [name not in steps or name == "stay" for name in actions],
        "architectures": _styles(factor, dataset[factor].values),
        "iterations": dataset.sizes["iteration"],
        "trials": shown["trial"].values.tolist(),
        "n_trials": dataset.sizes["trial"],
        "disturbances": list(disturbances(configuration(dataset)).items()),
        "population_size": shown["population_size"][0, 0].values.tolist(),
        "followers": shown["common_policy_agents"].values.tolist(),
        "largest_share": float(shown["mean_field"].max()),
        "mean_field": _encode(shown["mean_field"].values, SHARES),
        "common_policy": _encode(shown["common_policy"].values, PROBABILITIES),
        "panels": _panels(dataset, factor),
    }


def _goal(parameters):
    """What the game is about, and whose reward agents learn from if it is not their own; str."""
    goal = f"{GAMES.help(parameters['game'])}."
    objective = parameters.get("objective", "own")
    return goal if objective == "own" else f"{goal} {OBJECTIVES.help(objective)}."


def _encode(fractions, dtype):
    levels = np.rint(fractions * np.iinfo(dtype).max).astype(dtype)
    return base64.b64encode(levels.tobytes()).decode("ascii")


def _styles(factor, levels):
    """How each level of a factor is drawn, in plotly's words; list of dict."""
    found = []
    for level, (colour, line) in styles_of(factor, levels).items():
        if not isinstance(line, str):  # matplotlib's (offset, lengths in line widths)
            line = ",".join(f"{LINE_WIDTH * length:g}px" for length in line[1])
        found.append({"name": str(level), "colour": colour, "dash": line, "width": LINE_WIDTH})
    return found


def _panels(dataset, factor):
    """The curves of each metric, one for each level of a factor; list of dict."""
    names = panels_of(dataset)
    summary = summarise(dataset, names)
    panels = []
    for metric in names:
        lines = []
        for level in dataset[factor].values:
            rows = summary[(summary["metric"] == metric) & (summary[factor] == level)]
            columns = {name: _rounded(rows[name]) for name in ("mean", "standard_deviation")}
            lines.append({"iteration": rows["iteration"].tolist(), **columns})
        panels.append({"label": label(metric), "lines": lines})
    return panels


def _rounded(values):
    return np.vectorize(lambda value: float(f"{value:.6g}"), otypes=[float])(values).tolist()
