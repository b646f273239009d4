"""Kinds of values that sections of the configuration are made of."""

from typing import Annotated, Any

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


def _line(text: str) -> str:
    """Text with single spaces. What nobody sees, or what turns the direction of reading, is none
    (and neither XML nor a terminal would take it).
    """
    bad = next((c for c in text if not (c.isprintable() or c.isspace() or c in JOINERS)), None)
    if bad is not None:
        raise PydanticCustomError("text", f"allowed: text, which U+{ord(bad):04X} is not")
    return " ".join(text.split())


Line = Annotated[str, Field(max_length=500), AfterValidator(_line)]
"""Free text that is to be read: a title, a source. One line."""


LONGEST = 200  # characters of what was given that a message repeats


def shown(text: object) -> str:
    """A name as it stands in a message of one line: as it is, or as Python writes it."""
    plain = str(text)
    plain = plain if plain.isprintable() else ascii(plain)
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}..."


class Section(BaseModel):
    """A frozen part of the tree; unknown fields are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
