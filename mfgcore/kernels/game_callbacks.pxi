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
    _demand(values.ndim >= 1, "values must have shape (..., n)")
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


cdef void _weighted_sum(
    const cython.floating[:, ::1] rows, const double[::1] weights, double[::1] total
) noexcept nogil:
    cdef Py_ssize_t i, j, end, begin = 0
    cdef double weight
    while begin < rows.shape[1]:
        end = min(begin + 1024, rows.shape[1])  # columns whose sums stay in the cache
        for j in range(begin, end):
            total[j] = rows[0, j] * weights[0]
        for i in range(1, rows.shape[0]):
            weight = weights[i]
            for j in range(begin, end):
                total[j] += rows[i, j] * weight
        begin = end


def weighted_sum(rows, weights):
    """Rows times their weights, summed in the order of the rows, which BLAS changes by processor.

    `rows` is (n, m) float32 or float64, and `weights` (n,) float64, n >= 1; (m,) float64.
    """
    if not (isinstance(rows, np.ndarray) and rows.dtype == np.float32):
        rows = _numbers(rows)
    rows, factors = np.require(rows, requirements=("C", "A")), _numbers(weights)
    _demand(rows.ndim == 2 and len(rows) >= 1, "rows must have shape (n, m), n >= 1")
    _demand(factors.shape == (len(rows),), f"weights must have shape ({len(rows)},)")
    totals = np.empty(rows.shape[1])
    if rows.dtype == np.float32:
        _weighted_sum[float](rows, factors, totals)
    else:
        _weighted_sum[double](rows, factors, totals)
    return totals
