"""What a summary is made of: plan, rows, predictions, and the rules that judge them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from ablations.conditions import metric, with_derived
from ablations.rows import Row, cells
from ablations.summary.family import Question
from ablations.summary.pairs import Cell, Rules, pairs_of
from ablations.summary.samples import Samples
from ablations.summary.splits import Split, split_of
from evidence.statistics import LEVEL

if TYPE_CHECKING:
    from ablations.plan import Plan

REFERENCES = ("joint", "joint-probe", "symmetric")  # compared with every arm of a plan with them


@dataclass(frozen=True)
class Evidence:
    """``cells``: (regime, arm) -> rows with derived conditions; ``runs``: hash -> what a run got
    right; ``rules`` and ``splits`` of each regime.
    """

    plan: "Plan"
    cells: Mapping[tuple[str, str], Cell]
    runs: Mapping[str, Samples]
    rules: Mapping[str, Rules]
    splits: Mapping[str, Split]

    @classmethod
    def of(cls, plan: "Plan", rows: Sequence[Row], runs: Mapping[str, Samples]) -> Self:
        """Raises ``ValueError`` for a seed that comes twice, or a row the plan does not know."""
        derived = [replace(row, metrics=with_derived(row.metrics)) for row in rows]
        place = {(r, seed): i for r, seeds in plan.seeds.items() for i, seed in enumerate(seeds)}
        found = {
            key: tuple(sorted(cell, key=lambda row: place.get((row.regime, row.seed), -1)))
            for key, cell in cells(derived).items()
        }
        known = {(regime, arm.name) for regime in plan.regimes for arm in plan.arms}
        if not found.keys() <= known:
            raise ValueError(f"rows: given {sorted(found.keys() - known)[0]}; not in the plan")
        splits = {regime: split_of(plan, regime, found, runs) for regime in plan.regimes}
        return cls(plan, found, runs, {r: _rules(plan, s) for r, s in splits.items()}, splits)

    def cell(self, regime: str, arm: str) -> Cell:
        """The rows of an arm; none where nothing was run."""
        return self.cells.get((regime, arm), ())

    def same(self, regime: str, arm: str) -> list[str]:
        """The other arms whose runs are the same computations."""
        own = self.plan.arm_hashes(regime, arm)
        others = [other.name for other in self.plan.arms if other.name != arm]
        return [name for name in others if self.plan.arm_hashes(regime, name) == own]

    @property
    def references(self) -> list[str]:
        """The arms that every other is compared with."""
        names = [arm.name for arm in self.plan.arms]
        return [name for name in REFERENCES if name in names]


def _rules(plan: "Plan", split: Split) -> Rules:
    a = plan.analysis
    return Rules(LEVEL, a.alpha, a.margin, a.power, split.ratio, split.classes)


def questions(evidence: Evidence) -> list[Question]:
    """The family: its comparisons with their pairs."""
    plan = evidence.plan
    declared = {contrast.name: contrast for contrast in plan.contrasts}
    found = []
    for regime, contrast, condition in plan.family():
        arm, reference = declared[contrast].arm, declared[contrast].reference
        a, b = evidence.cell(regime, arm), evidence.cell(regime, reference)
        name = metric(condition, plan.analysis.metric)
        rules, seeds = evidence.rules[regime], plan.seeds[regime]
        pairs, looks = pairs_of(a, b, name, classes=rules.classes), plan.looks.get(regime, ())
        found.append(Question(regime, contrast, condition, name, pairs, rules, seeds, looks))
    return found
