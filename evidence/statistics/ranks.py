"""Many methods at once: mean ranks over blocks, Friedman's test, critical differences, groups.

A block is what all methods were run on: a seed of one data set, or a data set. What a test speaks
of is other blocks of the same kind: over seeds of one data set nothing is said of other data sets.
Legend: S studies (any leading axes), n blocks, k methods. More is better; rank 1 is best.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from evidence.statistics.arrays import Array, Values, between, finite, stacked
from evidence.statistics.decisions import difference_p, step_down

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Friedman:
    """Is any method better than another? ``chi2`` with k - 1 degrees of freedom and its ``p``;
    ``f`` of Iman and Davenport (1980) with k - 1 and (k - 1)(n - 1), and its ``p_f``.
    """

    chi2: float
    p: float
    f: float
    p_f: float


def ranks(values: Array | Values) -> Array:
    """[..., k] -> ranks within each block, 1 for the highest value; equal ones share their mean.

    Example: .9 .7 .9 has the ranks 1.5 3 1.5.
    """
    return np.asarray(stats.rankdata(-stacked("values", values), axis=-1))


def friedman_p(values: Array | Values) -> tuple[Array, Array]:
    """p of chi2 and of Iman and Davenport's F: [S, n, k] -> [S], [S]; NaN where all are tied.

    The null: within each block every order of the methods is as likely (Friedman 1937); ties are
    corrected for (Conover 1999). chi2 is conservative for few blocks, F is near nominal.
    """
    found = _friedman(values)
    return found[1], found[3]


def friedman(values: Array | Values) -> Friedman | None:
    """The same of one table [n, k] as plain numbers; None where all are tied."""
    found = [float(x) for x in _friedman(values)]
    return None if np.isnan(found[0]) else Friedman(*found)


def _friedman(values: Array | Values) -> tuple[Array, Array, Array, Array]:
    """chi2, p, F, p of F, each [S]."""
    rank = ranks(_blocks(values))
    n, k = rank.shape[-2:]
    squares = (rank**2).sum((-2, -1)) - n * k * (k + 1) ** 2 / 4
    spread = ((rank.sum(-2) - n * (k + 1) / 2) ** 2).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        chi2 = np.where(squares > 0, (k - 1) * spread / squares, np.nan)
        f = np.where(chi2 < n * (k - 1), (n - 1) * chi2 / (n * (k - 1) - chi2), np.inf)
    f = np.where(np.isnan(chi2), np.nan, f)
    p = special.chdtrc(k - 1, chi2)
    p_f = np.where(np.isinf(f), 0.0, special.fdtrc(k - 1, (k - 1) * (n - 1), f))
    return chi2, np.asarray(p), f, np.where(np.isnan(f), np.nan, p_f)


def critical_difference(methods: int, blocks: int, *, alpha: float) -> float:
    """Of mean ranks, after Nemenyi (1963): q sqrt(k (k + 1) / (6 n)), q the upper ``alpha`` point
    of the studentized range of k over sqrt 2 (Demsar 2006).

    Whether two methods differ by it depends on which others are in the table, and in few blocks it
    is coarse: it is shown, ``pairwise`` decides. Example: k = 4, n = 14, alpha .05: 1.25.
    """
    if methods < 2 or blocks < 1:
        raise ValueError(
            f"critical difference: given {methods} methods, {blocks} blocks; allowed: 2 and 1"
        )
    q = stats.studentized_range.ppf(1 - between("alpha", alpha), methods, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(methods * (methods + 1) / (6 * blocks)))


def pairwise(values: Array | Values) -> Array:
    """Adjusted p of every pair of methods: [S, n, k] -> [S, k (k - 1) / 2], in the order of
    ``combinations``: paired t tests with Holm's step-down over all of them.

    The chance of any wrong pair is at most alpha. Not the signed ranks: of ten blocks their
    smallest p is .002, which 45 pairs multiply to .09, so that no difference could ever be found.
    """
    x = _blocks(values)
    deltas = np.stack([x[..., i] - x[..., j] for i, j in combinations(range(x.shape[-1]), 2)], -2)
    return holm(difference_p(deltas))


def holm(p: Array | Values) -> Array:
    """Adjusted p of m comparisons [S, m] (Holm 1979). A comparison without a p (NaN: no spread) is
    not settled, 1, and counts: the family stays as large as it was declared.
    """
    known = np.nan_to_num(np.asarray(p, dtype=np.float64), nan=1.0)
    return step_down(known, np.full(known.shape, np.nan))[0]


def groups(apart: Flags) -> list[tuple[int, ...]]:
    """Sets of methods of which no two are told apart, each as large as it can be: ``apart`` [k, k]
    -> indices, those of a set and the sets in rising order.

    A method may be in several: a and b, b and c not told apart, and a and c are. It says that
    these blocks do not settle their order, never that they are equally good.
    """
    if apart.ndim != 2 or apart.shape[0] != apart.shape[1] or (apart != apart.T).any():
        raise ValueError(f"apart: given {apart.shape}; allowed: a symmetric table [k, k]")
    return sorted(_cliques(apart, (), range(len(apart)), ()))


def _cliques(
    apart: Flags, chosen: tuple[int, ...], left: Sequence[int], done: Sequence[int]
) -> Iterator[tuple[int, ...]]:
    """Bron and Kerbosch (1973): maximal sets that hold ``chosen``, some of ``left``, none of
    ``done``.
    """
    if chosen and not left and not done:
        yield chosen
    for place, i in enumerate(left):
        near = [j for j in left[place + 1 :] if not apart[i, j]]
        before = [j for j in (*done, *left[:place]) if not apart[i, j]]
        yield from _cliques(apart, (*chosen, i), near, before)


def _blocks(values: Array | Values) -> Array:
    """Finite values [S, n, k] with at least two of both."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim < 2 or min(x.shape[-2:]) < 2:
        raise ValueError(
            f"blocks: given shape {x.shape}; allowed: at least 2 blocks of 2 methods, [n, k]"
        )
    return finite("blocks", x)
