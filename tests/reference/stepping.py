"""A population walking through the game (Alg. 1, lines 5-7; Alg. 2, lines 6-13 and 27)."""

import numpy as np

from reference import elementary, exchange, streams


def thresholds_of(row):
    """Thresholds of a row of probabilities: they, cumulated, in units of 2**-31."""
    cumulated, cuts = 0.0, []
    for u in row[:-1]:
        cumulated += u
        cuts.append(round(min(cumulated, 1.0) * 2.0**31) - 1)
    return cuts


def policy_tables(policies, entropy_weight):
    """Thresholds of the probabilities, and h = -lambda sum u log u."""
    n_policies, n_states, n_actions = policies.shape
    tables = np.empty(
        (n_policies, n_states), [("thresholds", np.int32, (n_actions - 1,)), ("entropy", float)]
    )
    for place in np.ndindex(n_policies, n_states):
        row = policies[place].tolist()
        total = 0.0
        for u in row:
            if u > 0.0:
                total += u * elementary.log(u)
        tables[place] = thresholds_of(row), -entropy_weight * total
    return tables


def cumulated_thresholds(probabilities):
    """Thresholds of the next_states of every state and action."""
    thresholds = [[thresholds_of(row) for row in state] for state in probabilities.tolist()]
    return np.array(thresholds, dtype=np.int32)


def choose(word, thresholds):
    """What 31 random bits choose: the number of thresholds below them."""
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


def step(
    states, policy_index, tables, next_states, next_state_thresholds, rewards, generators, game=None
):
    """One step of everybody (line 7): a ~ pi(s), r = R(s, a, mu), s' ~ P(s, a, mu).

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
    n_states, n_actions, n_next_states = next_states.shape
    counts = [0] * n_states
    for state in states:
        counts[state] += 1
    mean_field = np.array(counts) / len(states)
    if n_next_states > 1 and next_state_thresholds is None:
        next_state_thresholds = cumulated_thresholds(game.transition_probabilities(mean_field))

    pairs, regularisers = [], []
    for i in range(len(states)):
        s, row = int(states[i]), tables[policy_index[i], states[i]]
        state = [int(word) for word in generators[:, i]]
        action, choice = choose(streams.next_word(state), row["thresholds"]), 0
        if n_next_states > 1:
            choice = choose(streams.next_word(state), next_state_thresholds[s, action])
        generators[:, i] = state
        pairs.append(s * n_actions + action)
        regularisers.append(float(row["entropy"]))
        states[i] = next_states[s, action, choice]

    if rewards is not None:
        cell_rewards = [float(rewards[s, counts[s]]) for s in range(n_states)]
        own = [cell_rewards[pair // n_actions] for pair in pairs]
        reward = sum_by_cell(cell_rewards, counts, policy_index, tables["entropy"], regularisers)
    else:
        pair_rewards = game.rewards(mean_field).ravel()
        own = [float(pair_rewards[pair]) for pair in pairs]
        reward = sum_in_four_parts(own) + sum_in_four_parts(regularisers)
    own_rewards = [r + h for r, h in zip(own, regularisers, strict=True)]
    return pairs, own_rewards, counts, reward


def sum_by_cell(cell_rewards, counts, policy_index, entropies, regularisers):
    """Sum of r + h where r is that of a cell: cell by cell, with h if all have one policy."""
    shared = all(policy == policy_index[0] for policy in policy_index)
    total = 0.0
    for s in range(len(counts)):
        bonus = float(entropies[policy_index[0], s]) if shared else 0.0
        total += counts[s] * (cell_rewards[s] + bonus)
    if not shared:
        total += sum_in_four_parts(regularisers)
    return total


def follow(n_steps, **walk):
    """The whole path: what :func:`step` returns, for every step."""
    return [step(**walk) for _ in range(n_steps)]


def collect_transitions(path, learner, interval, n_discarded, arrival_reward=None):
    """The buffer of one learner (lines 10-12).

    After transition m there have been t = (m + 1) M_td steps, and the last transition whose next
    action is known is zeta_{t-2} = (s_{t-2}, a_{t-2}, r_{t-2}, s_{t-1}, a_{t-1}). It is kept for
    m >= n_discarded, if it lies within the iteration. A reward after the move is a function of the
    two pairs and the counts at t - 1.
    """
    buffer = []
    for m in range(n_discarded, len(path) // interval):
        t = (m + 1) * interval
        if t >= 2:
            pairs, own_rewards, _, _ = path[t - 2]
            next_pairs, _, counts, _ = path[t - 1]
            reward = own_rewards[learner]
            if arrival_reward is not None:
                reward = arrival_reward(pairs[learner], next_pairs[learner], counts)
            buffer.append((pairs[learner], next_pairs[learner], reward))
    return buffer


def step_population(
    *,
    n_steps,
    population_rewards=None,
    occupancy=None,
    deviator=0,
    deviator_rewards=None,
    learners=(),
    transitions=None,
    interval=1,
    n_discarded=0,
    reward_after_move=False,
    estimate_errors=None,
    first_neighbour=None,
    neighbours=None,
    groups=None,
    exchange_rounds=0,
    link_weights=None,
    seed=0,
    drop_threshold=0,
    **walk,
):
    """The kernel of the same name."""

    def arrival_reward(pair, next_pair, counts):
        here, there = (p // walk["next_states"].shape[1] for p in (pair, next_pair))
        regulariser = float(walk["tables"]["entropy"][row_of_learner, here])
        return float(walk["rewards"][there, counts[there]]) + regulariser

    path = follow(n_steps, **walk)
    for t, (_, own_rewards, counts, population_reward) in enumerate(path):
        if population_rewards is not None:
            population_rewards[t] = population_reward
        if deviator_rewards is not None:
            deviator_rewards[t] = own_rewards[deviator]
        if occupancy is not None:
            occupancy += counts
    for row, learner in enumerate(learners):
        row_of_learner = walk["policy_index"][learner]
        own = arrival_reward if reward_after_move else None
        transitions[row] = collect_transitions(path, learner, interval, n_discarded, own)
    if neighbours is None:
        return
    links = {"first_neighbour": first_neighbour, "neighbours": neighbours, "groups": groups}
    links |= {"exchange_rounds": exchange_rounds, "link_weights": link_weights}
    links |= {"seed": seed, "drop_threshold": drop_threshold}
    n_actions = walk["next_states"].shape[1]
    ends = [(m + 1) * interval for m in range(n_discarded, n_steps // interval)]
    for number, t in enumerate(t for t in ends if t >= 2):
        begins = path[t - 2][0]
        pairs, _, counts, _ = path[t - 1] if reward_after_move else path[t - 2]
        rewards = rewards_at(pairs, counts, walk["rewards"], n_actions, walk["game"])
        states = [pair // n_actions for pair in pairs]
        found, error = exchange.estimates(rewards, states, number, **links)
        if estimate_errors is not None:
            estimate_errors[number] = error
        for row, learner in enumerate(learners):
            here = begins[learner] // n_actions
            regulariser = float(walk["tables"]["entropy"][walk["policy_index"][learner], here])
            transitions["reward"][row, number] = found[learner] + regulariser


def rewards_at(pairs, counts, table, n_actions, game):
    """R of every agent, by its pair and the counts of a step."""
    if table is not None:
        return [float(table[pair // n_actions, counts[pair // n_actions]]) for pair in pairs]
    found = game.rewards(np.array(counts) / len(pairs)).ravel()
    return [float(found[pair]) for pair in pairs]
