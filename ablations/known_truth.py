"""What simulations are made of: draws of known truth, and how often something happened in them.

Pure; numpy alone. Legend: S studies, n seeds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evidence.statistics import Array

ALPHA, MARGIN = 0.05, 0.005
NOMINAL, COVERAGE, AT_MOST, AT_LEAST = (0.04, 0.06), (0.94, 0.96), (0.0, 0.057), (0.94, 1.0)
REPORTED = (0.0, 1.0)  # shown, nothing claimed
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Found:
    """A share (or, where ``unit`` says so, a mean) with its Monte-Carlo standard error, and the
    bounds it is claimed to lie in.
    """

    part: str
    procedure: str
    setting: str
    value: float
    error: float
    low: float
    high: float
    studies: int
    unit: str = "share"

    def within(self, *, errors: float = 0.0) -> bool:
        """Whether the bounds, widened by so many standard errors, hold the value."""
        if self.unit != "share":
            return True
        slack = [math.sqrt(b * (1 - b) / self.studies) * errors for b in (self.low, self.high)]
        return self.low - slack[0] <= self.value <= self.high + slack[1]


def rate(
    part: str, procedure: str, setting: str, hits: Flags, bounds: tuple[float, float] = REPORTED
) -> Found:
    """The share of hits."""
    value, count = float(hits.mean()), hits.size
    error = math.sqrt(max(value * (1 - value), 1 / count) / count)
    return Found(part, procedure, setting, value, error, *bounds, count)


def noise(
    generator: np.random.Generator, shape: Sequence[int], *, skewness: float = 0, rho: float = 0
) -> Array:
    """Standardised differences [S, ..., n]: normal, or gamma of that skewness; comparisons (the
    axes between) correlated by ``rho``.
    """

    def draw(size: Sequence[int]) -> Array:
        if skewness == 0:
            return generator.standard_normal(size)
        k = 4 / skewness**2
        return (generator.standard_gamma(k, size) - k) / math.sqrt(k)

    own = draw(shape)
    if rho == 0:
        return own
    common = draw([shape[0], *[1] * (len(shape) - 2), shape[-1]])
    return math.sqrt(1 - rho) * own + math.sqrt(rho) * common
