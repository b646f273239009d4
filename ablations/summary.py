"""Rows -> the numbers of the report, as the plain tree of summary.json (docs/summary.md). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ablations.rows import Row, by_seed, cells, noise_groups
from ablations.statistics import LEVEL, describe, interval_verdict, paired_by_seed
from ablations.wording import answer, headline, limits

if TYPE_CHECKING:
    from ablations.plan import Arm, Contrast, Plan

SCHEMA_VERSION = 1
REFERENCES = (
    "joint",
    "joint-probe",
    "symmetric",
)  # compared with every arm where the plan has them
CONDITIONS = ("clean", "robust")
CALIBRATION = ("nll", "ece")
Tree = dict[str, Any]
Cell = tuple[Row, ...]


def summarise(
    plan: "Plan",
    rows: Sequence[Row],
    *,
    provenance: Mapping[str, Any] | None = None,
    level: float = LEVEL,
) -> Tree:
    """The tree of summary.json; everything that may change between equal studies is in
    ``provenance``.

    Raises ``ValueError`` for a seed that comes twice, or a row the plan does not know.
    """
    found = {key: tuple(cell) for key, cell in cells(rows).items()}
    known = {(regime, arm.name) for regime in plan.regimes for arm in plan.arms}
    if not found.keys() <= known:
        raise ValueError(f"rows: given {sorted(found.keys() - known)[0]}; not in the plan")
    regimes = {name: _regime(plan, name, found, level) for name in plan.regimes}
    tree: Tree = {
        "schema_version": SCHEMA_VERSION,
        "study": plan.study,
        "title": plan.title,
        "level": level,
        "arms": [arm.name for arm in plan.arms],
        "factors": list(plan.factors),
        "regime_order": list(plan.regimes),
        "references": _references(plan),
        "regimes": regimes,
        "runs": _counts(rows),
        "failed": _broken(plan, rows, ("FAILED",)),
        "unfinished": _broken(plan, rows, ("RUNNING", "MISSING")),
        "intervals": _intervals(regimes),
        "provenance": {**(provenance or {}), "timings": _timings(plan, found)},
    }
    for regime in regimes.values():
        regime["answer"] = answer(regime, references=tree["references"])
        regime["limits"] = limits(regime)
    tree["headline"] = headline(tree)
    return tree


def comparable(summary: Mapping[str, Any]) -> Tree:
    """The summary without timings, dates and versions: what two executions of a study share."""
    return {key: value for key, value in summary.items() if key != "provenance"}


def _references(plan: "Plan") -> list[str]:
    names = [arm.name for arm in plan.arms]
    return [name for name in REFERENCES if name in names]


def _regime(plan: "Plan", regime: str, found: Mapping[tuple[str, str], Cell], level: float) -> Tree:
    mine = {arm.name: found.get((regime, arm.name), ()) for arm in plan.arms}
    same = {arm.name: _same_runs(plan, regime, arm.name) for arm in plan.arms}

    def against(arm: str, reference: str, condition: str) -> Tree:
        return _effect(mine[arm], mine[reference], condition, level, reference in same[arm])

    return {
        "title": plan.titles.get(regime, ""),
        "seeds": list(plan.seeds[regime]),
        "variants": {
            arm.name: _variant(arm, mine[arm.name], level)
            | {"same_runs_as": same[arm.name], "uses_probe": _uses_probe(plan, regime, arm.name)}
            | {
                condition: _sample(mine[arm.name], f"test/{condition}/accuracy", level)
                | {
                    "versus": {
                        reference: against(arm.name, reference, condition)
                        for reference in _references(plan)
                        if reference != arm.name
                    }
                }
                for condition in CONDITIONS
            }
            for arm in plan.arms
        },
        "contrasts": [
            _contrast(contrast)
            | {c: against(contrast.arm, contrast.reference, c) for c in CONDITIONS}
            for contrast in plan.contrasts
        ],
    }


def _contrast(contrast: "Contrast") -> Tree:
    return {
        "name": contrast.name,
        "arm": contrast.arm,
        "reference": contrast.reference,
        "label": "primary" if contrast.primary else "exploratory",
    }


def _variant(arm: "Arm", cell: Cell, level: float) -> Tree:
    status = [row.status for row in cell]
    groups = [(row.seed, noise_groups(row.metrics)) for row in cell if row.status == "FINISHED"]
    names = sorted({name for _, values in groups for name in values}, key=_noise_order)
    return {
        "title": arm.title,
        "switches": dict(arm.switches),
        "runs": {
            "finished": status.count("FINISHED"),
            "failed": status.count("FAILED"),
            "unfinished": status.count("RUNNING") + status.count("MISSING"),
        },
        "calibration": {kind: _sample(cell, f"test/clean/{kind}", level) for kind in CALIBRATION},
        "noise": {
            name: asdict(describe([v[name] for _, v in groups if name in v], level=level))
            for name in names
        },
    }


def _noise_order(name: str) -> tuple[int, float]:
    kinds = ("gaussian-single", "gaussian-half", "salt_pepper-all", "missing-single", "audio_snr")
    rank = next(i for i, kind in enumerate(kinds) if name.startswith(kind))
    tail = name.removeprefix(kinds[rank]).removeprefix("-")
    return rank, float(tail or 0)


def _sample(cell: Cell, metric: str, level: float) -> Tree:
    values = by_seed(cell, metric=metric)
    return asdict(describe([values[seed] for seed in sorted(values)], level=level))


def _effect(a: Cell, b: Cell, condition: str, level: float, same: bool) -> Tree:
    metric = f"test/{condition}/accuracy"
    left, right = by_seed(a, metric=metric), by_seed(b, metric=metric)
    effect = paired_by_seed(left, right, level=level)
    tree = asdict(effect) | {"dropped": list(effect.dropped)}
    if effect.n == 0:
        return tree | {"verdict": "not_measured"}
    return tree | {"verdict": "same_runs" if same else interval_verdict(effect)}


def _same_runs(plan: "Plan", regime: str, arm: str) -> list[str]:
    own = plan.arm_hashes(regime, arm)
    others = [other.name for other in plan.arms if other.name != arm]
    return [name for name in others if plan.arm_hashes(regime, name) == own]


def _uses_probe(plan: "Plan", regime: str, arm: str) -> bool:
    """Whether the metric acts in the arm: it has the probe's labels beside those of training."""
    own = set(plan.arm_hashes(regime, arm))
    runs = [run for run in plan.runs if run.regime == regime and run.hash in own]
    return any(run.config.cal is not None and run.config.cal.contribution.enabled for run in runs)


