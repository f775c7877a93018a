# The policy mirror ascent step (Def. 3.2). Rows are solved WIDTH at a time, one in each lane of
# the vector instructions. Every lane stops by itself, so that a row's result does not depend on
# its neighbours.

cdef enum:
    WIDTH = 8


cdef inline double _correction(double y, double power, double x) noexcept nogil:
    """Householder's correction of fourth order of a y with y + e^y = x; `power` is e^y."""
    cdef double inverse = 1.0 / (1.0 + power)
    cdef double share = power * inverse
    cdef double g = (power + (y - x)) * inverse
    return -g * (1.0 - 0.5 * g * share) / (1.0 - g * share * (1.0 - g * (1.0 / 6)))


cdef inline double _omega(double x) noexcept nogil:
    """Wright's omega function: the w > 0 with w + log w = x.

    It is solved for y = log w, which cannot overflow. The start is off by less than 0.6, most
    near x = 0; one correction makes it good to 5e-4, and two to the last bit.
    """
    cdef double y, power, c
    x = fmax(x, -800.0)  # its exponential is 0 already
    y = fmin(x, rough_log(fmax(x, 1.0)))
    y += _correction(y, _exp(y), x)
    power = _exp(y)
    c = _correction(y, power, x)
    return power * (1.0 + c * (1.0 + c * (1.0 / 2 + c * (1.0 / 6 + c * (1.0 / 24)))))


cdef void _maximise(
    const double *scores, const double *weight, Py_ssize_t n, double *u
) noexcept nogil:
    """In every lane the u on the simplex with u_a + weight * log u_a = scores_a - nu for one nu.

    The largest score of a lane is 0. The sum of the u_a is convex and decreasing in nu, and at
    nu = -1, where the largest u_a alone is 1, it is above 1. From there Newton's iteration moves
    to the right and never beyond the root: it converges whatever the scores.
    """
    cdef double log_weight[WIDTH]
    cdef double nu[WIDTH]
    cdef double total[WIDTH]
    cdef double slope[WIDTH]
    cdef double step[WIDTH]
    cdef double value
    cdef bint moving
    cdef Py_ssize_t a, l
    cdef int iteration
    for l in range(WIDTH):
        log_weight[l] = _log(weight[l])
        nu[l] = -1.0
    for iteration in range(200):
        for l in range(WIDTH):
            total[l] = 0.0
            slope[l] = 0.0
        for a in range(n):
            for l in range(WIDTH):
                value = weight[l] * _omega(
                    (scores[a * WIDTH + l] - nu[l]) / weight[l] - log_weight[l]
                )
                u[a * WIDTH + l] = value
                total[l] += value
                slope[l] += value / (value + weight[l])
        moving = False
        for l in range(WIDTH):
            step[l] = (total[l] - 1.0) / slope[l]
            if step[l] > fmax(1e-8 * weight[l], 4e-16 * fmax(fabs(nu[l]), 1.0)):
                nu[l] += step[l]
                moving = True
        if not moving:
            break
    # the last step is so small that its first order is exact
    for a in range(n):
        for l in range(WIDTH):
            value = u[a * WIDTH + l]
            u[a * WIDTH + l] = fmax(value - step[l] * value / (value + weight[l]), 0.0)


cdef double _entropy(const double *u, Py_ssize_t n, Py_ssize_t stride=1) noexcept nogil:
    cdef Py_ssize_t a
    cdef double total = 0.0
    for a in range(n):
        if u[a * stride] > 0.0:
            total -= u[a * stride] * _log(u[a * stride])
    return total


