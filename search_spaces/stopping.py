"""Which runs stop early: rules on the values of runs at the same epoch, under the same seed. Pure.

A pack's runs reach an epoch together, and are judged together with all that reached it before: the
order within a pack decides nothing. Ray Tune's and Optuna's rules see one run at a time.
"""

import math
import statistics
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Name = Literal["asha", "hyperband", "median", "none"]
NAMES: tuple[Name, ...] = ("asha", "hyperband", "median", "none")
ETA = 2  # one of so many goes on
HALVINGS = 2  # rungs of asha: a run that is stopped at the first took 1/4 of the epochs
"""Earlier rungs cost more than they save: at 1/9 of the epochs the best third holds .56 of the best
2 % of 1,000 configurations (hw20, accuracy), at 1/4 the best half .76; benchmarks/results/regret.
"""
LEAST = 3  # runs at a rung before median stops any
WORDS = {
    "asha": "asynchronous successive halving (Li et al. 2020), batch by batch: of all that reached "
    "a rung the better half goes on",
    "hyperband": "asynchronous Hyperband (Li et al. 2018, 2020): trials take turns to begin with "
    "two rungs, one or none; at each the better half of their bracket goes on",
    "median": "median stopping (Golovin et al. 2017): a run stops whose best value so far lies "
    "below the median of the means of the others up to that epoch",
    "none": "no early stopping",
}


@dataclass(frozen=True)
class Scheduler:
    """A rule for runs of ``epochs`` that are validated every ``every`` epochs."""

    name: Name
    epochs: int
    every: int

    @property
    def words(self) -> str:
        """What it does and where, for a report."""
        rungs = ", ".join(map(str, self.rungs(0)))
        return WORDS[self.name] + (f"; rungs at epochs {rungs} of {self.epochs}" if rungs else "")

    @property
    def eta(self) -> int:
        """One of so many goes on."""
        return ETA

    @property
    def brackets(self) -> int:
        """Groups of trials that are compared among themselves alone."""
        return HALVINGS + 1 if self.name == "hyperband" else 1

    def bracket(self, number: int) -> int:
        """With whom trial ``number`` is compared."""
        return number % self.brackets

    def rungs(self, number: int) -> tuple[int, ...]:
        """Epochs at which trial ``number`` is judged, all before the last."""
        if self.name == "none":
            return ()
        if self.name == "median":
            found = {self._validated(self.epochs * k / 5) for k in (1, 2, 3, 4)}
        else:
            powers = range(HALVINGS - self.bracket(number), 0, -1)
            found = {self._validated(self.epochs / ETA**k) for k in powers}
        return tuple(sorted(epoch for epoch in found if 0 < epoch < self.epochs))

    def _validated(self, epoch: float) -> int:
        """The nearest epoch that is validated, at least the first."""
        return max(1, round(epoch / self.every)) * self.every


class Rung:
    """Who came to one rung, each with its values up to it; more is better. Kept in order, so that
    one more costs the same however many there are.
    """

    def __init__(self) -> None:
        self.lines: dict[str, Sequence[float]] = {}
        self._values: list[float] = []  # the last ones that are numbers, ascending

    def put(self, key: str, line: Sequence[float]) -> None:
        """A run came here, or is told again."""
        old = self.lines.get(key, ())
        if old and math.isfinite(old[-1]):
            del self._values[bisect_left(self._values, old[-1])]
        self.lines[key] = line
        if line and math.isfinite(line[-1]):
            insort(self._values, line[-1])

    def place(self, value: float) -> str:
        """In words: its place among the numbers here, 1 the best."""
        here = len(self._values)
        return f"{here - bisect_right(self._values, value) + 1} of {here} there"

    @property
    def cut(self) -> float:
        """The least value of the better half, which goes on."""
        return self._values[-math.ceil(len(self._values) / ETA)] if self._values else math.inf


def survivors(name: Name, batch: Iterable[str], rung: Rung) -> set[str]:
    """Who of a batch, whose runs are at the rung, goes on. A value that is no number never does."""
    lines = {key: rung.lines[key] for key in batch}
    alive = {key: line for key, line in lines.items() if line and math.isfinite(line[-1])}
    if name == "none":
        return set(alive)
    if name == "median":
        return {key for key, line in alive.items() if not _below_median(key, line, rung)}
    return {key for key, line in alive.items() if line[-1] >= rung.cut}


def _below_median(key: str, line: Sequence[float], rung: Rung) -> bool:
    others = [other for name, other in rung.lines.items() if name != key]
    means = [statistics.fmean(other) for other in others if other]
    means = [mean for mean in means if math.isfinite(mean)]
    return len(means) >= LEAST and max(line) < statistics.median(means)
