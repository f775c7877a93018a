# TD learning from stored transitions (Def. 3.1; Alg. 2, lines 14-19; Alg. 1, line 8).

cdef void _replay(
    Transition *buffer,
    Py_ssize_t n,
    double *q_values,
    uint32_t *generators,
    uint32_t *swaps,
    Py_ssize_t cycles,
    double learning_rate,
    double discount,
) noexcept nogil:
    # The TD operator, with its terms collected so that an update waits for one product and one
    # sum of the update before it:
    #   Q(z) <- (1 - beta) Q(z) + [beta (r + h) + (beta gamma) Q(z')]
    # The swap of the Fisher-Yates pass and the update of what it put in place are one loop: the
    # buffer is read once a cycle. A cycle starts from the order that the last one left, and a
    # uniform permutation of any order is uniform.
    cdef double keep = 1.0 - learning_rate
    cdef double ahead = learning_rate * discount
    cdef Py_ssize_t cycle, i
    cdef Transition *partner
    cdef Transition chosen
    for cycle in range(cycles):
        _draw_swaps(generators, swaps, n)
        for i in range(n):
            partner = buffer + swaps[i]
            chosen = partner[0]
            partner[0] = buffer[i]
            buffer[i] = chosen
            q_values[chosen.pair] = keep * q_values[chosen.pair] + (
                learning_rate * chosen.target + ahead * q_values[chosen.next_pair]
            )


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
    cdef Py_ssize_t learner
    cdef uint32_t[::1] swaps = np.empty(_padded(n), dtype=np.uint32)
    with nogil:
        for learner in range(transitions.shape[0]):
            _replay(
                &transitions[learner, 0], n, &q_values[learner, 0], &generators[learner, 0, 0],
                &swaps[0], cycles, learning_rate, discount,
            )


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
