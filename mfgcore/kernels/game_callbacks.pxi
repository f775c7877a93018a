# Calls into Python game code, with the GIL held. A game checks its own numbers; the shapes, on which
# the loops rely, are checked here as well.

def _game_rewards(game, mean_fields, n_actions):
    """Rewards at mean fields, (n, n_states); (n, n_states, n_actions) float64."""
    values = _numbers(game.checked_rewards(mean_fields))
    shape = (*mean_fields.shape, n_actions)
    _demand(values.shape == shape, f"rewards must have shape {shape}")
    return values


def _game_probabilities(game, mean_field, shape):
    """Transition probabilities at a mean field; float64 of the shape given."""
    values = _numbers(game.checked_transition_probabilities(shape, mean_field))
    _demand(values.shape == shape, f"transition_probabilities must have shape {shape}")
    return values


def are_distributions(values, double tolerance):
    """Whether all rows of array_like, (..., n), are probability distributions, up to a tolerance.

    Parameters
    ----------
    values : array_like of float64
    tolerance : float
        By how much the sum of a row may differ from 1.

    Returns
    -------
    bool
    """
    values = _numbers(values)
    cdef const double[:, ::1] rows = values.reshape(-1, values.shape[values.ndim - 1])
    cdef Py_ssize_t row, i
    cdef double total
    cdef bint proper = True
    for row in range(rows.shape[0]):
        total = 0.0
        for i in range(rows.shape[1]):
            total += rows[row, i]
            proper &= rows[row, i] >= 0.0  # not if it is NaN
        proper &= fabs(total - 1.0) <= tolerance
    return proper


def are_normalised(values):
    """Whether all of array_like, of any shape, is within [0, 1]; bool."""
    cdef const double[::1] flat = _numbers(values).reshape(-1)
    cdef Py_ssize_t i
    cdef bint inside = True
    for i in range(flat.shape[0]):
        inside &= 0.0 <= flat[i] <= 1.0  # not if it is NaN
    return inside
