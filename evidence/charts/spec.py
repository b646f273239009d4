"""What a figure says, apart from how it is drawn: plain frozen data. Pure.

Two kinds suffice. ``rows``: intervals on rows, the value on the x axis and a row for each thing
compared. ``lines``: values with bands over an x axis. Values are as the reader sees them (percent,
points, nats); a renderer only draws (interactive.py for the page, still.py for files).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Tree = Mapping[str, Any]

# Okabe and Ito (2008) without its yellow, which white paper swallows: told apart with any common
# colour blindness. The symbol and the dash tell the same once more.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1b1f24")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "triangle-down", "cross", "x")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


@dataclass(frozen=True)
class Point:
    """A value with its interval. ``at``: the row's index, or the place on the x axis.

    ``hover``: lines of text. ``cell``: what a click opens, ``REGIME|ARM|ARM``. ``strong``: drawn
    filled, as what was declared primary.
    """

    at: float
    value: float
    low: float | None = None
    high: float | None = None
    hover: tuple[str, ...] = ()
    cell: str = ""
    strong: bool = True


@dataclass(frozen=True)
class Series:
    """Points that belong together. ``look``: index of colour, symbol and dash, one for each label
    all over a chart. ``shown``: False leaves it to a click on the legend, and out of files.
    Of kind rows: ``link``: a line joins the points, which have no whiskers.
    Of kind lines: ``joined``: a line goes from point to point, and is broken where a value is NaN;
    ``step``: it stays level until the next point; ``faint``: thin and pale, one of many.
    """

    label: str
    points: tuple[Point, ...]
    look: int = 0
    shown: bool = True
    marks: bool = True
    joined: bool = True
    step: bool = False
    faint: bool = False
    link: bool = False


@dataclass(frozen=True)
class Panel:
    """One pair of axes. ``reference``: where a dashed line stands, on the axis of values.
    ``margin``: half-width of the shaded band around 0 within which an effect does not matter.
    ``diagonal``: y = x. ``names``: what stands at x = 0, 1, ... in place of numbers. ``scale``:
    panels of one name have the same y axis.
    """

    title: str
    series: tuple[Series, ...]
    x_title: str = ""
    y_title: str = ""
    reference: float | None = None
    margin: float | None = None
    diagonal: bool = False
    names: tuple[str, ...] = ()
    scale: str = ""


@dataclass(frozen=True)
class Label:
    """The name of a row; ``strong`` for what was declared primary."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Chart:
    """A figure. ``name``: its file and its place on the page. ``alt``: in words, for who cannot
    see it. ``rows``: of kind rows only. ``columns``: panels side by side where there is room.
    ``bars``: from 0 to the value. ``aside``: folded on the page and without a file.
    """

    name: str
    title: str
    alt: str
    panels: tuple[Panel, ...]
    rows: tuple[Label, ...] = ()
    columns: int = 3
    bars: bool = False
    note: str = ""
    aside: bool = False

    @property
    def labels(self) -> tuple[tuple[str, int, bool], ...]:
        """Label, look and whether shown, of every series once: the legend."""
        found = {s.label: (s.label, s.look, s.shown) for p in self.panels for s in p.series}
        return tuple(found.values())


def filled(panels: Iterable[Panel]) -> tuple[Panel, ...]:
    """The panels without series that have no points, and without panels that have no series."""
    kept = []
    for panel in panels:
        series = tuple(s for s in panel.series if s.points)
        if series:
            kept.append(replace(panel, series=series))
    return tuple(kept)


def find(tree: Any, *keys: str) -> Any:
    """What lies under the keys, None where any is missing or None."""
    for key in keys:
        if not isinstance(tree, Mapping) or tree.get(key) is None:
            return None
        tree = tree[key]
    return tree


def spans(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    """Lengths of the whiskers below and above each point, 0 where there is no interval."""
    below = [0.0 if p.low is None else p.value - p.low for p in points]
    above = [0.0 if p.high is None else p.high - p.value for p in points]
    return below, above


Gallery = Mapping[str, tuple[Chart, ...]]
"""Section of a page -> its charts."""
