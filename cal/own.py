"""A user's own data: a class, named ``package.module:Class`` or by an entry point.

The module is imported, as Python imports any; nothing in a YAML file is ever executed. What the
class offers is told in ``cal/data/template.py``.
"""

import hashlib
import importlib
import inspect
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from cal.fields import ConfigError
from cal.modalities import EMBEDDED, KNOWN, Modality

GROUP = "cal_lab.data"  # of entry points: NAME = package.module:Class


def names() -> tuple[str, ...]:
    """Data sets with a short name: ours, and those that installed packages offer."""
    return (*KNOWN, *sorted(point.name for point in entry_points(group=GROUP)))


def is_own(name: str) -> bool:
    """Whether ``name`` means a class of the user's."""
    return name not in KNOWN


@lru_cache(maxsize=64)
def found(name: str) -> Any:
    """An instance of the class that ``name`` means. Raises ``ConfigError`` in one line."""
    for point in entry_points(group=GROUP):
        if point.name == name:
            name = point.value
    module, colon, attribute = name.partition(":")
    if not colon or not attribute.isidentifier():
        raise ConfigError(
            f"data.name: given {name!r}; allowed: {', '.join(names())}, or package.module:Class"
        )
    try:
        made = getattr(importlib.import_module(module), attribute)()
        given = tuple(made.modalities)
    except Exception as error:  # whatever the user's module raises
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigError(f"data.name: given {name!r}; cannot be used: {reason}") from error
    if not given or not all(isinstance(one, Modality) for one in given):
        raise ConfigError(
            f"data.name: given {name!r}; its modalities are {given!r}; allowed: at least one "
            "cal.modalities.Modality"
        )
    return made


def modalities(name: str) -> tuple[Modality, ...]:
    """Of a data set, in the order of the axis M. Raises ``ConfigError`` for an unknown one."""
    return KNOWN[name] if name in KNOWN else tuple(found(name).modalities)


def in_memory(name: str) -> bool:
    """Whether the data set is made in memory; otherwise it is prepared on disk."""
    if name in KNOWN:
        return name in EMBEDDED
    return hasattr(found(name), "load")


def code(name: str) -> str:
    """SHA-256 of the file that holds a user's class, whose encoders determine results; of ours,
    whose code is counted elsewhere, nothing.
    """
    if name in KNOWN:
        return ""
    source = inspect.getsourcefile(type(found(name)))
    return hashlib.sha256(Path(source).read_bytes()).hexdigest() if source else ""
