"""The ledger with comparisons, the verdicts by reading, and other games, from tiny runs."""

import json

import pandas as pd
import pytest
import yaml
from project import NAMES, ROOT, Project, tiny_config

from mfgcore.pipeline.yaml_files import read_yaml

KEPT = {  # what is not left out; of each part, what a label's parameters become
    "readings": {
        "scenarios": {
            "agree, failing": {"iterations": 30},
            "diffuse, failing": {"iterations": 30},
            "diffuse, growing": {"iterations": 40, "agents": 5, "agents_after": 8, "change_at": 25},
        },
        "settings": {"paper": {"trials": 2}, "D15 sum over states": {"trials": 2}},
        "variants": None,
    },
    "generality": {
        "scenarios": {"undisturbed": {}, "failing": {}},
        "settings": {"two_bars": {}, "no_interaction": {}},
        "variants": {
            "centralised": {},
            "independent": {},
            "complete": {},
            "erdos_renyi": {"link_probability": 0.8},
        },
    },
    "garnets": {
        "scenarios": {"undisturbed": {}, "failing": {}},
        "settings": {"garnet 2": {}},
        "variants": None,
    },
}
SMALL = {
    "agents": 5,
    "iterations": 6,
    "transitions": 30,
    "replay_cycles": 2,
    "evaluation_interval": 1,
}
LEARNING = SMALL | {"agents": 6, "transitions": 600, "policy_step_size": 0.5, "replay_cycles": 30}


def few():
    """The shipped comparisons, of which null leaves out all but some."""
    shipped = read_yaml(ROOT / "config/comparisons.yaml")["comparisons"]
    comparisons = {"parameters": SMALL}
    for name in shipped.keys() - {"parameters"}:
        if name not in KEPT:
            comparisons[name] = None
            continue
        comparisons[name] = {"trials": 2, "parameters": LEARNING}
        for part, labels in KEPT[name].items():
            if labels is not None:
                comparisons[name][part] = dict.fromkeys(shipped[name][part]) | labels
    return {"comparisons": comparisons}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("comparisons"))
    config = yaml.safe_load(tiny_config()) | few()
    config["experiments"] |= dict.fromkeys(NAMES[1:])  # one is enough
    del config["parameters"]["grid_size"]  # some games have none
    project.configure(yaml.safe_dump(config))
    project.make(
        "figures/tiny/ledger.pdf", "figures/tiny/readings.pdf", "figures/tiny/generality.pdf"
    )
    return project


def test_the_ledger_judges_what_was_compared(project):
    ledger = json.loads((project.folder / "figures/tiny/ledger.json").read_text())
    assert set(ledger["made_from"]["comparisons"]) == set(KEPT)
    verdicts = {record["claim"]: record["verdict"] for record in ledger["claims"]}
    assert verdicts["C17"] != "not judged" == verdicts["C12"]


def test_the_interpretations_are_those_that_were_run(project):
    table = pd.read_csv(project.folder / "figures/tiny/readings.csv")
    assert set(table["interpretation"]) == set(KEPT["readings"]["settings"])
    closest = read_yaml(project.folder / "figures/tiny/closest.yaml")
    assert closest["output"]["figures"] == "figures/closest"


def test_the_other_games_are_those_that_were_run(project):
    table = pd.read_csv(project.folder / "figures/tiny/generality.csv")
    assert set(table["disturbance"]) == {"undisturbed", "failing"}
    assert {"two_bars", "no_interaction", "garnet 2"} <= set(table["game"])


def test_comparisons_of_another_plan_are_refused(project):
    done = project.snakemake(
        "figures/tiny/readings.pdf",
        "--config",
        "comparisons={readings: {parameters: {agents: 7}}}",
        "--allowed-rules",
        "readings",
        "--forcerun",
        "readings",
    )
    assert done.returncode != 0
    assert "readings.nc': was made with other parameters; delete it and run again" in done.stderr
