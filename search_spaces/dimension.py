"""One dimension of a search space, and every fault that it can have. Pure."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from cal.config import ConfigError
from cal.fields import NAME, Section
from search_spaces.fields import refused, takes, unknown

Label = Literal["scientific", "nuisance", "fixed"]
Scalar = bool | int | float | str | None
Choice = Scalar | tuple[Scalar, ...]


class Ends(Section):
    """What both ends of a range mean, so that a value found there can be read."""

    low: Annotated[str, Field(min_length=1)]
    high: Annotated[str, Field(min_length=1)]


class Dimension(Section):
    """One field and its range. ``name`` is the parameter's: the field's path, unless two rows have
    other ranges of one field under other conditions.
    """

    name: Annotated[str, Field(pattern=NAME.replace("_.", "_@."), max_length=100)]
    field: str  # path in the configuration, for example optim.lr
    label: Label
    kind: Literal["float", "int", "categorical"]
    low: float | None = None  # float, int: both ends belong to the range
    high: float | None = None
    log: bool = False  # float, int: uniform in the logarithm
    choices: tuple[Choice, ...] = ()  # categorical
    default: Choice  # inside the range; the value of a fixed field
    unit: str = ""
    when: dict[str, Choice] = Field(default_factory=dict)  # path -> value, or a list of values
    ends: Ends | None = None  # float, int

    @model_validator(mode="after")
    def _check(self) -> "Dimension":
        faults = list(_faults(self))
        if faults:
            raise ConfigError("\n".join(f"{self.name}.{fault}" for fault in faults))
        return self

    @property
    def range(self) -> tuple[float, float]:
        """Both ends of a number's range."""
        if self.low is None or self.high is None:
            raise ValueError(f"{self.name}: {self.label}, {self.kind}: it has no ends")
        return self.low, self.high

    def contains(self, value: object) -> bool:
        """Whether a value of the configuration lies in the range."""
        if self.label == "fixed":
            return value == self.default
        if self.kind == "categorical":
            return frozen(value) in self.choices
        low, high = self.range
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and low <= value <= high  # type: ignore[operator]

    def position(self, value: float) -> float:
        """Where a number lies in its range, on its scale: 0 is the lower end, 1 the upper one."""
        low, high = self.range
        scale = math.log if self.log else float
        if self.log and value <= 0:
            return -math.inf
        return (scale(value) - scale(low)) / (scale(high) - scale(low))

    def extremes(self) -> tuple[Choice, Choice]:
        """Two values as far apart as there are."""
        if self.kind == "categorical":
            return self.choices[0], self.choices[-1]
        low, high = self.range
        return (int(low), int(high)) if self.kind == "int" else (low, high)


def _faults(d: Dimension) -> Iterator[str]:
    """What is wrong with a dimension, each with the part it stands in."""
    missing = unknown(d.field)
    if missing:
        yield f"field: {missing}"
        return
    yield from condition_faults(d.when)
    refusal = refused(d.field, d.default)
    if refusal:
        yield f"default: {refusal}"
    if d.label == "fixed":
        if d.low is not None or d.high is not None or d.choices:
            yield "label: given fixed with a range; allowed: a default alone"
    elif d.kind == "categorical":
        yield from _choice_faults(d)
    else:
        yield from _range_faults(d)


def condition_faults(when: Mapping[str, Choice]) -> Iterator[str]:
    """What is wrong with conditions: paths that name no field, values that a field refuses."""
    for path, wanted in when.items():
        missing = unknown(path)
        if missing:
            yield f"when: {missing}"
            continue
        for value in listed(wanted):
            refusal = refused(path, value)
            if refusal:
                yield f"when.{path}: {refusal}"


def _choice_faults(d: Dimension) -> Iterator[str]:
    if d.low is not None or d.high is not None or d.log or d.ends:
        yield "kind: given categorical with low, high, log or ends; allowed: choices"
    if len(set(d.choices)) < max(2, len(d.choices)):
        yield f"choices: given {list(d.choices)}; allowed: two or more, each once"
    for choice in d.choices:
        refusal = refused(d.field, choice)
        if refusal:
            yield f"choices: {refusal}"
    if d.default not in d.choices:
        yield f"default: given {d.default!r}; allowed: one of the choices"


def _range_faults(d: Dimension) -> Iterator[str]:
    needed: tuple[type, ...] = (float,) if d.kind == "float" else (int, float)
    if not set(needed) & takes(d.field):
        yield f"kind: given {d.kind}; {d.field} takes no such numbers"
        return
    if d.choices:
        yield f"choices: given with kind {d.kind}; allowed: low and high"
    if d.low is None or d.high is None:
        yield f"low, high: given {d.low} and {d.high}; allowed: both ends"
        return
    if d.ends is None:
        yield "ends: given none; allowed: what low and high mean, a sentence each"
    if not d.low < d.high:
        yield f"low: given {d.low:g} with high {d.high:g}; allowed: low < high"
        return
    if d.log and d.low <= 0:
        yield f"low: given {d.low:g} with log: true; allowed: above 0"
    if d.kind == "int" and not (d.low.is_integer() and d.high.is_integer()):
        yield f"low, high: given {d.low:g} and {d.high:g}; allowed: whole numbers for kind int"
        return
    for end, value in zip(("low", "high"), d.extremes(), strict=True):
        refusal = refused(d.field, value)
        if refusal:
            yield f"{end}: {refusal}"
    if not d.contains(d.default):
        yield f"default: given {d.default!r}; allowed: {d.low:g} to {d.high:g}"


def listed(wanted: Choice) -> tuple[Choice, ...]:
    """The values of a condition, of which any will do."""
    return wanted if isinstance(wanted, tuple) else (wanted,)


def frozen(value: object) -> object:
    """Lists as tuples, as choices are kept."""
    return tuple(map(frozen, value)) if isinstance(value, list | tuple) else value
