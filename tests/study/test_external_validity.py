"""Effects in other games on made-up data, of which it is known what is better by how much."""

import numpy as np
import pandas as pd
import pytest
from comparisons_data import made_up, planned
from scipy import stats

from mfgcore.plotting.style import save_table
from mfgcore.study import external_validity_report
from mfgcore.study.claims.judging import BORDERLINE, FAILS, HOLDS
from mfgcore.study.external_validity import (
    ALL,
    KINDS_ALIKE,
    PREDICTORS,
    correlation,
    mean_distance,
    measure,
    pool,
    predict,
)
from mfgcore.study.report_style import signed

GAMES = ("beach_bar", "two_bars", "no_interaction", "contraction", "sis_epidemic")
# iterations until all is learned where updates fail, of 40
TIMES = {"complete": 8, "scale_free": 12, "erdos_renyi": 16, "small_world": 20, "ring": 24}
HEIGHTS = {"beach_bar": 2.0, "two_bars": 3.0, "no_interaction": 0.05, "contraction": 4.0}


def returns(scenario, game, variant, k, parameters):
    """A step up: at once, or where updates fail later and at last without a network."""
    time = 0
    if scenario == "failing":
        network = parameters.get("network")
        time = {"centralised": 28, "independent": 32}.get(variant, TIMES.get(network, 0))
    if scenario == "growing":
        time = 1 if variant == "independent" else 0
    if scenario == "links fail":  # what the others do there must not matter
        time = 39 if variant in ("centralised", "independent") else 8
    height = HEIGHTS.get(game, 1.0)
    return 1.0 + height * (k > time)


@pytest.fixture(scope="module")
def found():
    plan = planned("generality")["factors"]["setting"]
    data = {
        "chosen games": made_up(
            "generality", returns, 1e-4, but=[name for name in plan if name not in GAMES]
        ),
        "random games": made_up(
            "garnets", returns, 1e-4, but=[f"garnet {seed}" for seed in range(6, 21)]
        ),
    }
    effects, games = measure(data)
    return effects, games, pool(effects, 1), predict(effects, games, 1)


def effect(effects, **place):
    for key, value in place.items():
        effects = effects[effects[key] == value]
    (value,) = effects["estimate"]
    return value


def test_effects_are_shares_of_what_a_game_yields(found):
    effects, games, *_ = found
    place = {"game": "two_bars", "disturbance": "failing"}
    for network, time in TIMES.items():
        for other, later in (("independent", 32), ("centralised", 28)):
            own = effect(effects, **place, network=network, against=other)
            assert own == pytest.approx((later - time) / 40, abs=1e-3)
    together = effect(effects, **place, network=ALL, against="independent")
    assert together == pytest.approx((32 - 16) / 40, abs=1e-3)
    yields = games.drop_duplicates("game").set_index("game")["yields"]
    assert yields["two_bars"] == pytest.approx(3.0, abs=1e-3)


def test_where_links_fail_the_others_are_those_undisturbed(found):
    own = effect(
        found[0], game="two_bars", disturbance="links fail", network="ring", against="independent"
    )
    assert own == pytest.approx(-8 / 40, abs=1e-3)


def test_a_game_with_nothing_to_learn_is_not_pooled(found):
    effects, games, pooled, _ = found
    assert effects[effects["game"] == "no_interaction"]["estimate"].isna().all()
    assert set(games[~games["learned"]]["game"]) == {"no_interaction"}
    counts = pooled.groupby("kind")["games"].unique()
    assert {kind: list(n) for kind, n in counts.items()} == {
        "all": [9],
        KINDS_ALIKE: [9],
        "chosen games": [4],
        "random games": [5],
    }


def test_the_pool_is_the_mean_over_games_of_the_mean_over_networks(found):
    pooled = found[2]
    # garnets 1 to 5 are each on another network
    for kind in ("all", "chosen games", "random games"):
        own = effect(pooled, kind=kind, disturbance="failing", against="independent")
        assert own == pytest.approx((32 - 16) / 40, abs=1e-3)
    verdicts = pooled[pooled["kind"] == "all"].set_index(["disturbance", "against"])["verdict"]
    assert verdicts["failing", "independent"] == HOLDS
    assert verdicts["growing", "independent"] == BORDERLINE  # one iteration of 40
    assert verdicts["links fail", "independent"] == FAILS


