"""Where the panels of a chart stand, in pixels, for a wide page or a telephone. Pure.

Both renderers use it, so a file looks as the page does. Lengths are CSS pixels (96 an inch).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evidence.charts.spec import Chart, Panel

WIDTHS = {1: 640.0, 2: 900.0, 3: 1130.0}
NARROW = 350.0  # of a figure on a telephone of 390 pixels
LETTER = 6.7  # width of a letter of 12 pixels
TITLE, AXIS, ROW, TALL_ROW = 24.0, 46.0, 25.0, 41.0
GAP, LEGEND = 58.0, 22.0


@dataclass(frozen=True)
class Box:
    """Of a panel's axes, as fractions of the room inside the margins, from the lower left."""

    left: float
    right: float
    bottom: float
    top: float


@dataclass(frozen=True)
class Frame:
    """A chart's size and margins in pixels, and the panels' boxes in their order.

    ``above``: whether the names of rows stand above them, for want of room beside.
    """

    width: float
    height: float
    margin_left: float
    margin_top: float
    columns: int
    boxes: tuple[Box, ...]
    above: bool
    legend_rows: int


def frame(chart: Chart, *, narrow: bool = False) -> Frame:
    """The chart's frame, one panel below the other where ``narrow``."""
    columns = 1 if narrow else max(1, min(chart.columns, 3, len(chart.panels)))
    width = NARROW if narrow else WIDTHS[columns]
    left = _left(chart, narrow)
    inner = width - left - 12
    legend = _legend_rows(chart, width)
    top = 8 + LEGEND * legend
    area = _area(chart, narrow)
    rows = math.ceil(len(chart.panels) / columns)
    cell = TITLE + area + AXIS
    height = rows * cell
    gap = 18.0 if chart.rows else GAP
    wide = (inner - gap * (columns - 1)) / columns
    boxes = []
    for i in range(len(chart.panels)):
        row, column = divmod(i, columns)
        start = column * (wide + gap)
        upper = row * cell + TITLE
        boxes.append(
            Box(
                start / inner,
                (start + wide) / inner,
                1 - (upper + area) / height,
                1 - upper / height,
            )
        )
    above = narrow and bool(chart.rows)
    return Frame(width, height + top, left, top, columns, tuple(boxes), above, legend)


def _left(chart: Chart, narrow: bool) -> float:
    if not chart.rows:
        return 54.0
    longest = max(len(row.text) * (1.07 if row.strong else 1) for row in chart.rows)
    return 8.0 if narrow else min(290.0, LETTER * longest + 14)


def _area(chart: Chart, narrow: bool) -> float:
    if not chart.rows:
        return 210.0
    return max(60.0, len(chart.rows) * (TALL_ROW if narrow else ROW))


def _legend_rows(chart: Chart, width: float) -> int:
    if len(chart.labels) < 2:
        return 0
    return rows_of_legend([label for label, _, _ in chart.labels], width)


def rows_of_legend(labels: Sequence[str], width: float) -> int:
    """How many rows the labels need, each with its line beside it, in columns of one width."""
    each = LETTER * max(map(len, labels)) + 54
    return math.ceil(len(labels) / max(1, int(width // each)))


def shifts(panel: Panel, *, bars: bool = False) -> list[float]:
    """Where each series of a panel lies around the middle of its rows: links in it."""
    own = iter(offsets(sum(not series.link for series in panel.series), bars=bars))
    return [0.0 if series.link else next(own) for series in panel.series]


def offsets(count: int, *, bars: bool = False) -> list[float]:
    """Where the series of a row lie around its middle, in rows: the first on top."""
    step = 0.36 if bars else min(0.3, 0.7 / max(1, count))
    return [(i - (count - 1) / 2) * step for i in range(count)]
