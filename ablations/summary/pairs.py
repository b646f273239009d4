"""Two arms seed by seed: their differences, and what runs that failed count as. Pure.

Legend: S metrics compared at once, n paired seeds.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ablations.conditions import DROP, LOWER
from ablations.rows import Row, by_seed
from evidence import statistics as st

Tree = dict[str, Any]
Cell = tuple[Row, ...]
Array = npt.NDArray[np.float64]
SHARES = ("accuracy", "macro_f1")  # kinds to which the margin applies


@dataclass(frozen=True)
class Rules:
    """How differences are judged, declared in the study.

    ``ratio``: n_test / n_train where seeds redraw the test part (Nadeau and Bengio); None where all
    seeds share it. ``classes``: a run that failed counts as guessing among them.
    """

    level: float = 0.95
    alpha: float = 0.05
    margin: float | None = None  # share of accuracy; None: equivalence is not asked
    power: float = 0.8
    ratio: float | None = None
    classes: int = 10


@dataclass(frozen=True)
class Pairs:
    """``a - b`` of one metric. ``deltas`` [n] in the order of ``seeds``.

    ``guessed``: seed -> difference with failed runs as guesses, None where none failed; empty where
    some failed and nothing stands for their value.
    """

    seeds: tuple[int, ...]
    deltas: Array
    dropped: tuple[int, ...] = ()
    guessed: Mapping[int, float] | None = None

    @property
    def spread(self) -> bool:
        """Whether there is any, beyond rounding: without it there is no interval."""
        return len(self.deltas) > 1 and not bool(st.without_spread(self.deltas))


def kind_of(name: str) -> str:
    """``accuracy`` of ``test/clean/accuracy``."""
    return name.rpartition("/")[2]


def better(name: str) -> str:
    """Which way is better: less nll, less ECE, a smaller drop from clean."""
    _, condition, kind = name.split("/")
    return "lower" if kind in LOWER or condition == DROP else "higher"


def margin_of(name: str, rules: Rules) -> float | None:
    """The margin of equivalence: for shares as declared, for nll and ECE none was."""
    return rules.margin if kind_of(name) in SHARES else None


def pairs_of(a: Cell, b: Cell, name: str, *, classes: int) -> Pairs:
    """The pairs of one metric over the seeds that both arms finished."""
    left, right = by_seed(a, metric=name), by_seed(b, metric=name)
    both = tuple(row.seed for row in a if row.seed in left and row.seed in right)
    deltas = np.array([left[seed] - right[seed] for seed in both], dtype=np.float64)
    dropped = tuple(sorted(left.keys() ^ right.keys()))
    return Pairs(both, deltas, dropped, _guessed(a, b, name, classes))


def _guessed(a: Cell, b: Cell, name: str, classes: int) -> dict[int, float] | None:
    if not (lost(a, name) or lost(b, name)):
        return None
    left, right = with_guesses(a, name, classes), with_guesses(b, name, classes)
    return {
        row.seed: left[row.seed] - right[row.seed]
        for row in a
        if row.seed in left.keys() & right.keys()
    }


def lost(cell: Cell, name: str) -> set[int]:
    """Seeds whose run failed, or finished with a value that is no number."""
    return {
        row.seed
        for row in cell
        if row.status == "FAILED"
        or (row.status == "FINISHED" and not math.isfinite(row.metrics.get(name, 0.0)))
    }


def with_guesses(cell: Cell, name: str, classes: int) -> dict[int, float]:
    """Seed -> value, of a lost run what guessing scores; empty where nothing stands for it."""
    gone, value = lost(cell, name), guess(name, classes)
    if gone and value is None:
        return {}
    found = by_seed(cell, metric=name)
    return found | {row.seed: value for row in cell if row.seed in gone and value is not None}


def guess(name: str, classes: int) -> float | None:
    """What guessing scores, noise or not: 1/K of accuracy and macro-F1, log K nats, no drop. None
    for ECE: a guess may be calibrated.
    """
    if name.split("/")[1] == DROP:
        return 0.0
    share = 1.0 / classes
    return {"accuracy": share, "macro_f1": share, "nll": math.log(classes)}.get(kind_of(name))


def interval(deltas: Array, rules: Rules) -> tuple[Array, Array]:
    """Mean and half-width [S] by the interval that fits how seeds draw the test part."""
    if rules.ratio is None:
        return st.mean_interval(deltas, level=rules.level)
    return st.corrected_interval(deltas, ratio=rules.ratio, level=rules.level)


def widened(deltas: Array, rules: Rules) -> Array:
    """Differences [S, n] whose plain t test is the corrected one where seeds redraw the test part:
    variance 1/n + ratio instead of 1/n.
    """
    if rules.ratio is None:
        return deltas
    mean = deltas.mean(-1, keepdims=True)
    return np.asarray(mean + (deltas - mean) * math.sqrt(1 + deltas.shape[-1] * rules.ratio))


def decisive(pairs: Pairs, name: str, rules: Rules) -> tuple[float, float]:
    """p of "different" and of "equivalent" (nan: no margin) that the verdict is made of.

    Where runs failed it must hold among the survivors and with each failed run as a guess: the
    larger p counts, and 1 where the signs disagree or nothing stands for a failed run.
    """
    margin = margin_of(name, rules)
    if pairs.guessed is not None and len(pairs.guessed) < 2:
        return 1.0, math.nan if margin is None else 1.0
    rows = [pairs.deltas]
    if pairs.guessed is not None:
        rows.append(np.array(list(pairs.guessed.values())))
    return st.unanimous_p([widened(row, rules) for row in rows], margin=margin)
