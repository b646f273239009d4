"""Kinds of values that sections of the configuration are made of."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
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


class Section(BaseModel):
    """A frozen part of the tree; unknown fields are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
