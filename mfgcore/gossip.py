"""Communication: policies spreading through the population (Alg. 1, lines 11-18)."""

from dataclasses import dataclass

import numpy as np

from mfgcore import kernels
from mfgcore.population import policy_distances


def rank_policies(scores, totals):
    """Order in which agents prefer the policies of others.

    The smallest sigma comes first; ties go by the total change, then by the originating agent's
    number (App. C). Agents without a score (infinity) come last. Scores and totals are those of
    :func:`mfgcore.learning.policy_change`, (n_agents,) float64.

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


def communicate(walk, scores, totals, network, rounds):
    """The C communication rounds of an iteration; in each, everybody also takes a step of the walk.

    Scores and totals are as in :func:`rank_policies`; the network is
    :class:`mfgcore.networks.Links`, or None: nobody hears a neighbour.
    """
    ranks, order = rank_policies(scores, totals)
    policy_of_rank = walk.policy_index[order]
    kernels.communicate(
        **walk.arguments(),
        ranks=ranks,
        policy_of_rank=policy_of_rank,
        rounds=rounds,
        **({} if network is None else network.arguments()),
    )
    walk.policy_index = policy_of_rank[ranks]


@dataclass(frozen=True)
class Adoptions:
    """What the communication rounds of an iteration did to the policies, and the theorems' fate.

    Parameters
    ----------
    adopted_policies : int
        Policies that somebody adopted and follows at the end of the rounds.
    theorem_3_1_violations : int
        Those of them from which the population's divergence, Delta of Sec. 3.2 with the adopted
        policy for reference, is not smaller after the rounds than before. The theorem is about
        one adoption; here all adoptions of an iteration are taken together.
    theorem_3_2_premises : int
        1 if all agents shared one policy before the update, all policies differed after it, and
        1 < n < N are left; otherwise 0.
    theorem_3_2_violations : int
        1 if, the premises given, the bound 2 max ||pi_{k+1} - pi_k||_1 over the policies left is
        not smaller than over all, or two of those left are further apart than the bound.
    """

    adopted_policies: int
    theorem_3_1_violations: int
    theorem_3_2_premises: int
    theorem_3_2_violations: int


def examine_adoptions(policies, before, after, shared=None):
    """Compare the policies before and after the communication rounds with Theorems 3.1 and 3.2.

    `before` and `after`, (n_agents,) int32, say which of the policies each agent has; `shared` is
    the one that all agents shared before their update, if they did. Returns :class:`Adoptions`.
    """
    adopted = np.unique(after[before != after])
    held = np.unique(before)
    violations = 0
    for row in adopted:
        distances = np.zeros(len(policies))
        distances[held] = policy_distances(policies[held], policies[row])
        violations += not distances[after].sum() < distances[before].sum()
    left = np.unique(after)
    all_differ = len(held) == len(before)
    premises = shared is not None and all_differ and 1 < len(left) < len(before)
    broken = False
    if premises:
        change = policy_distances(policies, policies[shared])
        bound = 2.0 * change[left].max()
        widest = max(policy_distances(policies[left], policies[row]).max() for row in left)
        # the rounding of the sums of a row, far above which a real violation would be
        broken = not bound < 2.0 * change[held].max() or widest > bound + 1e-12
    return Adoptions(len(adopted), int(violations), int(premises), int(broken))
