# TD learning from stored transitions (Def. 3.1; Alg. 2, lines 14-19; Alg. 1, line 8).

cdef inline void _replay_one(
    uint64_t *buffer,
    uint64_t *position,
    uint32_t swap,
    const double *scaled_targets,
    double *q_values,
    double keep,
    double ahead,
) noexcept nogil:
    """Exchange one position with its swap partner; update with what came there."""
    cdef uint64_t chosen = buffer[swap]
    buffer[swap] = position[0]
    position[0] = chosen
    cdef uint64_t pair = chosen & 0xFFFF, next_pair = (chosen >> 16) & 0xFFFF
    q_values[pair] = keep * q_values[pair] + (
        scaled_targets[chosen >> 32] + ahead * q_values[next_pair]
    )


cdef void _replay(
    uint64_t *buffer,
    Py_ssize_t n,
    const double *scaled_targets,
    double *q_values,
    uint32_t *generators,
    Py_ssize_t cycles,
    double keep,
    double ahead,
) noexcept nogil:
    # The TD operator, with its terms collected so that an update waits for one product and one
    # sum of the update before it:
    #   Q(z) <- (1 - beta) Q(z) + [beta (r + h) + (beta gamma) Q(z')]
    # The swap of the Fisher-Yates pass and the update of what it put in place are one loop: the
    # buffer is read once a cycle. A cycle starts from the order that the last one left, and a
    # uniform permutation of any order is uniform.
    # Swaps are drawn one block ahead: the vector instructions that draw a block do not depend on
    # the updates of the block before, and the processor does both at once.
    cdef uint32_t lanes[4 * LANES]
    cdef uint32_t swaps[2 * LANES]
    cdef uint32_t *present
    cdef uint64_t *positions
    cdef Py_ssize_t cycle, i, block, n_blocks = n // LANES
    for i in range(4 * LANES):
        lanes[i] = generators[i]
    for cycle in range(cycles):
        _draw_swaps(lanes, swaps, 0, <uint32_t>n)
        for block in range(n_blocks):
            present = swaps + (block & 1) * LANES
            positions = buffer + block * LANES
            if (block + 1) * LANES < n:
                _draw_swaps(
                    lanes, swaps + ((block + 1) & 1) * LANES, <uint32_t>((block + 1) * LANES),
                    <uint32_t>n,
                )
            for i in range(0, LANES, 4):
                _replay_one(buffer, positions + i, present[i], scaled_targets, q_values, keep, ahead)
                _replay_one(
                    buffer, positions + i + 1, present[i + 1], scaled_targets, q_values, keep, ahead
                )
                _replay_one(
                    buffer, positions + i + 2, present[i + 2], scaled_targets, q_values, keep, ahead
                )
                _replay_one(
                    buffer, positions + i + 3, present[i + 3], scaled_targets, q_values, keep, ahead
                )
        present = swaps + (n_blocks & 1) * LANES
        positions = buffer + n_blocks * LANES
        for i in range(n - n_blocks * LANES):
            _replay_one(buffer, positions + i, present[i], scaled_targets, q_values, keep, ahead)
    for i in range(4 * LANES):
        generators[i] = lanes[i]


def replay_td(
    Transition[:, ::1] transitions,
    double[:, ::1] q_values,
    uint32_t[:, :, ::1] generators,
    Py_ssize_t cycles,
    double learning_rate,
    double discount,
):
    """Replay every learner's buffer `cycles` times, freshly shuffled each time (Alg. 2, l. 14-19).

    Parameters
    ----------
    transitions : (n_learners, n) of :data:`TRANSITION`
        Replay buffers; left in the order of the last shuffle.
    q_values : (n_learners, n_states * n_actions) float64
        Q-functions, changed in place.
    generators : (n_learners, 4, 16) uint32
        Shuffle streams, one for each learner; changed in place.
    cycles : int
        L of the paper.
    learning_rate : float
        beta of the paper.
    discount : float
        gamma of the paper.
    """
    cdef Py_ssize_t n = transitions.shape[1]
    cdef Py_ssize_t learner, i
    cdef double keep = 1.0 - learning_rate, ahead = learning_rate * discount
    # What is shuffled is 8 bytes small: pair, next pair and place in time, which names the target.
    cdef uint64_t[::1] buffer = np.empty(n, dtype=np.uint64)
    cdef double[::1] scaled_targets = np.empty(n, dtype=np.float64)
    cdef Transition[::1] in_time = np.empty(n, dtype=TRANSITION)
    with nogil:
        for learner in range(transitions.shape[0] if n else 0):
            for i in range(n):
                in_time[i] = transitions[learner, i]
                scaled_targets[i] = learning_rate * in_time[i].target
                buffer[i] = (
                    <uint64_t>i << 32 | <uint64_t>in_time[i].next_pair << 16 | in_time[i].pair
                )
            _replay(
                &buffer[0], n, &scaled_targets[0], &q_values[learner, 0],
                &generators[learner, 0, 0], cycles, keep, ahead,
            )
            for i in range(n):
                transitions[learner, i] = in_time[buffer[i] >> 32]


def online_td(
    const Transition[:, ::1] transitions,
    double[:, ::1] q_values,
    const double[::1] learning_rates,
    double discount,
):
    """Use every transition once, in the order of time (Alg. 1, line 8).

    Parameters
    ----------
    transitions : (n_learners, n) of :data:`TRANSITION`
    q_values : (n_learners, n_states * n_actions) float64
        Q-functions, changed in place.
    learning_rates : (n,) float64
        beta_m of the paper for each transition.
    discount : float
        gamma of the paper.
    """
    cdef Py_ssize_t learner, i
    cdef double *q
    cdef Transition chosen
    with nogil:
        for learner in range(transitions.shape[0]):
            q = &q_values[learner, 0]
            for i in range(transitions.shape[1]):
                chosen = transitions[learner, i]
                q[chosen.pair] = (1.0 - learning_rates[i]) * q[chosen.pair] + (
                    learning_rates[i] * chosen.target
                    + learning_rates[i] * discount * q[chosen.next_pair]
                )
