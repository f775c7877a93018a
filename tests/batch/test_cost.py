"""The cost model counts what a run does, and covers whatever users add."""

import time

import pytest

from mfgcore import Experiment
from mfgcore.agents import NETWORKS, SCENARIOS, Network, Scenario, graph
from mfgcore.batch import cost
from mfgcore.runs.resources import run_bytes


def test_the_work_of_figure_1_is_counted():
    networked = cost.work(Experiment(game="agree", failure_probability=0.5))
    learning = 150 * 100 * 2979 * 500
    evaluation = 75 * 3 * 2979 * 500
    assert networked["update"] == learning + evaluation == 500 * networked["transition"]
    assert networked["draw"] == (200 + 64) * (150 * 30300 + 75 * 6 * 30000)
    centralised = cost.work(
        Experiment(game="agree", failure_probability=0.5, architecture="centralised")
    )
    assert centralised["update"] == learning / 200 + evaluation


def test_an_increase_counts_from_its_iteration_on():
    run = Experiment(
        game="agree",
        agents=25,
        final_agents=200,
        population_change_at=100,
        iterations=200,
        sampled_exploitability=False,
        exact_metrics=False,
        architecture="independent",
    )
    work = cost.work(run)
    assert work["update"] == (25 * 100 + 200 * 100) * 2979 * 500
    assert work["draw"] == ((25 + 64) * 100 + (200 + 64) * 100) * 30300
    assert work["exact state"] == work["elimination"] == work["link"] == 0


def test_a_larger_population_needs_more_memory():
    small, large = (cost.run_megabytes(Experiment(game="agree", agents=n)) for n in (200, 10000))
    assert small < 200
    assert 300 < large < 600


def test_what_python_answers_and_the_width_of_the_transitions_are_counted():
    settings = {"sampled_exploitability": False, "iterations": 4, "architecture": "centralised"}
    coupled = cost.work(Experiment(game="kinetic_congestion", **settings))
    calls = 4 * 30300 + 2 * cost.MEAN_FIELD_ITERATIONS
    assert coupled["callback"] == calls
    rewards = 25 * 5 * (4 * 30300 + 2 * 25)
    assert coupled["number from Python"] == 25 * 5 * 2 * calls + rewards
    assert coupled["elimination"] == 2 * 25 * 5**2
    tabled = cost.work(Experiment(game="four_rooms", **settings))
    assert tabled["callback"] == tabled["number from Python"] == 0


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
        assert cost.run_megabytes(large) == pytest.approx(megabytes, rel=0.15)
    expected = cost.run_seconds(Experiment(**settings, grid_size=50))
    assert 1.3 / cost.TIME_MARGIN < expected < 1.3 * cost.TIME_MARGIN


def test_a_million_iterations_are_estimated_at_once():
    begin = time.process_time()
    cost.run_seconds(
        Experiment(game="agree", iterations=10**6, final_agents=50, population_change_at=7)
    )
    assert time.process_time() - begin < 2.0


def test_links_that_fail_are_those_of_every_agent():
    """Of a graph they are as many as others; of cells every agent has its own."""
    settings = {"game": "agree", "agents": 5000, "grid_size": 4, "communication_rounds": 100}
    for network, times in (("scale_free", 1.0), ("complete", 5000 / 16), ("radius", 5000 / 16)):
        sure, failing = (
            cost.work(Experiment(**settings, network=network, link_failure_probability=failing))
            for failing in (0.0, 0.3)
        )
        assert failing["link"] == pytest.approx(times * sure["link"])


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "edge_list"])
def test_networks_state_the_links_and_the_degree_that_they_have(name):
    settings = {"agents": 400, "grid_size": 20, "resample_links": False}
    experiment = Experiment(game="agree", network=name, **settings)
    network = experiment.make("network")
    links = network.links(400)
    stated = network.n_links(400), network.reach(400, 1.0)
    assert stated == pytest.approx((links.neighbours.size, links.reach(400, 1.0)), rel=0.5)
    assert stated[1] <= network.reach(400, 3.0) <= 399


@pytest.fixture
def of_users():
    """A scenario and a network as a user writes them, which do what shipped ones do."""

    def half_fail(*, agents):
        return Scenario(lambda k: 0.5, lambda k: agents)

    def circle():
        steps = (1, 2)
        return Network(lambda n: graph(n, [(i, (i + s) % n) for i in range(n) for s in steps]))

    SCENARIOS.register(half_fail)
    NETWORKS.register(circle)
    yield
    SCENARIOS.remove("half_fail")
    NETWORKS.remove("circle")


@pytest.mark.parametrize("architecture", ["networked", "independent", "centralised"])
def test_what_users_add_is_costed_and_sized_as_what_is_shipped(of_users, architecture):
    settings = {
        "game": "cluster",
        "agents": 3000,
        "architecture": architecture,
        "communication_rounds": 5,
        "transitions": 3000,
        "iterations": 20,
        "sampled_exploitability": False,
    }
    shipped = Experiment(**settings, failure_probability=0.5, network="ring", nearest_neighbours=4)
    own = Experiment(**settings, scenario="half_fail", network="circle")
    certain = Experiment(**settings, network="ring", nearest_neighbours=4)
    assert cost.work(own) == pytest.approx(cost.work(shipped))
    assert run_bytes(own) == pytest.approx(run_bytes(shipped))
    assert cost.work(certain)["transition"] > 1.5 * cost.work(own)["transition"]
    assert run_bytes(certain) >= run_bytes(own)
