"""Communication: policies spreading through the population (Alg. 1, lines 11-18).

An adoption rule chooses, in every communication round, the agent whose policy each agent adopts.
The loop over the rounds, with a step of the population in each, is here.
"""

from dataclasses import dataclass

import numpy as np

from mfgcore import kernels
from mfgcore._base.errors import ConfigurationError, shorten
from mfgcore.agents.rollout import RolloutState
from mfgcore.experiment.components import ADOPTIONS, Adoption, Links
from mfgcore.experiment.random_streams import RandomStreams, as_uniforms

register = ADOPTIONS.register


@dataclass(frozen=True)
class AdoptionRound:
    """What an adoption rule chooses by, in one communication round.

    Parameters
    ----------
    iteration, round, rounds : int
        k of the paper, the number of the round, from 0, and how many there are.
    scores : (n_agents,) float64
        Of the policy that each agent follows, the smaller the better; infinity: not to be adopted.
    groups : (n_agents,) int32
        Group of each agent.
    links : Links
        Which groups are linked.
    uniforms : (n_agents, 2) float64
        Random numbers in [0, 1) of each agent.
    """

    iteration: int
    round: int
    rounds: int
    scores: np.ndarray
    groups: np.ndarray
    links: Links
    uniforms: np.ndarray

    def heard_by(self, agent: int) -> np.ndarray:
        """Numbers of the agents that one hears, itself included; (n,) int64."""
        first = self.links.first_neighbour[self.groups[agent] :]
        return np.flatnonzero(np.isin(self.groups, self.links.neighbours[first[0] : first[1]]))


def rank_policies(scores: np.ndarray, totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order in which agents prefer the policies of others.

    The smallest sigma comes first; ties go by the total change, then by the originating agent's
    number (App. C). Agents without a score (infinity) come last. Scores and totals are those of
    :func:`mfgcore.agents.policy_improvement.policy_change`, (n_agents,) float64.

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
    state: RolloutState, scores: np.ndarray, totals: np.ndarray, links: Links | None, rounds: int
) -> np.ndarray:
    """Take the C communication rounds of an iteration, with a step of the population in each.

    Scores and totals are as in :func:`rank_policies`; without links nobody hears a neighbour.

    Returns
    -------
    (n_agents,) int64
        The agent whose policy each follows at the end.
    """
    ranks, order = rank_policies(scores, totals)
    policy_of_rank = state.policy_index[order]
    kernels.communicate(
        **state.arguments(),
        ranks=ranks,
        policy_of_rank=policy_of_rank,
        rounds=rounds,
        **({} if links is None else links.arguments()),
    )
    state.policy_index = policy_of_rank[ranks]
    return order[ranks]


def communicate_by(
    adoption: Adoption,
    state: RolloutState,
    scores: np.ndarray,
    links: Links | None,
    rounds: int,
    iteration: int,
    random_streams: RandomStreams,
) -> np.ndarray:
    """As :func:`communicate`, by an adoption rule; scores and totals are (2, n_agents) float64."""
    if adoption.choose is None or links is None:
        return communicate(state, scores[0], scores[1], links, rounds)
    policies, origin = state.policy_index.copy(), np.arange(state.states.size)
    for c in range(rounds):
        drawn = random_streams.raw_bits("adoptions", iteration * rounds + c, origin.size, 2)
        groups = links.groups_of(state.states)
        given = (scores[0, origin], groups, links, as_uniforms(drawn))
        chosen = np.asarray(adoption.choose(AdoptionRound(iteration, c, rounds, *given)))
        _check(chosen, origin.size)
        origin = origin[chosen]
        state.policy_index = policies[origin]
        kernels.step_population(**state.arguments(), n_steps=1)
    return origin


def _check(chosen, n_agents):
    whole = chosen.dtype.kind in "iu" and chosen.shape == (n_agents,)
    if not whole or chosen.min() < 0 or chosen.max() >= n_agents:
        raise ConfigurationError(
            f"adoption: {shorten(chosen)} is not the number of an agent, 0 to {n_agents - 1}, for "
            f"each of {n_agents} agents"
        )


@register
def best() -> Adoption:
    """The policy with the best score (Alg. 1, line 15)."""
    return Adoption()


@register
def softmax(
    *, adoption_temperature: float, final_adoption_temperature: float, iterations: int
) -> Adoption:
    """Each agent draws in each round, by the softmax of its neighbours' scores."""
    first, last = adoption_temperature, final_adoption_temperature

    def choose(now):
        share = now.iteration / max(1, iterations - 1)
        temperature = first * float(kernels.exp(share * kernels.log(last / first)))
        return draw_neighbours(now.scores / temperature, now.groups, now.links, now.uniforms)

    return Adoption(choose)


def draw_neighbours(
    scores: np.ndarray, groups: np.ndarray, links: Links, drawn: np.ndarray
) -> np.ndarray:
    """One of those that each agent hears, itself included, with probability ~ exp(-score).

    Parameters
    ----------
    scores : (n_agents,) float64
        Infinite: not to be drawn. Whoever hears nobody else keeps to itself.
    groups : (n_agents,) int32
    links : Links
    drawn : (n_agents, 2) float64
        Numbers in [0, 1): for the group, and for the agent in it.

    Returns
    -------
    (n_agents,) int64
    """
    n_groups = links.first_neighbour.size - 1
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

    begin, heard = links.first_neighbour, links.neighbours
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
