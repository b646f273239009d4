"""One effect over several regimes (data sets): its mean, its spread, what a new one would show."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from evidence.statistics.arrays import LEVEL, Array, Values, between, vector

LEAST = 5  # regimes; with fewer, tau and the t quantile of k - 2 say nothing


@dataclass(frozen=True)
class OverRegimes:
    """Mean effect with interval, tau (sd of the true effects between regimes), and where a new
    regime's true effect would lie (``prediction_low`` to ``prediction_high``).
    """

    mean: float
    low: float
    high: float
    tau: float
    prediction_low: float
    prediction_high: float
    regimes: int


@dataclass(frozen=True)
class Refusal:
    """Why no number is given, as a sentence."""

    reason: str


def over_regimes(
    effects: Values, standard_errors: Values, *, level: float = LEVEL
) -> OverRegimes | Refusal:
    """Random-effects mean of k regimes: effects[k], standard_errors[k] (of a regime's own mean).

    tau^2 after Paule and Mandel (1982), interval after Hartung and Knapp (2001): t of k - 1, with
    their variance factor not below 1, so that regimes that agree by luck do not make it shorter
    than a fixed effect's; it covers 93 to 94 % where errors are unequal, more where tau is 0.
    Prediction interval: t of k - 2 (Higgins, Thompson and Spiegelhalter 2009). Assumes that the
    regimes are a sample of those meant, with normal true effects: chosen data sets are not, and
    the sentence beside the number should say so. Fewer than ``LEAST`` regimes are refused. A
    regime without a standard error (no spread) is to be left out before.
    """
    y, errors = vector("effects", effects), vector("standard_errors", standard_errors)
    between("level", level)
    if len(y) != len(errors):
        raise ValueError(f"regimes: given {len(y)} and {len(errors)}; allowed: as many of both")
    if (errors <= 0).any():
        raise ValueError("standard_errors: given some not above 0; allowed: above 0")
    k = len(y)
    if k < LEAST:
        return Refusal(
            f"{k} regime{'' if k == 1 else 's'} cannot carry a mean over regimes: how much regimes"
            f" differ is not estimated from fewer than {LEAST}."
        )
    variance = errors**2
    tau2 = _paule_mandel(y, variance)
    weight = 1 / (variance + tau2)
    mean = float(weight @ y / weight.sum())
    factor = max(1.0, float(weight @ (y - mean) ** 2) / (k - 1))
    error = np.sqrt(factor / weight.sum())
    half = float(special.stdtrit(k - 1, (1 + level) / 2) * error)
    spread = float(special.stdtrit(k - 2, (1 + level) / 2) * np.sqrt(tau2 + error**2))
    return OverRegimes(
        mean, mean - half, mean + half, float(np.sqrt(tau2)), mean - spread, mean + spread, k
    )


def _paule_mandel(y: Array, variance: Array) -> float:
    """tau^2 >= 0 at which the weighted squares about the mean are k - 1, their expectation."""

    def excess(tau2: float) -> float:
        weight = 1 / (variance + tau2)
        return float(weight @ (y - weight @ y / weight.sum()) ** 2) - (len(y) - 1)

    if excess(0.0) <= 0:
        return 0.0
    high = float(np.ptp(y) ** 2 * len(y))  # there every term is below 1 / k
    return float(optimize.brentq(excess, 0.0, high, xtol=1e-18 + 1e-12 * high))
