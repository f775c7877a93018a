"""The sampled metrics: discounted return and exploitability (Sec. 4.1, F.2)."""

import math

import numpy as np

from mfgcore import kernels, streams
from mfgcore.learning import ALGORITHMS, estimate_q_values, exact_q_values, improve_policies
from mfgcore.population import NOBODY, observe


def discounted_return(rewards, discount, horizon):
    """Mean over start times of the discounted sum of the next `horizon` rewards (D19).

    Parameters
    ----------
    rewards : (n_steps,) float64
        r + h at each step; n_steps >= horizon.
    discount : float
        gamma of the paper.
    horizon : int
        H, with discount**H <= 1e-6.

    Returns
    -------
    float
        Start times are those with all their H steps inside the array. What lies beyond H is cut
        off: the value is too small by at most discount**H (1 + h_max) / (1 - discount), a
        relative error of 1e-6 at the most.
    """
    n_starts = rewards.size - horizon + 1
    sums = np.concatenate(([0.0], np.cumsum(rewards)))
    means = (sums[n_starts : n_starts + horizon] - sums[:horizon]) / n_starts
    weights = np.multiply.accumulate(np.concatenate(([1.0], np.full(horizon - 1, discount))))
    return math.fsum(weights * means)


def sample_exploitability(experiment, walk, policies, iteration):
    """Exploitability of the joint policy, sampled with one deviating agent (F.2, D20).

    The deviator, drawn from the evaluation's own stream, improves its policy against the frozen
    others, then its mean return is compared with theirs. Everything happens on copies.

    Parameters
    ----------
    experiment : Experiment
    walk : Walk
        The population at the start of the iteration; left as it is.
    policies : (n_policies, n_states, n_actions) float64
    iteration : int
        k of the paper.

    Returns
    -------
    float
        The deviator's mean return minus the mean return of the others.
    """
    n_agents, followed = walk.states.size, walk.policy_index
    deviator = int(streams.integers(experiment, "deviator", iteration, 1, n_agents)[0])
    walk = type(walk)(
        states=walk.states.copy(),
        policy_index=walk.policy_index.copy(),
        thresholds=np.concatenate((walk.thresholds, walk.thresholds[:1])),
        entropies=np.concatenate((walk.entropies, walk.entropies[:1])),
        next_state=walk.next_state,
        rewards=walk.rewards,
        generators=streams.action_generators(experiment, "evaluation_actions", iteration, n_agents),
    )
    own = np.array([policies.shape[0]], dtype=np.int32)  # the deviator's own row of the tables
    policy = policies[walk.policy_index[deviator]][None]
    row = walk.policy_index[deviator]
    walk.thresholds[own], walk.entropies[own] = walk.thresholds[row], walk.entropies[row]
    walk.policy_index[deviator] = own[0]
    shuffles = streams.shuffle_generators(experiment, "evaluation_shuffles", iteration, 1)
    algorithm = ALGORITHMS[experiment.algorithm]
    skipped = algorithm.skipped(experiment)
    learners = np.array([deviator], dtype=np.int32) if algorithm.learn else NOBODY

    for _ in range(experiment.improvement_iterations):
        seen = observe(experiment, walk, skipped, learners)
        if algorithm.learn:
            q_values = estimate_q_values(experiment, seen.transitions, shuffles)
        else:
            q_values = exact_q_values(experiment, policies, followed, policy)
        policy = improve_policies(experiment, policy, np.zeros(1, dtype=np.int32), q_values)
        walk.thresholds[own], walk.entropies[own] = kernels.policy_tables(
            policy, experiment.entropy_weight
        )

    gains = []
    for _ in range(experiment.evaluation_iterations):
        seen = observe(experiment, walk, skipped, deviator=deviator)
        others = (seen.population_rewards - seen.deviator_rewards) / (n_agents - 1)
        gains.append(
            discounted_return(
                seen.deviator_rewards - others, experiment.discount, experiment.return_horizon
            )
        )
    return math.fsum(gains) / len(gains)
