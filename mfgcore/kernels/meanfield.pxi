# The mean-field game of infinitely many agents, solved without sampling: stationary distributions,
# values and best responses.
#
# A state is often linked to few others, all of them near in some order of the states. Every linear
# system is therefore solved within a band: of n states whose links reach over at most b others, in
# O(n b^2) operations and O(n b) memory. Nothing is summed in another order on another processor.
#
# The functions for Python take C-ordered arrays: `policies` (n, n_states, n_actions) float64, of
# which each stands for itself; `rewards` (n, n_states, n_actions) float64, what actions pay while
# one of them is followed; `next_states` (n_states, n_actions, K) int32, and their
# `transition_probabilities` (n_states, n_actions, K) float64; gamma in [0, 1) is `discount`, and
# lambda >= 0 is `entropy_weight`. What they return is float64.

cdef struct TransitionModel:
    const int32_t *next_states  # (n_states, n_actions, n_next_states)
    const double *probabilities  # of the next states
    Py_ssize_t n_states
    Py_ssize_t n_actions
    Py_ssize_t n_next_states
    Py_ssize_t band  # largest distance, in the order of the states, that an action leads


cdef TransitionModel _model_of(
    const int32_t[:, :, ::1] next_states, const double[:, :, ::1] transition_probabilities
) noexcept nogil:
    cdef TransitionModel model
    cdef Py_ssize_t s, a, k
    model.next_states = &next_states[0, 0, 0]
    model.probabilities = &transition_probabilities[0, 0, 0]
    model.n_states = next_states.shape[0]
    model.n_actions = next_states.shape[1]
    model.n_next_states = next_states.shape[2]
    model.band = 0
    for s in range(model.n_states):
        for a in range(model.n_actions):
            for k in range(model.n_next_states):
                if transition_probabilities[s, a, k] > 0.0:
                    model.band = max(model.band, next_states[s, a, k] - s, s - next_states[s, a, k])
    return model


cdef TransitionModel _checked_model(
    const int32_t[:, :, ::1] next_states, const double[:, :, ::1] transition_probabilities,
    const double[:, :, ::1] policies,
):
    """The model of a game, if they and policies are of the same states and actions."""
    cdef Py_ssize_t n_states = next_states.shape[0]
    shape = (n_states, next_states.shape[1], next_states.shape[2])
    _demand(next_states.size > 0, f"next_states must not be empty, as of shape {shape}")
    _demand(
        (<object>transition_probabilities).shape == shape,
        f"transition_probabilities must have the shape of next_states, {shape}",
    )
    _demand(
        (policies.shape[1], policies.shape[2]) == shape[:2],
        f"policies must have shape (n, {shape[0]}, {shape[1]})",
    )
    _check_indices("next_states", np.asarray(next_states).reshape(-1), n_states)
    _check_probabilities("transition_probabilities", transition_probabilities)
    _check_probabilities("policies", policies)
    return _model_of(next_states, transition_probabilities)


cdef int _check_numbers(str name, values, shapes) except -1:
    """Refuse an array of another shape than one of these, or with what is not finite."""
    _demand(values.shape in shapes, f"{name} must have shape {' or '.join(map(str, shapes))}")
    _demand(np.isfinite(values).all(), f"{name} must be finite")
    return 0


cdef int _check_weights(double discount, double entropy_weight) except -1:
    _demand(0.0 <= discount < 1.0, f"discount must be in [0, 1), not {discount}")
    return _check_finite("entropy_weight", entropy_weight)


cdef void _chain(const double *policy, TransitionModel model, double *chain) noexcept nogil:
    """The Markov chain of a policy: entry (s, band + t - s) is the chance to go from s to t.

    It is (n_states, 2 band + 1), and all that mean fields and values need of the model.
    """
    cdef Py_ssize_t width = 2 * model.band + 1
    cdef Py_ssize_t s, i, k
    cdef double *row
    for i in range(model.n_states * width):
        chain[i] = 0.0
    for s in range(model.n_states):
        row = chain + s * width + model.band - s
        for i in range(s * model.n_actions, (s + 1) * model.n_actions):
            for k in range(i * model.n_next_states, (i + 1) * model.n_next_states):
                if model.probabilities[k] > 0.0:  # or else it may be beyond the band
                    row[model.next_states[k]] += policy[i] * model.probabilities[k]


