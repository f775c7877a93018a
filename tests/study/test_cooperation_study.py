"""Measures and predictions of the third protocol, in a made-up world in which they hold."""

import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image
from project import ROOT

from mfgcore.experiment.experiment import make_experiment
from mfgcore.meanfield import social_welfare, uniform_policy, welfare_optimum
from mfgcore.pipeline import configuration
from mfgcore.pipeline.yaml_files import read_yaml
from mfgcore.study import make_ledger
from mfgcore.study.cooperation import SEED, data, plots, predictions, report
from mfgcore.study.cooperation.measures import ERROR, WELFARE, Cooperation, Runs, condense
from mfgcore.study.cooperation.predictions import OPEN, PREDICTIONS, decide
from mfgcore.study.predictions import HELD, NOT_JUDGED, REFUTED, judge

TRIALS, INTERVAL = 4, 5
FILE = "config/cooperation.yaml"
CONFIG = read_yaml(ROOT / FILE)
# by C_r, and by radius: error of the estimates, w with the return score, w with a random one
BY_ROUNDS = {
    0: (0.2, 0.9, 0.8), 1: (0.1, 0.6, 0.5), 5: (0.05, 0.4, 0.3), 20: (0.01, 0.12, 0.09),
}  # fmt: skip
BY_NETWORK = {"radius 0.4": 0.06, "radius 1.0": 0.02, "complete": 0.0, "ring": 0.08}
BY_AGENTS = {10: 0.12, 200: 0.04}


@pytest.fixture(scope="module")
def designs():
    config = configuration.read([ROOT / each for each in (*configuration.CONFIG_FILES, FILE)])
    config["comparisons"]["trials"] = 1
    names = CONFIG["comparisons"]["experiments"]
    return {name: configuration.design(config, "comparisons", name) for name in names}


def truth(name, labels):
    """Error of the estimates and w of a cell."""
    if name == "weights":
        error, w, _ = BY_ROUNDS[labels[-1]]
        return error + 0.005, w + 0.01
    variant, p = labels[-1], labels[1] if name == "rounds" else 0.0
    if variant in ("independent", "centralised"):
        return 0.2 * (variant == "independent"), 0.2 * (1.0 - p if variant == "centralised" else 1)
    rounds, score = re.fullmatch(r"C_r=(\d+), (\w+)", variant).groups()
    error, w, other = BY_ROUNDS[int(rounds)]
    if name == "networks":
        return BY_NETWORK[labels[1]], BY_NETWORK[labels[1]]
    if name == "size":
        return error, BY_AGENTS[labels[1]]
    return error, w if score == "return" else other


def made_up(designs, change=None):
    """Datasets in which error and welfare are those of the truth, but for noise; dict."""
    generator = np.random.default_rng(3)
    found = {}
    for name, design in designs.items():
        cells = {key[:-1]: run for key, run in design.runs.items()}
        levels = [list(dict.fromkeys(own)) for own in zip(*cells, strict=True)]
        longest = max(run.iterations for run in cells.values())
        welfare = np.full((*map(len, levels), TRIALS, longest), np.nan, np.float32)
        error = np.full(welfare.shape[:-1], np.nan, np.float32)
        for labels, run in cells.items():
            mean, w = truth(name, labels)
            if change is not None:
                mean, w = change(name, labels, mean, w)
            place = tuple(own.index(each) for own, each in zip(levels, labels, strict=True))
            noise = 0.002 * generator.normal(size=TRIALS)
            low, high = WELFARE[labels[0]]
            measured = np.arange(0, run.iterations, INTERVAL)
            welfare[place][:, measured] = (low + (high - low) * (w + noise))[:, None]
            error[place] = mean * (1.0 + noise)
        dims = [*design.factors, "trial", "iteration"]
        parameters = {
            "|".join(map(str, labels)): {"iterations": run.iterations}
            for labels, run in cells.items()
        }
        found[name] = xr.Dataset(
            {"exact_return": (dims, welfare), ERROR: (dims[:-1], error)},
            dict(zip(design.factors, levels, strict=True)) | {"iteration": np.arange(longest)},
            {"configurations": json.dumps(parameters), "cpu_seconds": 1800.0},
        )
    return Cooperation(found)


@pytest.fixture(scope="module")
def runs(designs):
    return made_up(designs)


def verdicts(runs):
    return {outcome.prediction.name: outcome.verdict for outcome in judge(PREDICTIONS, runs)}


