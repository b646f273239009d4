"""Published settings of a space: values that somebody stands for, to be tried before the sampler
proposes any. Pure.
"""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

from pydantic import Field

from cal.config import ConfigError, parse_as
from cal.fields import Line, Section
from search_spaces.dimension import Choice, Dimension, condition_faults
from search_spaces.fields import refused


class Published(Section):
    """One setting. Fields that it does not name stay as the base configuration has them."""

    source: Annotated[Line, Field(min_length=1)]
    values: Annotated[dict[str, Choice], Field(min_length=1)]  # by path
    when: dict[str, Choice] = Field(default_factory=dict)  # as of a dimension: where it applies


def read_settings(rows: object, dimensions: Sequence[Dimension]) -> tuple[Published, ...]:
    """The ``published`` part of a file. Raises ``ConfigError`` with one line per fault."""
    if not isinstance(rows, list):
        raise ConfigError(f"published: given {rows!r}; allowed: a list of source, values, when")
    found: list[Published] = []
    faults: list[str] = []
    for i, row in enumerate(rows):
        try:
            found.append(parse_as(Published, row))
            lines = list(setting_faults(found[-1], dimensions))
        except ConfigError as error:
            lines = str(error).splitlines()
        faults += (f"published.{i}.{line}" for line in lines)
    if faults:
        raise ConfigError("\n".join(faults))
    return tuple(found)


def inherited(
    settings: Iterable[Published], dimensions: Sequence[Dimension]
) -> tuple[Published, ...]:
    """Those of included spaces, each once, that still lie in the ranges."""
    once = {setting.model_dump_json(): setting for setting in settings}
    return tuple(p for p in once.values() if not any(setting_faults(p, dimensions)))


def setting_faults(setting: Published, dimensions: Sequence[Dimension]) -> Iterator[str]:
    """What is wrong with a setting in a space: as of a default, it must lie in its range."""
    there = {d.field for d in dimensions}
    yield from condition_faults(setting.when)
    for path, value in setting.values.items():
        if path not in there:
            yield stranger("values", path, there)
        elif refusal := refused(path, value):
            yield f"values.{path}: {refusal}"
        elif not any(d.contains(value) for d in dimensions if d.field == path):
            yield f"values.{path}: given {value!r}; allowed: a value of its range"


def stranger(where: str, path: object, there: Iterable[str]) -> str:
    """Why a path is no field of a space, with the nearest that is."""
    near = difflib.get_close_matches(str(path), list(there), n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{where}: given {path!r}, which is no field of this space{hint}"
