"""Seeds as an axis: which trial gets another one, and what its scores say beside others'. Pure.

All trials have the seeds in one order, so two trials share the seeds of the shorter one, and are
compared on those alone. A trial gets its next seed unless it is clearly behind the leader: a race
(Maron and Moore 1994) by a one-sided t bound on the paired differences, whose variance is pooled
over all trials, since a trial with one seed has none of its own.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

Line = Sequence[float]
"""A trial's values by seed, in the order of the seeds; more is better."""
ALPHA = 0.1  # chance to drop a trial that is as good as the leader, at each look
LEAST = 3  # degrees of freedom of the pooled variance before anybody is dropped
WORDS = (
    "A trial gets its next seed while it may still be as good as the leader: until then at most "
    "{seeds} seeds, none more for a trial whose paired difference to the leader lies below 0 with "
    "its one-sided {level:.0%} bound (pooled variance, t). Scores of trials with fewer seeds are "
    "corrected by the mean effect of the seeds they have."
)


@dataclass(frozen=True)
class Score:
    """A trial's mean, corrected for the seeds it has, and its standard error (None: not known)."""

    mean: float
    error: float | None
    seeds: int


def words(seeds: int) -> str:
    """The rule, for a report."""
    return WORDS.format(seeds=seeds, level=1 - ALPHA)


def leader(lines: Mapping[int, Line]) -> int | None:
    """The best trial: of those with the most seeds, since only they were not dropped."""
    most = max((len(line) for line in lines.values()), default=0)
    full = {number: line for number, line in lines.items() if line and len(line) == most}
    return max(full, key=lambda number: (math.fsum(full[number]), -number), default=None)


def contends(number: int, lines: Mapping[int, Line]) -> bool:
    """Whether this trial may be as good as the leader, for all that is known."""
    first = leader(lines)
    if first is None or number == first:
        return True
    mine = lines[number]
    common = min(len(mine), len(lines[first]))
    difference = np.subtract(mine[:common], lines[first][:common])
    spread, freedom = pooled(lines, against=first)
    if freedom < LEAST:
        return True
    reach = stats.t.ppf(1 - ALPHA, freedom) * spread / math.sqrt(common)
    return bool(difference.mean() + reach >= 0)


def pooled(lines: Mapping[int, Line], *, against: int) -> tuple[float, int]:
    """Standard deviation of paired differences to trial ``against``, pooled over all trials that
    share two seeds or more with it; and its degrees of freedom.
    """
    squares, freedom = 0.0, 0
    for number, line in lines.items():
        common = min(len(line), len(lines[against]))
        if number != against and common > 1:
            difference = np.subtract(line[:common], lines[against][:common])
            squares += float(((difference - difference.mean()) ** 2).sum())
            freedom += common - 1
    return (math.sqrt(squares / freedom) if freedom else math.nan), freedom


def effects(lines: Mapping[int, Line]) -> list[float]:
    """How much better each seed is than the mean of all, by the trials that have all of them."""
    most = max((len(line) for line in lines.values()), default=0)
    full = [line for line in lines.values() if len(line) == most]
    if most < 2:
        return [0.0] * most
    table = np.array(full, dtype=float)
    return list((table - table.mean(1, keepdims=True)).mean(0))


def score(line: Line, seed_effects: Sequence[float]) -> Score:
    """A trial's mean as if it had all seeds: the additive model of trials and seeds."""
    values = [value - effect for value, effect in zip(line, seed_effects, strict=False)]
    mean = math.fsum(values) / len(values)
    error = float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None
    return Score(mean, error, len(values))
