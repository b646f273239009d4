"""Resampling: bootstrap intervals, sign-flip tests, and both runs and test samples as random.

Checks beside the t interval, reported and never deciding a verdict. Every function draws from its
own generator, seeded, so the same table gives the same numbers; all comparisons of one call share
their resamples.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import special

from evidence.statistics.arrays import (
    LEVEL,
    Array,
    Values,
    between,
    finite,
    stacked,
    without_spread,
)

EXACT = 14  # seeds up to which all 2^n sign flips are made
_BLOCK = 2**22  # numbers of one block of resampled means, 32 MB


@dataclass(frozen=True)
class McNemar:
    """Samples that only one of two models gets right, and the exact two-sided p of a fair coin."""

    only_a: int
    only_b: int
    p: float


def bca(
    deltas: Array | Values, *, draws: int = 4999, seed: int = 0, level: float = LEVEL
) -> tuple[Array, Array]:
    """Bias-corrected accelerated bootstrap of the mean: [S, n] -> low [S], high [S].

    Efron 1987: percentiles of the resampled means, moved by the median bias z0 and the
    acceleration a = sum d^3 / (6 (sum d^2)^1.5), d the jackknife deviations. Needs no normality,
    but with ten seeds ten numbers stand for the whole distribution: it covers about 90 %, not 95
    (docs/simulation.md). NaN without spread or with n < 2.
    """
    x, quantile = stacked("deltas", deltas), float(special.ndtri((1 + between("level", level)) / 2))
    flat = x.reshape(-1, x.shape[-1])
    counts = _counts(seed, x.shape[-1], draws)
    rows = max(1, _BLOCK // draws)
    parts = [_bca(flat[i : i + rows], counts, quantile) for i in range(0, len(flat), rows)]
    low, high = np.concatenate([*parts, np.empty((2, 0))], axis=1).reshape(2, *x.shape[:-1])
    return low, high


def permutation_p(deltas: Array | Values, *, draws: int = 9999, seed: int = 0) -> Array:
    """Two-sided p of the mean under flipped signs: [S, n] -> [S].

    The null is that arm and reference could be exchanged in each seed: a distribution symmetric
    about 0. Exact over all 2^n flips while 2^n <= 2^14, so never below 2 / 2^n (n = 5: .0625);
    beyond that (b + 1) / (draws + 1), b random flips as extreme (Phipson and Smyth 2010).
    """
    x = stacked("deltas", deltas)
    n = x.shape[-1]
    exact, signs = n <= EXACT, _signs(seed, n, draws)
    flat, rows = x.reshape(-1, n), max(1, _BLOCK // len(signs))
    hits = [_as_extreme(flat[i : i + rows], signs) for i in range(0, len(flat), rows)]
    count = np.concatenate([*hits, np.empty(0)]).reshape(x.shape[:-1])
    return np.asarray(count / 2**n if exact else (count + 1) / (draws + 1))


def two_way(
    a: Array, b: Array, *, draws: int = 2000, seed: int = 0, level: float = LEVEL
) -> tuple[Array, Array]:
    """Percentile interval of mean(a - b) over other seeds *and* other test samples.

    ``a``, ``b``: [S, n, N], what each seed's model scores on each test sample (right or wrong, 1
    or 0). Pigeonhole bootstrap (Owen 2007): n seeds and N samples are drawn independently, and
    the drawn samples are the same for all drawn seeds, as they are in the table. It is
    conservative: what belongs to one seed and one sample alone is counted three times. Of few seeds
    plain percentiles would be too short, so they are moved out to where the interval is that of t
    with n - 1 degrees of freedom when seeds alone vary (expanded percentiles, Hesterberg 2015).
    Low [S], high [S]; NaN with fewer than two seeds or samples.
    """
    between("level", level)
    x = finite("a - b", np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64))
    if x.ndim < 2:
        raise ValueError(f"a, b: given {x.ndim} axes; allowed: seeds and samples as the last two")
    n, samples = x.shape[-2:]
    if min(n, samples) < 2:
        return np.full(x.shape[:-2], np.nan), np.full(x.shape[:-2], np.nan)
    generator = np.random.default_rng(seed)
    over_seeds, over_samples = (drawn(generator, size, draws) for size in (n, samples))
    means = x @ over_samples.T  # [S, n, draws]
    means = np.einsum("...nd,dn->...d", means, over_seeds)
    tail = expanded_tail(n, level=level)
    low, high = np.quantile(means, [tail, 1 - tail], axis=-1)
    return low, high


def mcnemar(a_right: npt.ArrayLike, b_right: npt.ArrayLike) -> McNemar:
    """Two models on the same N samples, right or wrong: [N], [N].

    Under the null a sample that only one of them gets right is as often one's as the other's:
    an exact two-sided binomial test (McNemar 1947). It speaks of these two trained models, not of
    the methods: other seeds give other models.
    """
    a, b = np.asarray(a_right), np.asarray(b_right)
    if a.dtype != np.bool_ or b.dtype != np.bool_ or a.ndim != 1 or a.shape != b.shape:
        raise ValueError("a_right, b_right: allowed: one True or False per sample, as many of both")
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    tail = special.bdtr(min(only_a, only_b), only_a + only_b, 0.5)
    return McNemar(only_a, only_b, min(1.0, 2 * float(tail)))


def expanded_tail(n: int, *, level: float = LEVEL) -> float:
    """The tail of expanded percentiles of n >= 2 seeds (Hesterberg 2015): so far out that the
    interval of a mean is that of t with n - 1 degrees of freedom.
    """
    quantile = special.stdtrit(n - 1, (1 - between("level", level)) / 2)
    return float(special.ndtr(np.sqrt(n / (n - 1)) * quantile))


def drawn(generator: np.random.Generator, size: int, draws: int) -> Array:
    """How often each of ``size`` is drawn, as shares of the draw: [draws, size], rows sum to 1."""
    if draws < 1:
        raise ValueError(f"draws: given {draws}; allowed: 1 or more")
    chosen = generator.integers(size, size=(draws, size)) + size * np.arange(draws)[:, None]
    counts = np.bincount(chosen.reshape(-1), minlength=draws * size)
    return np.asarray(counts.reshape(draws, size) / size)


@lru_cache(maxsize=2)
def _counts(seed: int, size: int, draws: int) -> Array:
    """``drawn`` of a seed: a report asks hundreds of times for the same, 100 MB at 2,500 seeds."""
    found = drawn(np.random.default_rng(seed), size, draws)
    found.flags.writeable = False
    return found


@lru_cache(maxsize=2)
def _signs(seed: int, n: int, draws: int) -> Array:
    """All 2^n flips of few seeds, else random ones: [flips, n], 1 or -1."""
    if n <= EXACT:
        up = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    else:
        up = np.random.default_rng(seed).integers(2, size=(draws, n))
    signs = np.where(up == 1, 1.0, -1.0)
    signs.flags.writeable = False
    return signs


def _bca(x: Array, counts: Array, quantile: float) -> Array:
    """[S, n], [draws, n] -> [2, S]."""
    means = np.sort(x @ counts.T, axis=-1)
    centred = x - x.mean(-1, keepdims=True)
    flat = without_spread(x)
    square = np.where(flat, 1.0, (centred**2).sum(-1))
    acceleration = (centred**3).sum(-1) / (6 * square**1.5)
    mean, slack = x.mean(-1, keepdims=True), 1e-12 * np.abs(x).max(-1, keepdims=True)
    below = ((means < mean - slack).mean(-1) + (means <= mean + slack).mean(-1)) / 2
    bias = special.ndtri(np.clip(below, 0.5 / len(counts), 1 - 0.5 / len(counts)))
    ends = []
    for z in (-quantile, quantile):
        moved = bias + z
        share = special.ndtr(bias + moved / (1 - acceleration * moved))
        place = np.clip(share * (len(counts) + 1) - 1, 0, len(counts) - 1)
        ends.append(np.where(flat, np.nan, _at(means, place)))
    return np.stack(ends)


def _at(ordered: Array, place: Array) -> Array:
    """Rows [S, draws] read at positions [S] that may lie between two entries."""
    left = np.floor(place).astype(np.int64)
    right = np.minimum(left + 1, ordered.shape[-1] - 1)
    rows = np.arange(len(ordered))
    share = place - left
    return np.asarray((1 - share) * ordered[rows, left] + share * ordered[rows, right])


def _as_extreme(x: Array, signs: Array) -> Array:
    """Flips whose |sum| is at least the one seen: [S, n], [flips, n] -> [S]."""
    seen, slack = np.abs(x.sum(-1)), 1e-12 * np.abs(x).sum(-1)
    return np.asarray((np.abs(x @ signs.T) >= (seen - slack)[:, None]).sum(-1), dtype=np.float64)