cdef void _raise_entropy(
    const double *scores, const double *weight, double least_entropy, Py_ssize_t n, double *u
) noexcept nogil:
    """In lanes whose u is below `least_entropy`, the maximiser on the edge of the allowed set.

    There the multiplier of the bound adds to the weight of the entropy, so the maximiser is that
    of a larger weight; the entropy of the maximiser grows with it, and the weight is bracketed
    and bisected.
    """
    cdef double low[WIDTH]
    cdef double middle[WIDTH]
    cdef double high[WIDTH]
    cdef Py_ssize_t l
    cdef int iteration
    cdef bint found
    for l in range(WIDTH):
        low[l] = high[l] = weight[l]
    for iteration in range(1100):
        found = True
        for l in range(WIDTH):
            if _entropy(u + l, n, WIDTH) < least_entropy and high[l] < 1e300:
                low[l] = high[l]
                high[l] = fmax(2.0 * high[l], 1e-3)
                found = False
        if found:
            break
        _maximise(scores, high, n, u)
    for iteration in range(200):
        found = True
        for l in range(WIDTH):
            middle[l] = 0.5 * (low[l] + high[l])
            if low[l] < middle[l] < high[l]:
                found = False
        if found:
            break
        _maximise(scores, middle, n, u)
        for l in range(WIDTH):
            if _entropy(u + l, n, WIDTH) >= least_entropy:
                high[l] = middle[l]
            else:
                low[l] = middle[l]
    _maximise(scores, high, n, u)


@_changing()
def mirror_ascent(
    const double[:, :, ::1] policies not None,
    const int32_t[::1] policy_index not None,
    const double[:, :, ::1] q_values not None,
    double step_size,
    double entropy_weight,
    double least_entropy=-1.0,
):
    """Policy mirror ascent: the exact maximiser of Def. 3.2, for every learner and state.

    Parameters
    ----------
    policies : (n_policies, n_states, n_actions) float64
        Present policies pi_k; learner i follows row ``policy_index[i]`` of them.
    policy_index : (n_learners,) int32
    q_values : (n_learners, n_states, n_actions) float64
        Estimated Q-functions.
    step_size, entropy_weight : float
        eta > 0 and lambda >= 0. With 0 the step is the Euclidean projection of pi + eta q.
    least_entropy : float
        Lower bound of the (unscaled) entropy -sum u log u of a row; negative for none. It is
        the set U_{L_h} of the paper with ``least_entropy = log|A| - L_h / lambda``.

    Returns
    -------
    (n_learners, n_states, n_actions) float64
        New policies pi_{k+1}; each row sums to 1.
    """
    cdef Py_ssize_t n_learners = q_values.shape[0], n_states = q_values.shape[1]
    cdef Py_ssize_t n_actions = q_values.shape[2], n_rows = n_learners * n_states
    _demand(
        (policies.shape[1], policies.shape[2]) == (n_states, n_actions) and n_actions > 0,
        "policies and q_values must be of the same states and actions",
    )
    _demand(
        policy_index.shape[0] == n_learners, "policy_index must have one entry for each learner"
    )
    _check_indices("policy_index", policy_index, policies.shape[0])
    _check_finite("step_size", step_size)
    _check_finite("entropy_weight", entropy_weight)
    _demand(least_entropy == least_entropy, "least_entropy must be a number")
    result = np.empty((n_learners, n_states, n_actions), dtype=np.float64)
    cdef double[:, :, ::1] improved = result
    cdef double[::1] scores = np.empty(n_actions * WIDTH, dtype=np.float64)
    cdef double[::1] u = np.empty(n_actions * WIDTH, dtype=np.float64)
    cdef double weight[WIDTH]
    cdef double largest
    cdef Py_ssize_t block, row, learner, s, a, l
    for l in range(WIDTH):
        # with 1e-200 in place of 0 the maximiser is the projection, but for less than 1e-197
        weight[l] = fmax(step_size * entropy_weight, 1e-200)
    with nogil:
        for block in range((n_rows + WIDTH - 1) // WIDTH):
            for l in range(WIDTH):
                row = min(block * WIDTH + l, n_rows - 1)
                learner = row // n_states
                s = row % n_states
                largest = -INFINITY
                for a in range(n_actions):
                    scores[a * WIDTH + l] = (
                        policies[policy_index[learner], s, a] + step_size * q_values[learner, s, a]
                    )
                    largest = fmax(largest, scores[a * WIDTH + l])
                for a in range(n_actions):
                    scores[a * WIDTH + l] -= largest
            _maximise(&scores[0], weight, n_actions, &u[0])
            if least_entropy >= 0.0:
                _raise_entropy(&scores[0], weight, least_entropy, n_actions, &u[0])
            for row in range(block * WIDTH, min((block + 1) * WIDTH, n_rows)):
                for a in range(n_actions):
                    improved[row // n_states, row % n_states, a] = u[a * WIDTH + row % WIDTH]
    return result