def test_seed_games_and_predictions_are_those_of_the_protocol():
    assert CONFIG["seed"] == SEED
    text = (ROOT / "docs/protocol_cooperation.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| (\w+) \| (\d\.\d{3}) \| (\d+\.\d{3}) \|$", text)
    assert {game: (float(low), float(high)) for game, low, high in rows} == WELFARE
    assert set(re.findall(r"(?m)^\| (\d[abc]?) \|", text)) == set(PREDICTIONS)


@pytest.mark.parametrize("name", ["agree", "two_bars", "beach_bar"])
def test_the_welfare_of_the_protocol_is_that_of_the_games(name):
    experiment = make_experiment(game=name, agents=50)
    game, weights = (
        experiment.make_game().for_population(50),
        {"discount": 0.9, "entropy_weight": 0.01},
    )
    uniform = uniform_policy(game.n_states, len(game.actions))
    found = social_welfare(uniform, game, **weights), welfare_optimum(game, **weights).welfare
    assert WELFARE[name] == pytest.approx(found, abs=6e-4)


def test_where_all_is_as_predicted_every_prediction_holds(runs):
    assert verdicts(runs) == dict.fromkeys(sorted(PREDICTIONS), HELD)


def cells_of(name, *endings):
    """Whether a cell is of an experiment, and its labels, without the game, end so."""
    return lambda other, labels: other == name and labels[-len(endings) :] == endings


CHANGES = {  # what refutes a prediction: in which cells, and their error and w there
    "1a": (cells_of("rounds", 0.5, "C_r=5, sigma"), lambda error, w: (0.1, w)),
    "1b": (cells_of("networks", "radius 1.0", "C_r=1, random"), lambda error, w: (0.06, w)),
    "2a": (cells_of("rounds", "independent"), lambda error, w: (error, 0.8)),
    "2b": (cells_of("rounds", "centralised"), lambda error, w: (error, 0.8)),
    "2c": (cells_of("rounds", "independent"), lambda error, w: (error, 0.8)),
    "3": (cells_of("rounds", 0.5, "C_r=5, random"), lambda error, w: (error, 0.6)),
    "4": (cells_of("networks", "radius 1.0", "C_r=5, random"), lambda error, w: (error, 0.7)),
    "5": (cells_of("rounds", "C_r=1, random"), lambda error, w: (error, 0.58)),
    "6a": (cells_of("rounds", 0.0, "C_r=20, return"), lambda error, w: (error, 0.3)),
    "6b": (cells_of("size", 200, "C_r=20, random"), lambda error, w: (error, 0.2)),
    "6c": (cells_of("rounds", "C_r=20, random"), lambda error, w: (error, 0.2)),
    "7a": (cells_of("rounds", 0.5, "C_r=1, random"), lambda error, w: (error, 0.4)),
    "7b": (cells_of("rounds", 0.5, "centralised"), lambda error, w: (error, 0.18)),
    "8": (cells_of("weights", 1), lambda error, w: (0.0, 1.0)),
}


@pytest.mark.parametrize("name", PREDICTIONS)
def test_each_prediction_can_be_refuted(name, designs):
    where, what = CHANGES[name]

    def change(experiment, labels, error, w):
        return what(error, w) if where(experiment, labels) else (error, w)

    assert verdicts(made_up(designs, change))[name] == REFUTED


def test_estimates_where_all_hear_all_must_be_exact(designs):
    def change(name, labels, error, w):
        return error + 1e-3 * (name == "networks" and labels[1] == "complete"), w

    assert verdicts(made_up(designs, change))["1b"] == REFUTED


def test_estimates_without_an_error_need_not_become_better(designs):
    def change(name, labels, error, w):
        exact = name == "rounds" and labels[-1].startswith(("C_r=5", "C_r=20"))
        return 0.0 if exact else error, w

    assert verdicts(made_up(designs, change))["1a"] == HELD


def test_a_game_where_nobody_learns_says_nothing(designs):
    def change(name, labels, error, w):
        return error, 0.001 if labels[0] == "agree" else w

    found = judge(PREDICTIONS, made_up(designs, change))
    games = {each.prediction.name: {cell.game for cell in each.cells} for each in found}
    for name in ("3", "6a", "7a", "7b"):
        assert games[name] == set(WELFARE) - {"agree", *(["sis_epidemic"] if name == "3" else [])}


