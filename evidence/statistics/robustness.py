"""Accuracy as noise grows: what is kept of it, where two arms cross, what clean accuracy predicts.

Legend: P severities in rising order, n seeds, A baseline arms, D resamples of the seeds. Accuracies
are shares. Everything is exploratory: intervals hold at each severity alone.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from evidence.statistics.arrays import LEVEL, Array, between, finite, stacked
from evidence.statistics.regimes import Refusal
from evidence.statistics.resampling import drawn, expanded_tail

BASELINES = 5  # arms that a line over clean accuracy needs at least
SEEDS = 5  # that a bootstrap over seeds needs at least: of three it covers 75 % in place of 95
FLAT = 1e-9  # logits: clean accuracies that differ by less carry no line


@dataclass(frozen=True)
class Crossing:
    """Where the mean difference of two arms changes its sign.

    ``ahead``: its sign before, 1 the arm, -1 the reference, 0 where all are equal. ``at``: the
    first change, None where there is none within the range. ``low``, ``high``: its interval; None
    where that end lies outside the range (``low``: in some resamples the order is the other one
    from the start; ``high``: in some it never changes), or without a change. ``changes``: how many
    there are. ``share``: of the resamples, those that change within the range; None with n < 5.
    """

    ahead: int
    at: float | None
    low: float | None
    high: float | None
    changes: int
    share: float | None


@dataclass(frozen=True)
class Effective:
    """Effective robustness at each severity [P], and its mean over them as [value, low, high].

    ``extrapolated``: the arm's clean accuracy lies outside that of the baseline arms.
    """

    value: Array
    low: Array
    high: Array
    mean: tuple[float, float, float]
    extrapolated: bool


def relative_robustness(
    noisy: Array, clean: Array, *, chance: float, level: float = LEVEL
) -> tuple[Array, Array, Array]:
    """(noisy - chance) / (clean - chance): [P, n], [n] -> value, low, high [P].

    1 keeps all that is above guessing, 0 is guessing. The ratio of the means over seeds with
    Fieller's interval (1954): the ratios r that a paired t test of noisy - r clean does not
    reject. NaN where mean clean accuracy is not above chance; ``low`` and ``high`` NaN too where
    that is not settled at ``level`` (the interval is then unbounded), or with n < 2.
    """
    x = stacked("noisy", noisy) - between("chance", chance)
    y = stacked("clean", clean) - chance
    n, top, base = x.shape[-1], x.mean(-1), float(y.mean())
    empty = np.full(top.shape, np.nan)
    if base <= 0:
        return empty, empty, empty
    value = top / base
    if n < 2:
        return value, empty, empty
    g = float(special.stdtrit(n - 1, (1 + level) / 2)) ** 2 / (n * (n - 1))
    dx, dy = x - top[:, None], y - base
    a = base**2 - g * float(dy @ dy)
    if a <= 0:
        return value, empty, empty
    b = top * base - g * (dx @ dy)
    c = top**2 - g * np.square(dx).sum(-1)
    root = np.sqrt(np.maximum(b**2 - a * c, 0))
    return value, (b - root) / a, (b + root) / a


def crossing(
    deltas: Array, severities: Array, *, draws: int = 2000, seed: int = 0, level: float = LEVEL
) -> Crossing:
    """Where the mean of ``deltas`` [P, n] (arm minus reference), drawn with straight lines between
    ``severities`` [P], first changes its sign.

    Interval: bootstrap over seeds, expanded percentiles as in ``two_way``. A resample without the
    change counts as beyond the range, one that begins with the other sign as before it; so an
    interval with both ends says that the change is settled to lie within the range. It covers 91 %
    with 5 seeds and 95 % with 10 where the truth is a clear change (docs/noise.md); with fewer than
    5 there is none.
    """
    x = stacked("deltas", deltas)
    s = finite("severities", np.asarray(severities, dtype=np.float64))
    if len(s) < 2 or len(s) != len(x) or (np.diff(s) <= 0).any():
        raise ValueError(f"severities: given {s.tolist()}; allowed: {len(x)}, at least 2, rising")
    mean = x.mean(-1)
    signs = np.sign(mean[mean != 0])
    if not len(signs):
        return Crossing(0, None, None, None, 0, None)
    ahead, changes = int(signs[0]), int((signs[1:] != signs[:-1]).sum())
    at = float(_first_change(ahead * mean[None], s)[0])
    n = x.shape[-1]
    if n < SEEDS:
        return Crossing(ahead, _within(at), None, None, changes, None)
    resampled = drawn(np.random.default_rng(seed), n, draws) @ x.T  # [D, P]
    places = _first_change(ahead * resampled, s)
    share = float(np.isfinite(places).mean())
    if not changes:
        return Crossing(ahead, None, None, None, 0, share)
    tail = expanded_tail(n, level=level)
    low = float(np.quantile(places, tail, method="lower"))
    high = float(np.quantile(places, 1 - tail, method="higher"))
    return Crossing(ahead, at, _within(low), _within(high), changes, share)


def _first_change(curves: Array, severities: Array) -> Array:
    """Where each curve [D, P], positive at first, becomes negative: [D]. -inf: it begins negative;
    inf: it stays.
    """
    found = np.where(curves[:, 0] < 0, -np.inf, np.inf)
    for j in range(1, len(severities)):
        left, right = curves[:, j - 1], curves[:, j]
        new = (right < 0) & (found == np.inf)
        fall = np.where(new, left - right, 1.0)
        place = severities[j - 1] + (severities[j] - severities[j - 1]) * left / fall
        found = np.where(new, place, found)
    return found


def _within(place: float) -> float | None:
    return place if np.isfinite(place) else None


def effective_robustness(
    clean: Array,
    noisy: Array,
    own_clean: Array,
    own_noisy: Array,
    *,
    samples: int,
    draws: int = 2000,
    seed: int = 0,
    level: float = LEVEL,
) -> Effective | Refusal:
    """Accuracy under noise beyond what clean accuracy predicts (Taori et al. 2020).

    ``clean`` [A, n] and ``noisy`` [A, P, n] are of baseline arms, the arm itself not among them,
    ``own_clean`` [n] and ``own_noisy`` [P, n] of the arm, all over the same seeds. At each severity
    a line through the baselines' logits (means over seeds), by least squares, predicts the arm's
    accuracy; its effective robustness is what it has more. Logits are of accuracies kept 1 / (2
    ``samples``) off 0 and 1. Interval: bootstrap over seeds, the same for all arms, so it does not
    hold what other baselines would have shown; beyond their clean accuracies the line is a guess
    (``extrapolated``). With fewer than 5 seeds there is none (NaN). Fewer than 5 baselines, or all
    of one clean accuracy, are refused.
    """
    a, b = stacked("clean", clean), stacked("noisy", noisy)
    x, y = stacked("own_clean", own_clean), stacked("own_noisy", own_noisy)
    if len(a) < BASELINES:
        return Refusal(
            f"{len(a)} baseline arm{'' if len(a) == 1 else 's'} cannot carry a line from clean "
            f"accuracy to accuracy under noise; it needs {BASELINES}."
        )
    n = a.shape[-1]
    shares = np.full((1, n), 1 / n)
    if np.ptp(_logit(a.mean(-1), samples)) < FLAT:
        return Refusal("the baseline arms have one clean accuracy, so there is no line over it.")
    value = _residual(shares, a, b, x, y, samples)[0]
    unknown = np.full_like(value, np.nan)
    low, high, mean = unknown, unknown, (float(value.mean()), np.nan, np.nan)
    if n >= SEEDS:
        shares = drawn(np.random.default_rng(seed), n, draws)
        found = _residual(shares, a, b, x, y, samples)  # [D, P]
        tail = expanded_tail(n, level=level)
        low, high = np.nanquantile(found, [tail, 1 - tail], axis=0)
        ends = np.nanquantile(found.mean(-1), [tail, 1 - tail])
        mean = (float(value.mean()), float(ends[0]), float(ends[1]))
    place, others = float(x.mean()), a.mean(-1)
    return Effective(value, low, high, mean, not others.min() <= place <= others.max())


def _residual(shares: Array, a: Array, b: Array, x: Array, y: Array, samples: int) -> Array:
    """Of each resample, seeds in ``shares`` [D, n]: [D, P]; NaN where it leaves no line."""
    u = _logit(shares @ a.T, samples)  # [D, A]
    v = _logit(np.einsum("dn,apn->dap", shares, b), samples)
    centred = u - u.mean(-1, keepdims=True)
    square = np.square(centred).sum(-1, keepdims=True)
    square = np.where(square < FLAT**2, np.nan, square)
    slope = np.einsum("da,dap->dp", centred, v) / square
    own = _logit(shares @ x, samples)[:, None] - u.mean(-1, keepdims=True)
    return np.asarray(shares @ y.T - special.expit(v.mean(1) + slope * own))


def _logit(p: Array, samples: int) -> Array:
    edge = 1 / (2 * samples)
    return np.asarray(special.logit(np.clip(p, edge, 1 - edge)))
