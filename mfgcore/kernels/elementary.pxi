# log and exp of our own: those of the C library pick other instructions on other processors and
# may differ in the last bit, which would make results depend on the machine (SPEC: same bits).

cdef extern from *:
    """
    static const double LN2_HIGH = 0.693147180369123816490; /* k * LN2_HIGH is exact, |k| < 2^20 */
    static const double LN2_LOW = 1.90821492927058770002e-10;
    static const double INVERSE_LN2 = 1.44269504088896340736;
    static const double SQRT_HALF = 0.70710678118654752440;
    """
    const double LN2_HIGH
    const double LN2_LOW
    const double INVERSE_LN2
    const double SQRT_HALF


cdef double _log(double x) noexcept nogil:
    """Natural logarithm of x > 0; -inf at 0. About one unit in the last place."""
    cdef int exponent
    cdef double mantissa, f, s, z, series
    if x <= 0.0:
        return -INFINITY
    mantissa = frexp(x, &exponent)
    if mantissa < SQRT_HALF:
        mantissa *= 2.0
        exponent -= 1
    # log m = 2 artanh(s) with s = (m - 1) / (m + 1), |s| < 0.172, and 2 s = f - s f
    f = mantissa - 1.0
    s = f / (2.0 + f)
    z = s * s
    series = z * (2.0 / 3 + z * (2.0 / 5 + z * (2.0 / 7 + z * (2.0 / 9 + z * (2.0 / 11 + z * (
        2.0 / 13 + z * (2.0 / 15 + z * (2.0 / 17 + z * (2.0 / 19 + z * (2.0 / 21))))))))))
    return exponent * LN2_HIGH + (f - (s * (f - series) - exponent * LN2_LOW))


cdef double _exp(double x) noexcept nogil:
    """Exponential; 0 below -746 (the smallest double) and inf above 710."""
    cdef double k, r, series
    if x < -746.0:
        return 0.0
    if x > 710.0:
        return INFINITY
    k = rint(x * INVERSE_LN2)
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    series = 1.0 + r * (1.0 + r * (1.0 / 2 + r * (1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120 + r * (
        1.0 / 720 + r * (1.0 / 5040 + r * (1.0 / 40320 + r * (1.0 / 362880 + r * (
            1.0 / 3628800 + r * (1.0 / 39916800 + r * (1.0 / 479001600 + r / 6227020800.0
        ))))))))))))
    return ldexp(series, <int>k)


def log(values):
    """Natural logarithm with the same bits on every processor.

    Parameters
    ----------
    values : array_like of float64
        Positive numbers; 0 gives -inf.

    Returns
    -------
    ndarray of float64, of the shape of `values`
    """
    values = np.asarray(values, dtype=np.float64)
    result = np.empty(values.shape, dtype=np.float64)
    cdef const double[::1] source = np.ascontiguousarray(values).reshape(-1)
    cdef double[::1] target = result.reshape(-1)
    cdef Py_ssize_t i
    for i in range(source.shape[0]):
        target[i] = _log(source[i])
    return result


def exp(values):
    """Exponential with the same bits on every processor; shapes as in :func:`log`."""
    values = np.asarray(values, dtype=np.float64)
    result = np.empty(values.shape, dtype=np.float64)
    cdef const double[::1] source = np.ascontiguousarray(values).reshape(-1)
    cdef double[::1] target = result.reshape(-1)
    cdef Py_ssize_t i
    for i in range(source.shape[0]):
        target[i] = _exp(source[i])
    return result
