"""What the summary says of one-factor sweeps: each level, and against the reference level. Pure."""

from typing import Any

from ablations.conditions import CONDITIONS, metric
from ablations.summary.effects import brief, effects
from ablations.summary.evidence import Evidence
from ablations.summary.variants import sample

Tree = dict[str, Any]


def sweeps(evidence: Evidence, regime: str) -> list[Tree]:
    """Every sweep of the study in one regime, levels in their declared order."""
    return [
        {
            "name": sweep.name,
            "field": sweep.field,
            "reference": sweep.reference,
            "levels": [
                {"level": level.value} | _level(evidence, regime, level.arm, sweep.reference)
                for level in sweep.levels
            ],
        }
        for sweep in evidence.plan.sweeps
    ]


def _level(evidence: Evidence, regime: str, arm: str, reference: str) -> Tree:
    rules, cell = evidence.rules[regime], evidence.cell(regime, arm)
    names = [metric(condition) for condition in CONDITIONS]
    same = arm == reference or reference in evidence.same(regime, arm)
    found = effects(cell, evidence.cell(regime, reference), names, rules=rules, same=same)
    return {
        "arm": arm,
        **{c: sample(cell, metric(c), rules.level) for c in CONDITIONS},
        "versus": {c: brief(found[metric(c)]) for c in CONDITIONS},
    }