cdef void _stationary(
    const double *chain, const double *initial, Py_ssize_t n_states, Py_ssize_t band, Wide *links,
    Wide *to_restart, Wide *from_restart, Wide *masses, double *mean_field,
) noexcept nogil:
    """Elimination of Grassmann, Taksar & Heyman (1985); see stationary_distributions.

    One more state, the restart, is reached from everywhere with a probability below all others
    and leads where agents start. It is the last one to be eliminated, so that the band stays narrow.
    """
    cdef Py_ssize_t width = 2 * band + 1
    cdef Py_ssize_t i, j, k, first
    cdef Wide *row
    cdef Wide *eliminated
    cdef Wide factor, total, largest
    cdef double sum_
    for i in range(n_states * width):
        links[i] = _wide(chain[i], 0)
    for k in range(n_states):
        to_restart[k] = _wide(1.0, RESTART_EXPONENT)
        from_restart[k] = _wide(initial[k], 0)
    for k in range(n_states - 1, -1, -1):
        first = max(0, k - band)
        eliminated = links + k * width + band - k
        # the chance to leave k: a sum, where 1 - P(k, k) would cancel
        total = to_restart[k]
        for j in range(first, k):
            total = _sum(total, eliminated[j])
        for i in range(first, k):
            row = links + i * width + band - i
            if row[k].mantissa == 0.0:
                continue
            factor = _quotient(row[k], total)
            row[k] = factor
            for j in range(first, k):
                if eliminated[j].mantissa != 0.0 and j != i:
                    row[j] = _sum(row[j], _product(factor, eliminated[j]))
            to_restart[i] = _sum(to_restart[i], _product(factor, to_restart[k]))
        factor = _quotient(from_restart[k], total)
        from_restart[k] = factor
        for j in range(first, k):
            if eliminated[j].mantissa != 0.0:
                from_restart[j] = _sum(from_restart[j], _product(factor, eliminated[j]))
    largest = _wide(0.0, 0)
    for k in range(n_states):
        total = from_restart[k]
        for i in range(max(0, k - band), k):
            total = _sum(total, _product(masses[i], links[i * width + band - i + k]))
        masses[k] = total
        if total.mantissa > 0.0 and (
            largest.mantissa == 0.0
            or total.exponent > largest.exponent
            or (total.exponent == largest.exponent and total.mantissa > largest.mantissa)
        ):
            largest = total
    sum_ = 0.0
    for k in range(n_states):
        factor = _quotient(masses[k], largest)
        while factor.mantissa > 0.0 and factor.exponent < 0:
            factor.mantissa *= RADIX_INVERSE
            factor.exponent += 1
        mean_field[k] = factor.mantissa
        sum_ += factor.mantissa
    for k in range(n_states):
        mean_field[k] /= sum_


cdef void _action_values(
    const double *rewards, const double *future, TransitionModel model, double discount, double *q
) noexcept nogil:
    """Bellman's recursion: q(s, a) = R(s, a) + discount * E future(next(s, a))."""
    cdef Py_ssize_t i, k
    cdef double expected
    for i in range(model.n_states * model.n_actions):
        expected = 0.0
        for k in range(i * model.n_next_states, (i + 1) * model.n_next_states):
            expected += model.probabilities[k] * future[model.next_states[k]]
        q[i] = rewards[i] + discount * expected


