"""Kinds of lines: scatter, steps, faint ones in pieces, as both renderers draw them."""

import json
import math
from xml.etree import ElementTree

from evidence.charts import still
from evidence.charts.interactive import figure
from evidence.charts.spec import Chart, Panel, Point, Series

POINTS = (Point(0, 1.0), Point(1, 2.0), Point(2, math.nan), Point(3, 0.5), Point(4, 1.0))


def chart(**look: bool) -> Chart:
    panel = Panel("p", (Series("one", POINTS, **look), Series("two", POINTS[:2], 1)))
    return Chart("c", "C", "alt", (panel,))


def test_a_gap_is_null_in_json_and_no_line_in_a_file() -> None:
    (trace, _) = figure(chart())["data"]
    assert trace["y"] == [1.0, 2.0, None, 0.5, 1.0]
    json.dumps(trace, allow_nan=False)
    svg = still.files(chart(marks=False))["svg"].decode()
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert "nan" not in svg.lower()


def test_each_look_is_drawn() -> None:
    plain = figure(chart())["data"][0]
    assert (plain["mode"], "shape" in plain["line"], "opacity" in plain) == (
        *("lines+markers", False),
        False,
    )
    assert figure(chart(joined=False))["data"][0]["mode"] == "markers"
    assert figure(chart(step=True))["data"][0]["line"]["shape"] == "hv"
    faint = figure(chart(faint=True))["data"][0]
    assert faint["opacity"] < 1
    assert faint["line"]["width"] < plain["line"]["width"]


def test_the_looks_differ_in_files_too() -> None:
    looks = ({}, {"joined": False}, {"step": True}, {"faint": True})
    assert len({still.files(chart(**look))["svg"] for look in looks}) == 4
