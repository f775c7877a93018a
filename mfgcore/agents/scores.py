"""Score rules: by which number agents choose among the policies that they hear (Alg. 1, line 11).

A score rule is a function of a :class:`ScoringContext`. It returns a number for each learner, the
smaller the better, and where learners that failed have one, too, these scores in a pair with those
of the failed; None where nobody shall be heard.
"""

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from mfgcore import kernels
from mfgcore._base.errors import ConfigurationError
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
    start, population : Population
        Before the update, and every learner with its new policy.
    q_values : (n_agents, n_states * n_actions) float64
        Each agent's latest estimate.
    visits : (n_learners, n_states) int64 or None
        How often each learner's own transitions of this iteration begin in each state; only of a
        rule with ``reads = ("visits",)``, where the algorithm keeps transitions.
    last_q_values : (n_agents, n_states * n_actions) float64 or None
        The estimates before the update, NaN of agents that had none; only of a rule with
        ``reads = ("last_q_values",)``.
    game : Game
    generators : (4, n_agents) uint32
        Action streams of the agents.
    entropy_weight : float
        lambda of the paper.
    exchange : dict
        How agents pass on their rewards to learn from their average; empty if they do not. See
        :func:`mfgcore.agents.objectives.reward_exchange`.
    """

    iteration: int
    learners: np.ndarray
    change: np.ndarray
    total: np.ndarray
    failed_scores: np.ndarray
    start: Population
    population: Population
    q_values: np.ndarray
    visits: np.ndarray | None
    last_q_values: np.ndarray | None
    game: Game
    generators: np.ndarray
    entropy_weight: float
    exchange: dict[str, Any] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def rollout_state(self) -> RolloutState:
        """The population ready for steps, which move it and its streams on; RolloutState."""
        return RolloutState.of(self.population, self.game, self.entropy_weight, self.generators)

    @property
    def steps(self) -> np.ndarray:
        """pi_{k+1} - pi_k of each learner; (n_learners, n_states, n_actions) float64."""
        old, new = self.start, self.population
        index = old.policy_index[self.learners], new.policy_index[self.learners]
        return new.policies[index[1]] - old.policies[index[0]]

    def expected_gains(self, q_values: Any) -> np.ndarray:
        """First-order gain that each learner expects of its step; (n_learners,) float64.

        sum_s mu_i(s) <pi_{k+1}(s) - pi_k(s), Q_i(s, .)>, of an estimate of Q, (n_agents, n_states *
        n_actions), and the states where it was.
        """
        steps = self.steps
        return self.where_it_was(_sum(steps * q_values[self.learners].reshape(steps.shape)))

    def where_it_was(self, by_state: np.ndarray) -> np.ndarray:
        """Mean over each learner's visits of (n_learners, n_states); (n_learners,) float64."""
        if self.visits is None:
            raise ConfigurationError("score_rule: needs an algorithm that keeps transitions")
        return _sum(self.visits * by_state) / np.maximum(1, _sum(self.visits))

    def scores_of_failed(self, failed_score: str) -> Any:
        """Scores of the agents whose update failed, by the parameter `failed_score` (D16)."""
        return {"none": np.inf, "zero": 0.0, "last": self.failed_scores}[failed_score]


def _sum(values):
    """Sums over the last axis, in the same order on every processor."""
    return np.cumsum(values, axis=-1)[..., -1]


@register
def smallest_change(context: ScoringContext, *, failed_score: str) -> tuple[np.ndarray, Any]:
    """The policy that changed least is preferred (Alg. 1, line 11)."""
    return context.change, context.scores_of_failed(failed_score)


@register
def smallest_total_change(context: ScoringContext, *, failed_score: str) -> tuple[np.ndarray, Any]:
    """The policy that changed least in the sum over the states is preferred (D15)."""
    return context.total, context.scores_of_failed(failed_score)


@register
def smallest_weighted_change(context: ScoringContext) -> np.ndarray:
    """The policy that changed least where its agent was, in the L1 norm, is preferred."""
    return context.where_it_was(_sum(np.abs(context.steps)))


smallest_weighted_change.reads = ("visits",)


@register
def largest_expected_gain(context: ScoringContext) -> np.ndarray:
    """The policy is preferred of which its agent expects the most, by its own Q-function."""
    return -context.expected_gains(context.q_values)


largest_expected_gain.reads = ("visits",)


@register
def largest_confirmed_gain(context: ScoringContext) -> np.ndarray:
    """The policy is preferred of which its agent expects the most, by its Q-function of before.

    The step was made from the Q-function of now, whose errors it follows: by that one, the largest
    error expects the most. The last estimate comes from other transitions, and errs otherwise. An
    agent that has none expects 0.
    """
    return -np.nan_to_num(context.expected_gains(context.last_q_values))


largest_confirmed_gain.reads = ("visits", "last_q_values")


@register
def largest_confirmed_gain_per_change(context: ScoringContext) -> np.ndarray:
    """As the largest confirmed gain, for each unit of change where the agent was."""
    change = smallest_weighted_change(context)
    return largest_confirmed_gain(context) / np.where(change > 0.0, change, np.inf)


largest_confirmed_gain_per_change.reads = ("visits", "last_q_values")


@register
def agent_number(context: ScoringContext) -> np.ndarray:
    """The policy of the agent with the lowest number is preferred."""
    return context.learners.astype(np.float64)


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
    temperature; at 0 it is the one of the highest return. Where the objective is shared, a return
    is of the agent's estimates of the average reward.
    """
    learners = context.learners
    transitions = np.empty((learners.size, score_steps), kernels.TRANSITION)
    state = context.rollout_state
    kernels.step_population(
        **state.arguments(),
        n_steps=score_steps + 1,
        learners=learners,
        transitions=transitions,
        **context.exchange,
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
