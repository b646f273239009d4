"""Random points of a search space, drawn with numpy alone: the machine that makes the table
(``benchmarks.regret_table``) needs no Optuna.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cal.config import Config
from search_spaces.fields import laid
from search_spaces.space import Choice, Dimension, acting

Point = dict[str, Any]  # field -> value of the dimensions that act


def drawn(dimensions: Sequence[Dimension], config: Config, draw: np.random.Generator) -> Point:
    """One point: dimension by dimension, each only where its ``when`` holds in the configuration as
    it stands by then; uniform on its scale, as Optuna's random sampler draws it.
    """
    values: Point = {}
    for dimension in dimensions:
        if acting([dimension], laid(config, values)):
            value = _value(dimension, draw)
            values[dimension.field] = list(value) if isinstance(value, tuple) else value
    return values


def _value(d: Dimension, draw: np.random.Generator) -> Choice:
    if d.label == "fixed":
        return d.default
    if d.kind == "categorical":
        return d.choices[int(draw.integers(len(d.choices)))]
    low, high = d.range
    if d.kind == "int" and not d.log:
        return int(draw.integers(int(low), int(high), endpoint=True))
    wide = 0.5 if d.kind == "int" else 0.0  # each whole number has an interval of its own
    found = draw.uniform(low, high)
    if d.log:
        found = math.exp(draw.uniform(math.log(low - wide), math.log(high + wide)))
    found = min(max(found, low), high)
    return round(found) if d.kind == "int" else found


def default(dimensions: Sequence[Dimension], config: Config) -> Point:
    """The point that has every dimension's default."""
    values: Point = {}
    for dimension in dimensions:
        if acting([dimension], laid(config, values)):
            value = dimension.default
            values[dimension.field] = list(value) if isinstance(value, tuple) else value
    return values


def points(
    dimensions: Sequence[Dimension], config: Config, *, count: int, seed: int
) -> list[Point]:
    """``count`` random points and, last, the defaults. The first n are the same for any count."""
    draws = (np.random.default_rng([seed, i]) for i in range(count))
    found = [drawn(dimensions, config, draw) for draw in draws]
    return [*found, default(dimensions, config)]
