"""The verdicts of the primary comparisons, all together: error is held over the whole family. Pure.

Each primary contrast, in each regime and under each declared condition, is one comparison with two
questions: is there a difference, is it smaller than the margin. Seeds that were added block by
block (``--until-resolved``) are judged by p values that know of the looks.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ablations import statistics as st
from ablations.summary.effects import Pairs, Rules, decisive


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
    seeds: tuple[int, ...]
    looks: tuple[int, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        """What names it in the family."""
        return self.regime, self.contrast, self.condition


@dataclass(frozen=True)
class Decision:
    """Adjusted p of "different" and of "equivalent" (nan: not asked), over family and looks."""

    different: float
    equivalent: float


def decide(questions: Sequence[Question], rules: Rules) -> dict[tuple[str, str, str], Decision]:
    """Adjusted p values of every comparison that could be judged.

    Holm's step-down over both questions of each (``statistics.step_down``). A comparison without
    spread has no p and leaves the family as large as it is.
    """
    p = np.array([sequential(question, rules) for question in questions]).reshape(-1, 2)
    different, equivalent = st.step_down(p[:, 0], p[:, 1])
    return {
        question.key: Decision(float(d), float(e))
        for question, d, e in zip(questions, different, equivalent, strict=True)
    }


def sequential(question: Question, rules: Rules) -> tuple[float, float]:
    """p of both questions after the looks so far; the plain p where there is but one look."""
    now = len(question.seeds)
    reached = [look for look in question.looks if look <= now]
    rows = np.array([at_look(question, look, rules) for look in reached or [now]])
    if len(question.looks) < 2:
        return float(rows[-1, 0]), float(rows[-1, 1])
    fractions = st.shares(question.looks)
    different = st.sequential_p(rows[:, 0], fractions, sides=2)
    equivalent = st.sequential_p(rows[:, 1], fractions, sides=1)
    return float(different), float(equivalent)


def at_look(question: Question, look: int, rules: Rules) -> tuple[float, float]:
    """p of both questions from the first ``look`` seeds; nan without spread."""
    part = until(question.pairs, question.seeds[:look])
    if not part.spread:
        return math.nan, math.nan
    return decisive(part, question.name, rules)


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


def resolved(words: Mapping[tuple[str, str, str], str]) -> bool:
    """Whether every comparison has a verdict: more seeds would settle nothing."""
    return all(word not in ("undecided", "no_interval", "not_measured") for word in words.values())
