"""TD learning (Def. 3.1): from the replay buffer (Alg. 2, lines 14-19) and online (Alg. 1)."""

from reference import streams


def td_update(q, transition, td_learning_rate, discount):
    """Q(z) - beta (Q(z) - (r + h) - gamma Q(z')), with its terms collected as the kernels do."""
    pair, next_pair, reward = transition
    q[pair] = (1.0 - td_learning_rate) * q[pair] + (
        td_learning_rate * reward + td_learning_rate * discount * q[next_pair]
    )


def replay_td(transitions, q_values, generators, replay_cycles, td_learning_rate, discount):
    """L times: shuffle the buffer, then update from each of its transitions in turn."""
    for learner in range(len(transitions)):
        buffer = transitions[learner].tolist()
        q = q_values[learner].tolist()
        for _ in range(replay_cycles):
            streams.shuffle(buffer, streams.shuffle_swaps(generators[learner], len(buffer)))
            for transition in buffer:
                td_update(q, transition, td_learning_rate, discount)
        q_values[learner] = q
        transitions[learner] = buffer


def online_td(transitions, q_values, learning_rates, discount):
    """Each transition once, in the order of time, with its own beta_m (Alg. 1, line 8)."""
    for learner in range(len(transitions)):
        q = q_values[learner].tolist()
        for transition, rate in zip(transitions[learner].tolist(), learning_rates, strict=True):
            td_update(q, transition, float(rate), discount)
        q_values[learner] = q
