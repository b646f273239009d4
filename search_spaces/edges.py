"""Whether the best values lie at the end of their range, and which range to search next. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from search_spaces.fields import refused
from search_spaces.space import Dimension

EDGE = 0.05  # part of a range that counts as its end
WIDER = (0.5, 0.25, 0.1)  # parts of a range by which it is widened: the first the field allows


def edges(dimensions: Sequence[Dimension], values: Mapping[str, Any]) -> list[str]:
    """A sentence for each number in the outer 5 % of its range (of the logarithm's, if log)."""
    return [_sentence(d, values[d.field], place) for d, place in _outer(dimensions, values)]


def proposals(dimensions: Sequence[Dimension], values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of each number at an end: ``field``, ``low``, ``high`` of a wider range, and ``text``.

    A range is widened on that side alone, by half of itself on its scale, or by less where the
    field of the configuration takes no more. None where it takes nothing beyond.
    """
    found = []
    for d, place in _outer(dimensions, values):
        low, high = d.range
        end = _wider(d, up=place >= 0.5)
        if end is None:
            continue
        low, high = (low, end) if place >= 0.5 else (end, high)
        text = (
            f"search {d.field} from {low:g} to {high:g} (was {d.range[0]:g} to {d.range[1]:g}): "
            f"the best, {values[d.field]:.4g}, lies at the {_side(place)} end"
        )
        found.append({"field": d.field, "low": low, "high": high, "text": text})
    return found


def _outer(
    dimensions: Sequence[Dimension], values: Mapping[str, Any]
) -> Iterator[tuple[Dimension, float]]:
    """The dimensions whose value lies at an end or beyond, and where: 0 is low, 1 is high."""
    for d in dimensions:
        value = values.get(d.field)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if d.kind == "categorical" or d.ends is None or not number:
            continue
        place = d.position(value)  # type: ignore[arg-type]
        if not EDGE < place < 1 - EDGE:
            yield d, place


def _sentence(d: Dimension, value: float, place: float) -> str:
    low, high = d.range
    ends = d.ends
    assert ends is not None  # by _outer
    meaning = ends.low if place <= EDGE else ends.high
    where = "beyond" if not 0 <= place <= 1 else "at"
    scale = ", log" if d.log else ""
    return (
        f"{d.field} = {value:.4g} is {where} the {_side(place)} end of its range {low:g} to "
        f"{high:g}{scale}: {meaning}"
    )


def _side(place: float) -> str:
    return "lower" if place <= EDGE else "upper"


def _wider(d: Dimension, *, up: bool) -> float | None:
    """A new end on one side, of two digits; None where the field takes nothing beyond the old."""
    old = d.range[1] if up else d.range[0]
    ends = [_beyond(d, share if up else -share) for share in WIDER]
    if not up and d.range[0] > 0 and not d.log:
        ends = [max(0.0, end) for end in ends]  # what is above 0 has a meaning below it only rarely
    for end in ends:
        value = int(end) if d.kind == "int" else end
        further = value > old if up else value < old
        if further and not refused(d.field, value):
            return float(value)
    return None


def _beyond(d: Dimension, share: float) -> float:
    """The end moved outwards by a share of the range, on its scale; below the low end if < 0."""
    low, high = d.range
    if d.log:
        ratio = (high / low) ** share
        end = high * ratio if share > 0 else low * ratio
    else:
        end = (high if share > 0 else low) + share * (high - low)
    if end == 0:
        return 0.0
    digits = 1 - math.floor(math.log10(abs(end)))
    return round(end, digits) if d.kind == "float" else float(round(end))
