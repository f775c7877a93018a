# What the agents are paid.

cdef enum:
    SUMMED = 8  # steps whose rewards are summed side by side, so that none waits for the last


cdef void _add_rewards(
    const double *cell_sums,
    const int32_t *counts,
    Py_ssize_t n_states,
    Py_ssize_t n_agents,
    double *totals,
) noexcept nogil:
    """Sum of the agents' rewards at SUMMED steps.

    `cell_sums`, (n_states, n_agents + 1), is the sum over the agents of one cell; `counts` is
    (SUMMED, n_states). A sum over the cells is n_states additions in a row, each of which waits
    for the one before; the sums of several steps do not wait for each other.
    """
    cdef double total[SUMMED]
    cdef Py_ssize_t s, t
    for t in range(SUMMED):
        total[t] = 0.0
    for s in range(n_states):
        for t in range(SUMMED):
            total[t] += cell_sums[s * (n_agents + 1) + counts[t * n_states + s]]
    for t in range(SUMMED):
        totals[t] = total[t]