def test_kinds_weigh_alike_however_many_games_they_have():
    games = [("few", 1.0), ("few", 1.0), *[("many", 0.0)] * 6]
    effects = pd.DataFrame(
        [
            {"kind": kind, "game": f"{i}", "network": ALL, "estimate": value}
            for i, (kind, value) in enumerate(games)
        ]
    ).assign(disturbance="failing", against="independent", low=-1.0, high=1.0)
    pooled = pool(effects, 1).set_index("kind")["estimate"]
    assert (pooled["all"], pooled[KINDS_ALIKE]) == (0.25, 0.5)


def test_what_was_made_to_predict_the_effect_does(found):
    predictors = found[3].set_index(["disturbance", "predictor"])
    assert set(predictors.index.get_level_values("predictor")) == set(PREDICTORS)
    distance = predictors.loc["failing", "distance"]
    # the farther apart agents are, the later it was made to be
    assert distance["correlation"] < -0.9 and distance["found"] and distance["games"] == 4
    assert predictors.loc["failing", "states"]["games"] == 9


def test_games_are_described_by_what_they_are(found):
    games = found[1].drop_duplicates("game").set_index("game")
    assert games["states"]["beach_bar"] == 10 and games["states"]["garnet 1"] == 20
    assert games["moves"]["sis_epidemic"] == 1 and games["moves"]["beach_bar"] == 0


def test_distances_are_those_of_the_network():
    ring = {"game": "agree", "architecture": "networked", "agents": 9, "network": "ring"}
    # at each side two agents at one link, two at two
    assert mean_distance(ring | {"nearest_neighbours": 4}, 2) == 1.5
    assert mean_distance(ring | {"network": "complete"}, 1) == 1.0
    apart = ring | {"network": "erdos_renyi", "link_probability": 0.2, "resample_links": False}
    assert 1.0 < mean_distance(apart, 5) < 9.0  # also where some are linked to nobody


def test_correlations_are_spearmans_and_intervals_hold_them():
    rng = np.random.default_rng(4)
    x = rng.integers(5, size=24)  # with ties
    y = x + 2.0 * rng.normal(size=24)
    value, low, high = correlation([np.array([pair]) for pair in zip(x, y, strict=True)], rng)
    assert value == pytest.approx(stats.spearmanr(x, y).statistic)
    assert -1.0 < low < value < high < 1.0
    constant = [np.array([[1.0, own]]) for own in y]
    assert np.isnan(correlation(constant, rng)).all()


def test_an_interval_of_unrelated_numbers_seldom_excludes_0():
    rng = np.random.default_rng(5)
    excluded = 0
    for _ in range(40):
        _, low, high = correlation(list(rng.normal(size=(25, 1, 2))), rng)
        excluded += low > 0.0 or high < 0.0
    assert 0 < excluded < 8


def test_the_markdown_says_what_the_tables_say(found):
    _, games, pooled, predictors = found
    text = external_validity_report.to_markdown(games, pooled, predictors)
    assert "in 9 of 10 games: 4 chosen games and 5 random games" in text
    for row in pooled.itertuples():
        shown = f"{signed(row.estimate)} ({signed(row.low)} to {signed(row.high)}) "
        assert f"{shown}{row.verdict.replace('does not hold', 'fails')} |" in text
    assert "| all 9 | " in text and "| links fail | independent | " in text
    [distance] = [line for line in text.splitlines() if line.startswith("| distance")]
    assert "**" in distance


def test_the_picture_shows_every_game_and_is_the_same_for_the_same_data(found, tmp_path):
    for name in "ab":
        paths = [tmp_path / f"{name}.svg", tmp_path / f"{name}.pdf"]
        external_validity_report.plot_effects(*found, paths, "title")
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    drawn = (tmp_path / "a.svg").read_text(encoding="utf-8")
    for text in ("two bars (3)", "garnet 3 (1)", "all games", "updates fail"):
        assert f"<!-- {text} -->" in drawn, text
    assert "no interaction" not in drawn
    assert "left out: 1 games with nothing to learn" in drawn


def test_effects_can_be_kept_as_a_table(found, tmp_path):
    save_table(found[0], tmp_path / "effects.csv")
    again = pd.read_csv(tmp_path / "effects.csv")
    np.testing.assert_allclose(again["estimate"], found[0]["estimate"], rtol=1e-9)
