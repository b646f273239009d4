"""What is derived from a run's test conditions: noise groups, areas under curves, the drop. Pure.

Derived values stand beside the measured ones as conditions of their own, so that every comparison
is of one metric ``test/CONDITION/KIND``, whatever it is made of.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from cal.severities import QMF_2023, SEVERITIES

CONDITIONS = ("clean", "robust")  # of every table and figure
KINDS = ("accuracy", "macro_f1", "nll", "ece")
LOWER = ("nll", "ece")  # kinds of which less is better
DROP = "drop"  # clean minus robust
AREA, GROUP = "area-", "group-"  # prefixes of derived conditions
SWEPT = ("gaussian", "salt_pepper")  # noise that has severities


@dataclass(frozen=True)
class Noise:
    """A condition's name in parts, without the draw of ``qmf-2023``."""

    kind: str
    target: str
    severity: float

    @property
    def curve(self) -> str:
        """``gaussian-single``: which modality it was does not matter."""
        return f"{self.kind}-{self.target if self.target in ('half', 'all') else 'single'}"


@lru_cache(maxsize=4096)  # every row has the same hundred
def noise_of(condition: str) -> Noise | None:
    """``gaussian-fac-0.5`` in parts; None for clean, robust and what is derived. ``missing-fac`` is
    missing in all samples, severity 1.
    """
    kind, _, rest = condition.partition("-")
    target, _, severity = rest.partition("-")
    if kind in QMF_2023:
        severity = severity.partition("-")[0]
    elif kind == "missing":
        severity = severity or "1"
    elif kind not in (*SWEPT, "audio_snr"):
        return None
    return Noise(kind, target, float(severity))


def by_condition(metrics: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Condition -> accuracy, macro_f1, nll (nats), ece: the ``test/CONDITION/KIND`` metrics."""
    found: dict[str, dict[str, float]] = {}
    for name, value in metrics.items():
        room, _, rest = name.partition("/")
        condition, _, kind = rest.rpartition("/")
        if room == "test" and kind in KINDS:
            found.setdefault(condition, {})[kind] = value
    return found


def order(condition: str) -> tuple[int, str]:
    """Sort key of conditions: clean, robust, then by name. A store has an order of its own."""
    first = CONDITIONS.index(condition) if condition in CONDITIONS else len(CONDITIONS)
    return first, condition


def metric(condition: str, kind: str = "accuracy") -> str:
    """The name of a value: ``test/clean/accuracy``."""
    return f"test/{condition}/{kind}"


def with_derived(metrics: Mapping[str, float]) -> dict[str, float]:
    """A run's metrics and what follows from them, under names of the same form."""
    found = dict(metrics)
    conditions = by_condition(metrics)
    for kind in KINDS:
        values = {name: kinds[kind] for name, kinds in conditions.items() if kind in kinds}
        found |= {metric(name, kind): value for name, value in _derived(values).items()}
    return found


def _derived(values: Mapping[str, float]) -> dict[str, float]:
    found = {}
    if "clean" in values and "robust" in values:
        found[DROP] = values["clean"] - values["robust"]
    for name, members in _members(values).items():
        found[f"{GROUP}{name}"] = _mean(members)
    for name, line in curves(values).items():
        found[f"{AREA}{name}"] = area(line)
    return found


def curves(values: Mapping[str, float]) -> dict[str, list[tuple[float, float]]]:
    """``gaussian-single`` ... -> (severity, mean over targets), severity 0 is clean; no curve
    without a clean value or without severities.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    if "clean" not in values:
        return found
    members: dict[str, dict[float, list[float]]] = {}
    for condition, value in values.items():
        noise = noise_of(condition)
        if noise is not None and noise.kind in SWEPT:
            members.setdefault(noise.curve, {}).setdefault(noise.severity, []).append(value)
    for name, lines in members.items():
        points = [(severity, _mean(lines[severity])) for severity in sorted(lines)]
        found[name] = [(0.0, values["clean"]), *points]
    return found


def area(line: Iterable[tuple[float, float]]) -> float:
    """Mean height of a curve from severity 0 to its last: trapezoids over their whole width."""
    points = list(line)
    total = math.fsum(
        (right - left) * (low + high) / 2
        for (left, low), (right, high) in zip(points, points[1:], strict=False)
    )
    return total / (points[-1][0] - points[0][0])


def noise_groups(metrics: Mapping[str, float]) -> dict[str, float]:
    """Mean accuracy of each noise group of one run.

    ``gaussian-single-SIGMA``: one modality, mean over which; ``gaussian-half``, mean over sigma;
    ``salt_pepper-all``, mean over shares; ``missing-single``, mean over which;
    ``audio_snr-DB``. Equal weights for the mean over sigma of the first, then the next three, give
    ``robust``. Conditions outside it (Gaussian on all, severities that are not standard, ...) have
    no group.
    """
    values = {
        name: kinds["accuracy"]
        for name, kinds in by_condition(metrics).items()
        if "accuracy" in kinds
    }
    return {name: _mean(members) for name, members in _members(values).items()}


def robust_weights(conditions: Iterable[str]) -> dict[str, float]:
    """How much each condition counts in ``robust``; they sum to 1. Empty unless all four groups
    are there.
    """
    groups: dict[str, list[str]] = {}
    for condition in conditions:
        name = _group(condition)
        if name and not name.startswith("audio_snr"):
            groups.setdefault(name, []).append(condition)
    single = [name for name in groups if name.startswith("gaussian-single")]
    others = ("gaussian-half", "salt_pepper-all", "missing-single")
    if not single or any(name not in groups for name in others):
        return {}
    share = {name: 0.25 / len(single) for name in single} | dict.fromkeys(others, 0.25)
    return {c: share[name] / len(members) for name, members in groups.items() for c in members}


def _group(condition: str) -> str:
    noise = noise_of(condition)
    if noise is None or noise.kind in QMF_2023:
        return ""
    severity = condition.rpartition(f"{noise.target}-")[2]
    if noise.kind == "audio_snr":
        return f"audio_snr-{severity}"
    if noise.severity not in SEVERITIES[noise.kind]:
        return ""
    if noise.kind == "missing":
        return "missing-single"
    if noise.kind == "salt_pepper":
        return "salt_pepper-all" if noise.target == "all" else ""
    if noise.target == "all":
        return ""
    return "gaussian-half" if noise.target == "half" else f"gaussian-single-{severity}"


def _members(values: Mapping[str, float]) -> dict[str, list[float]]:
    """Noise group -> the values of its conditions."""
    found: dict[str, list[float]] = {}
    for condition, value in values.items():
        name = _group(condition)
        if name:
            found.setdefault(name, []).append(value)
    return found


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)
