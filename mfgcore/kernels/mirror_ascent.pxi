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
    cdef Py_ssize_t a, active, remaining = n + 1  # the first pass, without nu, finds all n
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


# Fast path: WIDTH rows side by side, one in each lane of the vector instructions. Every lane
# stops by itself, so that a row's result does not depend on its neighbours.

cdef enum:
    WIDTH = 8
    MAX_ACTIONS = 8  # of the fast path

cdef extern from *:
    """
    #include <string.h>
    #include <stdint.h>
    static inline uint64_t bits_of(double x) { uint64_t b; memcpy(&b, &x, 8); return b; }
    static inline double double_of(uint64_t b) { double x; memcpy(&x, &b, 8); return x; }
    static const uint64_t FRACTION = 0x000FFFFFFFFFFFFF;   /* of the bits of a double */
    static const uint64_t BITS_OF_1 = 0x3FF0000000000000;
    static const uint64_t BITS_OF_2_52 = 0x4330000000000000;
    """
    const uint64_t FRACTION
    const uint64_t BITS_OF_1
    const uint64_t BITS_OF_2_52
    uint64_t bits_of(double x) noexcept nogil
    double double_of(uint64_t bits) noexcept nogil


cdef struct Rows:
    double scores[MAX_ACTIONS][WIDTH]     # relative to the largest of the row
    double u[MAX_ACTIONS][WIDTH]          # the result
    double y[MAX_ACTIONS][WIDTH]          # log(u / weight)
    double share[MAX_ACTIONS][WIDTH]      # u / (u + weight)
    double inverse[MAX_ACTIONS][WIDTH]    # weight / (u + weight)
    double correction[MAX_ACTIONS][WIDTH] # of y
    double nu[WIDTH]
    double step[WIDTH]
    double moving[WIDTH]                  # 1.0, and 0.0 from when the lane has converged


cdef inline double _exp_lane(double x) noexcept nogil:
    """e^x for x < 700, 0 below -707; as :func:`_exp`, but without branches."""
    cdef double shifted = fmax(x, -708.0) * INVERSE_LN2 + 6755399441055744.0  # 1.5 * 2^52
    cdef double k = shifted - 6755399441055744.0
    cdef double r = (x - k * LN2_HIGH) - k * LN2_LOW
    # the Taylor series in groups of four terms, which do not wait for each other
    cdef double r2 = r * r
    cdef double r4 = r2 * r2
    cdef double series = ((1.0 + r) + r2 * (1.0 / 2 + r * (1.0 / 6))) + r4 * (
        ((1.0 / 24 + r * (1.0 / 120)) + r2 * (1.0 / 720 + r * (1.0 / 5040))) + r4 * (
            ((1.0 / 40320 + r * (1.0 / 362880)) + r2 * (1.0 / 3628800 + r * (1.0 / 39916800)))
            + r4 * (1.0 / 479001600 + r * (1.0 / 6227020800.0))
        )
    )
    # k is in the low bits of `shifted`; moved to the exponent's place it multiplies by 2^k
    series = double_of(bits_of(series) + (bits_of(shifted) << 52))
    return series if x > -707.0 else 0.0


cdef inline double _rough_log(double x) noexcept nogil:
    """log x to 0.01, for x >= 1."""
    cdef uint64_t bits = bits_of(x)
    cdef double exponent = double_of(bits >> 52 | BITS_OF_2_52) - 4503599627371519.0
    cdef double f = double_of((bits & FRACTION) | BITS_OF_1) - 1.0
    return exponent * 0.6931471805599453 + f * (0.9847 - f * (0.4031 - 0.1115 * f))


cdef inline double _start(double x) noexcept nogil:
    """The y with y + e^y = x, to 0.1."""
    cdef double s = x - 1.0
    cdef double near_one = s * (0.5 - s * (1.0 / 16 - s * (1.0 / 192)))
    cdef double log_x = _rough_log(fmax(x, 1.0))
    cdef double large = log_x - log_x / (x + 1.0)
    return x if x < -2.0 else (near_one if x < 3.0 else large)


