"""Typed search spaces: YAML -> validated dimensions, and which act in a configuration. Pure.

A dimension is one field of the configuration (``cal/config.py``) with a range. Its label says what
it is in a comparison (tuning_playbook of google-research): *scientific* is what is compared,
*nuisance* must be tuned to compare fairly, *fixed* stays. ``when`` names the values of other fields
under which it acts at all; what stands above in the file may be named there and be searched itself.

``include`` puts the rows of other spaces first: ``[acceleration, {bottleneck: [model.d_z]}]`` is
all of one and one field of another. A row of the file's own replaces an included one in its place.
``published`` are settings to begin with; a file without the key takes those it includes.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cal.config import Config, ConfigError, find_yaml, flatten, is_there, parse_as, read_yaml
from cal.effective import effective, run_hash
from cal.fields import Line, Name, Section, shown
from search_spaces.dimension import Choice as Choice  # "as": part of this module as well
from search_spaces.dimension import Dimension as Dimension
from search_spaces.dimension import Label as Label
from search_spaces.dimension import frozen, listed
from search_spaces.fields import laid
from search_spaces.settings import Published, inherited, read_settings, stranger

FOLDER = Path(__file__).parent
KEYS = ("name", "title", "include", "fields", "published", "sections")


class Space(Section):
    """A search space: a name, and its dimensions in an order in which conditions come first."""

    name: Name
    title: Line = ""
    dimensions: tuple[Dimension, ...]
    published: tuple[Published, ...] = ()


def read_space(name_or_path: str) -> Space:
    """A space by the name of a packaged file or by path. Raises ``ConfigError``: a line a fault."""
    return _read(find_yaml(name_or_path, folder=FOLDER, option="--space"), above=())


def _read(path: Path, *, above: tuple[Path, ...]) -> Space:
    """``above``: the files that include this one."""
    own = path.resolve()
    if own in above:
        raise ConfigError(f"include: given {path.stem}, which includes itself; allowed: no circle")
    tree = read_yaml(path, option="--space")
    return parse_space(tree, name=path.stem, folder=path.parent, above=(*above, own))


def parse_space(
    tree: Mapping[str, Any],
    *,
    name: str = "space",
    folder: Path = FOLDER,
    above: tuple[Path, ...] = (),
) -> Space:
    """Plain data as in the files -> ``Space``. Raises ``ConfigError`` with one line per fault.

    ``folder``: where included files lie if they are not packaged.
    """
    strange = sorted(set(tree) - set(KEYS))
    rows = tree.get("fields", {} if tree.get("include") else None)
    if strange:
        raise ConfigError(f"{strange[0]}: unknown field; allowed: {', '.join(KEYS)}")
    if "sections" in tree and "fields" not in tree and "include" not in tree:
        raise ConfigError(
            f"fields: given none, but sections; allowed: in {name}, fields of its own"
        )
    if not isinstance(rows, Mapping) or not (rows or tree.get("include")):
        raise ConfigError(f"fields: given {rows!r}; allowed: a mapping of at least one field")
    faults: list[str] = []
    included = list(_included(tree.get("include", []), folder=folder, above=above))
    found = _united(included, own=rows, faults=faults)
    for key, row in rows.items():
        try:
            found[str(key)] = _dimension(str(key), row)
        except ConfigError as error:
            faults += str(error).splitlines()
            found.pop(str(key), None)
    dimensions = tuple(found.values())
    faults += _order_faults(dimensions)
    if faults:  # settings of a field that is faulty would be told as of none
        raise ConfigError("\n".join(faults))
    return parse_as(
        Space,
        {
            "name": str(tree.get("name", name)),
            "title": str(tree.get("title", "")),
            "dimensions": dimensions,
            "published": _published(tree, included, dimensions),
        },
    )


def _included(words: object, *, folder: Path, above: tuple[Path, ...]) -> Iterator[Space]:
    if not isinstance(words, list):
        raise ConfigError(f"include: given {words!r}; allowed: a list of names of spaces")
    for word in words:
        wanted = word if isinstance(word, Mapping) else {word: None}
        for name, fields in wanted.items():
            beside = folder / str(name)
            path = beside if is_there(beside) and beside.is_file() else None
            path = path or find_yaml(str(name), folder=FOLDER, option="include")
            try:
                space = _read(path, above=above)
            except ConfigError as error:
                own = (line.removeprefix("include: ") for line in str(error).splitlines())
                raise ConfigError("\n".join(f"include: {name}: {line}" for line in own)) from None
            yield space if fields is None else _part(space, fields)


def _part(space: Space, fields: object) -> Space:
    """Some fields of a space, each with all its rows."""
    there = {d.field for d in space.dimensions}
    if not isinstance(fields, list) or not fields:
        raise ConfigError(f"include.{space.name}: given {fields!r}; allowed: a list of fields")
    for path in fields:
        if path not in there:
            raise ConfigError(stranger(f"include.{space.name}", path, there))
    some = tuple(d for d in space.dimensions if d.field in fields)
    return space.model_copy(update={"dimensions": some})


def _united(
    included: Iterable[Space], *, own: Mapping[str, Any], faults: list[str]
) -> dict[str, Dimension]:
    """Their rows by name, each once; where two differ the file must say which."""
    found: dict[str, Dimension] = {}
    for space in included:
        for d in space.dimensions:
            if found.setdefault(d.name, d) != d and d.name not in own:
                faults.append(
                    f"include: {space.name} has another {d.name} than one before it; "
                    "allowed: equal rows, or a row of its own under fields"
                )
    return found


def _dimension(key: str, row: object) -> Dimension:
    if not isinstance(row, Mapping):
        allowed_ = "label, kind, low, high, default, ..."
        raise ConfigError(f"{shown(key)}: given {shown(repr(row))}; allowed: {allowed_}")
    allowed = [name for name in Dimension.model_fields if name != "name"]
    for name in row:
        if name not in allowed:
            near = difflib.get_close_matches(str(name), allowed, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(allowed)}"
            raise ConfigError(f"{shown(key)}.{shown(name)}: unknown field; {hint}")
    try:
        return parse_as(Dimension, {"field": key, **row, "name": key} | _numbers(row))
    except ConfigError as error:
        lines = str(error).splitlines()
        known = f"{shown(key)}."
        own = (line if line.startswith(known) else f"{known}{line}" for line in lines)
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


def _order_faults(dimensions: Sequence[Dimension]) -> Iterator[str]:
    """A condition on a field that is searched further down could not be told when it is asked."""
    for i, d in enumerate(dimensions):
        later = {other.field for other in dimensions[i:] if other.label != "fixed"}
        for path in d.when:
            if path in later:
                yield f"{d.name}.when: {path} is searched itself; allowed: place it above"


def _published(
    tree: Mapping[str, Any], included: Iterable[Space], dimensions: Sequence[Dimension]
) -> tuple[Published, ...]:
    """The file's own settings; without the key those of what it includes."""
    if "published" in tree:
        return read_settings(tree["published"], dimensions)
    return inherited((p for space in included for p in space.published), dimensions)


def acting(dimensions: Iterable[Dimension], config: Config) -> tuple[Dimension, ...]:
    """Those whose ``when`` holds in the effective form of a configuration.

    Raises ``ConfigError`` where two are of one field.
    """
    flat = flatten(effective(config).model_dump(mode="json"))
    found: dict[str, Dimension] = {}
    for d in dimensions:
        if holds(d.when, flat):
            if d.field in found:
                raise ConfigError(
                    f"{d.name}.when: holds together with that of {found[d.field].name}, "
                    f"a range of the same field; allowed: conditions that exclude each other"
                )
            found[d.field] = d
    return tuple(found.values())


def holds(when: Mapping[str, Choice], flat: Mapping[str, Any]) -> bool:
    """Whether conditions hold in a flattened effective configuration."""
    return all(p in flat and frozen(flat[p]) in map(frozen, listed(w)) for p, w in when.items())


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
