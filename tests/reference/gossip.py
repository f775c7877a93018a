"""Communication rounds, agent by agent and by their distances (Alg. 2, lines 22-29).

Formulated without ranks and without lists of neighbouring cells: every agent holds
(sigma, total change, originating agent) of its policy, and hears every agent near enough.
"""

import math

from reference import stepping


def distance(cell, other, size, boundary="wall"):
    """Euclidean distance of two cells, on a torus the shorter way round."""
    offsets = []
    for a, b in zip(divmod(int(cell), size), divmod(int(other), size), strict=True):
        offset = abs(a - b)
        offsets.append(min(offset, size - offset) if boundary == "torus" else offset)
    return math.hypot(*offsets)


def neighbours(states, i, size, reach, boundary="wall"):
    """J_t^i and i itself: the agents at most `reach` away from agent i."""
    return [
        j
        for j in range(len(states))
        if distance(states[i], states[j], size, boundary) <= reach + 1e-9
    ]


def adopt(held, states, size, reach, boundary="wall"):
    """One round: everybody at once takes the smallest key within hearing (lines 23-26)."""
    return [
        min(held[j] for j in neighbours(states, i, size, reach, boundary))
        for i in range(len(states))
    ]


def communicate(walk, scores, totals, size, reach, rounds, boundary="wall"):
    """All rounds, each with a step. `walk` is that of the stepping twin; it changes in place.

    `reach` None: nobody hears anybody, not even an agent of the same cell.
    """
    states, policy_index = walk["states"], walk["policy_index"]
    policy_of = [int(policy) for policy in policy_index]  # of the agent that it comes from
    held = [(float(scores[i]), float(totals[i]), i) for i in range(len(states))]
    for _ in range(rounds):
        if reach is not None:
            held = adopt(held, states, size, reach, boundary)
        policy_index[:] = [policy_of[origin] for _, _, origin in held]
        stepping.step(**walk)
    return held
