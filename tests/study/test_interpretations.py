"""Verdicts by interpretation on made-up data, of which it is known what holds."""

import numpy as np
import pytest
from comparisons_data import made_up, planned
from worlds import world

from mfgcore.study import interpretations_report, keep_data, make_ledger
from mfgcore.study.claims import CLAIMS, DEPENDS, judge_one
from mfgcore.study.claims.evidence import AGAINST_TEXT, INTERPRETATIONS, as_experiment
from mfgcore.study.claims.figures import UNDISTURBED
from mfgcore.study.claims.judging import FAILS, HOLDS
from mfgcore.study.claims.normalisers import gain
from mfgcore.study.interpretations import (
    NOT_RUN,
    NOTHING,
    changes,
    claims_that_hold,
    judge_interpretations,
)
from mfgcore.study.report_style import signed

KEPT = (
    "paper",
    "D4 clipped",
    "D16 the last score",
    "D17 learn before they communicate",
    "D20 evaluation moves the population",
    "Q starts at 0",
    "D24 random score",
    "earned + random",
)


def returns(scenario, setting, variant, k, parameters):
    """All but C5 hold, with a random score C5 too, and nothing is learned in agree with Q = 0."""
    failing = parameters.get("failure_probability") is not None
    slow = {"centralised": 36, "independent": 30, "networked": 18}
    quick = {"centralised": 16, "independent": 18, "networked": 20}
    time = (slow if failing else quick)[variant]
    time *= 0.6 if variant == "networked" and "random" in setting else 1.0
    time *= 0.8 if parameters["game"] == "diffuse" else 1.0
    learned = setting != "Q starts at 0" or parameters["game"] != "agree"
    plateau = 9.05 if variant == "centralised" else 9.0
    rise = plateau * np.minimum(k / time, 1.0) * learned
    # under one interpretation the centralised population ends lower than matters, in diffuse alone
    lower = parameters["game"] == "diffuse" and variant == "centralised"
    rise = rise - (2.0 if lower and setting == "earned + random" else 0.0) * (k > 0)
    grown = variant == "independent" and k > parameters.get("population_change_at", np.inf)
    return 0.5 + rise - (3.0 * grown if learned else 0.0)


def exploitability(scenario, setting, variant, k, parameters):
    return 1.0 + 3.0 * (variant == "independent") * (
        k > parameters.get("population_change_at", np.inf)
    )


@pytest.fixture(scope="module")
def data():
    but = [name for name in planned("readings")["factors"]["setting"] if name not in KEPT]
    return made_up("readings", returns, 0.02, exploitability, but=but)


@pytest.fixture(scope="module")
def judged(data):
    return judge_interpretations(data, seed=1)


@pytest.fixture
def cells(judged):
    return judged[0]


@pytest.fixture
def table(judged):
    return judged[1]


def verdicts(cells, name, claim):
    own = (cells["interpretation"] == name) & (cells["claim"] == claim)
    return list(cells[own]["verdict"])


def test_what_holds_is_what_was_made_to_hold(cells):
    kept = claims_that_hold(cells)
    assert kept["paper"] == ["C1", "C2", "C3", "C4", "C8"]
    assert verdicts(cells, "paper", "C5") == [FAILS, FAILS]
    assert kept["D24 random score"] == ["C1", "C2", "C3", "C4", "C5", "C8"]
    assert kept["earned + random"] == ["C1", "C2", "C4", "C5", "C8"]
    assert verdicts(cells, "earned + random", "C3") == [FAILS]


def test_where_nobody_learns_no_speed_is_judged(cells):
    assert verdicts(cells, "Q starts at 0", "C1") == [NOTHING, HOLDS]
    assert verdicts(cells, "Q starts at 0", "C4") == [HOLDS]  # in diffuse
    notes = cells.set_index(["interpretation", "claim", "where"])["estimands"]
    why = "without agree, failing: neither networked nor centralised agents learned anything"
    assert notes["Q starts at 0", "C1", "agree"] == why
    # what was not learned cannot drop
    assert "without agree, growing: neither" in notes["Q starts at 0", "C4", "both"]


def test_a_game_in_which_nothing_can_be_won_is_left_out(cells):
    # where shares are clipped, all divisions of diffuse earn the same, and in cluster all earn 0
    clipped = cells[cells["interpretation"] == "D4 clipped"].set_index(["claim", "where"])
    assert clipped["verdict"]["C3", "all four"] == HOLDS
    assert "without diffuse, failing: however the" in clipped["estimands"]["C3", "all four"]
    assert clipped["verdict"]["C8", "cluster"] == NOTHING


def test_effects_are_in_their_units(data, table):
    baseline = table[table["interpretation"] == "paper"]
    paper = baseline.set_index(["claim", "label", "estimand"])["estimate"]
    # the return of independent agents falls by 3
    fall = 3.0 / gain(as_experiment(data, "agree, growing", "paper"))
    drop = paper["C4", "fig3, return", "ten iterations after"]
    np.testing.assert_allclose(drop, fall, atol=0.01)
    time = paper["C1", "fig1, than centralised", "time of 90 %"]
    np.testing.assert_allclose(time, 1.0 - 18.0 / 36.0, atol=0.05)
    end = paper["C3", "fig4, independent", "end"]
    np.testing.assert_allclose(end, 3.05 / 0.75, atol=0.05)
    area = paper["C1", "fig2, than centralised", "area"]
    k = np.arange(14)  # up to where the networked population has done 90 % of its rise
    np.testing.assert_allclose(area, np.mean(k / 14.4 - k / 28.8), atol=0.02)


