"""A chart for the page, as data and layout of plotly.js; a second layout for a telephone. Pure."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from evidence.charts.frame import WIDTHS, Frame, frame, shifts
from evidence.charts.spec import COLOURS, DASHES, SYMBOLS, Chart, Panel, Point, Series, spans

Tree = dict[str, Any]
INK, SOFT, GRID = "#1b1f24", "#59636e", "#d8dee4"
BAR = 28  # pixels for plotly's buttons, which lie on the line of the figure's title
FAINT = 0.45  # opacity
BAND = "rgba(89,99,110,0.13)"


def figure(chart: Chart) -> Tree:
    """``data``, ``layout``, and ``narrow``: the layout where there is no room beside."""
    data: list[Tree] = []
    told: set[str] = set()
    for i, panel in enumerate(chart.panels, 1):
        for series, shift in zip(panel.series, shifts(panel, bars=chart.bars), strict=True):
            legend = series.label not in told
            told.add(series.label)
            draw = _row_traces if chart.rows else _line_traces
            data += [
                {**trace, **_axes(i), **_listed(series, legend and trace.pop("legend", True))}
                for trace in draw(chart, panel, series, shift)
            ]
    wide, narrow = frame(chart), frame(chart, narrow=True)
    return {
        "data": data,
        "layout": _layout(chart, wide),
        "narrow": _layout(chart, narrow),
        "width": wide.width,
    }


def _axes(i: int) -> Tree:
    end = "" if i == 1 else str(i)
    return {"xaxis": f"x{end}", "yaxis": f"y{end}"}


def _listed(series: Series, legend: bool) -> Tree:
    found: Tree = {"name": escape(series.label, quote=False), "legendgroup": series.label}
    found["showlegend"] = legend
    if not series.shown:
        found["visible"] = "legendonly"
    return found


def _row_traces(chart: Chart, panel: Panel, series: Series, shift: float) -> list[Tree]:
    """Marks with whiskers, or bars, on the rows; or a line from row to row."""
    if series.link:
        return [_link(panel, series)]
    below, above = spans(series.points)
    trace: Tree = {
        "x": _rounded(p.value for p in series.points),
        "y": _rounded(p.at + shift for p in series.points),
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": _rounded(above),
            "arrayminus": _rounded(below),
            "thickness": 2,
            "width": 0 if not chart.bars else 4,
            "color": INK if chart.bars else _colour(series),
        },
        **_hover(series.points, panel),
    }
    if chart.bars:
        bar = {"type": "bar", "orientation": "h", "width": 0.34, "textposition": "none"}
        return [trace | bar | {"marker": {"color": _colour(series)}}]
    symbol = SYMBOLS[series.look % len(SYMBOLS)]
    marks = [symbol if p.strong else f"{symbol}-open" for p in series.points]
    marker = {
        "symbol": marks[0] if len(set(marks)) == 1 else marks,
        "size": 9,
        "color": _colour(series),
    }
    return [trace | {"type": "scatter", "mode": "markers", "marker": marker}]


def _link(panel: Panel, series: Series) -> Tree:
    colour, symbol = _colour(series), SYMBOLS[series.look % len(SYMBOLS)]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": _rounded(p.value for p in series.points),
        "y": _rounded(p.at for p in series.points),
        "line": {"color": colour, "width": 3},
        "marker": {"symbol": symbol, "size": 7, "color": colour},
        **_hover(series.points, panel),
    }


def _line_traces(chart: Chart, panel: Panel, series: Series, shift: float) -> list[Tree]:
    """A line, its band below it."""
    traces: list[Tree] = []
    banded = [p for p in series.points if p.low is not None and p.high is not None]
    if len(banded) > 1:
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "legend": False,
                "x": _rounded([*(p.at for p in banded), *(p.at for p in reversed(banded))]),
                "y": _rounded([*(p.high for p in banded), *(p.low for p in reversed(banded))]),
                "fill": "toself",
                "fillcolor": _transparent(_colour(series)),
                "line": {"width": 0},
                "hoverinfo": "skip",
            }
        )
    marker = {"symbol": SYMBOLS[series.look % len(SYMBOLS)], "size": 7, "color": _colour(series)}
    line = {"color": _colour(series), "width": 2, "dash": DASHES[series.look % len(DASHES)]}
    marks: Tree = {"mode": "lines+markers", "marker": marker} if series.marks else {"mode": "lines"}
    if not series.joined:
        marks["mode"] = "markers"
    if series.step:
        line["shape"] = "hv"
    if series.faint:
        line["width"] = 1
        marks["opacity"] = FAINT
    return [
        *traces,
        {
            "type": "scatter",
            "x": _rounded(p.at for p in series.points),
            "y": _rounded(p.value for p in series.points),
            "line": line,
            **marks,
            **_hover(series.points, panel),
        },
    ]


def _hover(points: Sequence[Point], panel: Panel) -> Tree:
    found: Tree = {}
    if any(p.hover for p in points):
        found["text"] = ["<br>".join(escape(x, quote=False) for x in p.hover) for p in points]
        found["hovertemplate"] = "%{text}<extra></extra>"
    else:
        across = escape(panel.x_title, quote=False)
        found["hovertemplate"] = f"{across} %{{x}}: %{{y:.4g}}<extra>%{{fullData.name}}</extra>"
    if any(p.cell for p in points):
        cells = [p.cell for p in points]
        found["customdata"] = cells
    return found


def _layout(chart: Chart, where: Frame) -> Tree:
    bar = 0 if where.columns == 1 and where.width < WIDTHS[1] else BAR
    height = round(where.height) + bar
    layout: Tree = {
        "height": height,
        "margin": {"l": where.margin_left, "r": 12, "t": where.margin_top + bar, "b": 0, "pad": 0},
        "font": {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif"}
        | {"size": 12, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "closest",
        "hoverlabel": {"align": "left", "bgcolor": "#ffffff", "bordercolor": SOFT, "namelength": 40}
        | {"font": {"color": INK, "size": 12}},
        "showlegend": where.legend_rows > 0,
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "xref": "container",
            "y": 1 - bar / height,
        }
        | {"yanchor": "top", "yref": "container", "traceorder": "normal"},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "#8a949e", "activecolor": INK},
        "annotations": [],
        "shapes": [],
        "barmode": "overlay",
    }
    for i, (panel, box) in enumerate(zip(chart.panels, where.boxes, strict=True), 1):
        end = "" if i == 1 else str(i)
        first = (i - 1) % where.columns == 0
        layout[f"xaxis{end}"] = _x_axis(panel, end) | {"domain": [box.left, box.right]}
        y = _rows_axis(chart, where, first) if chart.rows else _y_axis(panel, first)
        layout[f"yaxis{end}"] = y | {"domain": [box.bottom, box.top], "anchor": f"x{end}"}
        partner = next(j for j, p in enumerate(chart.panels, 1) if p.scale == panel.scale)
        if panel.scale and partner != i:
            layout[f"yaxis{end}"]["matches"] = "y" if partner == 1 else f"y{partner}"
        layout["annotations"].append(_title(panel, box.left, box.top))
        layout["shapes"] += _shapes(panel, end)
        if where.above:
            layout["annotations"] += _names_above(chart, end)
    return layout


def _x_axis(panel: Panel, end: str) -> Tree:
    axis: Tree = {
        "anchor": f"y{end}",
        "title": {
            "text": escape(panel.x_title, quote=False),
            "standoff": 6,
            "font": {"color": SOFT},
        },
        "gridcolor": GRID,
        "zeroline": False,
        "ticks": "",
        "nticks": 7,
        "fixedrange": False,
    }
    if panel.names:
        places = list(range(len(panel.names)))
        axis |= {"tickvals": places, "ticktext": list(panel.names)}
        axis |= {"range": [-0.3, len(places) - 0.7]}
    return axis


def _y_axis(panel: Panel, first: bool) -> Tree:
    text = panel.y_title if first and panel.y_title != panel.title else ""
    title = {"text": escape(text, quote=False), "standoff": 6, "font": {"color": SOFT}}
    return {"gridcolor": GRID, "zeroline": False, "ticks": "", "nticks": 6, "title": title}


def _rows_axis(chart: Chart, where: Frame, first: bool) -> Tree:
    names = [_bold(row.text) if row.strong else escape(row.text, quote=False) for row in chart.rows]
    axis: Tree = {
        "range": [len(names) - 0.5, -0.5],
        "tickvals": list(range(len(names))),
        "ticktext": names,
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
        "showticklabels": first and not where.above,
    }
    if where.above:
        axis |= {"range": [len(names) - 0.6, -0.75]}
    return axis


def _names_above(chart: Chart, end: str) -> list[Tree]:
    """The rows' names over their marks: tick labels inside would push the marks aside."""
    return [
        {
            "text": _bold(row.text) if row.strong else escape(row.text, quote=False),
            "x": 0,
            "xref": f"x{end} domain",
            "xanchor": "left",
            "y": i - 0.24,
            "yref": f"y{end}",
            "yanchor": "bottom",
            "showarrow": False,
            "font": {"size": 11.5},
        }
        for i, row in enumerate(chart.rows)
    ]


