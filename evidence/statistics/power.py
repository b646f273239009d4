"""How many seeds, and what could have been seen: power of the paired t test.

From the standard deviation of the paired differences seen so far. That is itself uncertain: with
ten seeds its 95 % interval runs from .69 to 1.83 of it, and the seeds needed go with its square.
"""

import numpy as np
from scipy import optimize, special, stats

from evidence.statistics.arrays import above, between

MOST = 100_000  # seeds; beyond, the answer is "no number of seeds"


def power_of(sd: float, effect: float, n: int, *, alpha: float = 0.05) -> float:
    """P(two-sided paired t rejects) for a true difference of ``effect``; noncentral t."""
    above("sd", sd)
    between("alpha", alpha)
    if n < 2:
        raise ValueError(f"n: given {n}; allowed: at least 2")
    return _power(abs(effect) / sd, n, alpha)


def minimum_detectable(sd: float, n: int, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """The difference that n seeds find with probability ``power``, in the unit of ``sd``."""
    above("sd", sd)
    between("power", power, between("alpha", alpha))
    if n < 2:
        raise ValueError(f"n: given {n}; allowed: at least 2")
    high = 1.0
    while _power(high, n, alpha) < power:
        high *= 2
    return sd * float(optimize.brentq(lambda d: _power(d, n, alpha) - power, 0.0, high))


def seeds_needed(
    sd: float, effect: float, *, alpha: float = 0.05, power: float = 0.8
) -> int | None:
    """The least number of seeds that finds ``effect`` with probability ``power``; at least 2.

    One look, one comparison: for a family give ``alpha`` divided by its size, and a sequential
    design needs a few more. None where ``MOST`` seeds are not enough.
    """
    above("sd", sd)
    between("power", power, between("alpha", alpha))
    size = above("effect", abs(effect)) / sd
    low, high = 1, 2
    while _power(size, high, alpha) < power:
        low, high = high, 2 * high
        if low > MOST:
            return None
    while high - low > 1:  # too few at low, enough at high
        middle = (low + high) // 2
        low, high = (low, middle) if _power(size, middle, alpha) >= power else (middle, high)
    return high


def _power(size: float, n: int, alpha: float) -> float:
    """Power for a standardised difference ``size`` = effect / sd >= 0."""
    critical, shift = -special.stdtrit(n - 1, alpha / 2), size * np.sqrt(n)
    upper = float(stats.nct.sf(critical, n - 1, shift))
    # Of the other tail less than 3e-7 is left at 5, and scipy returns NaN for it further out.
    return upper if shift > 5 else upper + float(stats.nct.cdf(-critical, n - 1, shift))
