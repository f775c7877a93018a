"""Theorems 3.1 and 3.2, compared with what the communication of a run does to its policies."""

from dataclasses import dataclass

import numpy as np

from mfgcore.meanfield.policies import policy_distances


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
    theorem_3_1_rise : float
        By how much that divergence rose at most, from the adopted policy from which it rose most;
        0 if it rose from none.
    theorem_3_2_premises : int
        1 if all agents shared one policy before the update, all policies differed after it, and
        1 < n < N are left; otherwise 0.
    theorem_3_2_violations : int
        1 if, the premises given, the bound 2 max ||pi_{k+1} - pi_k||_1 over the policies left is
        not smaller than over all, or two of those left are further apart than the bound.
    """

    adopted_policies: int
    theorem_3_1_violations: int
    theorem_3_1_rise: float
    theorem_3_2_premises: int
    theorem_3_2_violations: int


def examine_adoptions(
    policies: np.ndarray, before: np.ndarray, after: np.ndarray, shared: int | None = None
) -> Adoptions:
    """Compare the policies before and after the communication rounds with Theorems 3.1 and 3.2.

    `before` and `after`, (n_agents,) int32, say which of the policies each agent has; `shared` is
    the one that all agents shared before their update, if they did. Returns :class:`Adoptions`.
    """
    adopted = np.unique(after[before != after])
    held = np.unique(before)
    violations, rise = 0, 0.0
    for row in adopted:
        distances = np.zeros(len(policies))
        distances[held] = policy_distances(policies[held], policies[row])
        earlier, now = distances[before].sum(), distances[after].sum()
        violations += not now < earlier
        rise = max(rise, float(now - earlier) / len(after))
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
    return Adoptions(len(adopted), int(violations), rise, int(premises), int(broken))