def test_estimands_that_the_runs_are_too_short_for_are_left_out(table):
    # they end twelve iterations after the growth
    estimands = table[table["interpretation"] == "paper"].groupby("claim")["estimand"].unique()
    assert list(estimands["C4"]) == ["ten iterations after"]
    assert list(estimands["C5"]) == list(UNDISTURBED)


def test_a_cell_shows_the_effect_that_is_furthest_from_holding(cells, table):
    for claim in ("C3", "C4", "C8"):
        own = table[(table["claim"] == claim) & (table["interpretation"] == "paper")]
        least = own[own["estimand"] == own["estimand"].iloc[0]]["estimate"].min()
        paper = (cells["claim"] == claim) & (cells["interpretation"] == "paper")
        found = cells[paper]["estimate"]
        assert list(found) == [least]


def test_changes_without_effect_have_the_verdict_of_the_baseline(cells, table):
    rows = table.set_index(["interpretation", "claim", "where", "estimand", "label"])
    for name, claim in (
        ("D16 the last score", "C5"),
        ("D17 learn before they communicate", "C8"),
    ):
        for place in rows.loc["paper"].index:
            if place[0] == claim:
                own, paper = rows.loc[(name, *place)], rows.loc[("paper", *place)]
                assert own["estimate"] == paper["estimate"] and own["source"] == "paper"
    assert verdicts(cells, "D20 evaluation moves the population", "C8") == [NOT_RUN]


def test_kept_data_make_files(tmp_path):
    for name in ("data", "gallery"):
        (tmp_path / name).mkdir()
    make_ledger.write_comparisons(keep_data.read(tmp_path / "data"), tmp_path / "gallery")
    assert not any((tmp_path / "gallery").iterdir())  # nothing is kept, nothing is made
    few = {"readings": ["paper"], "generality": ["two_bars", "contraction"]}
    few |= {"garnets": ["garnet 1", "garnet 2"]}
    for name, kept in few.items():
        maker = returns if name == "readings" else lambda *place: 1.0 + 2.0 * (place[3] > 5)
        but = [setting for setting in planned(name)["factors"]["setting"] if setting not in kept]
        own = made_up(name, maker, 0.1, exploitability, but=but)
        own.to_netcdf(tmp_path / f"data/{name}.nc")
    make_ledger.write_comparisons(keep_data.read(tmp_path / "data"), tmp_path / "gallery")
    made = {path.name for path in (tmp_path / "gallery").iterdir()}
    assert made == {
        "readings.csv",
        "readings.md",
        "readings.png",
        "readings_c5.png",
        "generality.csv",
        "generality.md",
        "generality.png",
    }


def test_pictures_show_what_the_table_says(cells, table, tmp_path):
    for name in ("a", "b"):
        paths = [tmp_path / f"{name}.{ending}" for ending in ("pdf", "svg")]
        interpretations_report.plot_matrix(cells, paths, "title")
        curve = tmp_path / f"{name}_curve.png"
        interpretations_report.plot_curve(table, [curve], "title")
    for name in ("a.pdf", "a_curve.png"):
        assert (tmp_path / name).read_bytes() == (tmp_path / name.replace("a", "b", 1)).read_bytes()
    drawn = (tmp_path / "a.svg").read_text(encoding="utf-8")
    fails = cells[cells["verdict"] == FAILS]["estimate"].iloc[0]
    for text in ("baseline", "Q starts at 0 †", "5 of 6", "6 of 6", f"✗ {signed(fails)}"):
        assert f"<!-- {text} -->" in drawn, text
    markdown = interpretations_report.to_markdown(cells, table)
    assert "5 of 6 main claims hold (C1, C2, C3, C4, C8)." in markdown
    for name in ("D16 the last score", "Q starts at 0"):  # the text speaks against them
        assert f"| {name} † |" in markdown
    assert "D4 clipped †" not in markdown


def test_changes_are_the_parameters_that_differ_from_the_baseline(data):
    plan = planned("readings")["factors"]["setting"]
    for name, changed in changes(data).items():
        assert changed == {
            key: value for key, value in plan[name].items() if key not in ("trials", "only")
        }


@pytest.mark.parametrize(
    ("setting", "verdict"), [("D1 torus", DEPENDS), *((name, HOLDS) for name in AGAINST_TEXT)]
)
def test_no_claim_depends_on_what_the_text_speaks_against(setting, verdict):
    faster, slower = ({"time": {"networked": time}} for time in (10, 30))
    readings = {"paper": faster, "sixth version": faster, "D1 torus": slower}
    evidence = world(readings=readings)
    made = evidence.comparisons["readings"]
    names = [setting if name == "D1 torus" else name for name in made["setting"].values]
    renamed = made.assign_coords(setting=names)
    renamed.attrs["configurations"] = made.attrs["configurations"].replace("D1 torus", setting)
    evidence.comparisons["readings"] = renamed
    assert judge_one(CLAIMS["C1"], evidence, seed=1).verdict == verdict


def test_what_the_text_speaks_against_is_run_as_an_interpretation():
    assert set(AGAINST_TEXT) <= set(planned(INTERPRETATIONS)["factors"]["setting"])
