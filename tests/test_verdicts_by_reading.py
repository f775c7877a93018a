"""Verdicts by reading on made-up data, of which it is known what holds."""

import numpy as np
import pytest
import yaml
from comparisons_data import made_up, planned

from mfgcore import configuration, readings_figures
from mfgcore.readings import NOT_RUN, NOTHING, cells, claims_that_hold, closest, judge_readings
from mfgcore.statistics import Interval
from mfgcore.verdicts import DEPENDS, FAILS, HOLDS, OPEN, THRESHOLD, Rule, among_ways, each

KEPT = (
    "paper",
    "D16 the last score",
    "D17 learn before they communicate",
    "D20 evaluation moves the population",
    "Q starts at 0",
    "D24 random score",
    "earned + random",
)
SETTINGS = {name: own for name, own in planned("readings")["settings"].items() if name in KEPT}
PLAY = {"agree": 3.75, "diffuse": 0.75, "cluster": 3.5}


def units(parameters):
    return 9.0, PLAY[parameters["game"]]


def returns(scenario, setting, variant, k, parameters):
    """All but C5 hold, with a random score C5 too, and nothing is learned in agree with Q = 0."""
    failing = parameters.get("failure_probability") is not None
    slow = {"centralised": 36, "independent": 30, "networked": 18}
    quick = {"centralised": 16, "independent": 18, "networked": 20}
    time = (slow if failing else quick)[variant]
    time *= 0.6 if variant == "networked" and "random" in setting else 1.0
    time *= 0.8 if parameters["game"] == "diffuse" else 1.0
    learned = setting != "Q starts at 0" or parameters["game"] != "agree"
    rise = 9.0 * np.minimum(k / time, 1.0) * learned
    # under one reading the centralised population ends lower than matters, in diffuse alone
    lower = parameters["game"] == "diffuse" and variant == "centralised"
    rise = rise - (0.4 if lower and setting == "earned + random" else 0.0) * (k > 0)
    grown = variant == "independent" and k > parameters.get("change_at", np.inf)
    return 0.5 + rise - (3.0 * grown if learned else 0.0)


def exploitability(scenario, setting, variant, k, parameters):
    return 1.0 + 3.0 * (variant == "independent") * (k > parameters.get("change_at", np.inf))


@pytest.fixture(scope="module")
def table():
    names = planned("readings")["settings"]
    but = [name for name in names if name not in KEPT]
    data = made_up("readings", returns, 0.02, exploitability, but=but)
    return judge_readings(data, SETTINGS, units, seed=1)


def verdict(table, reading, claim, where=None):
    found = cells(table)
    found = found[(found["reading"] == reading) & (found["claim"] == claim)]
    return list(found["verdict"] if where is None else found[found["where"] == where]["verdict"])


def test_what_holds_is_what_was_made_to_hold(table):
    kept = claims_that_hold(cells(table))
    assert kept["paper"] == ["C1", "C2", "C3", "C4", "C8"]
    assert verdict(table, "paper", "C5") == [FAILS, FAILS]
    assert kept["D24 random score"] == ["C1", "C2", "C3", "C4", "C5", "C8"]
    assert kept["earned + random"] == ["C1", "C2", "C4", "C5", "C8"]
    assert verdict(table, "earned + random", "C3") == [FAILS]


def test_where_nobody_learns_no_speed_is_judged(table):
    assert verdict(table, "Q starts at 0", "C1") == [NOTHING, HOLDS]
    assert verdict(table, "Q starts at 0", "C4") == [FAILS]


def test_effects_are_in_their_units(table):
    paper = table[table["reading"] == "paper"].set_index(["claim", "part", "way"])["effect"]
    # the return of independent agents falls by 3, of W = 9
    setback = paper["C4", "agree, growing: return", "ten iterations"]
    np.testing.assert_allclose(setback, 3.0 / 9.0, atol=0.01)
    time = paper["C1", "agree, failing: centralised", "time of 90 %"]
    np.testing.assert_allclose(time, 1.0 - 18.0 / 36.0, atol=0.05)
    end = paper["C3", "diffuse, growing: independent", "at the end"]
    np.testing.assert_allclose(end, 3.0 / 0.75, atol=0.05)
    area = paper["C1", "diffuse, failing: centralised", "area between the curves"]
    k = np.arange(14)  # up to where the networked population has done 90 % of its rise
    np.testing.assert_allclose(area, np.mean(k / 14.4 - k / 28.8), atol=0.02)


def test_a_reading_that_plays_no_part_has_the_verdict_of_the_papers(table):
    rows = table.set_index(["reading", "claim", "where", "way", "part"])
    for reading, claim in (
        ("D16 the last score", "C5"),
        ("D17 learn before they communicate", "C8"),
    ):
        for place in rows.loc["paper"].index:
            if place[0] == claim:
                own, paper = rows.loc[(reading, *place)], rows.loc[("paper", *place)]
                assert own["effect"] == paper["effect"] and own["source"] == "paper"
    assert verdict(table, "D20 evaluation moves the population", "C8") == [NOT_RUN]


