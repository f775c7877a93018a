"""The policy mirror ascent step (Def. 3.2) with 50 digits, and the exact simplex projection.

The maximiser of <u, q> + h(u) - |u - pi|^2 / (2 eta) satisfies, for one nu,

    u_a + w log u_a = pi_a + eta q_a - nu,    w = eta lambda,    sum of the u_a = 1.

(The constant eta lambda of the derivative of h is part of nu.)
"""

from fractions import Fraction

import mpmath

DIGITS = 50


def scores(policy, q, step_size):
    """pi + eta q without rounding."""
    with mpmath.workdps(DIGITS):
        return [
            mpmath.mpf(float(p)) + mpmath.mpf(float(step_size)) * mpmath.mpf(float(value))
            for p, value in zip(policy, q, strict=True)
        ]


def solve_entry(c, weight):
    """The u > 0 with u + weight log u = c, by Newton's method on t = log u.

    e^t + weight t - c is convex and increasing in t; from a t above its root, Newton's iterates
    decrease towards it. If t > 0 then e^t < c, and weight t < c always, so such a t is at hand.
    """
    t = c / weight
    if t > 0:
        t = min(t, max(mpmath.mpf(0), mpmath.log(c)))
    while True:
        u = mpmath.exp(t)
        step = (u + weight * t - c) / (u + weight)
        if abs(step) <= mpmath.mpf(10) ** (5 - DIGITS) * max(1, abs(t)):
            return mpmath.exp(t - step)
        t -= step


def maximise(points, weight):
    """u by bisection on nu, to 25 digits: the sum of the u_a decreases in nu."""
    with mpmath.workdps(DIGITS):
        largest = max(points)
        low = mpmath.mpf(-1)  # the largest u_a alone is 1
        high = mpmath.log(len(points)) * weight  # no u_a is above 1 / n
        while high - low > mpmath.mpf(10) ** -25 * max(1, weight):
            nu = (low + high) / 2
            if sum(solve_entry(point - largest - nu, weight) for point in points) > 1:
                low = nu
            else:
                high = nu
        return [solve_entry(point - largest - (low + high) / 2, weight) for point in points]


def entropy(u):
    """-sum u log u with 50 digits."""
    with mpmath.workdps(DIGITS):
        u = [mpmath.mpf(value) for value in u]
        return -sum(value * mpmath.log(value) for value in u if value > 0)


def mirror_ascent_row(policy, q, step_size, entropy_weight):
    """One row of pi_{k+1}, without a bound on the entropy."""
    points = scores(policy, q, step_size)
    if entropy_weight == 0.0:
        return project_row([to_fraction(point) for point in points])
    with mpmath.workdps(DIGITS):
        return maximise(points, mpmath.mpf(step_size) * mpmath.mpf(entropy_weight))


def residual(u, policy, q, step_size, entropy_weight, tiny=1e-300):
    """Largest violation of the optimality conditions by a row u of doubles, with 50 digits.

    nu is the one that fits the largest entry. Entries below `tiny` are too coarse to be put into
    a logarithm: for them the condition says that they may not be larger than they are, so the
    left side at `tiny` must be no less than the right side.
    """
    points = scores(policy, q, step_size)
    with mpmath.workdps(DIGITS):
        weight = mpmath.mpf(step_size) * mpmath.mpf(entropy_weight)
        u = [mpmath.mpf(float(value)) for value in u]
        top = max(range(len(u)), key=lambda a: u[a])
        nu = points[top] - u[top] - weight * mpmath.log(u[top])
        worst = abs(sum(u) - 1)
        for value, point in zip(u, points, strict=True):
            if value >= tiny:
                violation = abs(value + weight * mpmath.log(value) - point + nu)
            else:
                violation = max(0, point - nu - weight * mpmath.log(tiny) - tiny)
            worst = max(worst, violation)
        return float(worst)


def to_fraction(value):
    """An mpmath number as the fraction that it is."""
    sign, mantissa, exponent, _ = value._mpf_
    return Fraction((-1) ** sign * int(mantissa)) * Fraction(2) ** exponent


def project_row(point):
    """The nearest point of the simplex in exact arithmetic (Held, Wolfe & Crowder, 1974).

    Sort; the support is the longest run of largest entries that all stay positive.
    """
    point = [Fraction(value) for value in point]
    cumulated, nu = Fraction(0), None
    for rank, value in enumerate(sorted(point, reverse=True), start=1):
        cumulated += value
        if value > (cumulated - 1) / rank:
            nu = (cumulated - 1) / rank
    return [max(value - nu, Fraction(0)) for value in point]
