"""What a contestant of the regret benchmark may do, and what it costs: runs looked up in a table,
paid in epochs; after each look the configuration that it would recommend. Pure.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.regret_lookup import Table
from benchmarks.regret_points import drawn
from cal.config import Config
from search_spaces.dimension import Dimension
from search_spaces.fields import laid
from search_spaces.space import acting

Pick = tuple[int, int]  # epochs trained so far, recommended point
Values = dict[str, Any]


@dataclass
class Course:
    """One repetition: a search that spends ``budget`` epochs on a table."""

    table: Table
    budget: int  # epochs; what goes beyond does not count
    spent: int = 0  # epochs
    picks: list[Pick] = field(default_factory=list)
    trials: int = 0
    taken: set[int] = field(default_factory=set)  # points that it has had
    _best: tuple[int, float] = (0, -math.inf)

    @property
    def over(self) -> bool:
        """Whether the budget is spent."""
        return self.spent >= self.budget

    def point(self, values: Mapping[str, Any]) -> int:
        """Of the next trial: the nearest point that this search has not had, since in the space
        itself no two proposals are the same either. When it has had all, it begins anew.
        """
        if len(self.taken) == len(self.table.points):
            self.taken.clear()
        index = next(int(i) for i in self.table.by_distance(values) if i not in self.taken)
        self.taken.add(index)
        self.trials += 1
        return index

    def full(self, index: int, seeds: Sequence[int]) -> float:
        """Train a point to the end under some seeds -> the mean of its values."""
        self.spent += sum(self.table.cost(index, seed) for seed in seeds)
        value = math.fsum(self.table.end(index, seed) for seed in seeds) / len(seeds)
        self.saw(index, value, epoch=self.table.epochs)
        return value

    def epochs(self, index: int, seed: int) -> Iterator[tuple[int, float]]:
        """Train a point from validation to validation -> (epoch, value); a failed run has a last
        one that is a guess's. Whoever stops asking pays no more.
        """
        before = 0
        for epoch, value in self.table.curve(index, seed):
            self.spent += epoch - before
            before = epoch
            at_end = epoch == self.table.epochs
            value = self.table.end(index, seed) if at_end else value
            self.saw(index, value, epoch=epoch)
            yield epoch, value
        failed = self.table.cost(index, seed)
        if before < failed:
            self.spent += failed - before
            yield failed, self.table.end(index, seed)

    def saw(self, index: int, value: float, *, epoch: int) -> None:
        """Recommend the best of those trained furthest, of equals the first."""
        if (epoch, value) > self._best:
            self._best = (epoch, value)
            self.recommend(index)

    def recommend(self, index: int) -> None:
        """By the contestant's own rule."""
        if not self.picks or self.picks[-1][1] != index:
            self.picks.append((self.spent, index))


Contestant = Callable[[Course, int], None]
"""Searches until the course is over; the number is its random seed."""


def resolved(dimensions: Sequence[Dimension], config: Config, by_name: Mapping[str, Any]) -> Values:
    """Field -> value, of a value for every dimension by its name: those that act."""
    values: Values = {}
    for d in dimensions:
        if acting([d], laid(config, values)):
            values[d.field] = by_name[d.name]
    return values


def at_random(seeds: int) -> Contestant:
    """Full trainings of random configurations, each under ``seeds`` seeds."""

    def search(course: Course, number: int) -> None:
        table, draw = course.table, np.random.default_rng(number)
        while not course.over:
            values = drawn(table.dimensions, table.base, draw)
            course.full(course.point(values), table.seeds[:seeds])

    return search