cdef void _best_of(
    const double *q, double entropy_weight, TransitionModel model, double *best, double *u
) noexcept nogil:
    """best(s) = max over u(s) of <u(s), q(s)> + h(u(s)), and the u where it is attained.

    With entropy it is lambda log sum exp(q / lambda), at the softmax. Without, it is the largest
    q, at the first action that attains it.
    """
    cdef Py_ssize_t n_states = model.n_states, n_actions = model.n_actions
    cdef Py_ssize_t s, a, i
    cdef double total
    for s in range(n_states):
        best[s] = q[s * n_actions]
        for a in range(1, n_actions):
            best[s] = fmax(best[s], q[s * n_actions + a])
    if entropy_weight == 0.0:
        for s in range(n_states):
            total = 1.0
            for a in range(n_actions):
                i = s * n_actions + a
                u[i] = total if q[i] == best[s] else 0.0
                total -= u[i]
        return
    for s in range(n_states):
        for a in range(n_actions):
            i = s * n_actions + a
            u[i] = (q[i] - best[s]) / entropy_weight
    for i in range(n_states * n_actions):
        u[i] = _exp(u[i])
    for s in range(n_states):
        total = 0.0
        for a in range(n_actions):
            total += u[s * n_actions + a]
        best[s] += entropy_weight * _log(total)
        for a in range(n_actions):
            u[s * n_actions + a] /= total


cdef inline double _expected(const double *u, const double *rewards, Py_ssize_t n) noexcept nogil:
    """<u, R(s, .)>; what no action changes is exact, though u sums to 1 but for its last bit."""
    cdef double total = rewards[0]
    cdef Py_ssize_t a
    for a in range(1, n):
        total += u[a] * (rewards[a] - rewards[0])
    return total


cdef void _payoffs(
    const double *policy, const double *rewards, double entropy_weight, TransitionModel model,
    double *payoffs,
) noexcept nogil:
    """<pi(s), R(s, .)> + h(pi(s))."""
    cdef Py_ssize_t s, n_actions = model.n_actions
    for s in range(model.n_states):
        payoffs[s] = _expected(policy + s * n_actions, rewards + s * n_actions, n_actions)
        if entropy_weight > 0.0:
            payoffs[s] += entropy_weight * _entropy(policy + s * n_actions, n_actions)


cdef void _solve_values(
    const double *policy, const double *payoffs, TransitionModel model, double discount,
    double *matrix, double *values,
) noexcept nogil:
    """Solve V = payoffs + discount * P V, the fixed point of the recursion under one policy.

    The matrix is diagonally dominant by rows: elimination within the band needs no pivoting.
    """
    cdef Py_ssize_t n_states = model.n_states, band = model.band, width = 2 * model.band + 1
    cdef Py_ssize_t i, j, k
    cdef double *row
    cdef const double *pivot
    cdef double factor
    _chain(policy, model, matrix)
    for i in range(n_states * width):
        matrix[i] *= -discount
    for k in range(n_states):
        matrix[k * width + band] += 1.0
        values[k] = payoffs[k]
    for k in range(n_states):
        pivot = matrix + k * width + band
        for i in range(k + 1, min(n_states, k + band + 1)):
            row = matrix + i * width + band + k - i
            if row[0] == 0.0:
                continue
            factor = row[0] / pivot[0]
            for j in range(1, band + 1):
                row[j] -= factor * pivot[j]
            values[i] -= factor * values[k]
    for k in range(n_states - 1, -1, -1):
        pivot = matrix + k * width + band
        factor = values[k]
        for j in range(1, min(n_states - k, band + 1)):
            factor -= pivot[j] * values[k + j]
        values[k] = factor / pivot[0]


