# Cumulative distributions as integers: a step compares a 31-bit uniform number with thresholds.
#
# A row of n probabilities is stored as n - 1 integer thresholds: what is drawn is the number of
# thresholds below the uniform number. What has probability 0 is never drawn, and the
# probabilities are rounded to 2**-31.


# The row of a policy in one state, see policy_tables: thresholds, then h.

cdef inline Py_ssize_t _entropy_offset(Py_ssize_t n_actions) noexcept nogil:
    return n_actions // 2 * 8


cdef inline Py_ssize_t _row_size(Py_ssize_t n_actions) noexcept nogil:
    return (_entropy_offset(n_actions) + 8 + 15) // 16 * 16


cdef inline double _entropy_of(const char *row, Py_ssize_t n_actions) noexcept nogil:
    return (<const double *>(row + _entropy_offset(n_actions)))[0]


cdef inline int32_t _threshold(double cumulated) noexcept nogil:
    return <int32_t>(<int64_t>rint(min(cumulated, 1.0) * 2147483648.0) - 1)


cdef void _cumulate(
    const double *probabilities, Py_ssize_t n_rows, Py_ssize_t n, int32_t *thresholds
) noexcept nogil:
    """Thresholds, (n_rows, n - 1), of rows of n probabilities."""
    cdef Py_ssize_t row, i
    cdef double cumulated
    for row in range(n_rows):
        cumulated = 0.0
        for i in range(n - 1):
            cumulated += probabilities[row * n + i]
            thresholds[row * (n - 1) + i] = _threshold(cumulated)


@_changing()
def next_state_thresholds(const double[:, :, ::1] transition_probabilities not None):
    """Integer thresholds of a game's transition probabilities, for the stepping kernels.

    Parameters
    ----------
    transition_probabilities : (n_states, n_actions, n_next_states) float64

    Returns
    -------
    (n_states, n_actions, n_next_states - 1) int32
        Cumulated probabilities times 2**31, rounded, minus 1.
    """
    cdef Py_ssize_t n_states = transition_probabilities.shape[0]
    cdef Py_ssize_t n_actions = transition_probabilities.shape[1]
    cdef Py_ssize_t n = transition_probabilities.shape[2]
    _check_probabilities("transition_probabilities", transition_probabilities)
    _demand(n > 0, "transition_probabilities must be of at least one next state")
    thresholds = np.empty((n_states, n_actions, n - 1), dtype=np.int32)
    cdef int32_t[:, :, ::1] view = thresholds
    if n > 1 and n_states * n_actions > 0:
        _cumulate(&transition_probabilities[0, 0, 0], n_states * n_actions, n, &view[0, 0, 0])
    return thresholds


def policy_row(Py_ssize_t n_actions):
    """Data type of a policy in one state, as the stepping kernels read it.

    Parameters
    ----------
    n_actions : int

    Returns
    -------
    dtype
        thresholds : (n_actions - 1,) int32
            Cumulated probabilities times 2**31, rounded, minus 1.
        entropy : float64
            h(pi(s)) = -lambda * sum of u log u.
    """
    _demand(0 < n_actions <= 65536, f"n_actions must be 1 to 65536, not {n_actions}")
    return np.dtype({
        "names": ["thresholds", "entropy"],
        "formats": [(np.int32, (n_actions - 1,)), np.float64],
        "offsets": [0, _entropy_offset(n_actions)],
        "itemsize": _row_size(n_actions),
    })


@_changing()
def policy_tables(const double[:, :, ::1] policies not None, double entropy_weight):
    """Thresholds and entropies of policies, for the stepping kernels.

    Parameters
    ----------
    policies : (n_policies, n_states, n_actions) float64
    entropy_weight : float
        lambda of the paper.

    Returns
    -------
    (n_policies, n_states) of :func:`policy_row`
    """
    cdef Py_ssize_t n_policies = policies.shape[0], n_states = policies.shape[1]
    cdef Py_ssize_t n_actions = policies.shape[2]
    _check_probabilities("policies", policies)
    tables = np.zeros((n_policies, n_states), dtype=policy_row(n_actions))
    cdef int32_t[:, :, :] thresholds = tables["thresholds"]
    cdef double[:, :] entropies = tables["entropy"]
    cdef Py_ssize_t p, s, a
    cdef double cumulated, total
    with nogil:
        for p in range(n_policies):
            for s in range(n_states):
                cumulated = 0.0
                for a in range(n_actions - 1):
                    cumulated += policies[p, s, a]
                    thresholds[p, s, a] = _threshold(cumulated)
                total = 0.0
                for a in range(n_actions):
                    if policies[p, s, a] > 0.0:
                        total += policies[p, s, a] * _log(policies[p, s, a])
                entropies[p, s] = -entropy_weight * total
    return tables
