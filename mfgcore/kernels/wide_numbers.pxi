# Non-negative numbers of unbounded exponent. Products of many small probabilities, such as that of
# leaving one corner for another against a near-deterministic policy, are no doubles: they would
# become 0 and cut the chain into pieces.

cdef extern from *:
    """
    static const double RADIX = 0x1p1020;          /* radix of the exponents of wide numbers */
    static const double RADIX_INVERSE = 0x1p-1020;
    static const double MANTISSA_LEAST = 0x1p-510; /* mantissas of wide numbers: least, allowed, */
    static const double MANTISSA_BOUND = 0x1p510;  /* and bound, not allowed */
    /* RADIX**(-2**40), less than any product of probabilities along a path */
    static const int64_t RESTART_EXPONENT = -(INT64_C(1) << 40);
    """
    const double RADIX
    const double RADIX_INVERSE
    const double MANTISSA_LEAST
    const double MANTISSA_BOUND
    const int64_t RESTART_EXPONENT


cdef struct Wide:
    # The number mantissa * RADIX**exponent >= 0.
    double mantissa    # 0, or within [MANTISSA_LEAST, MANTISSA_BOUND)
    int64_t exponent


cdef inline Wide _wide(double mantissa, int64_t exponent) noexcept nogil:
    """The wide number of any finite mantissa >= 0; scaling by RADIX is exact."""
    while mantissa >= MANTISSA_BOUND:
        mantissa *= RADIX_INVERSE
        exponent += 1
    while 0.0 < mantissa < MANTISSA_LEAST:
        mantissa *= RADIX
        exponent -= 1
    return Wide(mantissa, exponent)


cdef inline Wide _sum(Wide x, Wide y) noexcept nogil:
    if y.mantissa == 0.0:
        return x
    if x.mantissa == 0.0:
        return y
    if x.exponent == y.exponent:
        return _wide(x.mantissa + y.mantissa, x.exponent)
    if x.exponent < y.exponent:
        x, y = y, x
    if x.exponent == y.exponent + 1:
        x.mantissa += y.mantissa * RADIX_INVERSE
    return x  # beyond one block, y is below x's last bit


cdef inline Wide _product(Wide x, Wide y) noexcept nogil:
    return _wide(x.mantissa * y.mantissa, x.exponent + y.exponent)


cdef inline Wide _quotient(Wide x, Wide y) noexcept nogil:
    return _wide(x.mantissa / y.mantissa, x.exponent - y.exponent)
