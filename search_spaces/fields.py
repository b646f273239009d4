"""Fields of the configuration by their dotted paths: which there are, what they take. Pure."""

import difflib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from cal.config import Config, merge, parse


@lru_cache
def leaves() -> dict[str, tuple[type[BaseModel], str]]:
    """Path of every field that is no section -> its section and its name there."""
    return dict(_leaves(Config, ""))


def _leaves(section: type[BaseModel], prefix: str) -> Iterator[tuple[str, tuple[Any, str]]]:
    for name, field in section.model_fields.items():
        below = [t for t in _types(field.annotation) if issubclass(t, BaseModel)]
        if below:
            yield from _leaves(below[0], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", (section, name)


def _types(annotation: object) -> list[type]:
    """The classes in an annotation, however deep."""
    if isinstance(annotation, type) and not get_args(annotation):
        return [annotation]
    return [t for part in get_args(annotation) for t in _types(part)]


def unknown(path: str) -> str:
    """Why a path names no field, with the nearest that does; empty where it names one."""
    if path in leaves():
        return ""
    near = difflib.get_close_matches(path, leaves(), n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"given {path!r}, which is no field of the configuration{hint}"


def refused(path: str, value: object) -> str:
    """Why the field does not take this value; empty where it does. What spans fields is not asked:
    others may have other values by then.
    """
    section, name = leaves()[path]
    try:
        section.model_validate({name: value})
    except ValidationError as error:
        for message in (str(fault["msg"]) for fault in error.errors() if fault["loc"]):
            return f"given {value!r}; {message[:1].lower()}{message[1:]}"
    return ""


def takes(path: str) -> set[type]:
    """The plain types a field takes, for example float and NoneType."""
    section, name = leaves()[path]
    return set(_types(section.model_fields[name].annotation))


def tree_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """``{"a.b": 1}`` -> ``{"a": {"b": 1}}``."""
    tree: dict[str, Any] = {}
    for path, value in values.items():
        for part in reversed(path.split(".")):
            value = {part: value}
        tree = merge(tree, value)
    return tree


def laid(config: Config, values: Mapping[str, Any]) -> Config:
    """The configuration with other values of some fields. Raises ``ConfigError``."""
    return parse(merge(config.model_dump(mode="json"), tree_of(values)))
