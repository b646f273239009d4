"""From the rows of an arm to what its variant run shows. Pure."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import stdtrit

from cal.adapters.tracking_rows import Curves, charted

LEVEL = 0.95


def over_seeds(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each metric of the first row, under its own name, so that bars compare means.

    For ``test/`` and ``select/`` beside it ``_sd`` (n - 1) and the 95 % t interval of the mean,
    ``_low`` and ``_high``, from two seeds on. ``seeds``: n. A NaN of one seed is the mean's. No
    rows: nothing.
    """
    if not rows:
        return {}
    found: dict[str, float] = {"seeds": float(len(rows))}
    width = float(stdtrit(len(rows) - 1, 0.5 + LEVEL / 2)) / math.sqrt(len(rows))
    for name in rows[0]:
        values = np.array([row.get(name, math.nan) for row in rows], dtype=np.float64)
        mean = found[name] = float(values.mean())
        if name.startswith(("test/", "select/")) and len(rows) > 1:
            sd = float(values.std(ddof=1))
            half = width * sd
            found |= {f"{name}_sd": sd, f"{name}_low": mean - half, f"{name}_high": mean + half}
    return found


def mean_curves(curves: Sequence[Curves]) -> Curves:
    """The mean over seeds at each epoch that all of them have."""
    means: Curves = {}
    for name in curves[0] if curves else ():
        lines = [curve.get(name, []) for curve in curves]
        epochs = set.intersection(*({epoch for epoch, _ in line} for line in lines))
        if epochs:
            table = np.array([[v for e, v in line if e in epochs] for line in lines])
            mean = table.sum(axis=0) / len(lines)
            means[name] = list(zip(sorted(epochs), mean.tolist(), strict=True))
    return means


def shown(curves: Curves) -> Curves:
    """The epochs of finished curves that MLflow's charts get."""
    return {
        name: [(e, v) for e, v in line if charted(name, e, line[-1][0])]
        for name, line in curves.items()
    }
