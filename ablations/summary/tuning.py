"""What the summary says of budget-matched re-tuning: both deltas, and their price. Pure."""

from typing import TYPE_CHECKING, Any

from ablations.conditions import CONDITIONS, metric
from ablations.rows import by_seed
from ablations.summary.effects import brief, effects
from ablations.summary.evidence import Evidence
from ablations.summary.pairs import Cell
from ablations.tuning import TUNED, ArmTuning, Outcome

if TYPE_CHECKING:
    from ablations.plan import Contrast

Tree = dict[str, Any]


def tuning(evidence: Evidence, regime: str, outcome: Outcome | None) -> Tree | None:
    """The searches of one regime, and each declared contrast twice: with the same hyperparameters
    and with each arm at its best. None without re-tuning, or for a plan without the tuned arms.
    """
    there = {arm.name for arm in evidence.plan.arms}
    found = [
        arm
        for arm in (outcome.arms if outcome is not None else ())
        if arm.regime == regime and TUNED.format(arm.arm) in there
    ]
    if outcome is None or not found:
        return None
    searched = {arm.arm for arm in found}
    return {
        "space": outcome.space,
        "sampler": outcome.sampler,
        "trials": outcome.trials,
        "seeds": list(outcome.seeds),
        "objective": outcome.objective,
        "arms": {arm.arm: _arm(evidence, arm, outcome) for arm in found},
        "contrasts": [
            _both(evidence, regime, contrast)
            for contrast in evidence.plan.contrasts
            if {contrast.arm, contrast.reference} <= searched
        ],
    }


def _arm(evidence: Evidence, found: ArmTuning, outcome: Outcome) -> Tree:
    objective, seeds = outcome.objective, len(outcome.seeds)
    fresh = _mean(evidence.cell(found.regime, TUNED.format(found.arm)), objective)
    budget = found.budget
    return {
        "tuned_arm": TUNED.format(found.arm),
        "budget": {
            "trials": budget.trials,
            "runs": budget.runs,
            "epochs": budget.epochs,
            "train_s": budget.train_s,
        },
        "best": dict(sorted(found.best.items())),
        "default": dict(sorted(found.default.items())),
        "best_trial": found.best_trial,
        "default_score": found.default_score,
        "default_fresh_score": _mean(evidence.cell(found.regime, found.arm), objective),
        "search_score": found.search_score,
        "fresh_score": fresh,
        "optimism": None if fresh is None else found.search_score - fresh,
        "edges": list(found.edges),
        "history": [[t.number, None if t.failed == seeds else t.score] for t in found.trials],
    }


def _mean(cell: Cell, objective: str) -> float | None:
    """On the report part, over the study's seeds: neither was seen by the search."""
    values = list(by_seed(cell, metric=metric(objective)).values())
    return sum(values) / len(values) if values else None


def _both(evidence: Evidence, regime: str, contrast: "Contrast") -> Tree:
    pair = (contrast.arm, contrast.reference)
    return {
        "name": contrast.name,
        "arm": contrast.arm,
        "reference": contrast.reference,
        "same": _against(evidence, regime, *pair),
        "tuned": _against(evidence, regime, *(TUNED.format(name) for name in pair)),
    }


def _against(evidence: Evidence, regime: str, arm: str, reference: str) -> Tree:
    names = [metric(condition) for condition in CONDITIONS]
    found = effects(
        *(evidence.cell(regime, arm), evidence.cell(regime, reference), names),
        rules=evidence.rules[regime],
        same=reference in evidence.same(regime, arm),
    )
    return {condition: brief(found[metric(condition)]) for condition in CONDITIONS}