cdef inline void _project_rows(Rows *rows, Py_ssize_t n) noexcept nogil:
    """:func:`_project` for every row; leaves the projection in `u` and its nu in `nu`."""
    cdef Py_ssize_t a, l, iteration
    cdef double total[WIDTH]
    cdef double remaining[WIDTH]
    for l in range(WIDTH):
        rows.nu[l] = -INFINITY
    for iteration in range(n):
        for l in range(WIDTH):
            total[l] = 0.0
            remaining[l] = 0.0
        for a in range(n):
            for l in range(WIDTH):
                total[l] += rows.scores[a][l] if rows.scores[a][l] > rows.nu[l] else 0.0
                remaining[l] += 1.0 if rows.scores[a][l] > rows.nu[l] else 0.0
        for l in range(WIDTH):
            rows.nu[l] = fmax(rows.nu[l], (total[l] - 1.0) / remaining[l])
    for a in range(n):
        for l in range(WIDTH):
            rows.u[a][l] = fmax(rows.scores[a][l] - rows.nu[l], 0.0)


cdef inline void _maximise_rows(Rows *rows, Py_ssize_t n, double weight) noexcept nogil:
    """:func:`_maximise` for every row; `moving` is left 1 in a lane that has not converged.

    Newton's iteration for nu (Halley's, once near) begins at the nu of the projection: as
    log u <= 0, each u_a is there at least what the projection gives, so the sum is in [1, n], on
    the left of the root.
    With u = weight e^y, each y solves y + e^y = x for the present nu. One Householder correction
    (of fourth order) follows each step; one exponential is all that it needs.
    """
    cdef double inverse_weight = 1.0 / weight, log_weight = _log(weight)
    cdef double total[WIDTH]
    cdef double slope[WIDTH]
    cdef double curvature[WIDTH]
    cdef double largest[WIDTH]
    cdef double shift[WIDTH]
    cdef double x, y, power, inverse, share, g, correction
    cdef double step, unsolved, still
    cdef Py_ssize_t a, l, iteration
    _project_rows(rows, n)
    # a first step with rough logarithms
    for l in range(WIDTH):
        total[l] = 0.0
        slope[l] = 0.0
        rows.moving[l] = 1.0
    for a in range(n):
        for l in range(WIDTH):
            x = (rows.scores[a][l] - rows.nu[l]) * inverse_weight - log_weight
            y = _start(x)
            power = x - y
            inverse = 1.0 / (1.0 + power)
            rows.y[a][l] = y
            rows.inverse[a][l] = inverse
            total[l] += weight * power
            slope[l] += power * inverse
    for l in range(WIDTH):
        step = (total[l] - 1.0) / fmax(slope[l], 0.5)
        step = step if slope[l] > 0.5 else 0.0
        rows.nu[l] += step
        shift[l] = step * inverse_weight
    for a in range(n):
        for l in range(WIDTH):
            rows.y[a][l] -= shift[l] * rows.inverse[a][l]
    for iteration in range(40):
        for l in range(WIDTH):
            total[l] = 0.0
            slope[l] = 0.0
            curvature[l] = 0.0
            largest[l] = 0.0
        for a in range(n):
            for l in range(WIDTH):
                x = (rows.scores[a][l] - rows.nu[l]) * inverse_weight - log_weight
                y = fmin(rows.y[a][l], fmin(x, 1.0 - log_weight))
                power = _exp_lane(y)
                inverse = 1.0 / (1.0 + power)
                share = power * inverse
                g = (power + (y - x)) * inverse
                correction = -g * (1.0 - 0.5 * g * share) / (
                    1.0 - g * share * (1.0 - g * (1.0 / 6))
                )
                power *= (1.0 + correction) + correction * correction * (
                    (1.0 / 2 + correction * (1.0 / 6)) + correction * correction * (1.0 / 24)
                )
                rows.y[a][l] = y
                rows.correction[a][l] = correction
                share, inverse = (
                    share * (1.0 + correction * inverse), inverse * (1.0 - correction * share)
                )
                rows.inverse[a][l] = inverse
                rows.share[a][l] = share
                rows.u[a][l] = weight * power
                total[l] += weight * power
                slope[l] += share
                curvature[l] += share * inverse * inverse
                largest[l] = fmax(largest[l], fabs(correction))
        for l in range(WIDTH):
            step = (total[l] - 1.0) / slope[l]
            # Halley's step where it differs little from Newton's
            step /= 1.0 - fmax(
                -0.25, fmin(0.25, 0.5 * step * inverse_weight * curvature[l] / slope[l])
            )
            unsolved = fmax(largest[l] - 1e-4, fabs(step) - fmax(1e-6 * weight, 4e-16))
            rows.step[l] = step
            rows.moving[l] = rows.moving[l] if unsolved > 0.0 else 0.0
            # a y that is far off says nothing about nu
            step = (step if largest[l] < 0.5 else 0.0) * rows.moving[l]
            rows.nu[l] += step
            shift[l] = step * inverse_weight
        still = 0.0
        for l in range(WIDTH):
            still += rows.moving[l]
        if still == 0.0:
            break
        for a in range(n):
            for l in range(WIDTH):
                rows.y[a][l] += rows.moving[l] * rows.correction[a][l] - (
                    shift[l] * rows.inverse[a][l]
                )
    # what is left of the step is so small that its second order is exact
    for a in range(n):
        for l in range(WIDTH):
            step = rows.step[l]
            inverse = rows.inverse[a][l]
            rows.u[a][l] -= rows.share[a][l] * step * (
                1.0 - 0.5 * step * inverse_weight * inverse * inverse
            )


