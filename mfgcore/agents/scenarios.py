"""Scenarios: when learners fail, and when agents come and go (Sec. 4, App. B, F.3)."""

from typing import Any

import numpy as np

from mfgcore._base.errors import ConfigurationError
from mfgcore.experiment.components import DEPARTURE_RULES, SCENARIOS, Scenario
from mfgcore.games import Game

register = SCENARIOS.register


@register
def none(*, agents: int) -> Scenario:
    """Nothing happens."""
    return Scenario(lambda k: 0.0, lambda k: agents)


@register
def disturbed(
    *,
    agents: int,
    failure_probability: float | None,
    final_agents: Any,
    population_change_at: int | None,
    learner_lost_at: int | None,
) -> Scenario:
    """What is given: updates fail, agents come or go, the central learner is lost."""

    def reached(k, iteration):
        return iteration is not None and k >= iteration

    return Scenario(
        lambda k: failure_probability or 0.0,
        lambda k: final_agents if reached(k, population_change_at) else agents,
        lambda k: reached(k, learner_lost_at),
    )


# A departure rule gives each agent a number by its state: the smallest leave, and equal ones by
# chance. What it refuses it refuses when it is asked of no agents, before a run begins.


@DEPARTURE_RULES.register
def random(states: np.ndarray) -> np.ndarray:
    """Departing agents are drawn uniformly."""
    return np.zeros(states.size)


@DEPARTURE_RULES.register
def nearest(states: np.ndarray, *, game: Game, departure_state: int) -> np.ndarray:
    """The agents nearest to `departure_state` depart."""
    distances = game.checked_distances()
    if distances is None:
        raise ConfigurationError(
            f"departure_rule: 'nearest' is not allowed: the states of game {game.name!r} have no "
            "distances"
        )
    return distances[departure_state][states]
