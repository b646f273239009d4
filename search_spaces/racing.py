"""Seeds as an axis: which trial gets another one, and what its scores say beside others'. Pure.

All trials have the seeds in one order, so two trials share the seeds of the shorter one, and are
compared on those alone. A trial gets its next seed if it is among the better half of those that
have as many, as in successive halving (Jamieson and Talwalkar 2016), and not clearly behind the
leader: a race (Maron and Moore 1994) by a one-sided t bound on the paired differences, whose
variance is pooled over all trials, since a trial with one seed has none of its own. Without the
halving a space in which many are nearly as good spends half of its epochs on seeds.

Assumptions: trials and seeds act additively, differences are normal with one variance. The leader
is the best of many, so a trial as good as it looks a little behind; the differences share the
leader's noise, so the pooled variance has fewer degrees of freedom than counted. Both drop a trial
as good as the leader a little more often than stated, never the leader itself.
"""

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

Line = Sequence[float]
"""A trial's values by seed, in the order of the seeds; more is better."""
ALPHA = 0.1  # chance to drop a trial that is as good as the leader, at each look
LEAST = 3  # degrees of freedom of the pooled variance before anybody is dropped
WORDS = (
    "A trial has {seeds} seeds at most. It gets its next one if it is among the better half of the "
    "trials that have as many, under those seeds, and may still be as good as the leader: not if "
    "its paired difference to the leader lies below 0 with its one-sided {level:.0%} bound (pooled "
    "variance, t). Scores of trials with fewer seeds are corrected by the mean effect of the seeds "
    "they have."
)


@dataclass(frozen=True)
class Score:
    """A trial's mean, corrected for the seeds it has, and the standard error of a mean of as many
    seeds (None for a single one): what other seeds would change.
    """

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


def _contends(mine: Line, first: Line, spread: float, freedom: int) -> bool:
    if freedom < LEAST:
        return True
    common = min(len(mine), len(first))
    difference = np.subtract(mine[:common], first[:common])
    reach = special.stdtrit(freedom, 1 - ALPHA) * spread / math.sqrt(common)
    return bool(difference.mean() + reach >= 0)


def _squares(mine: Line, first: Line) -> tuple[float, int]:
    """Squared deviations of the paired differences from their mean, and degrees of freedom."""
    common = min(len(mine), len(first))
    if common < 2:
        return 0.0, 0
    difference = np.subtract(mine[:common], first[:common])
    return float(((difference - difference.mean()) ** 2).sum()), common - 1


def score(line: Line, seed_effects: Sequence[float]) -> Score:
    """A trial's mean as if it had all seeds: the additive model of trials and seeds.

    ``seed_effects``: of as many seeds as the line has, or more.
    """
    if not line or len(line) > len(seed_effects):
        raise ValueError(f"line: given {len(line)} values, {len(seed_effects)} effects of seeds")
    values = np.array(line, dtype=float)
    mean = float(np.mean(values - seed_effects[: len(line)]))
    error = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None
    return Score(mean, error, len(values))


class Race:
    """The lines of all trials while they grow, at a cost that does not: only a new leader is
    compared with all trials that have several seeds.
    """

    def __init__(self) -> None:
        self.lines: dict[int, Line] = {}
        self.leader: int | None = None
        self._shares: dict[int, tuple[float, int]] = {}  # of the pooled variance, by trial
        self._squares, self._freedom = 0.0, 0
        self._sums: list[list[float]] = []  # [k], ascending: under the first k + 1 seeds

    def put(self, number: int, line: Line) -> None:
        """A trial's line is new, or longer."""
        self._rank(self.lines.get(number, ()), out=True)
        self._rank(line)
        self.lines[number] = line
        if number == self.leader or self._ahead(number):
            self._follow(leader(self.lines) if number == self.leader else number)
        else:
            self._share(number)

    def remove(self, number: int) -> None:
        """A trial's line counts no longer."""
        if number not in self.lines:
            return
        self._rank(self.lines.pop(number), out=True)
        if number == self.leader:
            self._follow(leader(self.lines))
        else:
            self._unshare(number)

    def contends(self, number: int) -> bool:
        """Whether this trial may be as good as the leader, for all that is known."""
        if self.leader is None or number == self.leader:
            return True
        return _contends(self.lines[number], self.lines[self.leader], *self.pooled())

    def pooled(self) -> tuple[float, int]:
        """Standard deviation of paired differences to the leader, pooled over all trials that share
        two seeds or more with it; and its degrees of freedom.
        """
        spread = math.sqrt(max(0.0, self._squares) / self._freedom) if self._freedom else math.nan
        return spread, self._freedom

    def place(self, number: int) -> tuple[int, int]:
        """Under the seeds it has: its place, 1 the best, among how many that have them too."""
        line = self.lines[number]
        sums = self._sums[len(line) - 1]
        return len(sums) - bisect_right(sums, math.fsum(line)) + 1, len(sums)

    def _rank(self, line: Line, *, out: bool = False) -> None:
        """Put a line's sums in their order, or take them out."""
        for k in range(len(line)):
            value = math.fsum(line[: k + 1])
            if k == len(self._sums):
                self._sums.append([])
            if out:
                del self._sums[k][bisect_left(self._sums[k], value)]
            else:
                insort(self._sums[k], value)

    def _ahead(self, number: int) -> bool:
        def key(one: int) -> tuple[int, float, int]:
            return len(self.lines[one]), math.fsum(self.lines[one]), -one

        return self.leader is None or key(number) > key(self.leader)

    def _follow(self, first: int | None) -> None:
        self.leader = first
        self._shares.clear()
        self._squares, self._freedom = 0.0, 0
        for number, line in self.lines.items():
            if len(line) > 1:
                self._share(number)

    def _unshare(self, number: int) -> None:
        squares, freedom = self._shares.pop(number, (0.0, 0))
        self._squares, self._freedom = self._squares - squares, self._freedom - freedom

    def _share(self, number: int) -> None:
        self._unshare(number)
        if self.leader is None or number == self.leader:
            return
        share = _squares(self.lines[number], self.lines[self.leader])
        self._shares[number] = share
        self._squares, self._freedom = self._squares + share[0], self._freedom + share[1]


class Effects:
    """How much better each seed is than the mean of all, by the trials that have all seeds that
    any has; kept while lines grow.
    """

    def __init__(self) -> None:
        self._most = 0
        self._full: dict[int, np.ndarray] = {}  # deviations from the trial's mean
        self._sum = np.zeros(0)

    def put(self, number: int, line: Line) -> None:
        """A trial's line is new, or longer."""
        if len(line) > self._most:
            self._most, self._sum = len(line), np.zeros(len(line))
            self._full.clear()
        if len(line) == self._most:
            self.remove(number)
            values = np.array(line, dtype=float)
            self._full[number] = values - values.mean()
            self._sum = self._sum + self._full[number]

    def remove(self, number: int) -> None:
        """A trial's line counts no longer. The number of seeds stays: others were compared so."""
        if number in self._full:
            self._sum = self._sum - self._full.pop(number)

    def values(self) -> list[float]:
        """Of each seed."""
        if self._most < 2 or not self._full:
            return [0.0] * self._most
        return list(self._sum / len(self._full))
