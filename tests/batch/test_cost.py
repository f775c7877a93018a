"""The cost model counts what a run does."""

import time

import pytest

from mfgcore import Experiment
from mfgcore.batch import cost
from mfgcore.runs import resources as memory


def test_the_work_of_figure_1_is_counted():
    networked = cost.work(Experiment(game="agree", failure_probability=0.5))
    learning = 150 * 100 * 2979 * 500
    evaluation = 75 * 3 * 2979 * 500
    assert networked["update"] == learning + evaluation
    assert networked["step, shared policy"] == 200 * (150 * 30300 + 75 * 6 * 30000)
    assert networked["step, own policies"] == 0
    centralised = cost.work(
        Experiment(game="agree", failure_probability=0.5, architecture="centralised")
    )
    assert centralised["update"] == learning / 200 + evaluation


def test_an_increase_counts_from_its_iteration_on():
    run = Experiment(
        game="agree", agents=25, agents_after=200, change_at=100, iterations=200,
        sampled_exploitability=False, exact_metrics=False, architecture="independent",
    )  # fmt: skip
    assert cost.work(run)["update"] == (25 * 100 + 200 * 100) * 2979 * 500
    assert cost.work(run)["step, own policies"] == (25 * 100 + 200 * 100) * 30300
    assert cost.work(run)["exact metrics, states"] == 0


def test_a_larger_population_needs_more_memory():
    small, large = (cost.run_megabytes(Experiment(game="agree", agents=n)) for n in (200, 10000))
    assert small < 200
    assert 300 < large < 600


def test_what_is_asked_of_a_game_and_the_width_of_its_moves_are_counted():
    settings = {"sampled_exploitability": False, "iterations": 4, "architecture": "centralised"}
    coupled = cost.work(Experiment(game="kinetic_congestion", **settings))
    asked = 4 * 30300 + 2 * cost.PUSHES
    assert coupled["step, asked"] == asked
    assert coupled["probability, asked"] == 25 * 5 * 2 * asked
    assert coupled["reward, asked"] == 25 * 5 * (4 * 30300 + 2 * 25)
    assert coupled["exact metrics, band"] == pytest.approx(2 * (25 - 2 * 5 / 3) * 5**2)
    tabled = cost.work(Experiment(game="four_rooms", **settings))
    assert tabled["step, asked"] == tabled["reward, asked"] == 0


def test_a_wide_game_needs_more_memory_for_its_exact_metrics():
    settings = {"game": "cluster", "architecture": "centralised", "grid_size": 100, "agents": 2}
    exact, sampled = (
        cost.run_megabytes(Experiment(**settings, exact_metrics=given)) for given in (True, False)
    )
    assert 20.0 < exact - sampled < 60.0


def test_the_size_of_the_grid_counts():
    """50 x 50 was measured: 347 MB and 1.3 s; 60 x 60: 615 MB."""
    settings = {"game": "agree", "agents": 10, "iterations": 2}
    for grid_size, megabytes in ((50, 347), (60, 615)):
        large = Experiment(**settings, grid_size=grid_size)
        assert cost.run_megabytes(large) == pytest.approx(megabytes, rel=0.1)
    assert 1.3 / 2 < cost.run_seconds(Experiment(**settings, grid_size=50)) < 1.3 * 2


def test_a_million_iterations_are_estimated_at_once():
    begin = time.process_time()
    cost.run_seconds(Experiment(game="agree", iterations=10**6, agents_after=50, change_at=7))
    assert time.process_time() - begin < 2.0


def test_a_network_that_is_not_all_in_reach_leaves_more_policies():
    ring, wide, complete = (
        memory.policies_left(Experiment(game="agree", communication_rounds=10, **network), 1000)
        for network in (
            {"network": "ring"}, {"network": "ring", "neighbours": 100}, {"network": "complete"}
        )
    )  # fmt: skip
    assert 10 < ring < 100
    assert complete == 1.0 and wide < 2.0