cdef double _entropy(const double *u, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t a
    cdef double total = 0.0
    for a in range(n):
        if u[a] > 0.0:
            total -= u[a] * _log(u[a])
    return total


cdef void _maximise_one(
    const double *scores, double weight, Py_ssize_t n, double *u
) noexcept nogil:
    if weight > 0.0:
        _maximise(scores, weight, n, u)
    else:
        _project(scores, n, u)


cdef void _raise_entropy(
    const double *scores, double weight, double least_entropy, Py_ssize_t n, double *u
) noexcept nogil:
    """The maximiser on the set of rows whose entropy is at least `least_entropy`, on its edge.

    There the multiplier of the bound adds to the weight of the entropy, so the maximiser is that
    of a larger weight; the entropy of the maximiser grows with it, and the weight is bracketed
    and bisected.
    """
    cdef double low = weight, high = fmax(weight, 1e-3), middle
    cdef int iteration
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
    cdef bint together = n_actions <= MAX_ACTIONS
    cdef double weight = step_size * entropy_weight
    result = np.empty((n_learners, n_states, n_actions), dtype=np.float64)
    cdef double[:, :, ::1] u = result
    cdef double[::1] scores = np.empty(n_actions, dtype=np.float64)
    cdef Rows rows
    cdef const double *policy
    cdef double *row
    cdef Py_ssize_t learner, block, first, s, a, l
    cdef double largest, total
    with nogil:
        for learner in range(n_learners):
            policy = &policies[policy_index[learner], 0, 0]
            for block in range((n_states + WIDTH - 1) // WIDTH):
                first = block * WIDTH
                if together:
                    for l in range(WIDTH):
                        s = min(first + l, n_states - 1)
                        largest = -INFINITY
                        for a in range(n_actions):
                            rows.scores[a][l] = (
                                policy[s * n_actions + a] + step_size * q_values[learner, s, a]
                            )
                            largest = fmax(largest, rows.scores[a][l])
                        for a in range(n_actions):
                            rows.scores[a][l] -= largest
                        rows.moving[l] = 0.0
                    if weight > 0.0:
                        _maximise_rows(&rows, n_actions, weight)
                    else:
                        _project_rows(&rows, n_actions)
                for s in range(first, min(first + WIDTH, n_states)):
                    l = s - first
                    row = &u[learner, s, 0]
                    for a in range(n_actions):
                        scores[a] = policy[s * n_actions + a] + step_size * q_values[learner, s, a]
                    if together and rows.moving[l] == 0.0:
                        total = 0.0
                        for a in range(n_actions):
                            total += rows.u[a][l]
                        for a in range(n_actions):
                            row[a] = rows.u[a][l] / total
                    else:
                        _maximise_one(&scores[0], weight, n_actions, row)
                    if least_entropy >= 0.0 and _entropy(row, n_actions) < least_entropy:
                        _raise_entropy(&scores[0], weight, least_entropy, n_actions, row)
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
