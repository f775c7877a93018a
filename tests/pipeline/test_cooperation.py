"""The runs of the third protocol: a fresh seed, what it says of them, and what they cost."""

import pytest
from project import ROOT, tracked

from mfgcore.batch.cost import run_seconds
from mfgcore.pipeline import configuration
from mfgcore.pipeline.yaml_files import read_yaml

FILE = "config/cooperation.yaml"
OWN = read_yaml(ROOT / FILE)
HOURS = 3.0


@pytest.fixture(scope="module")
def designs():
    """With one trial of each cell."""
    config = configuration.read([ROOT / path for path in (*configuration.CONFIG_FILES, FILE)])
    config["comparisons"]["trials"] = 1
    names = OWN["comparisons"]["experiments"]
    return {name: configuration.design(config, "comparisons", name) for name in names}


def test_its_seed_is_that_of_no_other_configuration():
    others = {
        read_yaml(path).get("seed") for path in tracked("config/*.yaml") if path.name not in FILE
    }
    assert OWN["seed"] not in others


def test_all_runs_share_their_goal_and_cost_no_more_than_they_may(designs):
    runs = [run for design in designs.values() for run in design.runs.values()]
    assert {run.objective for run in runs} == {"shared"}
    assert OWN["comparisons"]["trials"] * sum(map(run_seconds, runs)) <= 3600.0 * HOURS


def test_every_experiment_and_seed_of_the_protocol_is_there():
    text = (ROOT / "docs/protocol_cooperation.md").read_text(encoding="utf-8")
    assert str(OWN["seed"]) in text
    for name in OWN["comparisons"]["experiments"]:
        assert f"`{name}`" in text
