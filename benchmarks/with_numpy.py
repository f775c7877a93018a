"""The same work in NumPy, vectorised over the agents."""

import numpy as np


def advance(generators):
    """One word from each xoshiro128++ generator; (4, ...) uint32."""
    s0, s1, s2, s3 = generators
    words = s0 + s3
    words = (words << 7 | words >> 25) + s0
    shifted = s1 << 9
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3[:] = s3 << 11 | s3 >> 21
    return words


def replay(transitions, q_values, generators, replay_cycles, learning_rate, discount):
    n_learners, n = transitions.shape
    state = np.ascontiguousarray(generators.transpose(1, 0, 2))
    everybody = np.arange(n_learners)
    keep, ahead = 1.0 - learning_rate, learning_rate * discount
    for _ in range(replay_cycles):
        for i in range(n):
            if i % 16 == 0:
                words = advance(state).astype(np.uint64)
            partner = i + (words[:, i % 16] * np.uint64(n - i) >> np.uint64(32)).astype(np.int64)
            chosen = transitions[everybody, partner]
            transitions[everybody, partner] = transitions[:, i]
            transitions[:, i] = chosen
            q_values[everybody, chosen["pair"]] = keep * q_values[everybody, chosen["pair"]] + (
                learning_rate * chosen["reward"] + ahead * q_values[everybody, chosen["next_pair"]]
            )


def step(
    states, policy_index, tables, next_states, next_state_thresholds, rewards, generators, *,
    n_steps, population_rewards, occupancy, learners, transitions, interval, n_discarded,
):  # fmt: skip
    n_states, n_actions, _ = next_states.shape
    cells = np.arange(n_states)
    filled = 0
    own_rewards = begun = None  # of the transition that lacks its next pair
    for t in range(n_steps):
        counts = np.bincount(states, minlength=n_states)
        occupancy += counts
        reward = rewards[cells, counts]
        uniforms = (advance(generators) >> 1).astype(np.int32)
        actions = (uniforms[:, None] > tables["thresholds"][policy_index, states]).sum(axis=1)
        bonus = tables["entropy"][policy_index, states]
        population_rewards[t] = counts @ reward + bonus.sum()
        pairs = states * n_actions + actions
        if (t + 1) % interval == 0 and (t + 1) // interval > n_discarded:
            transitions["reward"][:, filled] = own_rewards
            transitions["pair"][:, filled] = begun
            transitions["next_pair"][:, filled] = pairs[learners]
            filled += 1
        if (t + 2) % interval == 0:
            begun = pairs[learners]
            own_rewards = reward[states[learners]] + bonus[learners]
        states[:] = next_states[states, actions, 0]


def ascend(policies, policy_index, q_values, step_size, entropy_weight):
    """Newton's method for nu, and one correction of every log(u / weight) with each step."""
    weight = step_size * entropy_weight
    scores = policies[policy_index] + step_size * q_values
    scores -= scores.max(axis=-1, keepdims=True)
    nu = np.full((*scores.shape[:-1], 1), -1.0)
    y = np.full(scores.shape, -np.log(weight))
    for _ in range(200):
        x = (scores - nu) / weight - np.log(weight)
        y = np.minimum(y, x)
        power = np.exp(y)
        share = power / (1.0 + power)
        g = (power + y - x) / (1.0 + power)
        correction = -g * (1.0 - 0.5 * g * share) / (1.0 - g * share * (1.0 - g / 6.0))
        power *= np.exp(correction)
        step = (weight * power.sum(axis=-1, keepdims=True) - 1.0) / share.sum(-1, keepdims=True)
        step *= np.abs(correction).max(axis=-1, keepdims=True) < 0.5
        nu += step
        y += correction - step / weight / (1.0 + power)
        if np.abs(correction).max() < 1e-4 and np.abs(step).max() < 1e-8 * weight:
            break
    return power / power.sum(axis=-1, keepdims=True)


def gossip_round(states, ranks, first_neighbour, neighbours):
    best_here = np.full(first_neighbour.size - 1, np.iinfo(np.int32).max, dtype=np.int32)
    np.minimum.at(best_here, states, ranks)
    best_near = np.minimum.reduceat(best_here[neighbours], first_neighbour[:-1])
    ranks[:] = best_near[states]
