"""The sampled metrics: discounted return and exploitability (Sec. 4.1, F.2)."""

import math
from collections.abc import Callable

import numpy as np

from mfgcore import kernels
from mfgcore._base.arguments import explained
from mfgcore.agents.algorithms import LearningBatch
from mfgcore.agents.population import Population
from mfgcore.agents.rollout import RolloutState, rollout
from mfgcore.experiment.components import Algorithm
from mfgcore.experiment.random_streams import RandomStreams
from mfgcore.games import Game


@explained
def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's correlation of two samples, (n,) float64; 0 where one has no finite variance."""
    if not (np.isfinite(one).all() and np.isfinite(other).all() and one.size):
        return 0.0
    apart, others = one - math.fsum(one) / one.size, other - math.fsum(other) / one.size
    spread = math.sqrt(math.fsum(apart * apart) * math.fsum(others * others))
    return math.fsum(apart * others) / spread if spread > 0.0 else 0.0


@explained
def discounted_return(rewards: np.ndarray, discount: float, horizon: int) -> float:
    """Mean over start times of the discounted sum of the next `horizon` rewards (D19).

    `rewards`, (n_steps,) float64, is r + h at each step, and n_steps >= horizon. Start times are
    those with all their H steps inside the array. What lies beyond H, with discount**H <= 1e-6, is
    cut off: the value is too small by at most discount**H (1 + h_max) / (1 - discount), a relative
    error of 1e-6 at the most.
    """
    n_starts = rewards.size - horizon + 1
    sums = np.concatenate(([0.0], np.cumsum(rewards)))
    means = (sums[n_starts : n_starts + horizon] - sums[:horizon]) / n_starts
    weights = np.multiply.accumulate(np.concatenate(([1.0], np.full(horizon - 1, discount))))
    return math.fsum(weights * means)


def sample_exploitability(
    population: Population,
    iteration: int,
    *,
    game: Game,
    algorithm: Algorithm,
    policy_improvement: Callable[[np.ndarray, np.ndarray], np.ndarray],
    random_streams: RandomStreams,
    transitions: int,
    steps_per_transition: int,
    discount: float,
    entropy_weight: float,
    return_horizon: int,
    improvement_iterations: int,
    evaluation_iterations: int,
    evaluate_on_copy: bool,
) -> float:
    """Exploitability of the joint policy, sampled with one deviating agent (F.2, D20); float.

    The deviator, drawn from the evaluation's own stream, improves its policy against the frozen
    others; then it is its mean return minus that of the others. Everything happens on copies of the
    population at the start of iteration k; without `evaluate_on_copy` agents stay where it ends.
    What stands after ``*`` is that of the experiment.
    """
    n_agents = population.size
    deviator = int(random_streams.integers("deviator", iteration, 1, n_agents)[0])
    generators = random_streams.action_generators("evaluation_actions", iteration, n_agents)
    state = RolloutState.of(population, game, entropy_weight, generators)
    state = state.with_deviator(deviator, generators)
    own = population.policies[population.policy_index[[deviator]]]
    shuffles = random_streams.shuffle_generators("evaluation_shuffles", iteration, 1)
    alone = np.array([deviator], dtype=np.int32)
    sampling = (algorithm, transitions, steps_per_transition)

    for _ in range(improvement_iterations):
        seen = rollout(state, *sampling, learners=alone, population=False)
        q_values = algorithm.q_values(LearningBatch(seen.transitions, shuffles, own, population))
        own = policy_improvement(own, q_values.reshape(own.shape))
        state.tables[-1:] = kernels.policy_tables(own, entropy_weight)

    gains = []
    for _ in range(evaluation_iterations):
        seen = rollout(state, *sampling, deviator=deviator)
        others = (seen.population_rewards - seen.deviator_rewards) / (n_agents - 1)
        gains.append(discounted_return(seen.deviator_rewards - others, discount, return_horizon))
    if not evaluate_on_copy:
        population.states = state.states
    return math.fsum(gains) / len(gains)
