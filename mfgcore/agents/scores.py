"""Score rules: by which number agents choose among the policies that they hear (Alg. 1, line 11).

A score rule is a function of a :class:`ScoringContext`. It returns a number for each learner, the
smaller the better, and where learners that failed have one, too, these scores in a pair with those
of the failed; None where nobody shall be heard.
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from mfgcore import kernels
from mfgcore.agents.population import Population
from mfgcore.agents.rollout import RolloutState
from mfgcore.experiment.components import SCORE_RULES
from mfgcore.experiment.random_streams import RandomStreams
from mfgcore.games import Game

register = SCORE_RULES.register


@dataclass(frozen=True)
class ScoringContext:
    """The population after its update, before communication.

    Parameters
    ----------
    iteration : int
        k of the paper.
    learners : (n_learners,) int32
        Agents whose update succeeded.
    change, total : (n_learners,) float64
        ||pi_{k+1} - pi_k||_1 of each, and its sum over states; see
        :func:`mfgcore.agents.policy_improvement.policy_change`.
    failed_scores : (2, n_failed) float64
        Score and total of the policies that agents whose update failed follow.
    population : Population
        Every learner with its new policy.
    game : Game
    generators : (4, n_agents) uint32
        Action streams of the agents.
    entropy_weight : float
        lambda of the paper.
    """

    iteration: int
    learners: np.ndarray
    change: np.ndarray
    total: np.ndarray
    failed_scores: np.ndarray
    population: Population
    game: Game
    generators: np.ndarray
    entropy_weight: float

    @functools.cached_property
    def rollout_state(self) -> RolloutState:
        """The population ready for steps, which move it and its streams on; RolloutState."""
        return RolloutState.of(self.population, self.game, self.entropy_weight, self.generators)

    def scores_of_failed(self, failed_score: str) -> Any:
        """Scores of the agents whose update failed, by the parameter `failed_score` (D16)."""
        return {"none": np.inf, "zero": 0.0, "last": self.failed_scores}[failed_score]


@register
def smallest_change(context: ScoringContext, *, failed_score: str) -> tuple[np.ndarray, Any]:
    """The policy that changed least is preferred (Alg. 1, line 11)."""
    return context.change, context.scores_of_failed(failed_score)


@register
def smallest_total_change(context: ScoringContext, *, failed_score: str) -> tuple[np.ndarray, Any]:
    """The policy that changed least in the sum over the states is preferred (D15)."""
    return context.total, context.scores_of_failed(failed_score)


@register
def highest_return(
    context: ScoringContext,
    *,
    score_steps: int,
    score_temperature: float,
    discount: float,
    random_streams: RandomStreams,
) -> np.ndarray:
    """The policy is preferred whose return was highest in some further steps of the population.

    Each return has Gumbel noise of scale `score_temperature` added, once in an iteration. The
    best of some policies is then drawn from them by the softmax of their returns over the
    temperature; at 0 it is the one of the highest return.
    """
    learners = context.learners
    transitions = np.empty((learners.size, score_steps), kernels.TRANSITION)
    state = context.rollout_state
    kernels.step_population(
        **state.arguments(), n_steps=score_steps + 1, learners=learners, transitions=transitions
    )
    returns = np.zeros(learners.size)
    for t in reversed(range(score_steps)):
        returns = transitions["reward"][:, t] + discount * returns
    drawn = random_streams.uniforms("scores", context.iteration, context.population.size)
    # a number in (0, 1): the smallest that is drawn is 0
    noise = -kernels.log(-kernels.log(np.maximum(drawn[learners], 2.0**-54)))
    return -(returns + score_temperature * noise)


@register
def random(context: ScoringContext, *, random_streams: RandomStreams) -> np.ndarray:
    """Every policy is as likely to be preferred; all agents agree on the order."""
    drawn = random_streams.uniforms("scores", context.iteration, context.population.size)
    return drawn[context.learners]


@register
def never(context: ScoringContext) -> None:
    """No agent adopts the policy of another: communication without effect."""
    return None
