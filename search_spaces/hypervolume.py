"""How much a front dominates: the volume between it and the worst values. Pure.

Values of several units are made one by the box of what was seen: 0 is the worst value of an
objective over all complete trials, 1 the best. So the volume is a share of that box, and arms that
are measured in the same box can be compared.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from search_spaces.fronts import ahead

Tree = Mapping[str, Any]
Point = tuple[float, ...]


def hypervolumes(arms: Sequence[Tree], objectives: Sequence[Tree]) -> list[float | None]:
    """Of each arm, in one box; None for an arm without a front."""
    signs = [1.0 if o["better"] == "higher" else -1.0 for o in objectives]
    found = [_values(arm, objectives, signs) for arm in arms]
    seen = [point for own in found for point in own]
    if not seen:
        return [None for _ in arms]
    low = [min(column) for column in zip(*seen, strict=True)]
    high = [max(column) for column in zip(*seen, strict=True)]
    return [volume([_placed(p, low, high) for p in own]) if own else None for own in found]


def _values(arm: Tree, objectives: Sequence[Tree], signs: Sequence[float]) -> list[Point]:
    """Of the complete trials, more is better."""
    rows = [
        [trial["scores"].get(o["name"]) for o in objectives]
        for trial in arm["trials"]
        if trial["status"] == "complete"
    ]
    kept = [row for row in rows if None not in row]
    return [tuple(s * v for s, v in zip(signs, row, strict=True)) for row in kept]


def _placed(point: Point, low: Sequence[float], high: Sequence[float]) -> Point:
    """In the box; an objective in which nothing differs has no say."""
    sides = zip(point, low, high, strict=True)
    return tuple((x - a) / (b - a) if b > a else 1.0 for x, a, b in sides)


def volume(points: Sequence[Point]) -> float:
    """Of the union of the boxes from the origin to each point, all in [0, 1]: slice by slice along
    the last axis. Exact; meant for tens of points.
    """
    front = [p for p in set(points) if not any(ahead(q, p) for q in points)]
    if not front:
        return 0.0
    if len(front[0]) == 1:
        return max(p[0] for p in front)
    total, above = 0.0, sorted(front, key=lambda p: -p[-1])
    for i, point in enumerate(above):
        floor = above[i + 1][-1] if i + 1 < len(above) else 0.0
        if point[-1] > floor:
            total += (point[-1] - floor) * volume([p[:-1] for p in above[: i + 1]])
    return total