@_changing()
def stationary_distributions(
    const double[:, :, ::1] policies not None,
    const int32_t[:, :, ::1] next_states not None,
    const double[:, :, ::1] transition_probabilities not None,
    const double[::1] initial_distribution not None,
):
    """Long-run distributions over the states, from an initial distribution.

    `initial_distribution` is (n_states,), of any sum above 0.

    A row is the limit, as the probability of starting again tends to 0, of the distribution of an
    agent that starts again now and then: the stationary distribution where there is only one,
    and otherwise the average over time. The elimination of Grassmann, Taksar & Heyman subtracts
    nothing, so every entry has a relative error of some 1e-14, however small the probabilities.
    The rows of policies need not be normalised to the last bit, as staying plays no part; those
    returned, (n, n_states), sum to 1.
    """
    cdef TransitionModel model = _checked_model(next_states, transition_probabilities, policies)
    cdef Py_ssize_t n_states = model.n_states, width = 2 * model.band + 1, p
    result = np.empty((policies.shape[0], n_states), dtype=np.float64)
    cdef double[:, ::1] mean_fields = result
    cdef double[::1] chain = np.empty(n_states * width, dtype=np.float64)
    cdef uint8_t[::1] memory = np.empty(n_states * (width + 3) * sizeof(Wide), dtype=np.uint8)
    _check_numbers("initial_distribution", np.asarray(initial_distribution), [(n_states,)])
    _demand(
        np.min(initial_distribution) >= 0.0 and np.sum(initial_distribution) > 0.0,
        "initial_distribution must be >= 0, and not 0 everywhere",
    )
    cdef Wide *links = <Wide *> &memory[0]
    cdef Wide *border = links + n_states * width
    with nogil:
        for p in range(policies.shape[0]):
            _chain(&policies[p, 0, 0], model, &chain[0])
            _stationary(
                &chain[0], &initial_distribution[0], n_states, model.band, links, border,
                border + n_states, border + 2 * n_states, &mean_fields[p, 0],
            )
    return result


@_changing()
def policy_values(
    const double[:, :, ::1] policies not None,
    const double[:, :, ::1] rewards not None,
    const int32_t[:, :, ::1] next_states not None,
    const double[:, :, ::1] transition_probabilities not None,
    double discount,
    double entropy_weight,
):
    """The (n, n_states) values V(s) = h(pi(s)) + sum_a pi(a|s) (R(s, a) + gamma E V(next(s, a)))."""
    cdef TransitionModel model = _checked_model(next_states, transition_probabilities, policies)
    cdef Py_ssize_t p
    result = np.empty((policies.shape[0], model.n_states), dtype=np.float64)
    cdef double[:, ::1] values = result
    cdef double[::1] payoffs = np.empty(model.n_states, dtype=np.float64)
    cdef double[::1] matrix = np.empty(model.n_states * (2 * model.band + 1), dtype=np.float64)
    cdef const double *policy
    _check_numbers("rewards", np.asarray(rewards), [(<object>policies).shape])
    _check_weights(discount, entropy_weight)
    with nogil:
        for p in range(policies.shape[0]):
            policy = &policies[p, 0, 0]
            _payoffs(policy, &rewards[p, 0, 0], entropy_weight, model, &payoffs[0])
            _solve_values(policy, &payoffs[0], model, discount, &matrix[0], &values[p, 0])
    return result