def _counts(rows: Sequence[Row]) -> Tree:
    status = {(row.regime, row.hash): row.status for row in rows}
    states = list(status.values())
    return {
        "distinct": len(states),
        "finished": states.count("FINISHED"),
        "failed": states.count("FAILED"),
        "unfinished": states.count("RUNNING") + states.count("MISSING"),
        "in_arms": len(rows),
    }


def _broken(plan: "Plan", rows: Sequence[Row], states: tuple[str, ...]) -> list[Tree]:
    """Distinct runs in these states, in the order of the plan."""
    found: dict[tuple[str, str], Tree] = {}
    for row in rows:
        if row.status in states:
            entry = {"regime": row.regime, "seed": row.seed, "hash": row.hash, "arms": []}
            entry |= {"status": row.status, "error": row.error}
            found.setdefault((row.regime, row.hash), entry)["arms"].append(row.arm)
    order = {regime: i for i, regime in enumerate(plan.regimes)}
    return sorted(found.values(), key=lambda e: (order[e["regime"]], e["arms"], e["seed"]))


def _intervals(regimes: Mapping[str, Tree]) -> Tree:
    """How many intervals the declared contrasts have: what "uncorrected" is to be read with."""
    verdicts = [
        contrast[condition]["verdict"]
        for regime in regimes.values()
        for contrast in regime["contrasts"]
        for condition in CONDITIONS
    ]
    count = sum(name in ("helps", "hurts", "undecided") for name in verdicts)
    return {"count": count, "excluding_0": verdicts.count("helps") + verdicts.count("hurts")}


def _timings(plan: "Plan", found: Mapping[tuple[str, str], Cell]) -> Tree:
    return {
        regime: {
            arm.name: {
                name: _sample(found.get((regime, arm.name), ()), f"time/{name}", LEVEL)
                for name in ("step_ms", "train_s")
            }
            for arm in plan.arms
        }
        for regime in plan.regimes
    }