def _title(panel: Panel, x: float, y: float) -> Tree:
    return {
        "text": _bold(panel.title),
        "x": x,
        "y": y,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "align": "left",
        "font": {"size": 13},
    }


def _shapes(panel: Panel, end: str) -> list[Tree]:
    shapes: list[Tree] = []
    on_x: Mapping[str, Any] = {"xref": f"x{end}", "yref": f"y{end} domain", "y0": 0, "y1": 1}
    soft = {"color": SOFT, "width": 1.2, "dash": "dash"}
    if panel.margin is not None:
        band = {"type": "rect", "x0": -panel.margin, "x1": panel.margin, "layer": "below"}
        shapes.append({**on_x, **band, "fillcolor": BAND, "line": {"width": 0}})
    if panel.reference is not None:
        at = {"type": "line", "x0": panel.reference, "x1": panel.reference, "layer": "below"}
        shapes.append({**on_x, **at, "line": soft})
    if panel.diagonal:
        ends = {"type": "line", "x0": 0, "y0": 0, "x1": 100, "y1": 100, "layer": "below"}
        shapes.append({"xref": f"x{end}", "yref": f"y{end}", **ends, "line": soft})
    return shapes


def _bold(text: str) -> str:
    return f"<b>{escape(text, quote=False)}</b>"


def _colour(series: Series) -> str:
    return COLOURS[series.look % len(COLOURS)]


def _transparent(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.14)"


def _rounded(values: Any) -> list[float | None]:
    """NaN, where a line is broken, is null in JSON."""
    return [None if v is None or math.isnan(v) else float(f"{v:.6g}") for v in values]
