"""Figures of a search as data."""

import math
from typing import Any

import pytest

from evidence.charts.spec import Chart
from search_spaces.charts import gallery
from search_spaces.charts.progress import LINES
from tests.unit.search_spaces import search_trees as made
from tests.unit.search_spaces.search_trees import CLEAN, TIME


@pytest.fixture(scope="module")
def search() -> dict[str, Any]:
    return made.search()


def chart(search: dict[str, Any], name: str) -> Chart:
    (found,) = [c for charts in gallery(search).values() for c in charts if c.name == name]
    return found


def test_the_best_so_far_only_rises_and_ends_where_the_epochs_end(search: dict[str, Any]) -> None:
    (panel,) = chart(search, "best-so-far").panels
    assert [s.label for s in panel.series] == ["cal", "joint", "ogm_ge"]
    for series, arm in zip(panel.series, search["arms"], strict=True):
        values = [p.value for p in series.points]
        assert values == sorted(values)
        assert series.step
        assert series.points[-1].at == arm["budget"]["epochs"]


def test_trials_without_a_score_lie_below_all_scores(search: dict[str, Any]) -> None:
    for panel in chart(search, "trials").panels:
        points = {s.label: [p.value for p in s.points] for s in panel.series}
        assert max(points["stopped"]) < min(points["complete"])
        assert max(points["failed"]) < min(points["stopped"])
        assert not any(s.joined for s in panel.series)


def test_curves_are_in_pieces_and_not_too_many(search: dict[str, Any]) -> None:
    big = made.search(trials=250)
    (panel,) = chart(big, "curves").panels
    complete = next(s for s in panel.series if s.label == "complete")
    assert sum(math.isnan(p.value) for p in complete.points) == LINES - 1
    assert [s.label for s in panel.series] == ["stopped", "complete", "best", "default"]
    best = panel.series[2]
    curve = big["arms"][0]["trials"][big["arms"][0]["best"]]["curve"]
    assert [(p.at, p.value) for p in best.points] == [(e, 100 * v) for e, v in curve]


def test_contrasts_have_primary_ones_first_and_the_margin(search: dict[str, Any]) -> None:
    found = chart(search, "contrasts")
    assert [row.strong for row in found.rows] == [True, True, True, False, False]
    clean = search["confirmed"]["contrasts"][0]["clean"]
    point = found.panels[0].series[0].points[0]
    assert (point.value, point.low) == (100 * clean["difference"], 100 * clean["low"])
    assert found.panels[0].margin == 0.5


def test_fresh_and_search_scores_stand_side_by_side(search: dict[str, Any]) -> None:
    clean, robust = chart(search, "confirmed").panels
    assert [s.label for s in clean.series] == ["fresh seeds", "in the search"]
    assert [s.label for s in robust.series] == ["fresh seeds"]  # the search scored clean alone
    strong = [row.text for row in chart(search, "confirmed").rows if row.strong]
    assert strong == [search["confirmed"]["arms"][0]["name"]]


def test_optimism_leaves_out_what_was_not_chosen_by_its_score(search: dict[str, Any]) -> None:
    rows = [row.text for row in chart(search, "optimism").rows]
    assert len(rows) == 5
    assert "cal default" not in rows


def test_importance_has_a_row_for_each_field(search: dict[str, Any]) -> None:
    found = chart(search, "importance")
    assert len(found.rows) == 7
    assert [p.title for p in found.panels] == ["fANOVA, share", "PED-ANOVA, share"]
    assert found.panels[0].reference == pytest.approx(100 / 7)


def test_the_front_is_one_that_nothing_beats() -> None:
    found = chart(made.search(objectives=(CLEAN, TIME)), "front")
    other, front = found.panels[0].series
    for ahead in front.points:
        assert not [p for p in other.points if p.at < ahead.at and p.value > ahead.value]
    assert [p.at for p in front.points] == sorted(p.at for p in front.points)


def test_without_scores_there_is_no_figure() -> None:
    assert not any(gallery(made.bare(made.search())).values())
    assert not any(gallery(made.failing(made.search())).values())
