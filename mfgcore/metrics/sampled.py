"""The sampled metrics: discounted return and exploitability (Sec. 4.1, F.2)."""

import math
from typing import TYPE_CHECKING

import numpy as np

from mfgcore import kernels
from mfgcore._base.arguments import checked, explained
from mfgcore.agents import random_streams as streams
from mfgcore.agents.algorithms import Lesson, improve_policies
from mfgcore.agents.population import Walk, rollout

if TYPE_CHECKING:
    from mfgcore.agents.population import Population
    from mfgcore.experiment.experiment import Experiment
    from mfgcore.games import Game


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


@checked
def sample_exploitability(
    experiment: "Experiment", game: "Game", population: "Population", iteration: int
) -> float:
    """Exploitability of the joint policy, sampled with one deviating agent (F.2, D20); float.

    The deviator, drawn from the evaluation's own stream, improves its policy against the frozen
    others; then it is its mean return minus that of the others. Everything happens on copies of the
    population at the start of iteration k; with `evaluation_moves` agents stay where it ends.
    """
    n_agents = population.size
    deviator = int(streams.integers(experiment, "deviator", iteration, 1, n_agents)[0])
    generators = streams.action_generators(experiment, "evaluation_actions", iteration, n_agents)
    walk = Walk.of(population, game, experiment.entropy_weight, generators)
    walk = walk.with_deviator(deviator, generators)
    own = population.policies[population.policy_index[[deviator]]]
    shuffles = streams.shuffle_generators(experiment, "evaluation_shuffles", iteration, 1)
    algorithm = experiment.make_algorithm()
    alone = np.array([deviator], dtype=np.int32)

    for _ in range(experiment.improvement_iterations):
        seen = rollout(experiment, walk, algorithm.n_discarded, alone, population=False)
        q_values = algorithm.q_values(Lesson(seen.transitions, shuffles, own, population))
        own = improve_policies(experiment, own, np.zeros(1, dtype=np.int32), q_values)
        walk.tables[-1:] = kernels.policy_tables(own, experiment.entropy_weight)

    gains = []
    for _ in range(experiment.evaluation_iterations):
        seen = rollout(experiment, walk, algorithm.n_discarded, deviator=deviator)
        others = (seen.population_rewards - seen.deviator_rewards) / (n_agents - 1)
        gains.append(
            discounted_return(
                seen.deviator_rewards - others, experiment.discount, experiment.return_horizon
            )
        )
    if experiment.evaluation_moves:
        population.states = walk.states
    return math.fsum(gains) / len(gains)
