"""Sections of a space file: one method each, what it changes in the base configuration, and the
space that its authors (and whoever compares it fairly) would tune. Pure.

A file may hold ``fields`` of its own beside its ``sections``, or sections alone as baselines.yaml.
A section has ``title``, ``config`` (a tree laid over the base), and a space's keys.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cal.config import ConfigError, find_yaml, flatten, read_yaml
from cal.fields import shown
from search_spaces.fields import refused, unknown
from search_spaces.space import FOLDER, Space, parse_space

KEYS = ("title", "config", "include", "fields", "published")


@dataclass(frozen=True)
class Section:
    """One method of a comparison, and its space."""

    name: str
    title: str
    config: dict[str, Any]  # a tree, laid over the base configuration
    space: Space


def read_sections(name_or_path: str) -> dict[str, Section]:
    """The sections of a packaged file or of one by path, in their order; none where the file has
    fields alone. Raises ``ConfigError`` with one line per fault.
    """
    path = find_yaml(name_or_path, folder=FOLDER, option="--space")
    rows = read_yaml(path, option="--space").get("sections", {})
    if not isinstance(rows, Mapping):
        raise ConfigError(f"sections: given {rows!r}; allowed: names, each with a title and fields")
    found: dict[str, Section] = {}
    faults: list[str] = []
    for key, row in rows.items():
        try:
            found[str(key)] = _section(str(key), row, folder=path.parent)
        except ConfigError as error:
            faults += (f"sections.{shown(key)}.{line}" for line in str(error).splitlines())
    if faults:
        raise ConfigError("\n".join(faults))
    return found


def _section(name: str, row: object, *, folder: Path) -> Section:
    if not isinstance(row, Mapping):
        raise ConfigError(f"fields: given {row!r}; allowed: {', '.join(KEYS)}")
    faults = [f"{key}: unknown field; allowed: {', '.join(KEYS)}" for key in set(row) - set(KEYS)]
    config = row.get("config", {})
    faults += _config_faults(config)
    if faults:
        raise ConfigError("\n".join(sorted(faults)))
    title = str(row.get("title", name))
    tree = {key: row[key] for key in row if key != "config"} | {"name": name, "title": title}
    return Section(name, title, dict(config), parse_space(tree, name=name, folder=folder))


def _config_faults(config: object) -> Iterator[str]:
    """Field by field: what spans fields can only be told over a base."""
    if not isinstance(config, Mapping):
        yield f"config: given {config!r}; allowed: a part of the configuration"
        return
    for path, value in flatten(config).items():
        if missing := unknown(path):
            yield f"config: {missing}"
        elif refusal := refused(path, value):
            yield f"config.{path}: {refusal}"
