"""Looking more than once: p-values that stay honest while seeds are added.

K looks at n_1 < ... < n_K seeds are planned before the first. Each look's p becomes a normal
quantile z_k, and the design stops at |z_k| >= c f_k^(delta - 1/2), f_k the share of the seeds (Wang
and Tsiatis 1987; delta 0 is O'Brien and Fleming 1979, 1/2 is Pocock 1977). Under the null
z_k sqrt(f_k) is a sum of independent normal steps of variance f_k - f_(k-1). For t tests that holds
in the limit (the significance-level approach of Jennison and Turnbull 2000, section 3.4); see
``shares`` and docs/simulation.md for what remains of it at our numbers of seeds.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy import optimize, special

from evidence.statistics.arrays import Array, between

DELTA = 0.25  # between Pocock's early stopping and O'Brien and Fleming's full power at the end
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_REACH = 9.0  # standard deviations that are integrated; beyond lie 2e-19
_CHUNK = 256  # constants at a time: 64 x 64 kernels of 8 MB in all


def shares(looks: Sequence[int]) -> list[float]:
    """f_k of looks at n_1 < ... < n_K seeds: (n_k - 2) / (n_K - 2), [K]; n_1 is at least 3.

    t quantiles of successive looks depend on each other less than normal ones do, most of all in
    the tails. With n_k / n_K the error at .05 is .051 to .057; two seeds less of each, an allowance
    found by simulation (200,000 studies, six plans of looks from 3, 4, 5 and 10 seeds on), leave
    .050 to .053. At .05 / 18 still about a tenth more than stated remains.
    """
    if len(looks) == 0 or looks[0] < 3 or any(a >= b for a, b in pairwise(looks)):
        raise ValueError(f"looks: given {list(looks)}; allowed: growing numbers of seeds from 3")
    return [(n - 2) / (looks[-1] - 2) for n in looks]


def boundary(c: float, fractions: Sequence[float], *, delta: float = DELTA) -> Array:
    """z at which each look stops: [K]."""
    return c * _checked(fractions) ** (delta - 0.5)


def crossing_probability(
    c: float | Array, fractions: Sequence[float], *, sides: int = 2, delta: float = DELTA
) -> Array:
    """P(any of the K looks reaches its boundary) if the null is true; elementwise in ``c``.

    Recursive numerical integration over the paths that have not stopped (Armitage, McPherson and
    Rowe 1969), 64 Gauss-Legendre nodes a look: exact to 1e-9 for up to 20 looks. One-sided
    designs never stop for the null, so they go on at the other end.
    """
    f, constants = _checked(fractions), np.asarray(c, dtype=np.float64)
    if sides not in (1, 2):
        raise ValueError(f"sides: given {sides}; allowed: 1 or 2")
    if not 0 <= delta <= 0.5:
        raise ValueError(f"delta: given {delta}; allowed: 0 (O'Brien-Fleming) to 0.5 (Pocock)")
    flat = np.clip(constants.reshape(-1), -40, 40)  # beyond, it is 1 or 0 in double precision
    parts = [flat[i : i + _CHUNK] for i in range(0, len(flat), _CHUNK)]
    found = [_crossing(part[:, None] * f**delta, f, sides) for part in parts]
    return np.concatenate([*found, np.empty(0)]).reshape(constants.shape)


def critical_constant(
    alpha: float, fractions: Sequence[float], *, sides: int = 2, delta: float = DELTA
) -> float:
    """The c whose design has error ``alpha``. Pocock, K = 5, two-sided .05: 2.413."""
    between("alpha", alpha)

    def excess(c: float) -> float:
        return float(crossing_probability(c, fractions, sides=sides, delta=delta)) - alpha

    return float(optimize.brentq(excess, -8.0, 12.0, xtol=1e-10))


def sequential_p(
    p_values: Sequence[float] | Array,
    fractions: Sequence[float],
    *,
    sides: int = 2,
    delta: float = DELTA,
) -> Array:
    """The smallest alpha at which the design would have stopped by now: [S, k] -> [S].

    ``p_values``: of the looks up to now, k <= K, each computed as if it were the only one;
    two-sided ones for ``sides`` 2, one-sided ones (``equivalence_p``) for 1. ``fractions``:
    ``shares`` of all K planned looks. At most alpha with probability alpha under the null at
    *every* look, so stopping for whatever reason keeps it valid. It never grows with the looks:
    what Holm has rejected stays rejected (Maurer and Bretz 2013). K = 1 gives p itself. NaN looks
    are skipped. A test given up before its last look pays for looks it never took: that is the
    price.
    """
    c = reached_constant(p_values, fractions, sides=sides, delta=delta)
    found = crossing_probability(np.nan_to_num(c, nan=0.0), fractions, sides=sides, delta=delta)
    return np.where(np.isnan(c), np.nan, found)


def reached_constant(
    p_values: Sequence[float] | Array,
    fractions: Sequence[float],
    *,
    sides: int = 2,
    delta: float = DELTA,
) -> Array:
    """The largest c whose boundary has been reached by now: [S, k] -> [S]; NaN if all looks are.

    What ``sequential_p`` gives to ``crossing_probability``; infinite for p = 0.
    """
    p, f = np.asarray(p_values, dtype=np.float64), _checked(fractions)
    if p.ndim == 0 or not 1 <= p.shape[-1] <= len(f):
        raise ValueError(f"p-values: given shape {p.shape}; allowed: 1 to {len(f)} looks")
    if not ((p >= 0) & (p <= 1) | np.isnan(p)).all():
        raise ValueError("p-values: given some outside [0, 1]; allowed: p-values, NaN for none")
    touched = -special.ndtri(p / sides) * f[: p.shape[-1]] ** (0.5 - delta)
    return np.asarray(np.fmax.reduce(touched, axis=-1))


def _crossing(bounds: Array, f: Array, sides: int) -> Array:
    """[S, K] bounds of the score z_k sqrt(f_k) -> [S]; sums the exits look by look."""
    start = np.sqrt(f[0])
    total = sides * special.ndtr(-bounds[:, 0] / start)
    x, weight = _grid(bounds[:, 0], start, sides)
    mass = weight * _density(x, start)
    for k in range(1, len(f)):
        step, bound = np.sqrt(f[k] - f[k - 1]), bounds[:, k, None]
        leave = special.ndtr((x - bound) / step)
        if sides == 2:
            leave += special.ndtr((-bound - x) / step)
        total += (mass * leave).sum(-1)
        if k < len(f) - 1:
            y, weight = _grid(bounds[:, k], np.sqrt(f[k]), sides)
            moves = _density(y[:, None, :] - x[:, :, None], step)
            mass, x = weight * (mass[:, None, :] @ moves)[:, 0], y
    return np.asarray(np.clip(total, 0.0, 1.0))


def _grid(bound: Array, sd: float, sides: int) -> tuple[Array, Array]:
    """Nodes and weights [S, G] over where a path goes on; empty if the bound leaves no room."""
    high = np.minimum(bound, _REACH * sd)
    if sides == 2:
        high = np.maximum(high, 0.0)
    low = -high if sides == 2 else np.minimum(-_REACH * sd, high)
    half = ((high - low) / 2)[:, None]
    return ((high + low) / 2)[:, None] + half * _NODES, half * _WEIGHTS


def _density(x: Array, sd: float) -> Array:
    return np.asarray(np.exp(-0.5 * (x / sd) ** 2) / (sd * np.sqrt(2 * np.pi)))


def _checked(fractions: Sequence[float]) -> Array:
    f = np.asarray(fractions, dtype=np.float64)
    if f.ndim != 1 or len(f) == 0 or f[0] <= 0 or (np.diff(f) <= 0).any() or abs(f[-1] - 1) > 1e-9:
        raise ValueError(f"fractions: given {fractions}; allowed: growing, above 0, the last one 1")
    return f
