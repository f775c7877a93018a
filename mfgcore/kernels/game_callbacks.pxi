# Calls into Python game code, with the GIL held. A game checks its own numbers; the shapes, on which
# the loops rely, are checked here as well.

def _of_shape(str method, values, shape):
    """What a method of the game returned, if it has this shape; C-contiguous float64."""
    values = _numbers(values)
    _demand(values.shape == shape, f"{method}() must have shape {shape}")
    return values


def are_distributions(values, double tolerance):
    """Whether all rows of array_like, (..., n), are >= 0 and sum to 1 within a tolerance; bool."""
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
