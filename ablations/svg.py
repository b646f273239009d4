"""Charts as SVG markup for a page: small, in the page's font and colours (light or dark). Pure.

Coordinates are pixels of the view box; classes are those of templates/report.css.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

Line = Sequence[tuple[float, float]]
Samples = Mapping[str, Mapping[str, Any]]
ROW = 20  # height of an arm's line
LETTER = 6.8  # width of a letter of a label
TOP, BOTTOM = 24, 24  # room for the title above and the numbers below
COLOURS = 6  # of the page: then they come again, dashed, then dotted


@dataclass(frozen=True)
class Axis:
    """Values [low, high] onto pixels [start, end]."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where a value lies."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, *, count: int = 5) -> list[float]:
        """About ``count`` round numbers on it: multiples of 1, 2, 2.5 or 5 times 10^e."""
        rough = (self.high - self.low) / count
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(i * step, 12) for i in range(first, last + 1)]


def dots(samples: Samples, *, title: str, label: str, place: str, parted: int) -> str:
    """Mean and interval of each arm in percent; a dashed line at the mean of ``joint``.

    ``label`` is for screen readers. ``place``: clean (circles) or robust (diamonds). ``parted``:
    a rule below so many arms.
    """
    left = LETTER * max(len(name) for name in samples) + 12
    width, bottom = left + 250, TOP + ROW * len(samples)
    shown = {name: s for name, s in samples.items() if s["mean"] is not None}
    parts = [_text(left + 8, 14, title, "title")]
    for i, name in enumerate(samples):
        parts.append(_text(left - 4, TOP + ROW * (i + 0.5) + 4, name, "end"))
    if 0 < parted < len(samples):
        y = TOP + ROW * parted
        parts.append(_line(0, y, width, y, "grid"))
    if shown:
        ends = [
            100 * (s["mean"] + k * (s["half_width"] or 0)) for s in shown.values() for k in (-1, 1)
        ]
        axis = _padded(ends, left + 12, width - 12)
        for value in axis.ticks():
            parts.append(_line(axis.at(value), TOP, axis.at(value), bottom, "grid"))
            parts.append(_text(axis.at(value), bottom + 16, f"{value:g}", "mid"))
        if "joint" in shown:
            x = axis.at(100 * shown["joint"]["mean"])
            parts.append(_line(x, TOP, x, bottom, "reference"))
        rows = {name: TOP + ROW * (i + 0.5) for i, name in enumerate(samples)}
        parts += [_dot(s, axis, rows[name], place) for name, s in shown.items()]
    else:
        parts.append(_text(left + 130, TOP + ROW / 2 + 4, "not measured", "mid"))
    return _chart(parts, width, bottom + BOTTOM, label)


def _dot(sample: Mapping[str, Any], axis: Axis, y: float, place: str) -> str:
    x, half = axis.at(100 * sample["mean"]), 100 * (sample["half_width"] or 0)
    low, high = axis.at(100 * sample["mean"] - half), axis.at(100 * sample["mean"] + half)
    mark = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.2"/>'
    if place == "robust":
        mark = f'<path d="M{x - 5:.1f} {y:.1f}l5 -5l5 5l-5 5z"/>'
    return f'<g class="{place}">{_line(low, y, high, y, "")}{mark}</g>'


def lines(curves: Mapping[str, Line], *, title: str, label: str) -> str:
    """A line for each modality over epochs, in the order of the page's colours; with 0."""
    width, height = 300.0, 190.0
    values = [value for line in curves.values() for _, value in line]
    epochs = [epoch for line in curves.values() for epoch, _ in line]
    across = Axis(0, max(epochs), 44, width - 8)
    up = Axis(min(0.0, *values), 1.04 * max(values), height - BOTTOM - 14, TOP)
    parts = [_text(44, 14, title, "title")]
    for value in up.ticks():
        parts.append(_line(44, up.at(value), width - 8, up.at(value), "grid"))
        parts.append(_text(39, up.at(value) + 4, f"{value:g}", "end"))
    for value in across.ticks():
        parts.append(_text(across.at(value), height - BOTTOM + 2, f"{value:g}", "mid"))
    parts.append(_text((44 + width - 8) / 2, height - 4, "epoch", "mid soft"))
    for i, line in enumerate(curves.values()):
        points = " ".join(f"{across.at(epoch):.1f},{up.at(value):.1f}" for epoch, value in line)
        parts.append(f'<polyline class="{stroke(i)}" points="{points}"/>')
    return _chart(parts, width, height, label)


def key(i: int) -> str:
    """A piece of the i-th line, for a legend."""
    line = f'<line class="{stroke(i)}" x1="0" y1="5" x2="30" y2="5"/>'
    return f'<svg class="chart key" viewBox="0 0 30 10" aria-hidden="true">{line}</svg>'


def stroke(i: int) -> str:
    """The classes of the i-th line."""
    return f"line c{i % COLOURS}" + ("", " dash", " dot")[i // COLOURS % 3]


def bar(effect: Mapping[str, Any], *, low: float, high: float, place: str) -> str:
    """A paired difference and its interval against 0, to stand in a table's cell."""
    axis = Axis(low, high, 8, 208)
    zero = axis.at(0)
    parts = [_line(zero, -3, zero, 23, "zero")]
    if effect["low"] is not None:
        parts.append(_line(axis.at(effect["low"]), 10, axis.at(effect["high"]), 10, "span"))
    parts.append(f'<circle cx="{axis.at(effect["difference"]):.1f}" cy="10" r="6"/>')
    body = "".join(parts)
    return f'<svg class="mini {place}" viewBox="0 0 216 20" aria-hidden="true">{body}</svg>'


def _padded(values: Sequence[float], start: float, end: float) -> Axis:
    low, high = min(values), max(values)
    margin = 0.03 * (high - low) or 1.0
    return Axis(low - margin, high + margin, start, end)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    where = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line class="{kind}" {where}/>' if kind else f"<line {where}/>"


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _chart(parts: Sequence[str], width: float, height: float, label: str) -> str:
    box = f'viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{width * 1.4:.0f}px"'
    body = "".join(parts)
    return f'<svg class="chart" role="img" aria-label="{escape(label)}" {box}>{body}</svg>'
