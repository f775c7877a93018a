"""What the claims measure, on curves for which it is known."""

import numpy as np
import pytest
from worlds import INCREASE, TRIALS, K, made_up, world

from mfgcore.study.claims import CLAIMS, NOT_JUDGED, NothingToJudge, judge_one
from mfgcore.study.claims.figures import UNDISTURBED
from mfgcore.study.claims.measures import (
    drop_difference,
    performance_drop,
    rise_time,
    slope_advantage,
    speed_advantage,
    time_advantage,
)


@pytest.mark.parametrize(("arrivals", "felt"), [("after_learning", 41), ("before_learning", 40)])
def test_a_performance_drop_is_counted_from_when_the_agents_are_there(arrivals, felt):
    """A dip of one iteration changes the ten iterations before or after the increase."""
    for at, expected in ((felt, 0.3), (felt - 1, -0.3), (felt + 9, 0.3), (felt + 10, 0.0)):
        data = made_up(grows=True, arrival_timing=arrivals, drop=0.0, noise=0.0, dip=3.0, dip_at=at)
        np.testing.assert_allclose(performance_drop(data, "networked"), expected, atol=1e-12)
    with pytest.raises(NothingToJudge, match="too short"):
        performance_drop(data, "networked", after=K - INCREASE + 1)


def test_a_population_that_hardly_learns_does_not_decide_who_is_first():
    slow = {"time": {"networked": 1, "independent": 20}, "plateau": {"networked": 2.0}}
    data = made_up(**slow, noise=0.0)
    assert (speed_advantage(data, "networked", "independent") < -0.1).all()


def test_where_nothing_is_learned_nothing_is_lost_and_nobody_is_faster():
    nothing = {"plateau": 0.6}
    every = {"paper": nothing, "M_td=10": nothing, "N=50": nothing}
    evidence = world(table1=every, agents=every, steps=every)
    for name in ("C7b", "C10", "C11", "C12", "C13", "C14", "C15b", "C24", "C28", "C30", "C31"):
        finding = judge_one(CLAIMS[name], evidence, seed=1)
        assert finding.verdict == NOT_JUDGED
        assert "learn nothing" in finding.note
    grown = made_up(**nothing, grows=True)
    with pytest.raises(NothingToJudge, match="learned anything"):
        drop_difference(grown)
    for measure, _ in UNDISTURBED.values():
        with pytest.raises(NothingToJudge, match="learned anything"):
            measure(made_up(**nothing), "networked", "independent")


def test_the_arrival_is_the_first_iteration_at_nine_tenths():
    data = made_up(time={"networked": 20}, plateau={"networked": 10.5}, noise=0.0)
    assert rise_time(data, "networked").tolist() == [18] * TRIALS
    assert rise_time(data, "networked", 0.5).tolist() == [10] * TRIALS
    nothing = made_up(plateau={"networked": 0.6})
    assert rise_time(nothing, "networked").tolist() == [K] * TRIALS


def test_times_and_slopes_are_shares_of_the_larger_one():
    """Straight rises over 20 and 40 iterations, from 0.5 to 10.5."""
    data = made_up(time={"networked": 20, "independent": 40}, plateau=10.5, noise=0.0)
    first, second = "networked", "independent"
    expected = {
        time_advantage(data, first, second)[0]: (36 - 18) / 36,
        time_advantage(data, first, second, share=0.5)[0]: (20 - 10) / 20,
        time_advantage(data, first, second, start=0.1)[0]: (32 - 16) / 32,
        slope_advantage(data, first, second)[0]: (5.0 - 2.5) / 5.0,
    }
    assert list(expected) == pytest.approx(list(expected.values()))
    np.testing.assert_allclose(time_advantage(data, second, first), -0.5)


def test_the_lead_is_an_area():
    """Straight rises: networked reaches 90 % at 9 of 10 iterations, where the other is at 18 %."""
    data = made_up(time={"networked": 10, "independent": 50}, plateau=9.5, noise=0.0)
    expected = (np.arange(10) / 10 - np.arange(10) / 50).mean()
    lead = speed_advantage(data, "networked", "independent")
    np.testing.assert_allclose(lead, expected, rtol=1e-12)
    np.testing.assert_array_equal(speed_advantage(data, "independent", "networked"), -lead)
