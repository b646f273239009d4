"""What a search may aim at: a number of each run, measured on the select part alone. Pure.

Several objectives are one number where one is needed (early stopping, which trial gets more seeds):
``scalar``, in points of accuracy, at stated rates of exchange.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from cal.config import ConfigError

Metrics = Mapping[str, float]
Scores = Mapping[str, float]
"""Name of an objective -> value."""
NOISY = ("gaussian", "salt_pepper")  # kinds of noise that have severities
NATS = 0.05  # of nll, worth a point of accuracy
POINT = 0.01  # of accuracy
UNKNOWN = 1e9  # ms or parameters: what a failed run counts as before any run is known


@dataclass(frozen=True)
class Objective:
    """``of``: from a run's metrics, None where they lack it. ``curve``: the metric of an epoch that
    stands for it before the end, None where nothing does. ``worth``: a value in points of accuracy,
    more is better. ``guess``: the value of a classifier that guesses among K classes, which a
    failed run counts as; None: of the default configuration.
    """

    name: str
    title: str
    unit: str
    better: Literal["higher", "lower"]
    of: Callable[[Metrics], float | None]
    worth: Callable[[float], float]
    curve: str | None = None
    guess: Callable[[int], float] | None = None
    noise: bool = False  # whether runs must be evaluated under noise

    @property
    def sign(self) -> int:
        """1 where more is better, else -1."""
        return 1 if self.better == "higher" else -1


def _metric(name: str) -> Callable[[Metrics], float | None]:
    def of(metrics: Metrics) -> float | None:
        value = metrics.get(name, math.nan)
        return value if math.isfinite(value) else None

    return of


def area(metrics: Metrics) -> float | None:
    """Area under accuracy over severity, clean (0) to the largest, as a share of the axis: the mean
    over kinds of noise and targets, by the trapezoidal rule. None without noise conditions.
    """
    clean = _metric("select/clean/accuracy")(metrics)
    found = sorted(filter(None, map(_severity, metrics)))
    if clean is None or not found:
        return None
    areas = []
    for _, group in groupby(found, key=lambda item: item[0]):
        line = [(0.0, clean)] + [(severity, metrics[name]) for _, severity, name in group]
        pairs = zip(line, line[1:], strict=False)
        under = math.fsum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairs)
        areas.append(under / line[-1][0])
    value = math.fsum(areas) / len(areas)
    return value if math.isfinite(value) else None


def _severity(metric: str) -> tuple[str, float, str] | None:
    """(curve, severity, metric) of ``select/gaussian-fac-0.5/accuracy``; None for all others."""
    room, _, rest = metric.partition("/")
    condition, _, kind = rest.partition("/")
    curve, _, severity = condition.rpartition("-")
    known = room == "select" and kind == "accuracy" and curve.startswith(NOISY)
    return (curve, float(severity), metric) if known else None


def _points(value: float) -> float:
    return value / POINT


def _halvings(value: float) -> float:
    return -math.log2(value)


def _accuracy(
    name: str, title: str, of: Callable[[Metrics], float | None], *, noise: bool
) -> Objective:
    return Objective(
        name,
        title,
        "share",
        "higher",
        of,
        worth=_points,
        curve="val/accuracy",
        guess=lambda classes: 1 / classes,
        noise=noise,
    )


OBJECTIVES = {
    o.name: o
    for o in (
        _accuracy("clean", "clean accuracy", _metric("select/clean/accuracy"), noise=False),
        _accuracy("robust", "robust accuracy", _metric("select/robust/accuracy"), noise=True),
        _accuracy("area", "area under the noise curve", area, noise=True),
        Objective(
            "nll",
            "negative log-likelihood",
            "nats",
            "lower",
            _metric("select/clean/nll"),
            worth=lambda value: -value / NATS,
            curve="val/nll",
            guess=math.log,
        ),
        Objective(
            "step_time", "time of a step", "ms", "lower", _metric("time/step_ms"), worth=_halvings
        ),
        Objective(
            "parameters", "parameters", "count", "lower", _metric("parameters"), worth=_halvings
        ),
    )
}


def read_objectives(names: Sequence[str]) -> tuple[Objective, ...]:
    """By name, in the order given. Raises ``ConfigError`` for an unknown or repeated name."""
    for i, name in enumerate(names):
        if name not in OBJECTIVES or name in names[:i]:
            allowed = f"each once of {', '.join(OBJECTIVES)}"
            raise ConfigError(f"--objective: given {name!r}; allowed: {allowed}")
    if not names:
        raise ConfigError(f"--objective: given none; allowed: {', '.join(OBJECTIVES)}")
    return tuple(OBJECTIVES[name] for name in names)


def scores_of(objectives: Sequence[Objective], metrics: Metrics) -> dict[str, float] | None:
    """Every objective of a finished run; None if any is no number, and the run counts as failed."""
    found = {o.name: o.of(metrics) for o in objectives}
    values = {name: value for name, value in found.items() if value is not None}
    return values if len(values) == len(found) else None


def scalar(objectives: Sequence[Objective], scores: Scores) -> float:
    """One number, more is better: of a single objective its value with its sign, of several the sum
    of what they are worth, in points of accuracy.
    """
    if len(objectives) == 1:
        (only,) = objectives
        return only.sign * scores[only.name]
    return math.fsum(o.worth(scores[o.name]) for o in objectives)


def intermediate(objectives: Sequence[Objective], metrics: Metrics) -> float | None:
    """The same of an epoch, by what stands for each objective before the end; what has nothing is
    left out. None where the epoch was not validated, or nothing stands for any.
    """
    curved = [o for o in objectives if o.curve is not None]
    values = {o.name: metrics.get(str(o.curve), math.nan) for o in curved}
    if not curved or not all(map(math.isfinite, values.values())):
        return None
    return scalar(curved, values)


def guesses(
    objectives: Sequence[Objective], *, classes: int, default: Scores | None
) -> dict[str, float]:
    """What a failed run counts as: a classifier that guesses, in the time and with the parameters
    of the default configuration (``default``; what it lacks is worse than anything).
    """
    known = default or {}
    return {
        o.name: o.guess(classes) if o.guess else known.get(o.name, -o.sign * UNKNOWN)
        for o in objectives
    }


def words(objectives: Sequence[Objective]) -> str | None:
    """The rates of exchange in words; None for a single objective."""
    if len(objectives) == 1:
        return None
    rates = {
        "nll": f"{NATS:g} nats",
        "step_time": "a halving of the time of a step",
        "parameters": "a halving of the number of parameters",
    }
    said = [rates.get(o.name, f"a point of {o.title}") for o in objectives]
    unseen = [o.title for o in objectives if o.curve is None]
    early = f"; early stopping does not see {' nor '.join(unseen)}" if unseen else ""
    return f"sum of what each is worth, at equal worth of {', '.join(said)}{early}"
