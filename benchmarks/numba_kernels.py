"""Kernels in Numba: plain loops, one agent after the other; arguments as in `mfgcore.kernels`."""

import numba
import numpy as np

jit = numba.njit


@jit
def advance(generators, lane):
    s0, s1, s2, s3 = (
        generators[0, lane], generators[1, lane], generators[2, lane], generators[3, lane]
    )  # fmt: skip
    word = np.uint32(s0 + s3)
    word = np.uint32(np.uint32(word << np.uint32(7)) | (word >> np.uint32(25)))
    word = np.uint32(word + s0)
    shifted = np.uint32(s1 << np.uint32(9))
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = np.uint32(np.uint32(s3 << np.uint32(11)) | (s3 >> np.uint32(21)))
    generators[0, lane], generators[1, lane] = s0, s1
    generators[2, lane], generators[3, lane] = s2, s3
    return word


@jit
def replay_td(transitions, q_values, generators, cycles, td_learning_rate, discount):
    n_learners, n = transitions.shape
    keep, ahead = 1.0 - td_learning_rate, td_learning_rate * discount
    for learner in range(n_learners):
        q, buffer, state = q_values[learner], transitions[learner], generators[learner]
        for _ in range(cycles):
            for i in range(n):
                word = np.uint64(advance(state, i % 16))
                partner = i + np.int64((word * np.uint64(n - i)) >> np.uint64(32))
                reward = buffer[partner].reward
                pair, next_pair = buffer[partner].pair, buffer[partner].next_pair
                buffer[partner] = buffer[i]
                buffer[i].reward, buffer[i].pair, buffer[i].next_pair = reward, pair, next_pair
                q[pair] = keep * q[pair] + (td_learning_rate * reward + ahead * q[next_pair])


def step_population(
    states, policy_index, tables, next_states, next_state_thresholds, rewards, generators, *,
    n_steps, population_rewards, occupancy, learners, transitions, interval, n_discarded,
):  # fmt: skip
    _step(
        states, policy_index, tables["thresholds"], tables["entropy"], next_states[..., 0],
        rewards, generators, n_steps, population_rewards, occupancy, learners, transitions,
        interval, n_discarded,
    )  # fmt: skip


@jit
def _step(
    states, policy_index, thresholds, entropies, next_state, rewards, generators, n_steps,
    population_rewards, occupancy, learners, transitions, interval, n_discarded,
):  # fmt: skip
    n_agents, n_states, n_actions = states.size, next_state.shape[0], next_state.shape[1]
    pairs = np.zeros(n_agents, dtype=np.int32)
    begun = np.zeros(learners.size, dtype=np.int32)
    own_rewards = np.zeros(learners.size)
    filled = 0
    counts = np.zeros(n_states, dtype=np.int32)
    for i in range(n_agents):
        counts[states[i]] += 1
    paid = np.zeros(n_states)
    for t in range(n_steps):
        total = 0.0
        for s in range(n_states):
            occupancy[s] += counts[s]
            paid[s] = rewards[s, counts[s]]
            total += counts[s] * paid[s]
            counts[s] = 0
        for i in range(n_agents):
            state, policy = states[i], policy_index[i]
            uniform = np.int32(advance(generators, i) >> np.uint32(1))
            action = 0
            for b in range(n_actions - 1):
                action += uniform > thresholds[policy, state, b]
            total += entropies[policy, state]
            pairs[i] = state * n_actions + action
            states[i] = next_state[state, action]
            counts[states[i]] += 1
        population_rewards[t] = total
        if (t + 1) % interval == 0 and (t + 1) // interval > n_discarded:
            for j in range(learners.size):
                transitions[j, filled].reward = own_rewards[j]
                transitions[j, filled].pair = begun[j]
                transitions[j, filled].next_pair = pairs[learners[j]]
            filled += 1
        if (t + 2) % interval == 0:
            for j in range(learners.size):
                begun[j] = pairs[learners[j]]
                state = begun[j] // n_actions
                own_rewards[j] = paid[state] + entropies[policy_index[learners[j]], state]


@jit
def mirror_ascent(policies, policy_index, q_values, step_size, entropy_weight):
    """Newton's method for nu, and one correction of every log(u / weight) with each step."""
    n_learners, n_states, n = q_values.shape
    weight = step_size * entropy_weight
    log_weight = np.log(weight)
    result = np.empty(q_values.shape)
    y = np.empty(n)
    for learner in range(n_learners):
        for s in range(n_states):
            scores = policies[policy_index[learner], s] + step_size * q_values[learner, s]
            scores -= scores.max()
            nu = -1.0
            y[:] = -log_weight
            u = result[learner, s]
            for _ in range(200):
                total, slope, largest = 0.0, 0.0, 0.0
                for a in range(n):
                    x = (scores[a] - nu) / weight - log_weight
                    y[a] = min(y[a], x)
                    power = np.exp(y[a])
                    share = power / (1.0 + power)
                    g = (power + y[a] - x) / (1.0 + power)
                    correction = -g * (1.0 - 0.5 * g * share) / (1.0 - g * share * (1.0 - g / 6.0))
                    y[a] += correction
                    u[a] = weight * power * np.exp(correction)
                    total += u[a]
                    slope += share
                    largest = max(largest, abs(correction))
                step = (total - 1.0) / slope
                if largest < 1e-4 and abs(step) < 1e-8 * weight:
                    break
                if largest < 0.5:
                    nu += step
                    for a in range(n):
                        y[a] -= step / (weight + u[a])
            for a in range(n):
                u[a] /= total
    return result
