"""Charts are data: what they say is tested here, without drawing; then that they can be drawn."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ablations.charts import effects, gallery
from ablations.charts.curves import modalities, moving
from evidence.charts.frame import frame, offsets, rows_of_legend
from evidence.charts.interactive import figure
from evidence.charts.spec import COLOURS, DASHES, SYMBOLS, Chart, Label, Panel, Point, Series
from evidence.charts.still import small


def charts(summary: Any, curves: Any) -> dict[str, Chart]:
    return {c.name: c for found in gallery(summary, curves).values() for c in found}


def points(chart: Chart, panel: int, label: str) -> list[Point]:
    return next(list(s.points) for s in chart.panels[panel].series if s.label == label)


def test_a_full_summary_has_every_chart(summary: Any, curves: Any) -> None:
    found = charts(summary, curves)
    each = ("accuracy", "interactions", "robustness", "learning", "classes")
    each += ("severity", "robustness-modalities", "ranks-same")
    assert set(found) == {
        *(f"{kind}-{name}" for kind in each for name in ("views", "sound")),
        *(f"training-{n}-{a}" for n in ("views", "sound") for a in ("cal", "metric+bottleneck")),
        *("effects", "mechanisms", "shapley", "reliability", "sweep-alpha", "sweep-beta"),
        *("tuned-views", "searches"),
    }
    assert [name for name, chart in found.items() if chart.aside] == [
        "robustness-modalities-views",
        "robustness-modalities-sound",
        "training-views-metric+bottleneck",
        "training-sound-metric+bottleneck",
    ]


def test_the_forest_plot_shows_primary_contrasts_first_in_points(summary: Any) -> None:
    declared = summary["regimes"]["views"]["contrasts"]
    for regime in summary["regimes"].values():
        regime["contrasts"] = [declared[2], *declared[:2]]
    (chart,) = effects.forest(summary)
    assert chart.rows == (
        Label("cal \u2212 joint", strong=True),
        Label("cal \u2212 symmetric", strong=True),
        Label("cal \u2212 reversed-full"),
    )
    assert [(panel.title, panel.reference, panel.margin) for panel in chart.panels] == [
        ("views", 0.0, 0.5),
        ("sound", 0.0, 0.5),
    ]
    first, *_, last = points(chart, 0, "under noise")
    effect = declared[0]["robust"]
    assert (first.at, first.strong, last.strong) == (0, True, False)
    assert first.value == pytest.approx(100 * effect["difference"])
    assert first.low == pytest.approx(100 * effect["low"])
    assert first.cell == "views|cal|joint|robust"
    assert first.hover[0] == "cal \u2212 joint, under noise, views (primary)"
    assert first.hover[-2:] == (
        "n = 8, t = 35.3, p = 0.001, adjusted p = 0.012, p of equivalence = 0.2, adjusted = 0.5",
        "seeds 0-7",
    )


def test_what_was_not_measured_has_no_point(summary: Any) -> None:
    for regime in summary["regimes"].values():
        regime["contrasts"][0]["clean"] |= {"verdict": "not_measured", "difference": None}
        regime["contrasts"][1]["clean"]["verdict"] = "same_runs"
    (chart,) = effects.forest(summary)
    assert [p.at for p in points(chart, 0, "clean data")] == [2, 3]
    for regime in summary["regimes"].values():
        regime["contrasts"] = []
    assert effects.forest(summary) == ()


def test_the_accuracy_of_an_arm_names_its_seeds_and_runs(summary: Any, curves: Any) -> None:
    chart = charts(summary, curves)["accuracy-views"]
    point = points(chart, 0, "clean data")[0]
    traces = summary["regimes"]["views"]["variants"]["cal"]["traces"]
    assert point.value == pytest.approx(93.0)
    assert "n = 8, seeds 0-7" in point.hover
    assert f"{traces[0]['hash'][:8]} (seed 0)" in point.hover[-1]
    assert chart.panels[0].reference == pytest.approx(90.0)  # joint


def test_shapley_bars_end_with_their_sum(summary: Any, curves: Any) -> None:
    chart = charts(summary, curves)["shapley"]
    assert [row.text for row in chart.rows] == [
        *summary["factors"],
        "all together",
    ]
    assert chart.bars
    *parts, whole = points(chart, 0, "clean data")
    assert sum(p.value for p in parts) == pytest.approx(whole.value)


def test_an_interaction_plot_averages_the_cells(summary: Any, curves: Any) -> None:
    """metric on, bottleneck on: cal 93 and metric+bottleneck 92, so 92.5."""
    panel = next(
        p
        for p in charts(summary, curves)["interactions-views"].panels
        if p.title == "metric x bottleneck, clean data"
    )
    on = next(s for s in panel.series if s.label == "second mechanism on")
    assert [(p.at, pytest.approx(p.value)) for p in on.points] == [(0, 92.9), (1, 92.5)]
    assert panel.x_title == "metric (interaction \u22121.20 \u00b1 0.40)"


def test_robustness_has_a_panel_for_each_kind_and_an_arm_once(summary: Any, curves: Any) -> None:
    chart = charts(summary, curves)["robustness-views"]
    assert [panel.title for panel in chart.panels][:2] == [
        "Gaussian, one modality",
        "Gaussian, random half",
    ]
    labels = [label for label, _, _ in chart.labels]
    assert labels[:3] == ["cal", "joint", "symmetric"]
    assert "none" not in labels  # the same runs as joint
    assert [shown for *_, shown in chart.labels] == [True] * 5 + [False]
    first = chart.panels[0].series[0].points
    assert [p.at for p in first] == [0, 0.5, 1, 2]
    assert all(p.low is not None and p.low < p.value for p in first)


def test_empty_bins_of_a_reliability_curve_are_left_out(summary: Any, curves: Any) -> None:
    empty = {"confidence": None, "accuracy": None, "share": 0.0}
    for variant in summary["regimes"]["views"]["variants"].values():
        variant["reliability"].insert(0, empty)
    panel = charts(summary, curves)["reliability"].panels[0]
    assert panel.diagonal
    assert [p.at for p in panel.series[0].points] == pytest.approx(list(range(25, 100, 10)))


def test_of_many_classes_those_that_change_most_are_shown(summary: Any, curves: Any) -> None:
    for contrast in summary["regimes"]["views"]["contrasts"]:
        contrast["per_class"] = [
            {"class": i, "difference": i / 1000, "low": None, "high": None} for i in range(40)
        ]
    chart = charts(summary, curves)["classes-views"]
    assert [row.text for row in chart.rows] == [str(i) for i in range(16, 40)]
    assert "24 classes that change most" in chart.note


def test_levels_that_are_no_numbers_stand_by_name(summary: Any, curves: Any) -> None:
    found = charts(summary, curves)
    assert found["sweep-beta"].panels[0].names == ("low", "high")
    assert [p.at for p in points(found["sweep-alpha"], 0, "clean data")] == [0, 0.5, 1, 2]


def test_a_search_shows_its_best_score_so_far(summary: Any, curves: Any) -> None:
    for search in summary["regimes"]["views"]["tuning"]["arms"].values():
        search["history"][4][1] = None
    line = charts(summary, curves)["searches"].panels[0].series[0].points
    values = [p.value for p in line]
    assert values == sorted(values)
    assert line[4].hover[1] == "this trial failed"


def test_both_deltas_of_the_re_tuning_stand_side_by_side(summary: Any, curves: Any) -> None:
    chart = charts(summary, curves)["tuned-views"]
    assert [label for label, *_ in chart.labels] == ["same hyperparameters", "each at its best"]
    assert points(chart, 0, "each at its best")[0].value == pytest.approx(0.4)


def test_curves_are_read_by_their_names(study: Any) -> None:
    assert modalities(study.curves["views", "cal"]) == ("a", "b")
    assert moving(study.curves["views", "cal"]) == ("W", "k", "beta", "kl_nats")
    assert moving(study.curves["views", "symmetric"]) == ("k", "beta", "kl_nats")
    assert moving(study.curves["views", "joint"]) == ()


LINES = Chart(
    "c",
    "title",
    "alt",
    (
        Panel("p", (Series("a & b", (Point(0, 1, 0.5, 1.5), Point(1, 2, 1, 3)), 1),), "x", "y"),
        Panel("q", (Series("a & b", (Point(0, 1, hover=("<b>", "2")),), 1),), "x", "y"),
    ),
)
ROWS = Chart(
    "r",
    "title",
    "alt",
    (Panel("p", (Series("s", (Point(0, 1, 0, 2), Point(1, 2, strong=False)), 0),), margin=0.5),),
    (Label("one", strong=True), Label("two")),
)


def test_looks_differ_in_more_than_colour() -> None:
    looks = [(i % len(COLOURS), i % len(SYMBOLS), i % len(DASHES)) for i in range(40)]
    assert len(set(looks)) == 40
    assert len({(symbol, dash) for _, symbol, dash in looks[:7]}) == 7


def test_a_line_has_its_band_and_its_legend_once() -> None:
    drawn = figure(LINES)
    band, line, second = drawn["data"]
    assert band["y"] == [1.5, 3, 1, 0.5]
    assert (band["showlegend"], line["showlegend"], second["showlegend"]) == (False, True, False)
    assert line["name"] == "a &amp; b"
    assert second["text"] == ["&lt;b&gt;<br>2"]
    assert drawn["layout"]["showlegend"] is False  # one label needs no legend


def test_a_wide_figure_stands_side_by_side_and_a_narrow_one_below() -> None:
    wide, narrow = frame(LINES), frame(LINES, narrow=True)
    assert wide.boxes[0].right < wide.boxes[1].left
    assert wide.boxes[0].top == wide.boxes[1].top
    assert narrow.boxes[0].bottom > narrow.boxes[1].top
    assert narrow.width <= 360


def test_rows_have_whiskers_margins_and_names_above_where_there_is_no_room() -> None:
    drawn = figure(ROWS)
    (trace,) = drawn["data"]
    assert trace["error_x"]["array"] == [1, 0]
    assert trace["marker"]["symbol"] == ["circle", "circle-open"]
    assert drawn["layout"]["yaxis"]["ticktext"] == ["<b>one</b>", "two"]
    assert drawn["layout"]["shapes"][0]["x0"] == -0.5
    assert not drawn["narrow"]["yaxis"]["showticklabels"]
    assert [note["text"] for note in drawn["narrow"]["annotations"]] == [
        "<b>p</b>",
        "<b>one</b>",
        "two",
    ]
    assert drawn["narrow"]["margin"]["l"] < drawn["layout"]["margin"]["l"]


def test_panels_of_one_scale_share_it() -> None:
    panels = tuple(replace(panel, scale="a") for panel in LINES.panels)
    assert figure(replace(LINES, panels=panels))["layout"]["yaxis2"]["matches"] == "y"
    assert "matches" not in figure(LINES)["layout"]["yaxis2"]


def test_series_of_a_row_lie_around_its_middle() -> None:
    assert offsets(1) == [0]
    assert offsets(2) == pytest.approx([-0.15, 0.15])
    assert offsets(2, bars=True) == pytest.approx([-0.18, 0.18])


def test_a_legend_takes_the_rows_it_needs() -> None:
    assert rows_of_legend(["ab"] * 3, 640) == 1
    assert rows_of_legend(["a long name of an arm"] * 7, 350) == 7


@pytest.mark.parametrize("chart", [LINES, ROWS, replace(ROWS, bars=True)])
def test_files_are_the_same_bytes_twice(chart: Chart, fresh: Callable[..., Any]) -> None:
    first, second = fresh(chart), fresh(chart)
    assert first == second
    assert first["png"].startswith(b"\x89PNG")
    assert first["pdf"].startswith(b"%PDF")
    assert b"CreationDate" not in first["pdf"]
    text = first["svg"].decode()
    assert text.startswith("<svg")
    assert not re.search(r"date|<!--|metadata", text)
    assert ">p</text>" in text  # text stays text


def test_an_svg_is_made_small_without_losing_its_parts() -> None:
    text = "<?xml v?>\n<!DOCTYPE a\n b>\n<svg><!-- c -->\n <metadata>d</metadata>\n "
    shown = '<text x="1.23456">0.0125</text>'
    assert small(f"{text}{shown}</svg>") == '<svg><text x="1.23">0.0125</text></svg>\n'
