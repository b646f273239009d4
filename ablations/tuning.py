"""What re-tuning found, as plain data, and the arms that follow from it. Pure.

Every arm of the declared contrasts has its own search over the nuisance hyperparameters that act in
it, with the same sampler, trials, seeds and training budget (``ablations.tuning_search``). Scores
are on the select part, on seeds that no report uses; the tuned arms then run on the study's seeds
and are judged on the report part, beside the arms at the same hyperparameters.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from ablations.plan import Arm, Contrast, Plan
from cal.config import merge
from search_spaces.fields import tree_of

Values = dict[str, Any]
"""Field of the configuration -> value."""
TUNED = "{}:tuned"
FILE = "tuning.json"  # where the outcome is kept with the study
EXPERIMENT = "{}:tune"  # regime -> the name of its tuning runs' experiment


class Spec(Protocol):
    """How a study wants its arms re-tuned."""

    @property
    def space(self) -> str:
        """A packaged search space, or a file."""

    @property
    def arms(self) -> tuple[str, ...]:
        """Empty: the arms of the declared contrasts."""

    @property
    def seeds(self) -> int:
        """Of each trial."""

    @property
    def objective(self) -> str:
        """``clean`` or ``robust`` accuracy on the select part."""


@dataclass(frozen=True)
class TuningSpec:
    """The defaults of a study's ``tuning`` section."""

    space: str = "nuisance"
    arms: tuple[str, ...] = ()
    seeds: int = 3
    objective: str = "clean"


@dataclass(frozen=True)
class Trial:
    """One set of values. ``score``: mean of the objective over seeds, a failed seed counts 0."""

    number: int  # 0: the arm's default
    values: Values
    score: float
    failed: int = 0  # seeds that failed or diverged


@dataclass(frozen=True)
class Budget:
    """What a search took. Runs that arms share are in the budget of each."""

    trials: int
    runs: int  # distinct computations
    epochs: int  # of these runs, as planned: one that diverged early took fewer
    train_s: float
    evaluate_s: float


@dataclass(frozen=True)
class ArmTuning:
    """One arm's search in one regime.

    ``best``, ``default``: the value of every field searched. ``edges``: a sentence for each best
    value in the outer 5 % of its range.
    """

    regime: str
    arm: str
    best: Values
    default: Values
    best_trial: int  # 0: the default was not beaten
    search_score: float
    default_score: float
    edges: tuple[str, ...]
    budget: Budget
    trials: tuple[Trial, ...]

    @property
    def overrides(self) -> dict[str, Any]:
        """The tree that makes the arm its tuned self; empty where the default was not beaten."""
        return tree_of(self.best) if self.best_trial else {}


@dataclass(frozen=True)
class Outcome:
    """All searches of a study. ``trials``: of each arm; ``seeds``: of each trial."""

    study: str
    space: str
    sampler: str  # in words
    trials: int
    seeds: tuple[int, ...]
    objective: str
    arms: tuple[ArmTuning, ...]

    def of(self, regime: str, arm: str) -> ArmTuning:
        """One arm's search. Raises ``KeyError``."""
        for found in self.arms:
            if (found.regime, found.arm) == (regime, arm):
                return found
        raise KeyError((regime, arm))


def to_json(outcome: Outcome) -> str:
    """An outcome as JSON, for the ledger."""
    return json.dumps(asdict(outcome), sort_keys=True)


def from_json(text: str) -> Outcome:
    """The outcome that ``to_json`` wrote."""
    tree = json.loads(text)
    arms = tuple(_arm(arm) for arm in tree["arms"])
    return Outcome(**{**tree, "seeds": tuple(tree["seeds"]), "arms": arms})


def _arm(tree: Mapping[str, Any]) -> ArmTuning:
    trials = tuple(Trial(**trial) for trial in tree["trials"])
    plain = {"budget": Budget(**tree["budget"]), "edges": tuple(tree["edges"]), "trials": trials}
    return ArmTuning(**{**tree, **plain})


def tuned_arms(plan: Plan, outcome: Outcome) -> tuple[Arm, ...]:
    """``ARM:tuned`` for each arm that was searched: the arm with its best values of each regime.

    They are no cells of the design (no switches). Where the default was not beaten a tuned arm is
    the same computation as its arm, and the plan shares the runs.
    """
    by_name = {arm.name: arm for arm in plan.arms}
    names = dict.fromkeys(found.arm for found in outcome.arms)
    return tuple(
        replace(
            by_name[name],
            name=TUNED.format(name),
            title=f"{by_name[name].title}, re-tuned",
            switches={},
            by_regime={
                a.regime: merge(by_name[name].by_regime.get(a.regime, {}), a.overrides)
                for a in outcome.arms
                if a.arm == name
            },
        )
        for name in names
    )


def tuned_contrasts(plan: Plan, outcome: Outcome) -> tuple[Contrast, ...]:
    """The declared contrasts between arms that were both searched, each at its best.

    Not primary: the family of tests is declared at the study's own hyperparameters.
    """
    searched = {found.arm for found in outcome.arms}
    return tuple(
        replace(
            contrast,
            arm=TUNED.format(contrast.arm),
            reference=TUNED.format(contrast.reference),
            primary=False,
        )
        for contrast in plan.contrasts
        if {contrast.arm, contrast.reference} <= searched
    )
