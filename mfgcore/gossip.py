"""Communication: policies spreading through the population (Alg. 1, lines 11-18)."""

import numpy as np

from mfgcore import kernels


def rank_policies(scores, totals):
    """Order in which agents prefer the policies of others.

    The smallest sigma comes first; ties go by the total change, then by the originating agent's
    number (App. C). Agents without a score (infinity) come last.

    Parameters
    ----------
    scores, totals : (n_agents,) float64
        See :func:`mfgcore.learning.policy_change`.

    Returns
    -------
    ranks : (n_agents,) int32
        Rank of each agent's policy.
    order : (n_agents,) int64
        Agent of each rank.
    """
    order = np.lexsort((np.arange(scores.size), totals, scores))
    ranks = np.empty(scores.size, dtype=np.int32)
    ranks[order] = np.arange(scores.size, dtype=np.int32)
    return ranks, order


def communicate(hears, walk, scores, totals, network, rounds):
    """The communication rounds of an iteration; in each, everybody also takes a step.

    Parameters
    ----------
    hears : {"nobody", "neighbours", "learner"}
        See :class:`mfgcore.architectures.Architecture`.
    walk : Walk
        Its states, generators and policy index change.
    scores, totals : (n_agents,) float64
        See :func:`rank_policies`.
    network : pair of arrays
        See :func:`mfgcore.networks.neighbour_cells`.
    rounds : int
        C of the paper.
    """
    if hears == "learner":
        walk.policy_index[:] = walk.policy_index[0]
    nobody = (np.zeros(walk.next_state.shape[0] + 1, dtype=np.int32), np.empty(0, dtype=np.int32))
    ranks, order = rank_policies(scores, totals)
    policy_of_rank = walk.policy_index[order]
    kernels.communicate(
        walk.states, ranks, policy_of_rank, walk.thresholds, walk.entropies, walk.next_state,
        walk.rewards, walk.generators, *(network if hears == "neighbours" else nobody), rounds,
    )  # fmt: skip
    walk.policy_index = policy_of_rank[ranks]
