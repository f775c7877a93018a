"""Confidence intervals of means over trials."""

from typing import Any

LEVEL = 0.95


def half_interval(deviation: Any, trials: int) -> Any:
    """Half of the 95 % interval of a mean, by Student's distribution; as the deviation is.

    `deviation` is the standard deviation over so many trials, with n - 1; of one there is none: 0.
    """
    if trials < 2:
        return 0.0 * deviation
    from scipy.special import stdtrit  # a tenth of a second that few need

    return stdtrit(trials - 1, 0.5 + LEVEL / 2.0) * deviation / trials**0.5
