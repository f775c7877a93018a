"""Communication rounds, agent by agent and link by link (Alg. 2, lines 22-29).

Formulated without ranks and without groups: every agent holds (sigma, total change, originating
agent) of its policy. Whom it hears is a function ``hears(states, c, i)`` of everybody's cells, the
round and the agent.
"""

import itertools
import math

from reference import elementary, stepping


def distance(cell, other, size, boundary="wall"):
    """Euclidean distance of two cells, on a torus the shorter way round."""
    offsets = []
    for a, b in zip(divmod(int(cell), size), divmod(int(other), size), strict=True):
        offset = abs(a - b)
        offsets.append(min(offset, size - offset) if boundary == "torus" else offset)
    return math.hypot(*offsets)


def within(size, reach, boundary="wall"):
    """J_t^i and i itself: the agents at most `reach` away from agent i."""
    return lambda states, c, i: [
        j
        for j in range(len(states))
        if distance(states[i], states[j], size, boundary) <= reach + 1e-9
    ]


def along(edges):
    """The agents that some pair of numbers links to agent i, and i itself."""
    return lambda states, c, i: [i] + [a + b - i for a, b in edges if i in (a, b)]


def splitmix(seed, number):
    """Word `number` of the SplitMix64 sequence of a seed (Steele, Lea & Flood, 2014)."""
    word = (seed + (number + 1) * 0x9E3779B97F4A7C15) % 2**64
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB % 2**64
    return word ^ (word >> 31)


def is_up(seed, i, j, drop_probability):
    """Whether the link of two agents does not fail; every agent always hears itself."""
    low, high = sorted((i, j))
    return i == j or (splitmix(int(seed), low * 2**32 + high) >> 11) * 2.0**-53 >= drop_probability


def failing(hears, seeds, drop_probability):
    """Those heard whose link is up in round c."""
    return lambda states, c, i: [
        j for j in hears(states, c, i) if is_up(seeds[c], i, j, drop_probability)
    ]


def adopt_from_anyone(held, seed, probability):
    """One round in which any two agents are linked with one probability, by its geometric law."""
    chance = elementary.log(1.0 - probability)
    chance = 1.0 / chance if chance else -math.inf
    kept = []
    for i, own in enumerate(held):
        better = sorted(key for key in held if key < own)
        uniform = ((splitmix(int(seed), i) >> 12) + 0.5) * 2.0**-52
        missed = elementary.log(uniform) * chance
        kept.append(better[int(missed)] if missed < len(better) else own)
    return kept


def adopt(held, states, hears, c=0):
    """One round: everybody at once takes the smallest key within hearing (lines 23-26)."""
    return [min(held[j] for j in hears(states, c, i)) for i in range(len(states))]


def communicate(walk, scores, totals, hears, rounds):
    """All rounds, each with a step. `walk` is that of the stepping twin; it changes in place.

    `hears` None: nobody hears anybody, not even an agent of the same cell.
    """
    states, policy_index = walk["states"], walk["policy_index"]
    policy_of = [int(policy) for policy in policy_index]  # of the agent that it comes from
    held = [(float(scores[i]), float(totals[i]), i) for i in range(len(states))]
    for c in range(rounds):
        if hears is not None:
            held = adopt(held, states, hears, c)
        policy_index[:] = [policy_of[origin] for _, _, origin in held]
        stepping.step(**walk)
    return held


def draw_neighbour(scores, groups, network, i, first, second):
    """Whose policy agent i adopts in a round of softmax adoption: a group, then one of its agents.

    Together that is one of all whom it hears, with probability ~ exp(-score).
    """
    begin, end = network.first_neighbour[groups[i]], network.first_neighbour[groups[i] + 1]
    members = [
        [j for j in range(len(scores)) if groups[j] == group]
        for group in network.neighbours[begin:end]
    ]
    best = min((scores[j] for group in members for j in group), default=math.inf)
    if best == math.inf:
        return i
    weights = []
    for group in members:
        own = min((scores[j] for j in group), default=math.inf)
        weight = sum(elementary.exp(own - scores[j]) for j in group if scores[j] < math.inf)
        weights.append(weight * elementary.exp(best - own) if own < math.inf else 0.0)
    group = members[pick(weights, first)]
    own = min(scores[j] for j in group)
    weights = [elementary.exp(own - scores[j]) if scores[j] < math.inf else 0.0 for j in group]
    return group[pick(weights, second)]


def pick(weights, drawn):
    """A place, with probability as its weight."""
    up_to = list(itertools.accumulate(weights))
    target = min(drawn * up_to[-1], math.nextafter(up_to[-1], 0.0))
    return next(place for place, reached in enumerate(up_to) if reached > target)
