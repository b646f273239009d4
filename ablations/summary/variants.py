"""What the summary says of one arm in one regime: means over seeds, curves over noise, classes,
where its numbers come from. Pure.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ablations.conditions import AREA, CONDITIONS, DROP, by_condition, curves, metric, noise_groups
from ablations.rows import by_seed
from ablations.summary.pairs import Cell
from ablations.summary.samples import Samples, recalls, reliability
from evidence.statistics import describe

if TYPE_CHECKING:
    from ablations.plan import Arm

CALIBRATION = ("nll", "ece")
Tree = dict[str, Any]


def variant(arm: "Arm", regime: str, cell: Cell, runs: Mapping[str, Samples], level: float) -> Tree:
    """One arm's tree; ``cell`` has the derived conditions too."""
    status = [row.status for row in cell]
    failed = status.count("FAILED")
    ended = failed + status.count("FINISHED")
    own = {row.hash: runs[row.hash] for row in cell if row.hash in runs}
    return {
        "title": arm.title,
        "switches": dict(arm.switches),
        "overrides": arm.tree(regime),
        "runs": {
            "finished": status.count("FINISHED"),
            "failed": failed,
            "unfinished": status.count("RUNNING") + status.count("MISSING"),
            "failed_share": failed / ended if ended else None,
        },
        "calibration": {kind: sample(cell, metric("clean", kind), level) for kind in CALIBRATION},
        "macro_f1": {c: sample(cell, metric(c, "macro_f1"), level) for c in CONDITIONS},
        DROP: sample(cell, metric(DROP), level),
        "noise": _noise(cell, level),
        "area": _areas(cell, level),
        "robustness": _robustness(cell, level),
        "reliability": reliability(own),
        "per_class": _per_class(own, level),
        "traces": [_trace(row) for row in cell],
    }


def sample(cell: Cell, name: str, level: float) -> Tree:
    """Mean, sd, half-width and n of one metric over the finished seeds."""
    values = by_seed(cell, metric=name)
    return asdict(describe([values[seed] for seed in sorted(values)], level=level))


def _noise(cell: Cell, level: float) -> Tree:
    groups = [noise_groups(row.metrics) for row in cell if row.status == "FINISHED"]
    names = sorted({name for values in groups for name in values}, key=_noise_order)
    return {
        name: _described([values[name] for values in groups if name in values], level)
        for name in names
    }


def _described(values: Sequence[float], level: float) -> Tree:
    """A sample of those that are numbers."""
    return asdict(describe([value for value in values if math.isfinite(value)], level=level))


def _noise_order(name: str) -> tuple[int, float]:
    kinds = ("gaussian-single", "gaussian-half", "salt_pepper-all", "missing-single", "audio_snr")
    rank = next(i for i, kind in enumerate(kinds) if name.startswith(kind))
    tail = name.removeprefix(kinds[rank]).removeprefix("-")
    return rank, float(tail or 0)


def _areas(cell: Cell, level: float) -> Tree:
    names = {name for row in cell for name in by_condition(row.metrics) if name.startswith(AREA)}
    return {name.removeprefix(AREA): sample(cell, metric(name), level) for name in sorted(names)}


def _robustness(cell: Cell, level: float) -> Tree:
    """Noise -> its severities, clean at 0, each a sample over seeds."""
    found: dict[str, dict[float, list[float]]] = {}
    for row in cell:
        if row.status == "FINISHED":
            found_kinds = by_condition(row.metrics).items()
            values = {c: kinds["accuracy"] for c, kinds in found_kinds if "accuracy" in kinds}
            for name, line in curves(values).items():
                for severity, value in line:
                    found.setdefault(name, {}).setdefault(severity, []).append(value)
    return {
        name: [{"severity": s, **_described(v, level)} for s, v in line.items()]
        for name, line in sorted(found.items())
    }


def _per_class(runs: Mapping[str, Samples], level: float) -> list[Tree]:
    values: dict[int, list[float]] = {}
    for run in runs.values():
        for label, recall in recalls(run).items():
            values.setdefault(label, []).append(recall)
    return [
        {"class": label, "recall": _described(values[label], level)} for label in sorted(values)
    ]


def _trace(row: Any) -> Tree:
    keys: Sequence[str] = ("seed", "run_id", "hash", "status", "git", "data")
    return {key: getattr(row, key) for key in keys}
