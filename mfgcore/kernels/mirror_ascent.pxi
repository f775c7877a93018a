# The policy mirror ascent step (Def. 3.2) and the projection on the simplex.


cdef double _omega(double x) noexcept nogil:
    """Wright's omega function: the w > 0 with w + log w = x.

    Start values by region and the fourth-order correction of Fritsch, Shafer & Crowley (1973),
    as in Lawrence, Corless & Jeffrey (2012). No region can overflow: where w is tiny it is
    e^x, where it is large x - log x.
    """
    cdef double w, power, residual, s
    cdef int correction
    if x < -2.0:
        power = _exp(x)
        if x < -40.0:
            return power  # the next term of the series, e^(2x), is below the last bit
        w = power * (1.0 - power * (1.0 - 1.5 * power))
    elif x < 4.0:
        s = x - 1.0
        w = 1.0 + s * (0.5 + s * (1.0 / 16 - s * (1.0 / 192)))
    else:
        s = _log(x)
        w = x - s + s / x
    for correction in range(3):
        residual = x - w - _log(w)
        if fabs(residual) <= 4e-16 * fmax(fabs(x), 1.0):
            break
        s = 1.0 + w
        power = s * (s + 2.0 / 3 * residual)
        w *= 1.0 + residual / s * (power - 0.5 * residual) / (power - residual)
    return w


cdef void _maximise(
    const double *scores, double weight, Py_ssize_t n, double *u
) noexcept nogil:
    """The u on the simplex with u_a + weight * log u_a = scores_a - nu for one nu; weight > 0.

    The sum of the u_a is convex and decreasing in nu. Newton's iteration from the left of its
    root, where the sum is above 1, moves to the right and never beyond the root: it converges
    from every start of that kind, and the largest score alone gives one.
    """
    cdef double log_weight = _log(weight)
    cdef double largest = scores[0]
    cdef double nu, step, total, slope
    cdef Py_ssize_t a
    cdef int iteration
    for a in range(1, n):
        largest = fmax(largest, scores[a])
    nu = -1.0  # relative to the largest score, whose u is then exactly 1
    for iteration in range(200):
        total = 0.0
        slope = 0.0
        for a in range(n):
            u[a] = weight * _omega(((scores[a] - largest) - nu) / weight - log_weight)
            total += u[a]
            slope += u[a] / (u[a] + weight)
        step = (total - 1.0) / slope
        if step <= 2e-16 * fmax(fabs(nu), 1.0):
            break
        nu += step
    for a in range(n):
        u[a] /= total


cdef void _project(const double *point, Py_ssize_t n, double *u) noexcept nogil:
    """The point of the simplex nearest to `point`: u_a = max(point_a - nu, 0).

    Michelot's (1986) active-set iteration: drop what the present nu makes negative, at most n
    times.
    """
    cdef Py_ssize_t a, active = -1, remaining = n + 1  # the first pass counts everybody
    cdef double largest = point[0]
    cdef double nu, total
    for a in range(1, n):
        largest = fmax(largest, point[a])
    for a in range(n):
        u[a] = point[a] - largest
    nu = -INFINITY
    while remaining != active:
        active = remaining
        total = 0.0
        remaining = 0
        for a in range(n):
            if u[a] > nu:
                total += u[a]
                remaining += 1
        nu = fmax(nu, (total - 1.0) / remaining)
    total = 0.0
    for a in range(n):
        u[a] = fmax(u[a] - nu, 0.0)
        total += u[a]
    for a in range(n):
        u[a] /= total


cdef double _entropy(const double *u, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t a
    cdef double total = 0.0
    for a in range(n):
        if u[a] > 0.0:
            total -= u[a] * _log(u[a])
    return total


cdef void _maximise_above(
    const double *policy, const double *q, double step_size, double entropy_weight,
    double least_entropy, Py_ssize_t n, double *scores, double *u
) noexcept nogil:
    """The maximiser on the set of rows whose entropy is at least `least_entropy`.

    There the multiplier of the bound adds to the weight of the entropy, so the maximiser is that
    of a larger weight; the entropy of the maximiser grows with it, and the weight is bracketed
    and bisected.
    """
    cdef Py_ssize_t a
    cdef double low = 0.0, high = 1.0, middle
    cdef int iteration
    for a in range(n):
        scores[a] = policy[a] + step_size * q[a]
    if entropy_weight > 0.0:
        _maximise(scores, step_size * entropy_weight, n, u)
    else:
        _project(scores, n, u)
    if _entropy(u, n) >= least_entropy:
        return
    low = step_size * entropy_weight
    high = fmax(low, 1e-3)
    for iteration in range(1100):
        _maximise(scores, high, n, u)
        if _entropy(u, n) >= least_entropy or high > 1e300:
            break
        low = high
        high *= 2.0
    for iteration in range(200):
        middle = 0.5 * (low + high)
        if middle <= low or middle >= high:
            break
        _maximise(scores, middle, n, u)
        if _entropy(u, n) >= least_entropy:
            high = middle
        else:
            low = middle
    _maximise(scores, high, n, u)


def mirror_ascent(
    const double[:, :, ::1] policies,
    const int32_t[::1] policy_index,
    const double[:, :, ::1] q_values,
    double step_size,
    double entropy_weight,
    double least_entropy=-1.0,
):
    """Policy mirror ascent: the exact maximiser of Def. 3.2, for every learner and state.

    Parameters
    ----------
    policies : (n_policies, n_states, n_actions) float64
        Present policies pi_k.
    policy_index : (n_learners,) int32
        Which of them each learner follows.
    q_values : (n_learners, n_states, n_actions) float64
        Estimated Q-functions.
    step_size : float
        eta of the paper, > 0.
    entropy_weight : float
        lambda of the paper, >= 0. With 0 the step is the Euclidean projection of pi + eta q.
    least_entropy : float
        Lower bound of the (unscaled) entropy -sum u log u of a row; negative for none. It is
        the set U_{L_h} of the paper with ``least_entropy = log|A| - L_h / lambda``.

    Returns
    -------
    (n_learners, n_states, n_actions) float64
        New policies pi_{k+1}; each row sums to 1.
    """
    cdef Py_ssize_t n_learners = q_values.shape[0], n_states = q_values.shape[1]
    cdef Py_ssize_t n_actions = q_values.shape[2]
    result = np.empty((n_learners, n_states, n_actions), dtype=np.float64)
    cdef double[:, :, ::1] u = result
    cdef double[::1] scores = np.empty(n_actions, dtype=np.float64)
    cdef Py_ssize_t learner, s
    with nogil:
        for learner in range(n_learners):
            for s in range(n_states):
                _maximise_above(
                    &policies[policy_index[learner], s, 0], &q_values[learner, s, 0], step_size,
                    entropy_weight, least_entropy, n_actions, &scores[0], &u[learner, s, 0],
                )
    return result


def project_simplex(const double[:, ::1] points):
    """Euclidean projection of every row on the probability simplex.

    Parameters
    ----------
    points : (n, n_actions) float64

    Returns
    -------
    (n, n_actions) float64
        Rows that are non-negative and sum to 1.
    """
    result = np.empty((points.shape[0], points.shape[1]), dtype=np.float64)
    cdef double[:, ::1] u = result
    cdef Py_ssize_t i
    with nogil:
        for i in range(points.shape[0]):
            _project(&points[i, 0], points.shape[1], &u[i, 0])
    return result
