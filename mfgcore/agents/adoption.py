"""Communication: policies spreading through the population (Alg. 1, lines 11-18)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mfgcore import kernels
from mfgcore._base.registry import Registry
from mfgcore.agents import random_streams as streams
from mfgcore.meanfield.policies import policy_distances

if TYPE_CHECKING:
    from mfgcore.agents.networks import Links
    from mfgcore.agents.population import Walk
    from mfgcore.experiment.experiment import Experiment

ADOPTIONS = Registry("adoption")


def rank_policies(scores: np.ndarray, totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order in which agents prefer the policies of others.

    The smallest sigma comes first; ties go by the total change, then by the originating agent's
    number (App. C). Agents without a score (infinity) come last. Scores and totals are those of
    :func:`mfgcore.agents.algorithms.policy_change`, (n_agents,) float64.

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


def communicate(
    walk: "Walk", scores: np.ndarray, totals: np.ndarray, network: "Links | None", rounds: int
) -> np.ndarray:
    """The C communication rounds of an iteration; in each, everybody also takes a step of the walk.

    Scores and totals are as in :func:`rank_policies`; the network is
    :class:`mfgcore.agents.networks.Links`, or None: nobody hears a neighbour.

    Returns
    -------
    (n_agents,) int64
        The agent whose policy each follows at the end.
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
    return order[ranks]


@ADOPTIONS.register
def best(
    experiment: "Experiment",
    iteration: int,
    walk: "Walk",
    scores: np.ndarray,
    network: "Links | None",
) -> np.ndarray:
    """The one of the best score (Alg. 1, line 15)."""
    return communicate(walk, scores[0], scores[1], network, experiment.communication_rounds)


@ADOPTIONS.register("adoption_temperature", "final_adoption_temperature")
def softmax(
    experiment: "Experiment", iteration: int, walk: "Walk", scores: np.ndarray, network: "Links"
) -> np.ndarray:
    """Drawn by each agent in each round, by the softmax of its neighbours' scores."""
    first, last = experiment.adoption_temperature, experiment.final_adoption_temperature
    share = iteration / max(1, experiment.iterations - 1)
    temperature = first * float(kernels.exp(share * kernels.log(last / first)))
    policies, origin = walk.policy_index.copy(), np.arange(walk.states.size)
    rounds = experiment.communication_rounds
    for c in range(rounds):
        groups = walk.states if network.groups is None else network.groups
        drawn = streams.words(experiment, "adoptions", iteration * rounds + c, origin.size, 2)
        drawn = (drawn >> np.uint64(11)) * 2.0**-53
        origin = origin[draw_neighbours(scores[0, origin] / temperature, groups, network, drawn)]
        walk.policy_index = policies[origin]
        kernels.step_population(**walk.arguments(), n_steps=1)
    return origin


def draw_neighbours(
    scores: np.ndarray, groups: np.ndarray, network: "Links", drawn: np.ndarray
) -> np.ndarray:
    """One of those that each agent hears, itself included, with probability ~ exp(-score).

    Parameters
    ----------
    scores : (n_agents,) float64
        Infinite: not to be drawn. Whoever hears nobody else keeps to itself.
    groups : (n_agents,) int32
    network : Links
    drawn : (n_agents, 2) float64
        Numbers in [0, 1): for the group, and for the agent in it.

    Returns
    -------
    (n_agents,) int64
    """
    n_groups = network.first_neighbour.size - 1
    # all weights are relative to the best of their group, and a group's to the best that is heard:
    # nothing that could be drawn is lost beside what is far away
    best_of = np.full(n_groups, np.inf)
    np.minimum.at(best_of, groups, scores)
    finite = np.isfinite(scores)
    weights = np.zeros(scores.size)
    weights[finite] = kernels.exp(best_of[groups[finite]] - scores[finite])
    members = np.argsort(groups, kind="stable")
    up_to = np.concatenate(([0.0], np.cumsum(weights[members])))
    first_member = np.searchsorted(groups[members], np.arange(n_groups + 1))

    begin, heard = network.first_neighbour, network.neighbours
    hearer = np.repeat(np.arange(n_groups), np.diff(begin))
    best_heard = np.full(n_groups, np.inf)
    np.minimum.at(best_heard, hearer, best_of[heard])
    total = np.diff(up_to[first_member])[heard]
    seen = np.isfinite(best_of[heard])
    total[seen] *= kernels.exp(best_heard[hearer[seen]] - best_of[heard[seen]])
    total[~seen] = 0.0
    groups_up_to = np.concatenate(([0.0], np.cumsum(total)))

    link = _draw(groups_up_to, begin[groups], begin[groups + 1], drawn[:, 0])
    group = heard[link]
    chosen = members[_draw(up_to, first_member[group], first_member[group + 1], drawn[:, 1])]
    return np.where(np.isfinite(best_heard[groups]), chosen, np.arange(scores.size))


def _draw(up_to, first, end, drawn):
    """Places in [first, end), with probabilities as the differences of `up_to`."""
    low, high = up_to[first], up_to[end]
    target = np.minimum(low + drawn * (high - low), np.nextafter(high, -np.inf))
    return np.clip(np.searchsorted(up_to, target, side="right") - 1, first, end - 1)


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
