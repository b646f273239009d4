"""A typed space <-> Optuna: distributions there and back, and values asked of a trial.

Optuna knows a dimension by its name. It stores only plain choices, so a list goes as its JSON text.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import Trial

from cal.config import Config
from search_spaces.fields import laid
from search_spaces.space import Choice, Dimension, acting


def distribution_of(dimension: Dimension) -> BaseDistribution:
    """What Optuna draws from. Raises ``ValueError`` for a fixed field."""
    if dimension.label == "fixed":
        raise ValueError(f"{dimension.name}: fixed, there is nothing to draw")
    if dimension.kind == "categorical":
        return CategoricalDistribution([encoded(choice) for choice in dimension.choices])
    low, high = dimension.range
    if dimension.kind == "int":
        return IntDistribution(int(low), int(high), log=dimension.log)
    return FloatDistribution(low, high, log=dimension.log)


def dimension_of(distribution: BaseDistribution, *, like: Dimension) -> Dimension:
    """The dimension that ``distribution_of`` made it of; ``like`` has what Optuna does not know.

    Raises ``ValueError`` for a distribution with steps, which no dimension has.
    """
    if isinstance(distribution, CategoricalDistribution):
        choices = tuple(decoded(choice) for choice in distribution.choices)
        return like.model_copy(update={"kind": "categorical", "choices": choices})
    if isinstance(distribution, FloatDistribution) and distribution.step is None:
        kind = "float"
    elif isinstance(distribution, IntDistribution) and distribution.step == 1:
        kind = "int"
    else:
        raise ValueError(f"{like.name}: given {distribution}; allowed: no steps")
    ends = {"low": float(distribution.low), "high": float(distribution.high)}
    return like.model_copy(update={"kind": kind, **ends, "log": distribution.log})


def encoded(choice: Choice) -> bool | int | float | str | None:
    """A choice as Optuna stores it."""
    return json.dumps(choice) if isinstance(choice, tuple) else choice


def decoded(stored: Any) -> Choice:
    """The choice that ``encoded`` stored."""
    if isinstance(stored, str) and stored.startswith("["):
        return tuple(json.loads(stored))
    return stored


def suggested(trial: Trial, dimensions: Iterable[Dimension], config: Config) -> dict[str, Any]:
    """Field -> value of one trial: dimension by dimension, each only where its ``when`` holds in
    the configuration as it stands by then. Fixed fields have their value.
    """
    values: dict[str, Any] = {}
    for dimension in dimensions:
        if acting([dimension], laid(config, values)):
            values[dimension.field] = _value(trial, dimension)
    return values


def _value(trial: Trial, dimension: Dimension) -> Choice:
    if dimension.label == "fixed":
        return dimension.default
    name, low_high = dimension.name, (dimension.low, dimension.high)
    if dimension.kind == "categorical":
        return decoded(trial.suggest_categorical(name, [encoded(c) for c in dimension.choices]))
    low, high = (float(end) for end in low_high if end is not None)
    if dimension.kind == "int":
        return trial.suggest_int(name, int(low), int(high), log=dimension.log)
    return trial.suggest_float(name, low, high, log=dimension.log)


def told(
    dimensions: Iterable[Dimension], values: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    """Optuna's parameters and distributions of field -> value, for a trial it did not suggest."""
    own = [d for d in dimensions if d.label != "fixed" and d.field in values]
    params = {d.name: encoded(_tuple(values[d.field])) for d in own}
    return params, {d.name: distribution_of(d) for d in own}


def _tuple(value: Any) -> Choice:
    return tuple(value) if isinstance(value, list) else value
