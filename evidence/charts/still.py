"""A chart for files and for a page that is printed: PNG, SVG, PDF. The only file here that knows
matplotlib.

Bytes are the same for the same chart: no dates, names of parts from a fixed salt.
"""

import io
import math
import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from evidence.charts.frame import Frame, frame, shifts
from evidence.charts.spec import COLOURS, Chart, Panel, Point, Series, spans

INK, SOFT, GRID = "#1b1f24", "#59636e", "#d8dee4"
INCH = 96.0  # pixels
MARKERS = ("o", "D", "s", "^", "v", "P", "X")
DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.6)),
    (0, (1.5, 1.3)),
    (0, (5, 1.5, 1.2, 1.5)),
    (0, (8, 2)),
    (0, (8, 1.5, 1.2, 1.5)),
)
STYLE: dict[Any, Any] = {
    "text.parse_math": False,
    "font.size": 8.6,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "cal-lab",
    "pdf.fonttype": 42,
}
FORMATS: dict[str, dict[str, Any]] = {
    "png": {"dpi": 120, "metadata": {"Software": None}},
    "svg": {"metadata": {"Date": None, "Creator": None, "Format": None, "Type": None}},
    "pdf": {"metadata": {"CreationDate": None, "Creator": None, "Producer": None}},
}
STEPS = (1, 2, 2.5, 5, 10)  # between ticks: round numbers
FAINT = 0.45  # opacity
MOST = 80  # points of a line: more are not told apart on paper


def files(chart: Chart) -> dict[str, bytes]:
    """Extension -> the chart in that format."""
    with mpl.rc_context(STYLE):
        drawn = _figure(chart)
        found = {}
        for extension, options in FORMATS.items():
            data = io.BytesIO()
            drawn.savefig(data, format=extension, **options)
            found[extension] = data.getvalue()
    return found | {"svg": small(found["svg"].decode()).encode()}


def small(svg: str) -> str:
    """The SVG without what a browser does not need."""
    svg = re.sub(
        r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.S
    )
    svg = re.sub(r"font-family: [^;\"]*", "font-family: sans-serif", svg)
    svg = re.sub(r"(font: [^;\"']*?px) [^;\"]*", r"\1 sans-serif", svg)  # of older matplotlib
    svg = re.sub(r"<[^>]+>", lambda tag: re.sub(r"(\d+\.\d\d)\d+", r"\1", tag[0]), svg)
    return re.sub(r"\s*\n\s*", " ", svg).replace("> <", "><").strip() + "\n"


def _figure(chart: Chart) -> Figure:
    where = frame(chart)
    figure = Figure(figsize=(where.width / INCH, where.height / INCH))
    inner_width = where.width - where.margin_left - 12
    inner_height = where.height - where.margin_top
    scales: dict[str, Axes] = {}
    for i, (panel, box) in enumerate(zip(chart.panels, where.boxes, strict=True)):
        axes = figure.add_axes(
            (
                (where.margin_left + box.left * inner_width) / where.width,
                box.bottom * inner_height / where.height,
                (box.right - box.left) * inner_width / where.width,
                (box.top - box.bottom) * inner_height / where.height,
            ),
            sharey=scales.get(panel.scale),
        )
        if panel.scale:
            scales.setdefault(panel.scale, axes)
        draw = _rows if chart.rows else _lines
        draw(axes, chart, panel, first=i % where.columns == 0)
        axes.set_title(panel.title, loc="left", fontsize=9.2, fontweight="bold", pad=5)
        axes.set_xlabel(panel.x_title)
        _guides(axes, panel)
    _legend(figure, chart, where)
    return figure


def _rows(axes: Axes, chart: Chart, panel: Panel, *, first: bool) -> None:
    for series, shift in zip(panel.series, shifts(panel, bars=chart.bars), strict=True):
        if series.link:
            _link(axes, series)
        elif chart.bars:
            _bars(axes, series, shift)
        else:
            _marks(axes, series, shift)
    axes.set_yticks(range(len(chart.rows)), [row.text for row in chart.rows] if first else [])
    for label, row in zip(axes.get_yticklabels(), chart.rows, strict=False):
        label.set_fontweight("bold" if row.strong else "normal")
    axes.set_ylim(len(chart.rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.06)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=STEPS))