def test_what_is_incomplete_is_not_judged(runs):
    def without(name, place):
        dataset = runs.datasets[name].copy(deep=True)
        dataset["exact_return"].loc[place] = np.nan
        return Cooperation(runs.datasets | {name: dataset})

    few = without("size", {"setting": "agree", "agents": 10})
    one = without("rounds", {"setting": "agree", "trial": 2, "variant": "independent"})
    point = without("networks", {"setting": "diffuse", "trial": 1, "iteration": 10})
    missing = Cooperation({name: each for name, each in runs.datasets.items() if name != "weights"})
    changed = {"few": few, "one": one, "point": point, "missing": missing}
    found = {
        name: {key for key, verdict in verdicts(each).items() if verdict == NOT_JUDGED}
        for name, each in changed.items()
    }
    assert found == {"few": {"6b"}, "one": {"2a"}, "point": {"1b", "4"}, "missing": {"8"}}


@pytest.mark.parametrize(
    ("n_held", "n_refuted", "refuted_by", "held_by", "verdict"),
    [
        (4, 0, "any", "most", HELD),
        (3, 0, "any", "most", OPEN),
        (4, 1, "any", "most", REFUTED),
        (2, 3, "most", "most", OPEN),
        (2, 4, "most", "most", REFUTED),
        (5, 0, "any", "each", OPEN),
        (6, 0, "any", "each", HELD),
    ],
)
def test_most_games_are_more_than_half(n_held, n_refuted, refuted_by, held_by, verdict, runs):
    (cell, *_) = PREDICTIONS["6c"].measure(runs)
    cells = [
        dataclasses.replace(cell, game=f"{n}", held=n < n_held, refuted=n >= 6 - n_refuted)
        for n in range(6)
    ]
    # of each game a second cell that is held, and does not change what becomes of it
    cells += [dataclasses.replace(each, held=True, refuted=False) for each in cells]
    assert decide(refuted_by, held_by, cells) == verdict


def test_the_end_is_the_last_tenth_of_all_iterations_of_which_some_are_measured():
    iterations = np.arange(0, 100, 5)
    own = Runs(90, iterations, iterations[None] * 1.0, np.zeros(1), 0.0, 190.0)
    assert own.end == pytest.approx([92.5])
    assert own.w == pytest.approx([47.5 / 190.0])


def test_what_is_condensed_has_the_mean_error(runs):
    dims = ("setting", "trial", "iteration")
    values = np.arange(12.0).reshape(1, 2, 6)
    values[0, 1, 4:] = np.nan  # a shorter run
    names = ("exact_return", "reward_estimate_error", "discounted_return")
    found = condense(xr.Dataset(dict.fromkeys(names, (dims, values))))
    assert found[ERROR].values.tolist() == [[2.5, 7.5]]
    assert set(found) == {"exact_return", ERROR}
    assert condense(found) is found


def test_page_and_table_have_every_prediction(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "equilibrium_welfare", lambda game: np.nan)
    (picture,) = report.write(runs, tmp_path, [".png"])
    text = (tmp_path / "cooperation.md").read_text(encoding="utf-8")
    for name in PREDICTIONS:
        assert f"\n| {name} |" in text
    assert f"]({picture.name})" in text
    assert "| all | 2.00 |" in text
    cells = pd.read_csv(tmp_path / "cooperation.csv", dtype={"prediction": str})
    assert set(cells["prediction"]) == set(PREDICTIONS)


def test_without_kept_data_there_is_no_page(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(data, "read", lambda: Cooperation({}))
    make_ledger.write_cooperation(tmp_path)
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(data, "read", lambda: Cooperation({"size": runs.datasets["size"]}))
    make_ledger.write_cooperation(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"cooperation.md", "cooperation.csv"}


def test_the_figure_shows_what_is_there(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "equilibrium_welfare", lambda game: np.nan)
    two = runs.dataset("rounds").sel(setting=["agree", "two_bars"]).copy(deep=True)
    two["exact_return"].loc[{"setting": "agree", "variant": "independent"}] = np.nan
    heights = []
    for name, shown in (("all", runs), ("two", Cooperation({"rounds": two}))):
        plots.plot_cooperation(shown, [tmp_path / f"{name}.png"])
        with Image.open(tmp_path / f"{name}.png") as drawn:
            heights.append(drawn.size[1])
    assert heights[1] < heights[0]
    points = list(plots._points(Cooperation({"rounds": two}), "agree"))
    assert len(points) == len(runs.levels("rounds", "variant")) * 2 - 2
    assert tuple(runs.levels("rounds", "failure_probability")) == predictions.FAILING


def test_the_equilibrium_of_the_figure_is_one():
    assert plots.equilibrium_welfare("agree") == pytest.approx(10.11, abs=1e-3)
