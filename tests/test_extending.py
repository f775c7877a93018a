"""The additions that docs/extending.md shows do what it says."""

import re
from pathlib import Path

import pytest

from mfgcore import Experiment, architectures, games, scenarios, simulate

TEXT = (Path(__file__).parents[1] / "docs/extending.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
SMALL = {"agents": 20, "transitions": 300, "replay_cycles": 50}


@pytest.fixture
def registries():
    """The registries, to be left as they were."""
    before = [dict(registry) for registry in _registries()]
    yield
    for registry, entries in zip(_registries(), before, strict=True):
        registry.clear()
        registry.update(entries)


def _registries():
    return games.GAMES, architectures.ARCHITECTURES, scenarios.SCENARIOS


def test_a_game_an_architecture_and_a_scenario_can_be_added(registries):
    game, architecture, scenario = BLOCKS
    exec(game, vars(games).copy())
    exec(scenario, vars(scenarios).copy())
    added = eval("{" + architecture + "}", vars(architectures).copy())
    architectures.ARCHITECTURES.update(added)
    edge = simulate(Experiment(game="edge", iterations=12, policy_step_size=0.05, **SMALL))
    assert edge["discounted_return"][-1] > 1.2 * edge["discounted_return"][0]
    broadcast = simulate(Experiment(game="agree", architecture="broadcast", iterations=3, **SMALL))
    assert (broadcast["distinct_policies"] == 1).all()
    blackout = simulate(
        Experiment(game="agree", scenario="blackout", iterations=22, evaluation=False, **SMALL)
    )
    assert blackout["failures"].values.tolist() == [0] * 20 + [20] * 2
