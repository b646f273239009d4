"""The table of ``benchmarks.regret_table`` as a search sees it: any configuration of the space has
the curves of the nearest point. No surrogate: what is looked up was trained.

Legend: N points, S seeds, V validations of a run, D dimensions that are searched. Values are
oriented: larger is better.
"""

import json
import lzma
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.regret_points import Point
from cal.config import Config, parse, parse_as
from search_spaces.branches import reached
from search_spaces.dimension import Dimension, frozen
from search_spaces.fields import laid
from search_spaces.space import Space, acting

Floats = npt.NDArray[np.float64]
CURVES = {"accuracy": "curve", "nll": "nll_curve"}
OBJECTIVES = {"accuracy": "clean", "nll": "nll"}  # as searches call them
CLASSES = 10
FAILED = {"accuracy": 1 / CLASSES, "nll": -math.log(CLASSES)}  # guessing; a failed run's value


@dataclass(frozen=True)
class Table:
    """Points of a space with the curves of their runs."""

    dimensions: tuple[Dimension, ...]  # those that are searched, and that the search gets to
    base: Config
    points: tuple[Point, ...]  # the random ones, then those that a search may begin with
    seeds: tuple[int, ...]
    validated: tuple[int, ...]  # epochs of the curves' values
    curves: Floats  # [N, S, V], NaN where the run had failed by then
    ends: Floats  # [N, S] at the end of training; of a failed run what guessing gives
    objective: str = "accuracy"  # or nll, turned round

    @property
    def epochs(self) -> int:
        """Of a full training."""
        return self.validated[-1]

    @property
    def objective_name(self) -> str:
        """Of ``search_spaces.objectives``."""
        return OBJECTIVES[self.objective]

    @property
    def sign(self) -> int:
        """Of the metric that a value is."""
        return -1 if self.objective == "nll" else 1

    @cached_property
    def true(self) -> Floats:
        """What a point is worth [N]: the mean over seeds."""
        return np.asarray(self.ends.mean(1))

    @cached_property
    def places(self) -> Floats:
        """Where the points lie [N, D]."""
        return np.array([self.place(point) for point in self.points])

    @cached_property
    def numbers(self) -> npt.NDArray[np.bool_]:
        """Which dimensions are numbers [D]."""
        return np.array([d.kind != "categorical" for d in self.dimensions])

    def place(self, values: Mapping[str, Any]) -> Floats:
        """Field -> value as a point of the unit cube [D]: a number's position in its range, of a
        choice which one it is; NaN where the dimension does not act.
        """
        acts = {d.name for d in acting(self.dimensions, laid(self.base, values))}
        return np.array(
            [
                _position(d, values[d.field]) if d.name in acts and d.field in values else np.nan
                for d in self.dimensions
            ]
        )

    def by_distance(self, values: Mapping[str, Any]) -> npt.NDArray[np.int64]:
        """All points, the nearest first, by Euclidean distance: a mismatch of choices counts 1, a
        dimension that does not act in both counts 0; of several the first.
        """
        apart = self.places - self.place(values)
        square = np.where(self.numbers, apart**2, apart != 0)
        distance = np.where(np.isnan(apart), 0.0, square).sum(1)
        return np.argsort(distance, kind="stable")

    def nearest(self, values: Mapping[str, Any]) -> int:
        """The nearest point."""
        return int(self.by_distance(values)[0])

    def curve(self, index: int, seed: int) -> list[tuple[int, float]]:
        """(epoch, value) at each validation of a run; a failed one has no more after its last."""
        values = self.curves[index, self.seeds.index(seed)]
        pairs = zip(self.validated, values.tolist(), strict=True)
        return [(epoch, value) for epoch, value in pairs if math.isfinite(value)]

    def end(self, index: int, seed: int) -> float:
        """A run's value after a full training."""
        return float(self.ends[index, self.seeds.index(seed)])

    def cost(self, index: int, seed: int) -> int:
        """Epochs of a full training; a failed run ends at the validation that it did not reach."""
        reached = len(self.curve(index, seed))
        return self.validated[min(reached, len(self.validated) - 1)]

    def failed(self, index: int, seed: int) -> bool:
        """Whether the run diverged."""
        return len(self.curve(index, seed)) < len(self.validated)

    def validation(self, value: float) -> dict[str, float]:
        """An epoch's metrics, of a value."""
        return {f"val/{self.objective}": self.sign * value}

    def result(self, value: float) -> dict[str, float]:
        """A finished run's metrics, of a value."""
        return {f"select/clean/{self.objective}": self.sign * value}


def _position(d: Dimension, value: Any) -> float:
    if d.kind == "categorical":
        return float(d.choices.index(frozen(value)))
    return d.position(value)


def table_of(tree: Mapping[str, Any], *, objective: str = "accuracy") -> Table:
    """The plain data of the file -> ``Table``; ``objective``: accuracy, or nll (turned round)."""
    space, base = parse_as(Space, tree["space"]), parse(tree["base"])
    every, epochs = base.train.validate_every, base.train.epochs
    validated = sorted({*range(every, epochs + 1, every), epochs})
    sign = -1 if objective == "nll" else 1
    failed = np.array([[error is not None for error in row] for row in tree["error"]])
    curves = np.full((*failed.shape, len(validated)), np.nan)
    ends = np.full(failed.shape, FAILED[objective])
    for n, s in np.ndindex(failed.shape):
        values = tree[CURVES[objective]][n][s]
        curves[n, s, : len(values)] = [np.nan if v is None else sign * v for v in values]
        if failed[n, s]:
            curves[n, s, -1] = np.nan
        else:
            ends[n, s] = sign * tree[objective][n][s]
    searched = [d for d in space.dimensions if d.label != "fixed"]
    return Table(
        dimensions=tuple(d for d in searched if reached(d, space.dimensions, base)),
        base=base,
        points=tuple(tree["points"]),
        seeds=tuple(tree["seeds"]),
        validated=tuple(validated),
        curves=curves,
        ends=ends,
        objective=objective,
    )


def read_table(path: str | Path, *, objective: str = "accuracy") -> Table:
    """A file of ``benchmarks.regret_table``."""
    tree = json.loads(lzma.decompress(Path(path).read_bytes()))
    return table_of(tree, objective=objective)
