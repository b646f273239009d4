"""The part of a full summary on growing noise: lines of every arm, an open crossing, a refusal."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

Tree = dict[str, Any]
PLACES = {"gaussian": [0, 0.5, 1, 2], "salt_pepper": [0, 0.1, 0.3], "missing": [0, 0.5, 1]}
LABELS = {
    "gaussian": ["clean", "0.5", "1", "2"],
    "salt_pepper": ["clean", "10 %", "30 %"],
    "missing": ["clean", "50 %", "100 %"],
}
TARGETS = {
    "gaussian": ("single", "half", "a", "b"),
    "salt_pepper": ("single", "all"),
    "missing": ("single", "a"),
}
FEW = "3 baseline arms cannot carry a line from clean accuracy to accuracy under noise; it needs 5."


def robustness(
    clean: Mapping[str, float], contrasts: Sequence[tuple[str, str, str]], random: Random
) -> Tree:
    """Of arms with these clean accuracies; all lose a tenth for each place on the axis."""
    return {
        "protocol": "clean-room",
        "reference": "joint",
        "chance": 0.25,
        "baselines": ["none", "joint-probe", "reversed-full"],
        "lines": {
            f"{kind}-{target}": line(kind, target, clean, contrasts, random)
            for kind, targets in TARGETS.items()
            for target in targets
        },
    }


def line(
    kind: str,
    target: str,
    clean: Mapping[str, float],
    contrasts: Sequence[tuple[str, str, str]],
    random: Random,
) -> Tree:
    places = PLACES[kind]
    means = {
        arm: [height - 0.1 * at + random.uniform(0, 0.002) for at in places]
        for arm, height in clean.items()
    }
    return {
        "places": places,
        "labels": LABELS[kind],
        "arms": {
            arm: {
                "n": 8,
                "mean": own,
                "half_width": [0.008] * len(places),
                "area": {"mean": sum(own) / len(own), "sd": 0.01, "half_width": 0.008, "n": 8},
                "relative": bounds([(x - 0.25) / (own[0] - 0.25) for x in own], 0.02),
                "difference": None if arm in ("joint", "none") else difference(means, arm, "joint"),
                "effective": effective(arm, places) if len(target) > 1 else None,
            }
            for arm, own in means.items()
        },
        "contrasts": [
            {"name": f"{arm} - {reference}", "arm": arm, "reference": reference}
            | difference(means, arm, reference)
            | {"crossing": crossing(places, reference)}
            for arm, reference, _ in contrasts
        ],
        "mechanisms": [
            {"factor": factor, "n": 8, "area": {"n": 8, "value": 0.01, "low": 0.006, "high": 0.014}}
            | bounds([0.01 * i * (1 + at) for at in places], 0.004)
            for i, factor in enumerate(("metric", "acceleration", "bottleneck"))
        ],
    }


def bounds(values: Sequence[float], half: float) -> Tree:
    return {
        "value": list(values),
        "low": [value - half for value in values],
        "high": [value + half for value in values],
    }


def difference(means: Mapping[str, Sequence[float]], arm: str, reference: str) -> Tree:
    values = [a - b for a, b in zip(means[arm], means[reference], strict=True)]
    area = {"n": 8, "value": sum(values) / len(values), "low": None, "high": None}
    return {"n": 8} | bounds(values, 0.005) | {"area": area}


def crossing(places: Sequence[float], reference: str) -> Tree:
    """One that is settled, one that is open above, and none."""
    if reference == "joint":
        at, low, high = places[1], 0.5 * places[1], places[2]
        return {"ahead": 1, "at": at, "low": low, "high": high, "changes": 1, "share": 1.0}
    if reference == "symmetric":
        return {"ahead": -1, "at": places[1], "low": 0.01, "high": None, "changes": 2, "share": 0.9}
    return {"ahead": 1, "at": None, "low": None, "high": None, "changes": 0, "share": 0.0}


def effective(arm: str, places: Sequence[float]) -> Tree:
    """Refused for a baseline, which leaves too few others."""
    if arm == "joint-probe":
        return {"refused": FEW}
    value = [None, *(0.01 * at for at in places[1:])]
    low, high = ([None, *(0.01 * at + x for at in places[1:])] for x in (-0.004, 0.004))
    mean = {"value": 0.011, "low": 0.007, "high": 0.015}
    found = {"n": 8, "value": value, "low": low, "high": high, "mean": mean}
    return found | {"extrapolated": arm == "cal"}
