"""Where a space's conditional fields act, and settings completed to whole trials. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from cal.config import Config, ConfigError, flatten
from cal.effective import effective
from search_spaces.dimension import Choice, Dimension, frozen, listed
from search_spaces.fields import laid
from search_spaces.settings import Published
from search_spaces.space import Space, acting, holds, value_of


def reached(dimension: Dimension, dimensions: Iterable[Dimension], config: Config) -> Config | None:
    """A configuration in which the dimension acts: this one, or one of its branches, with other
    values of the fields that ``dimensions`` search. None where the search never gets there.
    """
    if acting([dimension], config):
        return config
    flat = flatten(effective(config).model_dump(mode="json"))
    values: dict[str, Choice] = {}
    for path, wanted in dimension.when.items():
        own = [d for d in dimensions if d.field == path and d.label != "fixed"]
        some = [value for value in listed(wanted) if any(d.contains(value) for d in own)]
        if some and not holds({path: wanted}, flat):
            values[path] = some[0]
    try:
        branch = laid(config, values)
    except ConfigError:
        return None
    return branch if acting([dimension], branch) else None


def completed(
    dimensions: Iterable[Dimension], config: Config, values: Mapping[str, Any]
) -> dict[str, Any]:
    """Field -> value of every dimension that acts, in their order: as given (a published setting),
    else as the configuration has it, else (where that is out of range) the default.
    """
    full: dict[str, Any] = {}
    for d in dimensions:
        now = laid(config, full)
        if acting([d], now):
            own = flatten(effective(now).model_dump(mode="json")).get(d.field, value_of(d, now))
            kept = own if d.contains(own) else d.default
            given = values.get(d.field, kept)
            full[d.field] = frozen(given if d.contains(given) else kept)
    return full


def settings_for(space: Space, config: Config) -> tuple[Published, ...]:
    """The published settings that apply to a configuration."""
    flat = flatten(effective(config).model_dump(mode="json"))
    return tuple(p for p in space.published if holds(p.when, flat))
