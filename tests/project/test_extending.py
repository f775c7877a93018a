"""The additions that docs/extending.md shows do what it says."""

import dataclasses
import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from project import ROOT, documented

from mfgcore import Experiment, cli, collect, games, load, simulate
from mfgcore._base.plugins import import_file
from mfgcore.agents import (
    ADOPTIONS,
    ALGORITHMS,
    ARCHITECTURES,
    DEPARTURE_RULES,
    NETWORKS,
    POLICY_IMPROVEMENTS,
    REWARD_AVERAGINGS,
    SCENARIOS,
    SCORE_RULES,
)
from mfgcore.metrics import METRICS
from mfgcore.pipeline import configuration
from mfgcore.pipeline.yaml_files import parse_yaml
from mfgcore.plotting import FIGURES
from mfgcore.study import claims

REGISTRIES = (
    ADOPTIONS,
    ALGORITHMS,
    ARCHITECTURES,
    claims.CLAIMS,
    DEPARTURE_RULES,
    FIGURES,
    games.GAMES,
    METRICS,
    NETWORKS,
    POLICY_IMPROVEMENTS,
    REWARD_AVERAGINGS,
    SCENARIOS,
    SCORE_RULES,
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


def test_what_python_says_can_be_added(registries, tmp_path):
    """Each example as a file of a user's."""
    examples = [text for text in documented("python") if "register" in text or "@metric" in text]
    for number, text in enumerate(examples):
        (tmp_path / f"own{number}.py").write_text(text)
        import_file(tmp_path / f"own{number}.py")
    edge = simulate(Experiment(game="edge", iterations=12, policy_learning_rate=0.05, **SMALL))
    assert edge["discounted_return"][-1] > 1.2 * edge["discounted_return"][0]
    np.testing.assert_array_equal(edge["fullest_cell"], edge["mean_field"].max("state"))
    fast = {"sampled_exploitability": False, **SMALL}
    blackout = simulate(Experiment(game="agree", scenario="blackout", iterations=22, **fast))
    assert blackout["failures"].values.tolist() == [0] * 20 + [20] * 2
    settings = {"game": "agree", "iterations": 3, "communication_rounds": 2, **fast}
    shipped = simulate(Experiment(**settings))
    half = simulate(Experiment(architecture="half", **settings))
    assert half["updates"].values.tolist() == [10] * 3
    star = simulate(Experiment(network="star", **settings))
    assert star["distinct_policies"].values.tolist() == [1] * 3  # it has a diameter of two
    for key, name in (
        ("network", "row"),
        ("algorithm", "expected_sarsa"),
        ("policy_improvement", "conservative"),
        ("policy_improvement", "softmax"),
        ("policy_improvement", "online_mirror_descent"),
        ("adoption", "voter"),
        ("score_rule", "largest_change"),
        ("reward_averaging", "lazy"),
    ):
        settings["objective"] = "shared" if name == "lazy" else "own"
        other = simulate(Experiment(**settings, **{key: name}))
        assert (other["policy"] != shipped["policy"]).any(), name
        assert np.abs(other["policy"].sum("action") - 1.0).max() < 1e-12, name


def test_a_figure_can_be_added_in_a_file(registries, tmp_path):
    (figure,) = (text for text in documented("python") if "def final_return" in text)
    (tmp_path / "final_return.py").write_text(figure)
    import_file(tmp_path / "final_return.py")
    settings = {"game": "agree", "iterations": 2, **SMALL}
    planned = [Experiment(trial=trial, **settings) for trial in (0, 1)]
    dataset = collect(list(map(simulate, planned)), planned)
    files = {"drawings": [tmp_path / "a.png"], "table": tmp_path / "a.csv"}
    FIGURES["final_return"](dataset, title="title", **files)
    last = dataset["discounted_return"].isel(iteration=-1).values.ravel()
    drawn = pd.read_csv(tmp_path / "a.csv")["discounted_return"]
    np.testing.assert_allclose(drawn, last, rtol=1e-9)
    assert (tmp_path / "a.png").stat().st_size


def test_a_claim_can_be_added(registries):
    (claim,) = (text for text in documented("python") if "@claim" in text)
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
