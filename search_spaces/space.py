"""Typed search spaces: YAML -> validated dimensions, and which act in a configuration. Pure.

A dimension is one field of the configuration (``cal/config.py``) with a range. Its label says what
it is in a comparison (tuning_playbook of google-research): *scientific* is what is compared,
*nuisance* must be tuned to compare fairly, *fixed* stays. ``when`` names the values of other fields
under which it acts at all; what stands above in the file may be named there and be searched itself.
"""

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from cal.config import Config, ConfigError, Section, flatten, parse_as, read_yaml
from cal.effective import effective, run_hash
from search_spaces.fields import laid, refused, takes, unknown

Label = Literal["scientific", "nuisance", "fixed"]
Scalar = bool | int | float | str | None
Choice = Scalar | tuple[Scalar, ...]
FOLDER = Path(__file__).parent


class Ends(Section):
    """What both ends of a range mean, so that a value found there can be read."""

    low: Annotated[str, Field(min_length=1)]
    high: Annotated[str, Field(min_length=1)]


class Dimension(Section):
    """One field and its range. ``name`` is the parameter's: the field's path, unless two rows have
    other ranges of one field under other conditions.
    """

    name: str
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
            return _frozen(value) in self.choices
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


class Space(Section):
    """A search space: a name, and its dimensions in an order in which conditions come first."""

    name: str
    title: str = ""
    dimensions: tuple[Dimension, ...]


def read_space(name_or_path: str) -> Space:
    """A space by the name of a packaged file or by path. Raises ``ConfigError``: a line a fault."""
    packaged = FOLDER / f"{name_or_path}.yaml"
    path = packaged if packaged.is_file() else Path(name_or_path)
    if not path.exists():
        names = ", ".join(sorted(p.stem for p in FOLDER.glob("*.yaml")))
        raise ConfigError(f"--space: given {name_or_path}; allowed: a YAML file, or {names}")
    return parse_space(read_yaml(path), name=path.stem)


def parse_space(tree: Mapping[str, Any], *, name: str = "space") -> Space:
    """Plain data as in the files -> ``Space``. Raises ``ConfigError`` with one line per fault."""
    strange = sorted(set(tree) - {"name", "title", "fields"})
    rows = tree.get("fields")
    if strange:
        raise ConfigError(f"{strange[0]}: unknown field; allowed: name, title, fields")
    if not isinstance(rows, Mapping) or not rows:
        raise ConfigError(f"fields: given {rows!r}; allowed: a mapping of at least one field")
    found: list[Dimension] = []
    faults: list[str] = []
    for key, row in rows.items():
        try:
            found.append(_dimension(str(key), row))
        except ConfigError as error:
            faults += str(error).splitlines()
    faults += _order_faults(found)
    if faults:
        raise ConfigError("\n".join(faults))
    named = {"name": tree.get("name", name), "title": tree.get("title", "")}
    return parse_as(Space, {**named, "dimensions": found})


def _dimension(key: str, row: object) -> Dimension:
    if not isinstance(row, Mapping):
        raise ConfigError(f"{key}: given {row!r}; allowed: label, kind, low, high, default, ...")
    allowed = [name for name in Dimension.model_fields if name != "name"]
    for name in row:
        if name not in allowed:
            near = difflib.get_close_matches(str(name), allowed, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(allowed)}"
            raise ConfigError(f"{key}.{name}: unknown field; {hint}")
    try:
        return parse_as(Dimension, {"field": key, **row, "name": key} | _numbers(row))
    except ConfigError as error:
        lines = str(error).splitlines()
        own = (line if line.startswith(f"{key}.") else f"{key}.{line}" for line in lines)
        raise ConfigError("\n".join(own)) from None


def _numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    """YAML 1.1 reads ``1e-3`` as text; low and high are numbers anyhow, the default may be."""
    default = row.get("default")
    if isinstance(default, str) and row.get("kind") in ("float", "int"):
        try:
            return {"default": float(default)}
        except ValueError:
            return {}
    return {}


def _faults(d: Dimension) -> Iterator[str]:
    """What is wrong with a dimension, each with the part it stands in."""
    missing = unknown(d.field)
    if missing:
        yield f"field: {missing}"
        return
    yield from _condition_faults(d)
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


def _condition_faults(d: Dimension) -> Iterator[str]:
    for path, wanted in d.when.items():
        missing = unknown(path)
        if missing:
            yield f"when: {missing}"
            continue
        for value in _listed(wanted):
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


def _order_faults(dimensions: Sequence[Dimension]) -> Iterator[str]:
    """A condition on a field that is searched further down could not be told when it is asked."""
    for i, d in enumerate(dimensions):
        later = {other.field for other in dimensions[i:] if other.label != "fixed"}
        for path in d.when:
            if path in later:
                yield f"{d.name}.when: {path} is searched itself; allowed: place it above"


def _listed(wanted: Choice) -> tuple[Choice, ...]:
    return wanted if isinstance(wanted, tuple) else (wanted,)


def _frozen(value: object) -> object:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def acting(dimensions: Iterable[Dimension], config: Config) -> tuple[Dimension, ...]:
    """Those whose ``when`` holds in the effective form of a configuration.

    Raises ``ConfigError`` where two are of one field.
    """
    flat = flatten(effective(config).model_dump(mode="json"))
    found: dict[str, Dimension] = {}
    for d in dimensions:
        if all(path in flat and flat[path] in _listed(w) for path, w in d.when.items()):
            if d.field in found:
                raise ConfigError(
                    f"{d.name}.when: holds together with that of {found[d.field].name}, "
                    f"a range of the same field; allowed: conditions that exclude each other"
                )
            found[d.field] = d
    return tuple(found.values())


def fields_for(
    space: Space, config: Config, *, labels: Sequence[Label] = ("nuisance",)
) -> tuple[Dimension, ...]:
    """The dimensions that a configuration has: those of these labels that act in it.

    Raises ``ConfigError`` for one whose ``when`` holds although its field changes nothing there.
    """
    found = acting((d for d in space.dimensions if d.label in labels), config)
    for d in found:
        if d.label != "fixed" and not changes(d, config):
            raise ConfigError(
                f"{d.name}.when: holds where {d.field} changes nothing (method {config.method}); "
                "allowed: conditions under which the field acts"
            )
    return found


def changes(dimension: Dimension, config: Config) -> bool:
    """Whether a field's value makes a difference to the run that is computed."""
    base = effective(config)
    low, high = (laid(base, {dimension.field: value}) for value in dimension.extremes())
    return run_hash(low) != run_hash(high)


def value_of(dimension: Dimension, config: Config) -> Any:
    """The configuration's own value of the field, as plain data."""
    return flatten(config.model_dump(mode="json"))[dimension.field]
