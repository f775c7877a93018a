"""Scenarios: when learners fail, and when agents come and go (Sec. 4, App. B, F.3).

To add one, write a function here that returns a :class:`Scenario` for an experiment, and register
it with the parameters of the experiment that it needs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mfgcore._base.arguments import checked, explained
from mfgcore._base.errors import ConfigurationError
from mfgcore._base.registry import Registry

if TYPE_CHECKING:
    from mfgcore.experiment.experiment import Experiment

ARRIVALS = ("after_learning", "before_learning")

SCENARIOS = Registry("scenario")
LEAVERS = Registry("choice of leavers")
register = SCENARIOS.register


def _never(k):
    return False


@checked
@dataclass(frozen=True)
class Scenario:
    """What happens to the population during a run.

    Parameters
    ----------
    failure_probability : callable of int
        Iteration k to the probability that a learner's update fails in it.
    population : callable of int
        Iteration k to the number of agents once those that come or go in it have done so, at
        least 1 and at most the `max_agents` of the experiment.
    learner_lost : callable of int
        Iteration k to whether agent 0, which is the central learner, does not learn in it.
    """

    failure_probability: Callable[[int], float]
    population: Callable[[int], int]
    learner_lost: Callable[[int], bool] = _never


@register
@explained
def none(experiment: "Experiment") -> Scenario:
    """Nothing happens."""
    return Scenario(lambda k: 0.0, lambda k: experiment.agents)


@register("failure_probability", "agents_after", "learner_lost_at")
@explained
def disturbed(experiment: "Experiment") -> Scenario:
    """What is given: updates fail, agents come or go, the central learner is lost."""

    def reached(k, iteration):
        return iteration is not None and k >= iteration

    def population(k):
        changed = reached(k, experiment.change_at)
        return experiment.agents_after if changed else experiment.agents

    return Scenario(
        lambda k: experiment.failure_probability or 0.0,
        population,
        lambda k: reached(k, experiment.learner_lost_at),
    )


# Who leaves: a number for each agent by its cell; the smallest leave, and equal ones by chance.
# What is refused is refused when it is asked of no agents, before a run begins.


@LEAVERS.register
@explained
def random(experiment: "Experiment", states: np.ndarray) -> np.ndarray:
    """Whoever it is."""
    return np.zeros(states.size)


@LEAVERS.register("leave_state")
@explained
def nearest(experiment: "Experiment", states: np.ndarray) -> np.ndarray:
    """Those nearest to `leave_state`."""
    game = experiment.make_game()
    distances = game.checked_distances()
    if distances is None:
        raise ConfigurationError(
            f"leavers: 'nearest' is not allowed: the states of game {game.name!r} have no distances"
        )
    return distances[experiment.leave_state][states]
