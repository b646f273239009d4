"""What the numbers say: means, paired differences, intervals. Pure; numpy and scipy only.

Legend: S studies (any leading axes), n seeds. Two arms are compared seed by seed, because they
share data order, initialisation and the fixed report part: what a seed does to both cancels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

Array = npt.NDArray[np.float64]
Values = Sequence[float] | Array
LEVEL = 0.95
RESOLUTION = 1e-12  # spread below this share of the values is rounding


@dataclass(frozen=True)
class Sample:
    """An arm over its seeds. ``sd`` (n - 1) and the mean's t half-width need two values."""

    mean: float | None
    sd: float | None
    half_width: float | None
    n: int


@dataclass(frozen=True)
class Paired:
    """``a - b`` over n pairs. ``dropped``: seeds that only one of the two has.

    Interval, t and p are None where the pairs give no spread to judge by: fewer than two, or all
    differences equal.
    """

    difference: float | None
    half_width: float | None
    low: float | None
    high: float | None
    t: float | None
    p: float | None
    n: int
    dropped: tuple[int, ...] = ()


def describe(values: Values, *, level: float = LEVEL) -> Sample:
    """Mean, standard deviation (n - 1) and the half-width of the mean's t interval.

    Assumes independent values, nearly normal. The interval speaks of one arm: whether two arms
    differ is read from ``paired``, never from two such intervals that overlap or do not.
    """
    x = _finite("values", values)
    if len(x) < 2:
        return Sample(float(x[0]) if len(x) else None, None, None, len(x))
    mean, half = mean_interval(x, level=level)
    return Sample(float(mean), float(x.std(ddof=1)), float(half), len(x))


def mean_interval(values: Array, *, level: float = LEVEL) -> tuple[Array, Array]:
    """Mean and t half-width over the last axis: [S, n] -> [S], [S]; n >= 2.

    mean +- t(n - 1, (1 + level) / 2) sd / sqrt(n). Exact for independent normal values; for
    skewed ones at n = 10 it covers a few points less than ``level``.
    """
    if not 0 < level < 1:
        raise ValueError(f"level: given {level}; allowed: between 0 and 1")
    n = values.shape[-1]
    if n < 2:
        raise ValueError(f"values: given {n}; allowed: at least 2 for an interval")
    quantile = float(special.stdtrit(n - 1, (1 + level) / 2))
    return values.mean(-1), quantile * values.std(-1, ddof=1) / np.sqrt(n)


def paired(a: Values, b: Values, *, level: float = LEVEL) -> Paired:
    """Paired t of ``a - b``, a[i] and b[i] of the same seed; two-sided p.

    Assumes that the differences are independent between seeds and nearly normal; the arms'
    own spread, or its inequality, does not matter. The test samples are the same for all seeds,
    so the interval speaks of other seeds on *this* report part: the error of having these test
    samples and no others is not in it. One comparison; nothing is corrected for many.
    """
    x, y = _finite("a", a), _finite("b", b)
    if len(x) != len(y):
        raise ValueError(f"pairs: given {len(x)} and {len(y)} values; allowed: as many of both")
    n = len(x)
    if n == 0:
        return Paired(None, None, None, None, None, None, 0)
    delta = x - y
    mean = float(delta.mean())
    scale = max(float(np.abs(x).max()), float(np.abs(y).max()))
    if n < 2 or float(np.ptp(delta)) <= RESOLUTION * scale:
        return Paired(mean, None, None, None, None, None, n)
    half = float(mean_interval(delta, level=level)[1])
    t = mean / float(delta.std(ddof=1) / np.sqrt(n))
    p = 2 * float(special.stdtr(n - 1, -abs(t)))
    return Paired(mean, half, mean - half, mean + half, t, p, n)


def paired_by_seed(
    a: Mapping[int, float], b: Mapping[int, float], *, level: float = LEVEL
) -> Paired:
    """``paired`` over the seeds that both have; the others are named in ``dropped``.

    Dropping is harmless only if runs fail for reasons that have nothing to do with their score:
    an arm that diverges on hard seeds looks better than it is.
    """
    both = sorted(a.keys() & b.keys())
    found = paired([a[s] for s in both], [b[s] for s in both], level=level)
    dropped = tuple(sorted(a.keys() ^ b.keys()))
    return Paired(**{**vars(found), "dropped": dropped})


def verdict(effect: Paired) -> str:
    """Of a difference where more is better: helps, hurts, undecided, or no_interval.

    ``helps`` and ``hurts``: the interval excludes 0. ``undecided``: it holds 0, so both signs fit
    the data; it never means that there is no effect.
    """
    if effect.low is None or effect.high is None:
        return "no_interval"
    if effect.low > 0:
        return "helps"
    return "hurts" if effect.high < 0 else "undecided"


def _finite(name: str, values: Values) -> Array:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1:
        raise ValueError(f"{name}: given {x.ndim} axes; allowed: one value per seed")
    if not np.isfinite(x).all():
        raise ValueError(f"{name}: given values that are not finite; allowed: drop them by seed")
    return x
