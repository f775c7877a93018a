"""log and exp as the kernels compute them: the same operations on Python floats."""

import math

LN2_HIGH = 0.693147180369123816490  # 32 bits: k * LN2_HIGH is exact
LN2_LOW = 1.90821492927058770002e-10
INVERSE_LN2 = 1.44269504088896340736
SQRT_HALF = 0.70710678118654752440


def log(x):
    """Natural logarithm by log m = 2 artanh((m - 1) / (m + 1)), x = m 2**e; -inf at 0."""
    if x <= 0.0:
        return -math.inf
    mantissa, exponent = math.frexp(x)
    if mantissa < SQRT_HALF:
        mantissa, exponent = mantissa * 2.0, exponent - 1
    f = mantissa - 1.0
    s = f / (2.0 + f)
    z = s * s
    series = 2.0 / 21
    for odd in range(19, 1, -2):
        series = 2.0 / odd + z * series
    series = z * series
    return exponent * LN2_HIGH + (f - (s * (f - series) - exponent * LN2_LOW))


def exp(x):
    """Exponential by the Taylor series of r, x = k log 2 + r."""
    x = min(max(x, -800.0), 800.0)
    k = round(x * INVERSE_LN2)
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    series = 1.0 / math.factorial(12) + r / float(math.factorial(13))
    for order in range(11, -1, -1):
        series = 1.0 / math.factorial(order) + r * series
    try:
        return math.ldexp(series, k)
    except OverflowError:
        return math.inf


def weighted_sum(rows, weights):
    """Each column of some rows times their weights, summed in the order of the rows."""
    totals = [float(value) * float(weights[0]) for value in rows[0]]
    for row, weight in zip(rows[1:], weights[1:], strict=True):
        totals = [
            total + float(value) * float(weight) for total, value in zip(totals, row, strict=True)
        ]
    return totals