@_changing()
def best_responses(
    const double[:, :, ::1] policies not None,
    const double[:, :, ::1] rewards not None,
    const int32_t[:, :, ::1] next_states not None,
    const double[:, :, ::1] transition_probabilities not None,
    double discount,
    double entropy_weight,
    double tolerance,
    Py_ssize_t max_iterations,
):
    """Best responses to given rewards, by (soft) policy iteration from given policies.

    A policy is valued exactly and replaced by the best one for this future value, until the
    residual of the optimal recursion, max_s |max_u (<u, Q(s, .)> + h(u)) - V(s)|, is at most
    ``tolerance * max(1, max |V|)``. The values rise from step to step and converge quadratically.

    Returns
    -------
    values : (n, n_states)
        V with V <= V* <= V + residual / (1 - discount).
    responses : (n, n_states, n_actions)
        The best policies for the future value V.
    residuals : (n,)
        Where one is above its bound, the iteration ran out of steps.
    """
    cdef TransitionModel model = _checked_model(next_states, transition_probabilities, policies)
    cdef Py_ssize_t n_states = model.n_states, n_actions = model.n_actions
    cdef Py_ssize_t p, s, i, iteration
    all_values = np.empty((rewards.shape[0], n_states), dtype=np.float64)
    all_responses = np.array(policies, dtype=np.float64, order="C")
    all_residuals = np.empty(rewards.shape[0], dtype=np.float64)
    cdef double[:, ::1] values = all_values
    cdef double[:, :, ::1] responses = all_responses
    cdef double[::1] residuals = all_residuals
    cdef double[::1] payoffs = np.empty(n_states, dtype=np.float64)
    cdef double[::1] best = np.empty(n_states, dtype=np.float64)
    cdef double[::1] q = np.empty(n_states * n_actions, dtype=np.float64)
    cdef double[::1] matrix = np.empty(n_states * (2 * model.band + 1), dtype=np.float64)
    cdef double scale, residual = INFINITY
    cdef double *policy
    _check_count("max_iterations", max_iterations)
    _check_finite("tolerance", tolerance)
    _check_numbers("rewards", np.asarray(rewards), [(<object>policies).shape])
    _check_weights(discount, entropy_weight)
    with nogil:
        for p in range(rewards.shape[0]):
            policy = &responses[p, 0, 0]
            _payoffs(policy, &rewards[p, 0, 0], entropy_weight, model, &payoffs[0])
            for iteration in range(max_iterations):
                _solve_values(policy, &payoffs[0], model, discount, &matrix[0], &values[p, 0])
                _action_values(&rewards[p, 0, 0], &values[p, 0], model, discount, &q[0])
                _best_of(&q[0], entropy_weight, model, &best[0], policy)
                residual = 0.0
                scale = 1.0
                for s in range(n_states):
                    residual = fmax(residual, fabs(best[s] - values[p, s]))
                    scale = fmax(scale, fabs(values[p, s]))
                if residual <= tolerance * scale:
                    break
                for s in range(n_states):
                    payoffs[s] = _expected(policy + s * n_actions, &rewards[p, s, 0], n_actions)
                    if entropy_weight > 0.0:
                        # h = -lambda sum u log u without further logarithms
                        for i in range(s * n_actions, (s + 1) * n_actions):
                            payoffs[s] += policy[i] * (best[s] - q[i])
            residuals[p] = residual
    return all_values, all_responses, all_residuals


@_changing()
def bellman_gaps(
    const double[:, :, ::1] policies not None,
    const double[:, ::1] values not None,
    const double[:, :, ::1] rewards not None,
    const int32_t[:, :, ::1] next_states not None,
    const double[:, :, ::1] transition_probabilities not None,
    double discount,
    double entropy_weight,
):
    """What a policy forgoes by one choice in each state, the future being worth `values`.

    It is max_u (<u, Q(s, .)> + h(u)) - <pi(s), Q(s, .)> - h(pi(s)) >= 0, (n, n_states), with
    Q(s, a) = R(s, a) + gamma E V(next(s, a)). Rewards and values may have one row for all policies.
    """
    cdef TransitionModel model = _checked_model(next_states, transition_probabilities, policies)
    cdef Py_ssize_t n_states = model.n_states, n_actions = model.n_actions, p, s, a
    result = np.empty((policies.shape[0], n_states), dtype=np.float64)
    cdef double[:, ::1] gaps = result
    cdef double[::1] best = np.empty(n_states, dtype=np.float64)
    cdef double[::1] q = np.empty(n_states * n_actions, dtype=np.float64)
    cdef double[::1] u = np.empty(n_states * n_actions, dtype=np.float64)
    cdef double gap
    n = policies.shape[0]
    shapes = [(rows, n_states, n_actions) for rows in (1, n)]
    _check_numbers("rewards", np.asarray(rewards), shapes)
    _check_numbers("values", np.asarray(values), [(rewards.shape[0], n_states)])
    _check_weights(discount, entropy_weight)
    with nogil:
        for p in range(policies.shape[0]):
            if p < rewards.shape[0]:
                _action_values(&rewards[p, 0, 0], &values[p, 0], model, discount, &q[0])
                _best_of(&q[0], entropy_weight, model, &best[0], &u[0])
            for s in range(n_states):
                gap = 0.0
                for a in range(n_actions):
                    gap += policies[p, s, a] * (best[s] - q[s * n_actions + a])
                if entropy_weight > 0.0:
                    gap -= entropy_weight * _entropy(&policies[p, s, 0], n_actions)
                gaps[p, s] = fmax(gap, 0.0)  # below 0 by rounding alone
    return result
