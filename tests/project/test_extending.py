"""The additions that docs/extending.md shows do what it says."""

import dataclasses
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from project import ROOT, documented

from mfgcore import Experiment, cli, games, load, simulate
from mfgcore.agents import architectures, networks, scenarios, scores
from mfgcore.metrics import definitions as metrics
from mfgcore.pipeline import configuration
from mfgcore.pipeline.yaml_files import parse_yaml
from mfgcore.plotting import FIGURES
from mfgcore.study import claims

REGISTRIES = (
    architectures.ARCHITECTURES,
    FIGURES,
    claims.CLAIMS,
    games.GAMES,
    metrics.METRICS,
    networks.NETWORKS,
    scenarios.SCENARIOS,
    scores.SCORE_RULES,
)
SMALL = {"agents": 20, "transitions": 300, "replay_cycles": 50}


@pytest.fixture
def registries():
    """The registries, to be left as they were."""
    before = [list(registry) for registry in REGISTRIES]
    yield
    for registry, names in zip(REGISTRIES, before, strict=True):
        for name in set(registry) - set(names):
            registry.remove(name)


def test_what_python_says_can_be_added(registries):
    game, _, _, _, architecture, scenario, score, network, graph, metric, figure, claim = (
        documented("python")
    )
    exec(game, {"__name__": "mine"})
    exec(architecture, vars(architectures).copy())
    exec(scenario, vars(scenarios).copy())
    exec(network, vars(networks).copy())
    exec(graph, vars(networks).copy())
    exec(metric, vars(metrics).copy())
    edge = simulate(Experiment(game="edge", iterations=12, policy_step_size=0.05, **SMALL))
    assert edge["discounted_return"][-1] > 1.2 * edge["discounted_return"][0]
    np.testing.assert_array_equal(edge["fullest_cell"], edge["mean_field"].max("state"))
    broadcast = simulate(Experiment(game="agree", architecture="broadcast", iterations=3, **SMALL))
    assert (broadcast["distinct_policies"] == 1).all()
    fast = {"sampled_exploitability": False, **SMALL}
    blackout = simulate(Experiment(game="agree", scenario="blackout", iterations=22, **fast))
    assert blackout["failures"].values.tolist() == [0] * 20 + [20] * 2
    settings = {"game": "agree", "iterations": 3, "communication_rounds": 2, **SMALL}
    by_row = simulate(Experiment(network="row", **settings))
    assert (by_row["policy"] != simulate(Experiment(**settings))["policy"]).any()
    star = simulate(Experiment(network="star", **settings))
    assert star["distinct_policies"].values.tolist() == [1] * 3  # it has a diameter of two
    exec(score, vars(scores).copy())
    largest, smallest = (
        simulate(Experiment(score_rule=rule, communication_radius=1.0, **settings))
        for rule in ("largest_change", "smallest_change")
    )
    assert (largest["policy"] != smallest["policy"]).any()
    exec(figure, {"__name__": "mine"})
    assert "divergence" in FIGURES
    exec(claim, vars(claims).copy())
    assert claims.CLAIMS["C40"].text.startswith("Networked agents earn")
    evidence = claims.Evidence({})
    assert claims.judge_one(claims.CLAIMS["C40"], evidence, 1).note == "there is no experiment fig1"


def test_a_game_off_the_grid_by_command_line_configuration_and_notebook(
    registries, tmp_path, monkeypatch
):
    _, game, cell, *_ = documented("python")
    assert len(game.splitlines()) <= 30
    monkeypatch.chdir(tmp_path)
    Path("beach.py").write_text(game)
    few = {"transitions": 200, "steps_per_transition": 1, "replay_cycles": 4}

    text = (ROOT / "docs/extending.md").read_text().replace("\\\n", "")
    command = shlex.split(re.search(r"mfgcore (run --import beach.py .*)", text)[1])
    settings = [f"--{key.replace('_', '-')}={value}" for key, value in few.items()]
    assert cli.main([*command, *settings]) == 0
    by_command = load("beach.nc")
    assert by_command["population_size"][[0, -1]].values.tolist() == [60, 40]

    own = parse_yaml(documented("yaml")[0], "docs")
    own["experiments"]["beach"] |= few
    planned = configuration.check(*configured(own))
    first = planned["experiments", "beach"].runs["networked", 0]
    made = {}
    exec(game, {"__name__": "notebook"})
    exec(cell.replace("40,\n", "40, **few,\n", 1).partition("dataset")[0], {"few": few}, made)
    assert first == dataclasses.replace(made["beach"], name="beach", seed=first.seed)
    assert simulate(made["beach"]).drop_attrs().equals(by_command.drop_attrs())


def configured(own):
    """The shipped configuration with a user's, and its schema."""
    config = configuration.read([ROOT / path for path in configuration.CONFIG_FILES], own)
    return config, configuration.load_schema(ROOT / "workflow/schemas/config.schema.yaml")


def test_factors_and_an_ablation_can_be_added():
    rings, ablation = (parse_yaml(text, "docs") for text in documented("yaml")[-2:])
    config, schema = configured(rings | ablation)
    planned = configuration.check(config, schema)
    assert planned["ablations", "discount"].factors["discount"] == [0.8, 0.9, 0.95]
    assert len(planned["experiments", "rings"].runs) == 3 * (5 + 5 + 3)