def test_the_closest_reading_holds_most_with_the_fewest_flips(table):
    found = cells(table)
    reading, text = closest(found, SETTINGS)
    assert reading == "D24 random score"
    assert yaml.safe_load(text)["parameters"] == {"score_rule": "random"}
    both = {"D24 random score": {"a": 1, "b": 2, "trials": 3}, "random": {"c": 1, "only": []}}
    renamed = found.replace({"reading": {"D24 random score": "random"}})
    again = type(found)({name: [*found[name], *renamed[name]] for name in found})
    assert closest(again, both)[0] == "random"


def test_its_file_configures_the_workflow(table, tmp_path):
    path = tmp_path / "closest.yaml"
    path.write_text(closest(cells(table), SETTINGS)[1], encoding="utf-8")
    root = planned.__globals__["CONFIG"].parent
    config = configuration.read([root / name for name in configuration.CONFIG_FILES] + [path])
    schema = configuration.load_schema(root / "workflow/schemas/config.schema.yaml")
    experiments, _ = configuration.check(config, schema)
    runs = [run for runs in experiments.values() for run in runs.values()]
    networked = [run for run in runs if run.architecture == "networked"]
    assert {run.score_rule for run in networked} == {"random"}


def test_pictures_show_what_the_table_says(table, tmp_path):
    found = cells(table)
    for name in ("a", "b"):
        paths = [tmp_path / f"{name}.{ending}" for ending in ("pdf", "svg")]
        readings_figures.plot_matrix(found, paths, "title", "D24 random score")
        curve = tmp_path / f"{name}_curve.png"
        readings_figures.plot_curve(table, [curve], "title")
    for name in ("a.pdf", "a_curve.png"):
        assert (tmp_path / name).read_bytes() == (tmp_path / name.replace("a", "b", 1)).read_bytes()
    drawn = (tmp_path / "a.svg").read_text(encoding="utf-8")
    for text in ("the paper's reading", "5 of 6", "6 of 6 ← most", "4 of 5", "✓ +0.33"):
        assert f"<!-- {text} -->" in drawn, text
    markdown = readings_figures.to_markdown(found, table, "D24 random score")
    assert "Under the paper's reading 5 of 6 main claims hold (C1, C2, C3, C4, C8)." in markdown
    assert "Most hold under *D24 random score*: 6 of 6" in markdown


@pytest.mark.parametrize(
    ("rule", "interval", "verdict"),
    [
        (Rule("more", 0.2), (0.3, 0.1, 0.5), HOLDS),
        (Rule("more", 0.2), (0.1, 0.05, 0.3), THRESHOLD),
        (Rule("more", 0.2), (0.0, -0.1, 0.1), FAILS),
        (Rule("more", 0.2), (0.1, -0.1, 0.3), OPEN),
        (Rule("not less", 0.2), (-0.1, -0.19, 0.1), HOLDS),
        (Rule("not less", 0.2), (-0.3, -0.4, -0.1), FAILS),
        (Rule("not less", 0.2), (-0.1, -0.3, -0.05), THRESHOLD),
        (Rule("not less", 0.2), (-0.1, -0.3, 0.1), OPEN),
        (Rule("beyond", 0.1, 0.2), (0.3, 0.11, 0.5), HOLDS),
        (Rule("beyond", 0.1, 0.2), (0.0, -0.2, 0.09), FAILS),
        (Rule("beyond", 0.1, 0.2), (0.1, 0.0, 0.4), THRESHOLD),
        (Rule("beyond", 0.1, 0.2), (0.1, -0.1, 0.4), OPEN),
    ],
)
def test_rules_decide_by_the_interval(rule, interval, verdict):
    assert rule.decide(Interval(*interval, trials=9)) == verdict


def test_one_of_several_parts_fails_only_at_a_corrected_level():
    # its interval at 95 % ends below the margin, the one for four parts does not
    doubtful = 0.1 * np.arange(-2, 3) - 0.05
    rule = Rule("more", 0.2)
    assert each([doubtful], [rule], 1, ["a"])[0] == FAILS
    sure = np.full(5, 1.0) + 0.1 * np.arange(5)
    assert each([doubtful, sure, sure, sure], [rule] * 4, 1, list("abcd"))[0] == OPEN
    assert each([doubtful - 1.0, sure, sure, sure], [rule] * 4, 1, list("abcd"))[0] == FAILS


def test_ways_that_contradict_each_other_make_it_depend():
    assert among_ways([HOLDS, OPEN, FAILS]) == DEPENDS
    assert among_ways([OPEN, HOLDS, FAILS]) == DEPENDS
    assert among_ways([HOLDS, OPEN, THRESHOLD]) == HOLDS
    assert among_ways([OPEN, HOLDS]) == OPEN
