"""What every part of the room shares: types, the level of intervals, and checks of what is given.

Legend of the room: S comparisons or simulated studies (any leading axes), n seeds, N test samples,
m comparisons of a family, K looks. Deltas are arm minus reference of the same seed, as shares.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Values: TypeAlias = Sequence[float] | Array
LEVEL = 0.95
RESOLUTION = 1e-12  # spread below this share of the values is rounding


def vector(name: str, values: Values) -> Array:
    """One finite value per seed; anything else is a ``ValueError``."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1:
        raise ValueError(f"{name}: given {x.ndim} axes; allowed: one value per seed")
    return finite(name, x)


def stacked(name: str, values: Array | Values, *, least: int = 1) -> Array:
    """Finite values whose last axis has at least ``least`` seeds: [S, n]."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim == 0 or x.shape[-1] < least:
        given = 0 if x.ndim == 0 else x.shape[-1]
        raise ValueError(f"{name}: given {given}; allowed: at least {least} on the last axis")
    return finite(name, x)


def finite(name: str, x: Array) -> Array:
    """``x``, or a ``ValueError`` where it holds NaN or infinity."""
    if not np.isfinite(x).all():
        raise ValueError(f"{name}: given values that are not finite; allowed: drop them by seed")
    return x


def between(name: str, value: float, low: float = 0.0, high: float = 1.0) -> float:
    """A number strictly inside (low, high)."""
    if not low < value < high:
        raise ValueError(f"{name}: given {value}; allowed: between {low:g} and {high:g}")
    return value


def above(name: str, value: float, low: float = 0.0) -> float:
    """A finite number above ``low``."""
    if not low < value < np.inf:
        raise ValueError(f"{name}: given {value}; allowed: above {low:g}")
    return value


def without_spread(deltas: Array) -> npt.NDArray[np.bool_]:
    """[S, n] -> [S]: whether all seeds give the same difference, up to rounding.

    Differences of values of order one (shares, nats) carry rounding of that order, so the spread
    is compared with at least 1.
    """
    scale = np.maximum(np.abs(deltas).max(-1), 1.0)
    return np.asarray(np.ptp(deltas, axis=-1) <= RESOLUTION * scale)
