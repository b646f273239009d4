"""Random points of a search space, drawn with numpy alone: neither the machine that makes the table
(``benchmarks.regret_table``) nor Syne Tune's environment has Optuna.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cal.config import Config
from search_spaces.branches import completed, settings_for
from search_spaces.dimension import Choice, Dimension
from search_spaces.fields import laid
from search_spaces.space import Space, acting

Point = dict[str, Any]  # field -> value of the dimensions that act


def drawn(
    dimensions: Sequence[Dimension],
    config: Config,
    draw: np.random.Generator,
    *,
    shared: Mapping[str, Any] | None = None,
) -> Point:
    """One point, uniform on the space as Optuna's random sampler draws it: dimension by dimension,
    each only where its ``when`` holds in the configuration as it stands by then. Values of
    ``shared`` are taken as they are.
    """
    values: Point = {}
    for d in dimensions:
        if acting([d], laid(config, values)):
            own = _value(d, draw)
            values[d.field] = (shared or {}).get(d.field, own)
    return values


def _value(d: Dimension, draw: np.random.Generator) -> Choice:
    """Uniform on the dimension's scale, both ends included."""
    if d.label == "fixed":
        return d.default
    if d.kind == "categorical":
        return d.choices[int(draw.integers(len(d.choices)))]
    low, high = d.range
    if d.kind == "int" and not d.log:
        return int(draw.integers(int(low), int(high), endpoint=True))
    wide = 0.5 if d.kind == "int" else 0.0  # each whole number has an interval of its own
    if d.log:
        found = math.exp(draw.uniform(math.log(low - wide), math.log(high + wide)))
    else:
        found = draw.uniform(low, high)
    found = min(max(found, low), high)
    return round(found) if d.kind == "int" else found


def known_points(space: Space, config: Config) -> list[Point]:
    """What a search may begin with: the configuration as it stands, and what was published for it;
    each once.
    """
    given = [{}, *(setting.values for setting in settings_for(space, config))]
    found = [completed(space.dimensions, config, values) for values in given]
    return [point for i, point in enumerate(found) if point not in found[:i]]
