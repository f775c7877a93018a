"""Score rules: by which number agents choose among the policies that they hear (Alg. 1, line 11).

To add one, write a function here that returns a number for each learner, the smaller the better,
or None where nobody shall be heard, and register it with the parameters of the experiment that it
needs.
"""

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mfgcore import kernels
from mfgcore._base.arguments import checked
from mfgcore._base.registry import Registry
from mfgcore.agents import random_streams as streams
from mfgcore.agents.population import Population, Walk
from mfgcore.games import Game

if TYPE_CHECKING:
    from mfgcore.experiment.experiment import Experiment

SCORE_RULES = Registry("score rule")
register = SCORE_RULES.register


@dataclass(frozen=True)
class Update:
    """What a score rule can look at: the population after its update, before communication.

    Parameters
    ----------
    experiment : Experiment
    iteration : int
        k of the paper.
    learners : (n_learners,) int32
        Agents whose update succeeded.
    change, total : (n_learners,) float64
        ||pi_{k+1} - pi_k||_1 of each, and its sum over states; see
        :func:`mfgcore.agents.algorithms.policy_change`.
    population : Population
        Every learner with its new policy.
    game : Game
    generators : (4, n_agents) uint32
        Action streams of the agents.
    """

    experiment: "Experiment"
    iteration: int
    learners: np.ndarray
    change: np.ndarray
    total: np.ndarray
    population: Population
    game: Game
    generators: np.ndarray

    @functools.cached_property
    def walk(self) -> Walk:
        """The population ready for steps, which move it and its streams on; Walk."""
        weight = self.experiment.entropy_weight
        return Walk.of(self.population, self.game, weight, self.generators)


@register("failed_score")
@checked
def smallest_change(update: "Update") -> np.ndarray:
    """The policy that changed least is preferred (Alg. 1, line 11)."""
    return update.change


@register("failed_score")
@checked
def smallest_total_change(update: "Update") -> np.ndarray:
    """The policy that changed least in the sum over the states is preferred (D15)."""
    return update.total


@register("score_steps", "score_temperature")
@checked
def highest_return(update: "Update") -> np.ndarray:
    """The policy is preferred whose return was highest in some further steps of the population.

    Each return has Gumbel noise of scale `score_temperature` added, once in an iteration. The
    best of some policies is then drawn from them by the softmax of their returns over the
    temperature; at 0 it is the one of the highest return.
    """
    experiment, learners = update.experiment, update.learners
    steps = experiment.score_steps
    transitions = np.empty((learners.size, steps), kernels.TRANSITION)
    kernels.step_population(
        **update.walk.arguments(), n_steps=steps + 1, learners=learners, transitions=transitions
    )
    returns = np.zeros(learners.size)
    for t in reversed(range(steps)):
        returns = transitions["reward"][:, t] + experiment.discount * returns
    drawn = streams.uniforms(experiment, "scores", update.iteration, update.population.size)
    # a number in (0, 1): the smallest that is drawn is 0
    noise = -kernels.log(-kernels.log(np.maximum(drawn[learners], 2.0**-54)))
    return -(returns + experiment.score_temperature * noise)


@register
@checked
def random(update: "Update") -> np.ndarray:
    """Every policy is as likely to be preferred; all agents agree on the order."""
    drawn = streams.uniforms(update.experiment, "scores", update.iteration, update.population.size)
    return drawn[update.learners]


@register
@checked
def never(update: "Update") -> None:
    """No agent adopts the policy of another: communication without effect."""
    return None