def _link(axes: Axes, series: Series) -> None:
    rows, values = [p.at for p in series.points], [p.value for p in series.points]
    mark = MARKERS[series.look % len(MARKERS)]
    axes.plot(values, rows, color=_colour(series), linewidth=2, marker=mark, markersize=4.5)


def _bars(axes: Axes, series: Series, shift: float) -> None:
    axes.barh(
        [p.at + shift for p in series.points],
        [p.value for p in series.points],
        height=0.34,
        color=_colour(series),
        xerr=spans(series.points),
        error_kw={"ecolor": INK, "elinewidth": 1.2, "capsize": 2},
    )


def _marks(axes: Axes, series: Series, shift: float) -> None:
    for strong in (True, False):
        points = [p for p in series.points if p.strong is strong]
        if points:
            axes.errorbar(
                [p.value for p in points],
                [p.at + shift for p in points],
                xerr=spans(points),
                fmt=MARKERS[series.look % len(MARKERS)],
                color=_colour(series),
                markerfacecolor=_colour(series) if strong else "white",
                markersize=5,
                elinewidth=1.5,
            )


def _lines(axes: Axes, chart: Chart, panel: Panel, *, first: bool) -> None:
    for series in panel.series:
        if not series.shown:
            continue
        points = _thinned(series.points) if series.joined else series.points
        across = [p.at for p in points]
        axes.plot(
            across,
            [p.value for p in points],
            color=_colour(series),
            linestyle=DASHES[series.look % len(DASHES)] if series.joined else "none",
            marker=MARKERS[series.look % len(MARKERS)] if series.marks else None,
            markersize=4,
            linewidth=0.7 if series.faint else 1.5,
            drawstyle="steps-post" if series.step else "default",
            alpha=FAINT if series.faint else None,
        )
        banded = [(p.at, p.low, p.high) for p in points if p.low is not None and p.high is not None]
        if len(banded) > 1:
            at, low, high = zip(*banded, strict=True)
            axes.fill_between(at, low, high, color=_colour(series), alpha=0.14, linewidth=0)
    if panel.names:
        axes.set_xticks(range(len(panel.names)), list(panel.names))
        axes.set_xlim(-0.3, len(panel.names) - 0.7)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=STEPS))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=STEPS))
    if first and panel.y_title != panel.title:
        axes.set_ylabel(panel.y_title)


def _guides(axes: Axes, panel: Panel) -> None:
    if panel.margin is not None:
        axes.axvspan(-panel.margin, panel.margin, color=SOFT, alpha=0.13, linewidth=0, zorder=0)
    if panel.reference is not None:
        axes.axvline(panel.reference, color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    if panel.diagonal:
        axes.plot((0, 100), (0, 100), color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)


def _legend(figure: Figure, chart: Chart, where: Frame) -> None:
    shown = [(label, look) for label, look, shown in chart.labels if shown]
    if not where.legend_rows or not shown:
        return
    marks = {s.label: s.marks for p in chart.panels for s in p.series}
    loose = {s.label for p in chart.panels for s in p.series if not s.joined}
    handles = [_handle(chart, label, look, marks[label]) for label, look in shown]
    for handle, (label, _) in zip(handles, shown, strict=True):
        if label in loose:
            handle.set_linestyle("none")
    columns = -(-len(shown) // where.legend_rows)
    figure.legend(
        handles,
        [label for label, _ in shown],
        loc="upper left",
        bbox_to_anchor=(0, 1),
        ncols=columns,
        frameon=False,
        borderaxespad=0.2,
    )


def _handle(chart: Chart, label: str, look: int, marks: bool) -> Line2D:
    dash: Any = "-" if chart.rows else DASHES[look % len(DASHES)]
    marker = MARKERS[look % len(MARKERS)] if marks else None
    if chart.bars:
        return Line2D([], [], color=COLOURS[look % len(COLOURS)], linewidth=6)
    return Line2D(
        [], [], color=COLOURS[look % len(COLOURS)], linestyle=dash, marker=marker, markersize=4.5
    )


def _thinned(points: Sequence[Point]) -> list[Point]:
    """Evenly fewer points of a long line, its last among them; a line in pieces as it is."""
    if any(math.isnan(p.value) for p in points):
        return list(points)
    step = -(-len(points) // MOST)
    return [p for i, p in enumerate(points) if i % step == 0 or i == len(points) - 1]


def _colour(series: Series) -> str:
    return COLOURS[series.look % len(COLOURS)]
