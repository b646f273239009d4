"""Kinds of values that sections of the configuration are made of."""

from typing import Annotated, Any
from unicodedata import category

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError


class ConfigError(ValueError):
    """Bad input: ``str()`` holds one line per fault (field, what was given, what is allowed)."""


def _number(value: Any) -> Any:
    """``true`` is not 1."""
    if isinstance(value, bool):
        raise PydanticCustomError("number", "input should be a number")
    return value


Number = BeforeValidator(_number)
Unit = Annotated[float, Number, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Number, Field(gt=0.0)]
NonNegative = Annotated[float, Number, Field(ge=0.0)]
Count = Annotated[int, Number, Field(ge=1)]


JOINERS = "\u200c\u200d"  # within words of some scripts, and within emoji


def _seen(text: str) -> str:
    """Refuse what nobody sees, and what turns the direction of reading: neither XML nor a terminal
    would show it as it is.
    """
    bad = next((c for c in text if category(c)[0] == "C" and c not in JOINERS), None)
    if bad is not None:
        raise PydanticCustomError("text", f"allowed: text, which U+{ord(bad):04X} is not")
    return text


def _line(text: str) -> str:
    return _seen(" ".join(text.split()))


Line = Annotated[str, Field(max_length=500), AfterValidator(_line)]
"""Free text that is to be read: a title, a source. One line, with single spaces."""
Place = Annotated[str, Field(max_length=4000), AfterValidator(_seen)]
"""A file or folder."""


NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.:+ -]*$"  # begins like no option, formula or hidden file
NAMED = "letters, digits, space and _ . : + -, a letter, digit or _ first, at most 100"
Name = Annotated[str, Field(pattern=NAME, max_length=100)]
"""What files and experiments are called by: studies, regimes, arms, searches, spaces."""
LONGEST = 200  # characters of what was given that a message repeats


def shown(text: object) -> str:
    """A name as it stands in a message of one line: as it is, or as Python writes it."""
    plain = str(text)
    plain = plain if plain.isprintable() else ascii(plain)
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}..."


class Section(BaseModel):
    """A frozen part of the tree; unknown fields are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
