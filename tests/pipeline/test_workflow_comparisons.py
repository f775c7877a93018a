"""The ledger with comparisons, the verdicts by reading, and other games, from tiny runs."""

import json

import pandas as pd
import pytest
import yaml
from project import NAMES, ROOT, Project, tiny_config

from mfgcore.pipeline.yaml_files import read_yaml

KEPT = {  # what is not left out; of each part, what a label's parameters become
    "readings": {
        "scenario": {
            "agree, failing": {"iterations": 30},
            "diffuse, failing": {"iterations": 30},
            "diffuse, growing": {
                "iterations": 40,
                "agents": 5,
                "final_agents": 8,
                "population_change_at": 25,
            },
        },
        "setting": {"paper": {"trials": 2}, "D15 sum over states": {"trials": 2}},
        "variant": None,
    },
    "generality": {
        "scenario": {"undisturbed": {}, "failing": {}},
        "setting": {"two_bars": {}, "no_interaction": {}},
        "variant": {
            "centralised": {},
            "independent": {},
            "complete": {},
            "erdos_renyi": {"link_probability": 0.8},
        },
    },
    "garnets": {
        "scenario": {"undisturbed": {}, "failing": {}},
        "setting": {"garnet 2": {}},
        "variant": None,
    },
}
SMALL = {
    "agents": 5,
    "iterations": 6,
    "transitions": 30,
    "replay_cycles": 2,
    "evaluation_interval": 1,
}
LEARNING = SMALL | {
    "agents": 6,
    "transitions": 600,
    "policy_learning_rate": 0.5,
    "replay_cycles": 30,
}


def few():
    """The shipped comparisons, of which null leaves out all but some."""
    shipped = read_yaml(ROOT / "config/comparisons.yaml")["comparisons"]["experiments"]
    few = dict.fromkeys(shipped)
    for name, kept in KEPT.items():
        factors = {
            factor: dict.fromkeys(shipped[name]["factors"][factor]) | labels
            for factor, labels in kept.items()
            if labels is not None
        }
        few[name] = {"trials": 2, **LEARNING, "factors": factors}
    return {"comparisons": {"parameters": SMALL, "experiments": few}}


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


def test_the_readings_are_those_that_were_run(project):
    table = pd.read_csv(project.folder / "figures/tiny/readings.csv")
    assert set(table["interpretation"]) == set(KEPT["readings"]["setting"])


def test_the_other_games_are_those_that_were_run(project):
    table = pd.read_csv(project.folder / "figures/tiny/generality.csv")
    assert set(table["disturbance"]) == {"undisturbed", "failing"}
    assert {"two_bars", "no_interaction", "garnet 2"} <= set(table["game"])


def test_comparisons_of_another_plan_are_refused(project):
    done = project.snakemake(
        "figures/tiny/readings.pdf",
        "--config",
        "comparisons={experiments: {readings: {agents: 7}}}",
        "--allowed-rules",
        "readings",
        "--forcerun",
        "readings",
    )
    assert done.returncode != 0
    assert "readings.nc': was made with agents = 6, expected 7" in done.stderr
