"""Figures of what one parameter changes, from the comparisons behind the claims."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import xarray as xr

from mfgcore.plotting import levels
from mfgcore.runs.datasets import configuration
from mfgcore.study.claims import Evidence
from mfgcore.study.claims.evidence import BASELINE, configurations

FAILING = "Agree, 50 agents: half of the updates fail"
UNDISTURBED = "Agree, 50 agents: no failures"
# of each figure: the parameter, the comparison with its scenario and baseline, and a title
PARAMETERS = {
    "rounds": ("communication_rounds", "table1", "failing", BASELINE, FAILING),
    "score_rule": ("score_rule", "table1", "failing", BASELINE, FAILING),
    "transitions": ("transitions", "table1", "failing", BASELINE, FAILING),
    "steps": (
        "steps_per_transition",
        "steps",
        "undisturbed",
        "M_td=10",
        UNDISTURBED,
    ),
    "replay_cycles": ("replay_cycles", "table1", "failing", BASELINE, FAILING),
    "burn_in": ("burn_in", "table1", "failing", BASELINE, FAILING),
    "learning_rate": ("td_learning_rate", "table1", "failing", BASELINE, FAILING),
    "policy_learning_rate": ("policy_learning_rate", "table1", "failing", BASELINE, FAILING),
    "entropy_weight": ("entropy_weight", "table1", "failing", BASELINE, FAILING),
    "agents": ("agents", "agents", "agree", "N=50", "Agree: no failures"),
    "agents_diffuse": ("agents", "agents", "diffuse", "N=50", "Diffuse: no failures"),
}


def runs_by_level(
    evidence: Evidence, parameter: str, comparison: str, scenario: str, baseline: str
) -> xr.Dataset:
    """Runs of a comparison that differ in one parameter, as an experiment over its values.

    Parameters
    ----------
    evidence : Evidence
    parameter, comparison, scenario : str
    baseline : str
        The setting from which the others differ.

    Returns
    -------
    xarray.Dataset
        Over the parameter, architecture, trial and iteration, with as many trials as all have.
    """
    given = configurations(evidence.comparisons[comparison])
    usual = evidence.runs(comparison, scenario, baseline)
    reference = configuration(usual)
    found = {}
    for setting in dict.fromkeys(key[1] for key in given if key[0] == scenario):
        run = evidence.runs(comparison, scenario, setting)
        own = configuration(run)
        changed = {key for key in own.keys() & reference if own[key] != reference[key]}
        if changed - {"name"} == {parameter} or setting == baseline:
            found[own[parameter]] = run
    order = found if any(isinstance(value, str) for value in found) else sorted(found)
    trials = min(run.sizes["trial"] for run in found.values())
    parts = [found[value].isel(trial=slice(trials)) for value in order]
    together = xr.concat(parts, pd.Index(list(order), name=parameter), join="outer")
    together[parameter].attrs["baseline"] = str(reference[parameter])
    together.attrs = usual.attrs
    return together


def draw(evidence: Evidence, folder: Path) -> Iterator[Path]:
    """Draw `parameter_NAME.png` of each parameter; yields the paths."""
    for name, (parameter, comparison, scenario, baseline, title) in PARAMETERS.items():
        if comparison in evidence.comparisons:
            path = folder / f"parameter_{name}.png"
            dataset = runs_by_level(evidence, parameter, comparison, scenario, baseline)
            levels(dataset, drawings=[path], title=title)
            yield path
