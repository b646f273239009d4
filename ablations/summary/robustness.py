"""What the summary says of growing noise: lines of every arm, areas, what is kept of accuracy,
where arms cross, what each mechanism does at each severity. Pure.

Legend: P places on the axis of severity, clean (0) first; n seeds. All of it is exploratory.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ablations.conditions import area
from ablations.severities import label, main, protocol_of
from ablations.summary.evidence import Evidence
from ablations.summary.factorial import ORDER, aliases
from ablations.summary.noise_lines import NoiseLine, accuracies, noise_lines
from ablations.summary.pairs import Array, Pairs, Rules, interval
from evidence import statistics as st

if TYPE_CHECKING:
    from ablations.plan import Contrast

SAMPLES = 1000  # of the report part, where no predictions tell: bounds the logits alone
Tree = dict[str, Any]


def robustness(evidence: Evidence, regime: str) -> Tree | None:
    """Of one regime; None where nothing was measured under noise."""
    plan, rules = evidence.plan, evidence.rules[regime]
    names = [arm.name for arm in plan.arms]
    runs = {name: accuracies(evidence.cell(regime, name)) for name in names}
    found = noise_lines(runs)
    if not found:
        return None
    reference = next(iter([*evidence.references, *(c.reference for c in plan.contrasts)]), None)
    baselines = baselines_of(evidence, regime)
    protocol = protocol_of(c for by_seed in runs.values() for v in by_seed.values() for c in v)
    return {
        "protocol": protocol,
        "reference": reference,
        "chance": 1 / rules.classes,
        "baselines": baselines,
        "lines": {line.name: _line(evidence, regime, line, reference, baselines) for line in found},
    }


def baselines_of(evidence: Evidence, regime: str) -> list[str]:
    """Arms whose runs none of CAL's mechanisms acts in; the same computation once, under the name
    that says more than a cell's.
    """
    configs = {run.hash: run.config for run in evidence.plan.runs if run.regime == regime}
    found: list[str] = []
    for arm in sorted(evidence.plan.arms, key=lambda arm: bool(arm.switches)):
        own = [configs[key] for key in evidence.plan.arm_hashes(regime, arm.name)]
        plain = all(not _acts(config) for config in own)
        if plain and not set(evidence.same(regime, arm.name)) & set(found):
            found.append(arm.name)
    return found


def _acts(config: Any) -> bool:
    own = config.mechanisms
    return bool(own.acceleration.enabled or own.bottleneck.enabled)


def _line(
    evidence: Evidence,
    regime: str,
    line: NoiseLine,
    reference: str | None,
    baselines: Sequence[str],
) -> Tree:
    plan = evidence.plan
    arms = {}
    for arm in plan.arms:
        others = [b for b in baselines if b not in (arm.name, *evidence.same(regime, arm.name))]
        tree = _arm(evidence, regime, line, arm.name)
        tree["effective"] = (
            _effective(evidence, regime, line, arm.name, others) if main(line.name) else None
        )
        paired = reference not in (None, arm.name, *evidence.same(regime, arm.name))
        tree["difference"] = (
            _difference(line, arm.name, str(reference), evidence.rules[regime]) if paired else None
        )
        arms[arm.name] = tree
    return {
        "places": list(line.places),
        "labels": [label(line.name, at) for at in line.places],
        "arms": arms,
        "contrasts": [
            _contrast(line, declared, evidence.rules[regime])
            for declared in plan.contrasts
            if declared.reference not in evidence.same(regime, declared.arm)
        ],
        "mechanisms": _mechanisms(evidence, regime, line),
    }


def _arm(evidence: Evidence, regime: str, line: NoiseLine, arm: str) -> Tree:
    """Accuracy at each place with its interval, the area, and what is kept of clean accuracy."""
    rules = evidence.rules[regime]
    table = line.table(arm, list(line.arms[arm]))
    samples = [st.describe(row, level=rules.level) for row in table]
    kept = (
        st.relative_robustness(table, table[0], chance=1 / rules.classes, level=rules.level)
        if table.shape[1]
        else (np.full(len(line.places), np.nan),) * 3
    )
    return {
        "n": table.shape[1],
        "mean": [sample.mean for sample in samples],
        "half_width": [sample.half_width for sample in samples],
        "area": asdict(st.describe(_areas(line, table), level=rules.level)),
        "relative": _bounds(*kept),
    }


def _areas(line: NoiseLine, table: Array) -> list[float]:
    """[P, n] -> [n]: mean height of the line of each seed."""
    return [area(zip(line.places, column, strict=True)) for column in table.T.tolist()]


def _difference(line: NoiseLine, arm: str, reference: str, rules: Rules) -> Tree:
    """Arm minus reference at each place, paired by seed, and of the areas."""
    seeds = line.shared([arm, reference])
    return _with_area(line, line.table(arm, seeds) - line.table(reference, seeds), rules)


def _with_area(line: NoiseLine, deltas: Array, rules: Rules) -> Tree:
    """Differences [P, n], and their area: that of a difference is the difference of areas."""
    areas = np.array([_areas(line, deltas)])
    return _over_seeds(deltas, rules) | {"area": _first(_over_seeds(areas, rules))}


def _contrast(line: NoiseLine, declared: "Contrast", rules: Rules) -> Tree:
    """The declared contrast, and where its two arms cross."""
    names = {"name": declared.name, "arm": declared.arm, "reference": declared.reference}
    tree = names | _difference(line, declared.arm, declared.reference, rules)
    seeds = line.shared([declared.arm, declared.reference])
    deltas = line.table(declared.arm, seeds) - line.table(declared.reference, seeds)
    found = None
    if seeds:
        found = asdict(st.crossing(deltas, np.array(line.places), level=rules.level))
    return tree | {"crossing": found}


def _mechanisms(evidence: Evidence, regime: str, line: NoiseLine) -> list[Tree]:
    """The main effect of each factor at each place; empty where cells cannot tell them apart."""
    plan = evidence.plan
    cells = {
        frozenset(f for f, on in arm.switches.items() if on): arm.name
        for arm in plan.arms
        if arm.switches
    }
    order = min(ORDER, len(plan.factors))
    if not cells or not st.orthogonal(cells, plan.factors, order=order):
        return []
    mixed = any(len(words) > 1 for words in aliases(list(cells), plan.factors, order))
    if mixed and plan.design.kind != "fractional":
        return []
    seeds = line.shared(list(cells.values()))
    if not seeds:
        return []
    flat = {on: line.table(arm, seeds).ravel() for on, arm in cells.items()}
    found = st.effects(flat, plan.factors, order=order)
    shape = (len(line.places), len(seeds))
    tables = {f: found[f,].reshape(shape) for f in plan.factors if (f,) in found}
    return [
        {"factor": factor, **_with_area(line, table, evidence.rules[regime])}
        for factor, table in tables.items()
    ]


def _effective(
    evidence: Evidence, regime: str, line: NoiseLine, arm: str, baselines: Sequence[str]
) -> Tree:
    """Beyond what the baselines' clean accuracy predicts; or why nothing is predicted."""
    rules, samples = evidence.rules[regime], evidence.splits[regime].samples or SAMPLES
    seeds = line.shared([arm, *baselines])
    if not seeds:
        return {"refused": "no seed has the arm and every baseline."}
    tables = np.array([line.table(b, seeds) for b in baselines]).reshape(
        len(baselines), len(line.places), len(seeds)
    )
    own = line.table(arm, seeds)
    found: st.Effective | st.Refusal = st.Refusal("there is no baseline arm beside it.")
    if baselines:
        found = st.effective_robustness(
            tables[:, 0], tables[:, 1:], own[0], own[1:], samples=samples, level=rules.level
        )
    if isinstance(found, st.Refusal):
        return {"refused": found.reason}
    value, low, high = (np.concatenate([[np.nan], x]) for x in (found.value, found.low, found.high))
    mean = dict(zip(("value", "low", "high"), map(_number, found.mean), strict=True))
    tree = {"n": len(seeds), **_bounds(value, low, high), "mean": mean}
    return tree | {"extrapolated": found.extrapolated}


def _over_seeds(deltas: Array, rules: Rules) -> Tree:
    """Mean and interval of differences [P, n], null where there is no spread to judge by."""
    n = deltas.shape[1]
    if not n:
        return {"n": 0, **_bounds(*(np.full(len(deltas), np.nan),) * 3)}
    seeds = tuple(range(n))
    half = np.full(len(deltas), np.nan)
    spread = np.array([Pairs(seeds, row).spread for row in deltas])
    if spread.any():
        half[spread] = interval(deltas[spread], rules)[1]
    mean = deltas.mean(1)
    return {"n": n, **_bounds(mean, mean - half, mean + half)}


def _bounds(value: Array, low: Array, high: Array) -> Tree:
    names: dict[str, Array] = {"value": value, "low": low, "high": high}
    return {name: [_number(x) for x in column.tolist()] for name, column in names.items()}


def _first(tree: Tree) -> Tree:
    """Of the only place."""
    return {name: x[0] if isinstance(x, list) else x for name, x in tree.items()}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
