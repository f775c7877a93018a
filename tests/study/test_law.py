"""Measures and predictions of the second protocol, in a made-up world that obeys the law."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from project import ROOT

from mfgcore.pipeline import configuration
from mfgcore.pipeline.yaml_files import read_yaml
from mfgcore.plotting.statistics import Interval
from mfgcore.study.claims.evidence import NothingToJudge
from mfgcore.study.law import SEED, contraction, predictions, report, score_rules
from mfgcore.study.law.measures import GAINS, Law, Runs, condense, counts, price
from mfgcore.study.law.predictions import PREDICTIONS, UNDECIDED
from mfgcore.study.predictions import HELD, NOT_JUDGED, REFUTED, Cell, Outcome, judge, judge_one

TRIALS, K = 5, 90
CONFIG = read_yaml(ROOT / "config/law.yaml")
EXPERIMENTS = list(CONFIG["comparisons"]["experiments"])
TRUTH = {  # worth of an update, and what is missing at the end, by variant
    "sigma": (0.9, 0.05),
    "weighted": (1.1, 0.0),
    "return": (2.0, 0.0),
    "confirmed": (1.2, 0.0),
}
FEW = ("M_td=1", "M_pg=1000", "M_pg=1500")


@pytest.fixture(scope="module")
def designs():
    paths = [*configuration.CONFIG_FILES, "config/law.yaml"]
    config = configuration.read([ROOT / path for path in paths])
    return {name: configuration.design(config, "comparisons", name) for name in EXPERIMENTS}


def worth(name, labels):
    """What an update gains over the mean of all, and what is missing at the end."""
    variant = labels[-1].rpartition(", ")[2] if name.startswith("updates") else labels[-1]
    if variant == "sigma, larger eta":
        return 0.9, 0.0
    g, missing = TRUTH.get(variant, (1.0, 0.0))
    if name in ("selection", "known", "selection_3000") and "sigma" in variant:
        number = sum(map(ord, labels[-2])) % 7 - 3  # a game in which it filters, or not
        g = 1.0 + 0.1 * (number or 1) * (0.5 if variant == "sigma, 3000" else 1.0)
        missing = 0.0
    if name == "few_data" and variant == "sigma" and labels[0] in FEW:
        missing = 0.3
    return g, missing


def made_up(designs, change=None):
    """Datasets in which the return follows from the successful updates; dict."""
    generator = np.random.default_rng(3)
    found = {}
    for name, design in designs.items():
        cells = {key[:-1]: run for key, run in design.runs.items() if key[-1] == 0}
        levels = [list(dict.fromkeys(own)) for own in zip(*cells, strict=True)]
        shape = (*map(len, levels), TRIALS, K)
        arrays = {each: np.full(shape, np.nan) for each in ("discounted_return", "useful_share")}
        arrays |= {each: np.full(shape[:-1], np.nan) for each in GAINS}
        for labels, run in cells.items():
            g, missing = worth(name, labels)
            if change is not None:
                g, missing = change(name, labels, g, missing)
            p = run.failure_probability or 0.0
            heard = run.communication_rounds * (run.architecture == "networked")
            useful = 1.0 - p ** min(1 + heard, run.agents)
            alone = run.architecture == "independent"
            step = g * (1.0 / 0.9 if labels[-1].endswith("larger eta") else 1.0)
            progress = useful * step * (0.97 if alone else 1.0) * np.arange(K)
            place = tuple(own.index(each) for own, each in zip(levels, labels, strict=True))
            noise = 0.002 * generator.normal(size=(TRIALS, 1))
            curve = 9.0 * (1.0 - missing) * (1.0 - np.exp(-0.1 * progress))
            arrays["discounted_return"][place] = curve * (1.0 + noise)
            arrays["useful_share"][place] = useful
            arrays["total_followed_gain"][place] = g * K * (1.0 + noise[:, 0])
            arrays["total_mean_gain"][place] = K
            arrays["mean_correlation"][place] = 0.0
        dims = [*design.factors, "trial", "iteration"]
        found[name] = xr.Dataset(
            {each: (dims[: values.ndim], values) for each, values in arrays.items()},
            dict(zip(design.factors, levels, strict=True)),
            {
                "configurations": json.dumps(
                    {"|".join(map(str, labels)): {"name": name} for labels in cells}
                )
            },
        )
    cell = {"farther": [0.1, 0.11, 0.12], "correlation": [0.2, 0.2, 0.2]}
    return Law(found, {"lambda=1, N=2, sigma": cell})


@pytest.fixture(scope="module")
def law(designs):
    return made_up(designs)


def test_the_seed_is_that_of_the_configuration():
    assert CONFIG["seed"] == SEED


def verdicts(law):
    return {outcome.prediction.name: outcome.verdict for outcome in judge(PREDICTIONS, law)}


def test_where_the_law_is_true_every_prediction_holds(law):
    assert verdicts(law) == dict.fromkeys(sorted(PREDICTIONS), HELD)


def of(*experiments):
    return lambda name, labels: name in experiments


CHANGES = {
    "1a": (of("updates"), lambda g, missing, labels: (g * (2.0 - labels[0]), missing)),
    "1b": (of("updates"), lambda g, missing, labels: (g * (2.0 - labels[0]), missing)),
    "2a": (
        lambda name, labels: name == "selection" and labels[-1] == "independent",
        lambda g, missing, _: (3.0 * g, missing),
    ),
    "2b": (
        lambda name, labels: name in ("selection", "known") and labels[-1] == "sigma",
        lambda g, missing, _: (g, 3.0 * (g - 0.7)),
    ),
    "2c": (of("selection_3000"), lambda g, missing, _: (2.0, missing)),
    "2d": (
        lambda name, labels: name == "selection" and labels[-1] == "random",
        lambda g, missing, _: (1.2, missing),
    ),
    "3a": (
        lambda name, labels: labels[-1] == "sigma, larger eta",
        lambda g, missing, _: (0.5, missing),
    ),
    "3b": (
        lambda name, labels: labels[-1] == "weighted",
        lambda g, missing, _: (g, 0.1),
    ),
    "4a": (
        lambda name, labels: name == "few_data" and labels == ("M_td=2", "random"),
        lambda g, missing, _: (g, 0.3),
    ),
    "4b": (
        lambda name, labels: name == "few_data" and labels == ("M_td=1", "sigma"),
        lambda g, missing, _: (g, 0.0),
    ),
    "4c": (
        lambda name, labels: labels[1:] == ("radius 0.8", "random"),
        lambda g, missing, _: (0.3, missing),
    ),
    "4d": (
        lambda name, labels: labels[1:] == ("C=5", "number"),
        lambda g, missing, _: (0.3, missing),
    ),
    "4e": (
        lambda name, labels: labels[1:] == ("C=300", "return"),
        lambda g, missing, _: (0.9, missing),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_prediction_can_be_refuted(name, designs):
    where, what = CHANGES[name]

    def change(experiment, labels, g, missing):
        return what(g, missing, labels) if where(experiment, labels) else (g, missing)

    assert verdicts(made_up(designs, change))[name] == REFUTED


def test_the_other_sign_of_the_correlation_refutes_the_fifth(law):
    cell = law.contraction["lambda=1, N=2, sigma"]
    other = Law(law.datasets, {"a": cell | {"correlation": [-0.2, -0.1, -0.2]}})
    assert verdicts(other)["5"] == REFUTED
    undecided = cell | {"correlation": [-0.2, -0.1, -0.2], "farther": [-1.0, 1.0, 0.1]}
    assert verdicts(Law(law.datasets, {"a": undecided}))["5"] == HELD


def test_what_was_not_run_is_not_judged(law):
    without = Law({name: law.datasets[name] for name in EXPERIMENTS if name != "alone"})
    found = verdicts(without)
    assert found["1a"] == found["5"] == NOT_JUDGED
    assert found["1b"] == HELD


def test_neither_held_nor_refuted_is_undecided():
    found = predictions.interval_of(np.array([0.0, 0.3, 0.1]), "a")
    each = dataclasses.replace(
        PREDICTIONS["1a"], measure=lambda _: [predictions.within("a", found, 0.1)]
    )
    assert judge_one(each, Law({})).verdict == UNDECIDED


@pytest.mark.parametrize(
    ("rule", "sample", "held", "refuted"),
    [
        (predictions.within, 0.05, True, False),
        (predictions.within, 0.2, False, True),
        (predictions.within, -0.2, False, True),
        (predictions.above, 0.2, True, False),
        (predictions.above, 0.0, False, True),
        (predictions.below, 0.0, True, False),
        (predictions.below, 0.2, False, True),
    ],
)
def test_rules(rule, sample, held, refuted):
    found = predictions.interval_of(sample + np.array([-0.001, 0.0, 0.001]), "a")
    cell = rule("a", found, 0.1)
    assert (cell.held, cell.refuted) == (held, refuted)
    assert (cell.slack > 0.0) == held


def runs(returns, useful):
    zeros = np.zeros(len(returns))
    return Runs(np.array(returns), np.array(useful), zeros, zeros, zeros)


def test_progress_is_counted_until_the_level_is_reached():
    found = runs([[0.0, 1.0, 3.0], [0.0, 0.0, 1.9], [2.0, 2.0, 2.0]], [[0.5, 1.0, 1.0]] * 3)
    # half of the second update, after the first one of half of the agents
    assert np.array_equal(found.progress_at(2.0), [1.0, np.nan, 0.0], equal_nan=True)


def test_the_end_is_a_tenth():
    found = runs(np.arange(40.0)[None], np.ones((1, 40)))
    assert found.end == pytest.approx([37.5])
    assert price(found, runs(np.full((1, 40), 40.0), np.ones((1, 40))), 5.0) == [0.5]


def test_gains_are_summed_and_what_is_condensed_stays(law):
    dims = ("setting", "trial", "iteration")
    metric = np.arange(12.0).reshape(1, 2, 6)
    metric[0, 1, 4:] = np.nan  # a shorter run
    names = ("discounted_return", "useful_share", "learner_gain", "followed_gain")
    whole = xr.Dataset(dict.fromkeys((*names, "score_gain_correlation"), (dims, metric)))
    found = condense(whole)
    assert found["total_followed_gain"].values.tolist() == [[15.0, 30.0]]
    assert found["total_mean_gain"].values.tolist() == [[55.0, 230.0]]
    assert found["mean_correlation"].values.tolist() == [[2.5, 7.5]]
    assert {values.dtype for values in found.values()} == {np.dtype(np.float32)}
    assert condense(found) is found


def test_cells_that_are_missing_are_named(law):
    with pytest.raises(NothingToJudge, match="garnet 7"):
        law.runs("selection", setting="garnet 7", variant="sigma")
    labels = {"failure_probability": 0.95, "agents": 50, "variant": "C=0"}
    assert not law.was_run("alone", **labels)
    with pytest.raises(NothingToJudge, match=r"0\.95, 50"):
        law.runs("alone", **labels)


def test_where_nothing_is_learned_nothing_counts(law):
    flat = runs(np.full((5, 40), 3.0), np.ones((5, 40)))
    assert not counts(flat, "flat")
    assert counts(law.runs("selection", setting="garnet 101", variant="centralised"), "a")


def test_a_rule_reaches_the_aim_if_it_is_fast_and_ends_high(law):
    found = score_rules.measure(law)
    own = found[(found["game"] == "agree") & (found["disturbance"] == "undisturbed")]
    own = own[own["kind"] == "the paper's"].set_index("rule")["aim"]
    assert own["confirmed"] == "reached"
    assert own["sigma"] == "missed"
    assert set(found["kind"]) == {"fresh", "known", "the paper's", "few loops"}


@pytest.mark.parametrize(
    ("ahead", "paid", "expected"),
    [
        ((-0.03, 0.1), (-0.1, 0.03), "reached"),
        ((-0.05, 0.1), (-0.1, 0.03), "open"),
        ((-0.03, 0.1), (-0.1, 0.05), "open"),
        ((-0.2, -0.05), (-0.1, 0.03), "missed"),
        ((-0.05, 0.1), (0.05, 0.1), "missed"),
    ],
)
def test_an_interval_that_includes_the_margin_leaves_the_aim_open(ahead, paid, expected):
    found = (Interval(sum(each) / 2, *each, trials=20) for each in (ahead, paid))
    assert score_rules.aim(*found) == expected


def test_the_report_has_every_prediction_and_game(law, tmp_path):
    drawn = report.write(law, tmp_path, [".png"])
    assert {path.stem for path in drawn} == report.PICTURES.keys() == report.CAPTIONS.keys()
    text = (tmp_path / "law.md").read_text()
    for name in PREDICTIONS:
        assert f"\n| {name} |" in text
    assert all(f"]({path.name})" in text for path in drawn)
    rules = pd.read_csv(tmp_path / "score_rules.csv")
    assert set(law.levels("selection", "setting")) <= set(rules["game"])
    cells = pd.read_csv(tmp_path / "law.csv")
    assert set(cells["prediction"].astype(str)) == set(PREDICTIONS)


def test_the_cell_that_decides_is_the_farthest_one():
    found = predictions.interval_of(np.zeros(3), "a")
    cells = [Cell("near", found, False, False, -9.0), Cell("far", found, False, True, -1.0)]
    assert Outcome(PREDICTIONS["1a"], REFUTED, cells).worst.label == "far"


def test_the_experiment_in_contraction_uses_the_seed_and_the_step():
    own = contraction.experiment_of(10.0, 2, 3)
    assert (own.seed, own.trial, own.policy_learning_rate) == (SEED, 3, 0.01)
    found = contraction.measure(1.0, 2, trials=2, iterations=3)
    assert set(found) == set(contraction.SCORES)
    assert all(np.isfinite(values).all() for cell in found.values() for values in cell.values())
