"""Scenarios: when learners fail and when agents arrive (Sec. 4, App. B).

To add one, write a function here that returns a :class:`Scenario` for an experiment, and register
it with the parameters of the experiment that it needs.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mfgcore.registry import Registry

ARRIVALS = ("after_learning", "before_learning")

SCENARIOS = Registry("scenario")
register = SCENARIOS.register


@dataclass(frozen=True)
class Scenario:
    """What happens to the population during a run.

    Parameters
    ----------
    failure_probability : callable of int
        Iteration k to the probability that a learner's update fails in it.
    population : callable of int
        Iteration k to the number of agents once those that arrive in it are there. It must not
        decrease.
    """

    failure_probability: Callable[[int], float]
    population: Callable[[int], int]


def _never(k):
    return 0.0


def _grown(experiment):
    def population(k):
        return experiment.agents if k < experiment.increase_at else experiment.agents_after

    return population


@register
def none(experiment):
    """Nothing happens."""
    return Scenario(_never, lambda k: experiment.agents)


@register("failure_probability")
def failure(experiment):
    """Every learner's update fails with a fixed probability at every iteration."""
    return Scenario(lambda k: experiment.failure_probability, lambda k: experiment.agents)


@register("agents_after", "increase_at", "arrivals")
def increase(experiment):
    """Agents arrive all at once."""
    return Scenario(_never, _grown(experiment))


@register("failure_probability", "agents_after", "increase_at", "arrivals")
def failure_and_increase(experiment):
    """Both disturbances."""
    return Scenario(lambda k: experiment.failure_probability, _grown(experiment))
