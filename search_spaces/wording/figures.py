"""Values, scores and effects of a search as text. Pure."""

from collections.abc import Mapping
from typing import Any

from evidence.numbers import MINUS, number, points, signed, span
from search_spaces.reading import is_share

Tree = Mapping[str, Any]


def value_text(value: Any) -> str:
    """A field's value: three digits, lists with commas."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(value_text(inner) for inner in value)
    if isinstance(value, int):
        return str(value).replace("-", MINUS)
    return number(value) if isinstance(value, float) else str(value)


def score_text(value: float | None, objective: Tree, *, digits: int = 2) -> str:
    """``93.21 %``, ``0.412 nats``: a score with its unit."""
    if value is None:
        return "none"
    if is_share(objective):
        return f"{100 * value:.{digits}f} %"
    return f"{number(value)} {objective.get('unit', '')}".strip()


def with_error(value: float | None, error: float | None, objective: Tree) -> str:
    """A score and its standard error in brackets, ``93.21 (0.23)``, without the unit."""
    if value is None:
        return ""
    if is_share(objective):
        return f"{100 * value:.2f}" + ("" if error is None else f" ({100 * error:.2f})")
    return number(value) + ("" if error is None else f" ({number(error)})")


def as_effect(found: Tree | None) -> dict[str, Any]:
    """A contrast's condition, or an optimism, as ``evidence`` reads effects."""
    if found is None:
        return {"difference": None, "half_width": None, "verdict": "not_measured"}
    middle = found.get("difference", found.get("mean"))
    low, high = found.get("low"), found.get("high")
    half = None if low is None or high is None else (high - low) / 2
    return {"verdict": "", **found, "difference": middle, "half_width": half}


def gain(effect: Tree, objective: Tree | None = None) -> str:
    """``+1.75 points (+1.27 to +2.23)``; of an objective that is no share in its own unit."""
    share = objective is None or is_share(objective)
    scale, digits = (100, 2) if share else (1, 4)
    unit = "points" if share else (objective or {}).get("unit", "")
    if effect["difference"] is None:
        return points(effect)
    text = f"{signed(effect['difference'], scale=scale, digits=digits)} {unit}".strip()
    if effect.get("low") is None:
        return text
    return f"{text} ({span(effect, scale=scale, digits=digits)})"


def sentence(text: str) -> str:
    """A rule's words as a sentence."""
    text = text.strip().rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."


def counts(amount: int, one: str, many: str = "") -> str:
    """``1 trial``, ``12,345 epochs``."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def lasting(seconds: float) -> str:
    """``41 s``, ``12 min``, ``3.4 h``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
