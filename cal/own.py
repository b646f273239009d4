"""A user's own data: a class, named ``package.module:Class`` or by an entry point.

The module is imported, as Python imports any; nothing in a YAML file is ever executed. What the
class offers is told in ``cal/data/template.py`` and ``docs/own-data.md``.
"""

import hashlib
import importlib
import inspect
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from cal.fields import ConfigError
from cal.modalities import EMBEDDED, KNOWN, Modality

GROUP = "cal_lab.data"  # of entry points: NAME = package.module:Class
TARGETS = ("half", "all")  # what a test condition strikes, beside one modality
IN_MEMORY = ("table", "image")  # kinds that ``load`` may give: a spectrogram is an image


def names() -> tuple[str, ...]:
    """Data sets with a short name: ours, and those that installed packages offer."""
    return (*KNOWN, *sorted({point.name for point in entry_points(group=GROUP)} - KNOWN.keys()))


def is_own(name: str) -> bool:
    """Whether ``name`` means a class of the user's."""
    return name not in KNOWN


def path_of(name: str) -> str:
    """``package.module:Class`` of an entry point; any other name as it is."""
    if ":" in name or name in KNOWN:
        return name
    return next((p.value for p in entry_points(group=GROUP) if p.name == name), name)


@lru_cache(maxsize=64)
def found(name: str) -> Any:
    """An instance of the class that ``name`` means. Raises ``ConfigError`` in one line."""
    module, colon, attribute = path_of(name).partition(":")
    if not colon or not attribute.isidentifier():
        raise ConfigError(
            f"data.name: given {name!r}; allowed: {', '.join(names())}, or package.module:Class"
        )
    try:
        named = getattr(importlib.import_module(module), attribute)
        if not inspect.isclass(named):  # a function would be called: sys:exit, os:abort, ...
            raise TypeError(f"{attribute} is no class")
        made: Any = named()
        given = tuple(made.modalities)
    except Exception as error:  # whatever the user's module raises
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        where = isinstance(error, ModuleNotFoundError)
        hint = "; modules are looked for in the current folder and where Python is" if where else ""
        raise ConfigError(f"data.name: given {name!r}; cannot be used: {reason}{hint}") from error
    for fault in _faults(given, in_memory=hasattr(made, "load")):
        raise ConfigError(f"data.name: given {name!r}; {fault}")
    return made


def _faults(given: Sequence[Any], *, in_memory: bool) -> Iterator[str]:
    """What is wrong with a class's modalities."""
    if not given or not all(isinstance(one, Modality) for one in given):
        yield f"its modalities are {given!r}; allowed: at least one cal.modalities.Modality"
        return
    for one in given:
        if not one.name.isidentifier() or one.name in TARGETS:
            yield (
                f"a modality is named {one.name!r}; allowed: letters, digits and _, but for "
                f"{' and '.join(TARGETS)}, which name test conditions"
            )
        if in_memory and one.kind not in IN_MEMORY:
            yield (
                f"{one.name} is {one.kind}, and load() makes it in memory; allowed: "
                f"{' or '.join(IN_MEMORY)} (a spectrogram is an image)"
            )
    if len({one.name for one in given}) < len(given):
        yield f"its modalities are {', '.join(one.name for one in given)}; allowed: each name once"


def modalities(name: str) -> tuple[Modality, ...]:
    """Of a data set, in the order of the axis M. Raises ``ConfigError`` for an unknown one."""
    return KNOWN[name] if name in KNOWN else tuple(found(name).modalities)


def in_memory(name: str) -> bool:
    """Whether the data set is made in memory; otherwise it is prepared on disk."""
    if name in KNOWN:
        return name in EMBEDDED
    return hasattr(found(name), "load")


def has_encoders(name: str) -> bool:
    """Whether a user's class brings ``encoder(modality)`` and the ``width`` of what they give."""
    return is_own(name) and all(hasattr(found(name), member) for member in ("encoder", "width"))


def code(name: str) -> str:
    """SHA-256 of the files that hold a user's class and those it is made from, whose encoders
    determine results; of ours, whose code is counted elsewhere, nothing.
    """
    if name in KNOWN:
        return ""
    digest = hashlib.sha256()
    for file in files(name):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def files(name: str) -> list[Path]:
    """Where a user's class and its base classes are written, but for Python's own."""
    places = dict[Path, None]()
    for one in type(found(name)).__mro__:
        if one.__module__.partition(".")[0] not in sys.stdlib_module_names:
            with suppress(TypeError):  # written in C, or in no file at all
                places[Path(inspect.getfile(one))] = None
    return [place for place in places if place.suffix == ".py"]
