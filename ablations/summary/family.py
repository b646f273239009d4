"""The verdicts of the primary comparisons, all together: error is held over the whole family. Pure.

Each primary contrast, in each regime and under each declared condition, is one comparison with two
questions: is there a difference, is it smaller than the margin. Seeds that were added block by
block (``--until-resolved``) are judged by p values that know of the looks.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ablations.summary.pairs import Pairs, Rules, decisive
from evidence import statistics as st

Key = tuple[str, str, str]
"""(regime, contrast, condition)."""


@dataclass(frozen=True)
class Question:
    """One comparison of the family. ``looks``: numbers of seeds at which the family is judged, all
    that are planned; ``seeds``: the plan's, in the order in which they come.
    """

    regime: str
    contrast: str
    condition: str
    name: str  # of the metric
    pairs: Pairs
    rules: Rules
    seeds: tuple[int, ...]
    looks: tuple[int, ...] = ()

    @property
    def key(self) -> Key:
        """What names it in the family."""
        return self.regime, self.contrast, self.condition


@dataclass(frozen=True)
class Decision:
    """Adjusted p of "different" and of "equivalent" (nan: not asked), over family and looks."""

    different: float
    equivalent: float


def decide(questions: Sequence[Question]) -> dict[Key, Decision]:
    """Adjusted p values of every comparison.

    Holm's step-down over both questions of each (``statistics.step_down``). A comparison that could
    not be judged (no pairs, no spread) is not settled, p = 1: the family stays as large as it was
    declared.
    """
    p = np.array([sequential(question) for question in questions]).reshape(-1, 2)
    different, equivalent = st.step_down(np.where(np.isnan(p[:, 0]), 1.0, p[:, 0]), p[:, 1])
    return {
        question.key: Decision(float(d), float(e))
        for question, d, e in zip(questions, different, equivalent, strict=True)
    }


def sequential(question: Question) -> tuple[float, float]:
    """p of both questions after the looks so far; the plain p where there is but one look.

    A look whose difference had the other sign says nothing for the one there is now. Where runs
    failed, the last look must stand by itself as well: p values of earlier looks do not know of
    later failures.
    """
    now = len(question.seeds)
    reached = [look for look in question.looks if look <= now] or [now]
    rows = np.array([at_look(question, look) for look in reached])
    if len(question.looks) < 2:
        return float(rows[-1, 0]), float(rows[-1, 1])
    signs = np.array([_sign(question, look) for look in reached])
    rows[signs != signs[-1], 0] = 1.0
    fractions = st.shares(question.looks)
    different = float(st.sequential_p(rows[:, 0], fractions, sides=2))
    equivalent = float(st.sequential_p(rows[:, 1], fractions, sides=1))
    if question.pairs.guessed is not None:
        different, equivalent = max(different, rows[-1, 0]), max(equivalent, rows[-1, 1])
    return different, equivalent


def _sign(question: Question, look: int) -> float:
    deltas = until(question.pairs, question.seeds[:look]).deltas
    return float(np.sign(deltas.mean())) if len(deltas) else math.nan


def at_look(question: Question, look: int) -> tuple[float, float]:
    """p of both questions from the first ``look`` seeds; nan without spread."""
    part = until(question.pairs, question.seeds[:look])
    if not part.spread:
        return math.nan, math.nan
    return decisive(part, question.name, question.rules)


def until(pairs: Pairs, seeds: Sequence[int]) -> Pairs:
    """The pairs of some seeds only."""
    kept = [i for i, seed in enumerate(pairs.seeds) if seed in seeds]
    guessed = pairs.guessed
    return Pairs(
        tuple(pairs.seeds[i] for i in kept),
        pairs.deltas[kept],
        tuple(seed for seed in pairs.dropped if seed in seeds),
        None if guessed is None else {s: d for s, d in guessed.items() if s in seeds},
    )


def resolved(words: Mapping[Key, str]) -> bool:
    """Whether every comparison that can be measured has a verdict: more seeds would settle nothing.

    ``not_measured``: no seed has a value on both sides (all runs of an arm failed).
    """
    return all(word not in ("undecided", "no_interval") for word in words.values())
