"""Two arms over the same seeds: differences, intervals, effect sizes. numpy and scipy only.

Two arms are compared seed by seed, because they share data order, initialisation and the fixed
report part: what a seed does to both cancels. Legend: S studies (any leading axes), n seeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

from evidence.statistics.arrays import (
    LEVEL,
    RESOLUTION,
    Array,
    Values,
    between,
    stacked,
    vector,
    without_spread,
)

COUNTED = 100  # pairs up to which all signs of the ranks are counted


@dataclass(frozen=True)
class Sample:
    """An arm over its seeds. ``sd`` (n - 1) and the mean's t half-width need two values."""

    mean: float | None
    sd: float | None
    half_width: float | None
    n: int


@dataclass(frozen=True)
class EffectSize:
    """Standardised difference d_z = mean / sd of the paired differences, and its interval."""

    d: float
    low: float
    high: float


@dataclass(frozen=True)
class Improvement:
    """P(the arm is better than its reference on a fresh seed), in [0, 1], and its interval."""

    probability: float
    low: float
    high: float


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
    x = vector("values", values)
    if len(x) < 2:
        return Sample(float(x[0]) if len(x) else None, None, None, len(x))
    mean, half = mean_interval(x, level=level)
    return Sample(float(mean), float(x.std(ddof=1)), float(half), len(x))


def mean_interval(values: Array, *, level: float = LEVEL) -> tuple[Array, Array]:
    """Mean and t half-width over the last axis: [S, n] -> [S], [S]; n >= 2.

    mean +- t(n - 1, (1 + level) / 2) sd / sqrt(n). Exact for independent normal values; for
    skewed ones at n = 10 it covers a few points less than ``level``.
    """
    between("level", level)
    n = values.shape[-1]
    if n < 2:
        raise ValueError(f"values: given {n}; allowed: at least 2 for an interval")
    quantile = float(special.stdtrit(n - 1, (1 + level) / 2))
    return values.mean(-1), quantile * values.std(-1, ddof=1) / np.sqrt(n)


def corrected_interval(deltas: Array, *, ratio: float, level: float = LEVEL) -> tuple[Array, Array]:
    """Mean and half-width where splits are redrawn and overlap: [S, n] -> [S], [S]; n >= 2.

    Corrected resampled t: variance of the mean (1/n + ratio) sd^2 with n - 1 degrees of freedom,
    ratio = n_test / n_train (Nadeau and Bengio 2003, equation 9). Only for splits that are drawn
    anew with each seed, test part included; a fixed test part needs ``mean_interval``, and this
    would widen it for nothing. A heuristic: error is near nominal for ratios up to about 1.
    ``ratio`` 0 is ``mean_interval``.
    """
    if not 0 <= ratio < np.inf:
        raise ValueError(f"ratio: given {ratio}; allowed: n_test / n_train, at least 0")
    mean, half = mean_interval(stacked("deltas", deltas, least=2), level=level)
    return mean, half * np.sqrt(1 + ratio * deltas.shape[-1])


def paired(a: Values, b: Values, *, level: float = LEVEL) -> Paired:
    """Paired t of ``a - b``, a[i] and b[i] of the same seed; two-sided p.

    Assumes that the differences are independent between seeds and nearly normal; the arms'
    own spread, or its inequality, does not matter. The test samples are the same for all seeds,
    so the interval speaks of other seeds on *this* report part: the error of having these test
    samples and no others is not in it. One comparison; nothing is corrected for many.
    """
    x, y = vector("a", a), vector("b", b)
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


def wilcoxon_p(deltas: Values) -> float | None:
    """Two-sided p of the signed-rank test, ties and all: deltas[n]; None for no pair.

    The null is a distribution symmetric about 0. Zeros are dropped, equal sizes share their mean
    rank, and the sum of positive ranks is judged by its distribution over all 2^n signs, counted
    by convolution. That takes n^3 steps and 2^n is no number from n = 1024 on: beyond 100 pairs
    the sum is taken as normal, with half a rank of continuity (p is then off by less than .002).
    A check of the t test's shape, never the verdict: n = 5 cannot go below .0625.
    """
    x = vector("deltas", deltas)
    if len(x) == 0:
        return None
    x = x[x != 0]
    ranks = np.rint(2 * stats.rankdata(np.abs(x))).astype(int)  # doubled: halves become whole
    if len(x) > COUNTED:
        far = max(0, abs(int(np.sign(x) @ ranks)) - 2)  # positive less negative ranks, doubled
        return float(2 * special.ndtr(-far / np.sqrt(float(ranks @ ranks))))
    ways = np.ones(1)
    for rank in ranks:
        ways = np.pad(ways, (0, rank)) + np.pad(ways, (rank, 0))
    off = np.abs(2 * np.arange(len(ways)) - ranks.sum())  # distance from the null mean, doubled
    seen = abs(2 * int(ranks[x > 0].sum()) - int(ranks.sum()))
    return float(ways[off >= seen].sum() / ways.sum())


def effect_size(deltas: Values, *, level: float = LEVEL) -> EffectSize | None:
    """Paired d_z with its noncentral-t interval: deltas[n]; None without spread or with n < 2.

    t = d_z sqrt(n) follows a noncentral t(n - 1); the interval holds the noncentralities under
    which the t found is in neither tail. Assumes normal differences. d_z is biased upwards by
    about 3 / (4 n - 7) of itself. It grows when seeds agree, so compare it within a study only.
    """
    x, n = vector("deltas", deltas), len(deltas)
    between("level", level)
    if n < 2 or without_spread(x):
        return None
    d = float(x.mean() / x.std(ddof=1))
    t = abs(d) * np.sqrt(n)
    near, far = (_noncentrality(t, n - 1, (1 + s * level) / 2) / np.sqrt(n) for s in (1, -1))
    return EffectSize(d, *map(float, (near, far) if d >= 0 else (-far, -near)))


def improvement(deltas: Values, *, level: float = LEVEL) -> Improvement | None:
    """Share of seeds on which the arm is better, ties half, with Wilson's interval: deltas[n].

    Wilson (1927); no assumption on the differences but independent seeds. With ties it is a
    little wide. None for no pair.
    """
    x, n = vector("deltas", deltas), len(deltas)
    z = -float(special.ndtri((1 - between("level", level)) / 2))
    if n == 0:
        return None
    share = float(((x > 0) + 0.5 * (x == 0)).mean())
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return Improvement(share, max(0.0, float(centre - half)), min(1.0, float(centre + half)))


def _noncentrality(t: float, df: int, p: float) -> float:
    """The noncentrality under which P(T <= t) = p, for t >= 0."""
    if t > 1e3:  # T is nc sqrt(df / chi2) there; scipy's distribution function ends near 1e4
        return float(t * np.sqrt(special.chdtri(df, p) / df))

    def excess(nc: float) -> float:
        found = float(stats.nct.cdf(t, df, nc))
        if np.isnan(found):  # scipy gives up in the far tails, both ways
            found = float(nc < t)
        return found - p

    # The root is below t chi / sqrt(df) + 4, and chi at df = 1 below 3.5.
    return float(optimize.brentq(excess, -5.0, 5.0 + 4.0 * t))
