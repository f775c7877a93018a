"""A population walking through the game (Alg. 1, lines 5-7; Alg. 2, lines 6-13 and 27)."""

import numpy as np

from reference import elementary, streams


def policy_tables(policies, entropy_weight):
    """Thresholds of the cumulated probabilities in units of 2**-31, and h = -lambda sum u log u."""
    n_policies, n_states, n_actions = policies.shape
    tables = np.empty(
        (n_policies, n_states), [("thresholds", np.int32, n_actions - 1), ("entropy", np.float64)]
    )
    for place in np.ndindex(n_policies, n_states):
        row = policies[place].tolist()
        cumulated, cuts = 0.0, []
        for u in row[:-1]:
            cumulated += u
            cuts.append(round(min(cumulated, 1.0) * 2.0**31) - 1)
        total = 0.0
        for u in row:
            if u > 0.0:
                total += u * elementary.log(u)
        tables[place] = cuts, -entropy_weight * total
    return tables


def choose_action(word, thresholds):
    """The action that 31 random bits choose: the number of thresholds below them."""
    return sum((word >> 1) > int(threshold) for threshold in thresholds)


def sum_in_four_parts(values):
    """Sum in the kernel's order: agents are dealt to four partial sums, the last few to the first.

    Floating-point sums depend on their order, so the order is part of what the kernel promises.
    """
    parts = [0.0] * 4
    whole = len(values) // 4 * 4
    for i in range(whole):
        parts[i % 4] += values[i]
    for i in range(whole, len(values)):
        parts[0] += values[i]
    return (parts[0] + parts[1]) + (parts[2] + parts[3])


def step(states, policy_index, tables, next_state, rewards, generators):
    """One step of everybody (line 7): a ~ pi(s), r = R(s, mu), s' = P(s, a).

    Returns
    -------
    pairs : list of int
        s * |A| + a of every agent.
    own_rewards : list of float
        r + h(pi(s)) of every agent.
    counts : list of int
        Agents in every cell before the move.
    population_reward : float
        Sum of r + h.
    """
    thresholds, entropies = tables["thresholds"], tables["entropy"]
    n_states, n_actions = next_state.shape
    counts = [0] * n_states
    for state in states:
        counts[state] += 1
    cell_rewards = [float(rewards[s, counts[s]]) for s in range(n_states)]

    pairs, own_rewards, regularisers = [], [], []
    for i in range(len(states)):
        s, policy = int(states[i]), policy_index[i]
        state = [int(word) for word in generators[:, i]]
        action = choose_action(streams.next_word(state), thresholds[policy, s])
        generators[:, i] = state
        pairs.append(s * n_actions + action)
        regularisers.append(float(entropies[policy, s]))
        own_rewards.append(cell_rewards[s] + regularisers[-1])
        states[i] = next_state[s, action]

    shared = all(policy == policy_index[0] for policy in policy_index)
    reward = 0.0
    for s in range(n_states):
        bonus = float(entropies[policy_index[0], s]) if shared else 0.0
        reward += counts[s] * (cell_rewards[s] + bonus)
    if not shared:
        reward += sum_in_four_parts(regularisers)
    return pairs, own_rewards, counts, reward


def follow(n_steps, **walk):
    """The whole path: what :func:`step` returns, for every step."""
    return [step(**walk) for _ in range(n_steps)]


def collect_transitions(path, learner, interval, skipped):
    """The buffer of one learner (lines 10-12).

    After transition m there have been t = (m + 1) M_td steps, and the last transition whose next
    action is known is zeta_{t-2} = (s_{t-2}, a_{t-2}, r_{t-2}, s_{t-1}, a_{t-1}). It is kept for
    m >= skipped, if it lies within the iteration.
    """
    buffer = []
    for m in range(skipped, len(path) // interval):
        t = (m + 1) * interval
        if t >= 2:
            pairs, own_rewards, _, _ = path[t - 2]
            next_pairs = path[t - 1][0]
            buffer.append((pairs[learner], next_pairs[learner], own_rewards[learner]))
    return buffer


def step_population(
    states, policy_index, tables, next_state, rewards, generators, *, n_steps,
    population_rewards=None, occupancy=None, deviator=0, deviator_rewards=None, learners=None,
    transitions=None, interval=1, skipped=0,
):  # fmt: skip
    """The kernel of the same name."""
    path = [
        step(states, policy_index, tables, next_state, rewards, generators) for _ in range(n_steps)
    ]
    for t, (_, own_rewards, counts, population_reward) in enumerate(path):
        if population_rewards is not None:
            population_rewards[t] = population_reward
        if deviator_rewards is not None:
            deviator_rewards[t] = own_rewards[deviator]
        if occupancy is not None:
            occupancy += counts
    for row, learner in enumerate(learners if learners is not None else ()):
        transitions[row] = collect_transitions(path, learner, interval, skipped)
