"""From the rows of an arm to what its variant run shows. Pure."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import t

from cal.adapters.tracking_rows import Curves

LEVEL = 0.95


def over_seeds(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each metric of the first row, under its own name, so that bars compare means.

    For ``test/`` beside it ``_sd`` (n - 1) and the 95 % t interval of the mean, ``_low`` and
    ``_high``, from two seeds on. ``seeds``: n. A NaN of one seed is the mean's. No rows: nothing.
    """
    if not rows:
        return {}
    found: dict[str, float] = {"seeds": float(len(rows))}
    for name in rows[0]:
        values = np.array([row.get(name, math.nan) for row in rows], dtype=np.float64)
        mean = found[name] = float(values.mean())
        if name.startswith("test/") and len(rows) > 1:
            sd = float(values.std(ddof=1))
            half = float(t.ppf(0.5 + LEVEL / 2, len(rows) - 1)) * sd / math.sqrt(len(rows))
            found |= {f"{name}_sd": sd, f"{name}_low": mean - half, f"{name}_high": mean + half}
    return found


def mean_curves(curves: Sequence[Curves]) -> Curves:
    """The mean over seeds at each epoch that all of them have."""
    means: Curves = {}
    for name in curves[0] if curves else ():
        lines = [dict(curve.get(name, ())) for curve in curves]
        epochs = sorted(set.intersection(*(set(line) for line in lines)))
        if epochs:
            means[name] = [(e, sum(line[e] for line in lines) / len(lines)) for e in epochs]
    return means
