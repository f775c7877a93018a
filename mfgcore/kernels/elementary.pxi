# log and exp with the same bits on every machine: those of the C library pick other instructions on
# other processors and may differ in the last bit. They have neither branches nor calls, so
# that compilers make them work on several numbers at a time.

cdef extern from *:
    """
    #include <float.h>
    #include <math.h>
    #include <stdint.h>
    #include <string.h>

    static const double LN2_HIGH = 0.693147180369123816490; /* k * LN2_HIGH is exact, |k| < 2^20 */
    static const double LN2_LOW = 1.90821492927058770002e-10;
    static const double INVERSE_LN2 = 1.44269504088896340736;

    static inline uint64_t bits_of(double x) { uint64_t b; memcpy(&b, &x, 8); return b; }
    static inline double double_of(uint64_t b) { double x; memcpy(&x, &b, 8); return x; }

    /* Natural logarithm, to about one unit in the last place; -inf where x <= 0. */
    static inline double log_(double x) {
        const uint64_t one = 0x3FF0000000000000, sqrt_half = 0x3FE6A09E667F3BCD;
        const int normal = x >= DBL_MIN;
        /* x = m * 2^k with sqrt(1/2) <= m < sqrt(2) */
        const uint64_t bits = bits_of(normal ? x : x * 0x1p54) + (one - sqrt_half);
        const double m = double_of((bits & 0x000FFFFFFFFFFFFF) + sqrt_half);
        /* a small whole number behind the bits of 2^52 is added to it */
        const double k = double_of(bits >> 52 | 0x4330000000000000)
            - (0x1p52 + (normal ? 1023.0 : 1077.0));
        /* log m = 2 artanh(s) with s = (m - 1) / (m + 1), |s| < 0.172, and 2 s = f - s f */
        const double f = m - 1.0, s = f / (2.0 + f), z = s * s;
        const double series = z * (2.0 / 3 + z * (2.0 / 5 + z * (2.0 / 7 + z * (2.0 / 9
            + z * (2.0 / 11 + z * (2.0 / 13 + z * (2.0 / 15 + z * (2.0 / 17 + z * (2.0 / 19
            + z * (2.0 / 21))))))))));
        double result = k * LN2_HIGH + (f - (s * (f - series) - k * LN2_LOW));
        result = x <= DBL_MAX ? result : x; /* inf and NaN */
        return x <= 0.0 ? -INFINITY : result;
    }

    /* log x to 0.03, for x >= 1: exponent and first bits of the fraction, read as one number. */
    static inline double rough_log(double x) {
        const double number = double_of(bits_of(x) >> 32 | 0x4330000000000000) - 0x1p52;
        return (number * 0x1p-20 - (1023.0 - 0.043)) * LN2_HIGH;
    }

    /* Exponential, as exact; 0 and inf where it leaves the doubles. */
    static inline double exp_(double x) {
        double shifted, k, r, series;
        uint64_t exponent, half;
        x = x < -800.0 ? -800.0 : x > 800.0 ? 800.0 : x;
        /* adding 1.5 * 2^52 rounds to a whole number k, which then is in the last bits */
        shifted = x * INVERSE_LN2 + 0x1.8p52;
        k = shifted - 0x1.8p52;
        r = (x - k * LN2_HIGH) - k * LN2_LOW;
        series = 1.0 + r * (1.0 + r * (1.0 / 2 + r * (1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120
            + r * (1.0 / 720 + r * (1.0 / 5040 + r * (1.0 / 40320 + r * (1.0 / 362880
            + r * (1.0 / 3628800 + r * (1.0 / 39916800 + r * (1.0 / 479001600
            + r / 6227020800.0))))))))))));
        /* 2^k in two factors that are both normal numbers, so that one rounding is left */
        exponent = bits_of(shifted) - 0x4338000000000000 + 2046;
        half = exponent >> 1;
        return series * double_of(half << 52) * double_of((exponent - half) << 52);
    }
    """
    double _log "log_"(double x) noexcept nogil
    double rough_log(double x) noexcept nogil
    double _exp "exp_"(double x) noexcept nogil


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
    values = _numbers(values)
    result = np.empty(values.shape, dtype=np.float64)
    cdef const double[::1] source = values.reshape(-1)
    cdef double[::1] target = result.reshape(-1)
    cdef Py_ssize_t i
    for i in range(source.shape[0]):
        target[i] = _log(source[i])
    return result


def exp(values):
    """Exponential with the same bits on every processor; shapes as in :func:`log`."""
    values = _numbers(values)
    result = np.empty(values.shape, dtype=np.float64)
    cdef const double[::1] source = values.reshape(-1)
    cdef double[::1] target = result.reshape(-1)
    cdef Py_ssize_t i
    for i in range(source.shape[0]):
        target[i] = _exp(source[i])
    return result
