"""From p-values to verdicts: difference, equivalence, and many comparisons at once.

Two questions are asked of each comparison: is the difference zero, and is it at least as large as
the margin? Only an answer to one of them is a verdict; without an answer it stays undecided.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from evidence.statistics.arrays import (
    Array,
    Values,
    above,
    between,
    stacked,
    vector,
    without_spread,
)
from evidence.statistics.paired import Paired


def difference_p(deltas: Array) -> Array:
    """Two-sided p of the paired t test of delta = 0: [S, n] -> [S]; NaN without spread, n >= 2."""
    t, df = _t(stacked("deltas", deltas, least=2), shift=0.0)
    return 2 * np.asarray(special.stdtr(df, -np.abs(t)))


def equivalence_p(deltas: Array, *, margin: float) -> Array:
    """p of |delta| >= margin: [S, n] -> [S]; NaN without spread, n >= 2.

    Two one-sided paired t tests (Schuirmann 1987), of delta <= -margin and of delta >= margin;
    both must be rejected, so the larger p counts, with no correction. It is the smallest alpha
    whose 1 - 2 alpha interval lies inside the margin.
    """
    above("margin", margin)
    x = stacked("deltas", deltas, least=2)
    (low, df), (high, _) = _t(x, shift=-margin), _t(x, shift=margin)
    return np.asarray(np.maximum(special.stdtr(df, -low), special.stdtr(df, high)))


def unanimous_p(rows: Sequence[Array], *, margin: float | None) -> tuple[float, float]:
    """p of "different" and of "equivalent" that hold in every row: ways to form the same n
    differences (failed runs left out, or counted as guesses), rows [n] of their own length.

    The larger p of each counts, and 1 for "different" where the signs of the means disagree.
    ``margin`` None: equivalence is not asked, NaN.
    """
    different = max(float(difference_p(row)) for row in rows)
    if len({np.sign(row.mean()) for row in rows}) > 1:
        different = 1.0
    if margin is None:
        return different, np.nan
    return different, max(float(equivalence_p(row, margin=margin)) for row in rows)


def tost_p(deltas: Values, margin: float) -> float | None:
    """``equivalence_p`` of one comparison: deltas[n], both in the same unit.

    None with fewer than two seeds, or without spread: equal differences show no spread to judge
    by, however small they are, and a spread of zero is not believed.
    """
    x = vector("deltas", deltas)
    if len(x) < 2 or without_spread(x):
        above("margin", margin)
        return None
    return float(equivalence_p(x, margin=margin))


def step_down(different: Array | Values, equivalent: Array | Values) -> tuple[Array, Array]:
    """Adjusted p-values of both questions of m comparisons: [S, m], [S, m] -> the same shapes.

    The chance of any wrong rejection in the family is at most alpha, however the comparisons
    depend on each other. Holm's step-down, sharpened by logic (Shaffer 1986, procedure S1): of
    {delta = 0} and {|delta| >= margin} at most one is true, so at most m of the 2 m nulls are. The
    j-th smallest p is multiplied by min(m, 2 m - j + 1), made non-decreasing, and capped at 1.
    The p-values' own assumptions matter more at alpha / m than at alpha: of ten differences of
    skewness .5, all 18 truths at the margin, a study errs in 6.6 % (docs/simulation.md).
    NaN (not measured, or not asked) is never rejected and does not count. With all of
    ``equivalent`` NaN it is Holm's procedure (1979).

    Example: m = 2, different .001 and .4, equivalent .9 and .02: sorted .001 .02 .4 .9 times
    2 2 2 1 gives .002 .04 .8 .9.
    """
    p, q = np.asarray(different, dtype=np.float64), np.asarray(equivalent, dtype=np.float64)
    if p.shape != q.shape or p.ndim == 0:
        raise ValueError(f"p-values: given shapes {p.shape} and {q.shape}; allowed: the same")
    both = np.concatenate((p, q), axis=-1)
    known = ~np.isnan(both)
    if not ((both[known] >= 0) & (both[known] <= 1)).all():
        raise ValueError("p-values: given some outside [0, 1]; allowed: p-values, NaN for none")
    m = (known[..., : p.shape[-1]] | known[..., p.shape[-1] :]).sum(-1, keepdims=True)
    left = known.sum(-1, keepdims=True) - np.arange(both.shape[-1])
    order = np.argsort(both, axis=-1, kind="stable")  # NaN last
    adjusted = np.take_along_axis(both, order, -1) * np.minimum(m, left)
    adjusted = np.minimum(np.maximum.accumulate(adjusted, axis=-1), 1.0)
    result = np.empty_like(both)
    np.put_along_axis(result, order, adjusted, -1)
    return result[..., : p.shape[-1]], result[..., p.shape[-1] :]


def verdicts(
    difference: Array | Values,
    p_different: Array | Values,
    p_equivalent: Array | Values,
    *,
    alpha: float,
) -> npt.NDArray[np.str_]:
    """``verdict`` of many comparisons, elementwise; NaN is none."""
    between("alpha", alpha)
    d, p, q = (np.asarray(x, np.float64) for x in (difference, p_different, p_equivalent))
    cases = (
        (np.isnan(d), "not_measured"),
        (np.isnan(p) & np.isnan(q), "no_interval"),
        (q <= alpha, "equivalent"),
        ((p <= alpha) & (d > 0), "helps"),
        ((p <= alpha) & (d < 0), "hurts"),
    )
    return np.select([case for case, _ in cases], [word for _, word in cases], "undecided")


def verdict(
    difference: float | None,
    p_different: float | None,
    p_equivalent: float | None,
    *,
    alpha: float,
) -> str:
    """helps, hurts, equivalent, undecided, no_interval or not_measured. More must be better.

    p-values are adjusted for the family (and the looks), if there is one. ``equivalent`` comes
    first: an effect inside the declared margin is no effect that matters, even if its sign is
    settled. ``undecided`` never means that there is no effect.
    """
    given = (difference, p_different, p_equivalent)
    d, p, q = (np.float64(np.nan if x is None else x) for x in given)
    return str(verdicts(np.asarray(d), np.asarray(p), np.asarray(q), alpha=alpha))


def interval_verdict(effect: Paired) -> str:
    """helps, hurts, undecided or no_interval, from the unadjusted interval of one comparison.

    ``helps`` and ``hurts``: the interval excludes 0. ``undecided``: it holds 0, so both signs fit
    the data; it never means that there is no effect. For exploratory comparisons: among 20 of
    them without effect one excludes 0. More must be better.
    """
    if effect.low is None or effect.high is None:
        return "no_interval"
    if effect.low > 0:
        return "helps"
    return "hurts" if effect.high < 0 else "undecided"


def _t(x: Array, *, shift: float) -> tuple[Array, int]:
    """t of delta = shift, [S, n] -> [S] (NaN without spread), and its degrees of freedom."""
    n = x.shape[-1]
    error = np.where(without_spread(x), np.nan, x.std(-1, ddof=1)) / np.sqrt(n)
    return np.asarray((x.mean(-1) - shift) / error), n - 1
