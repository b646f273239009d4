"""The regret benchmark on a table of three points, by hand (tests/regret_points.py)."""

import json
import lzma
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.regret import measure
from benchmarks.regret_course import Course, at_random, resolved
from benchmarks.regret_lookup import Table, table_of
from benchmarks.regret_points import drawn, known_points
from benchmarks.regret_summary import (
    Setting,
    agreement,
    epochs_to,
    summary,
    targets,
    worths,
)
from search_spaces.space import parse_space
from tests.regret_points import BASE, ENDS, MIDDLE, SPACE, TREE, A, C


@pytest.fixture
def table() -> Table:
    return table_of(TREE)


@pytest.mark.parametrize(
    ("values", "point"),
    [
        (A, 0),
        (C, 2),
        # A: .5^2 = .25. B: .25 + 1. C: a mismatch, 1; beta does not act in it
        ({**A, "optim.lr": MIDDLE}, 0),
        # A: 1 + mismatch. B: mismatch, 1. C: .25
        ({"optim.lr": 0.1, "cal.bottleneck.enabled": False}, 2),
        # the positions are .7 and .74. A: 1.03. B: .09 + .07. C: .04 + mismatch
        ({"optim.lr": 0.05, "cal.bottleneck.enabled": True, "cal.bottleneck.beta": 0.03}, 1),
    ],
)
def test_any_configuration_has_a_nearest_point(
    table: Table, values: dict[str, Any], point: int
) -> None:
    assert table.nearest(values) == point


def test_what_does_not_act_has_no_place(table: Table) -> None:
    idle = {**C, "cal.bottleneck.beta": 0.03}
    np.testing.assert_allclose(table.place(idle), [0.5, 1, math.nan], atol=1e-12)
    assert table.nearest(idle) == 2


def test_a_run_has_its_curve_and_a_failed_one_no_more_than_it_trained(table: Table) -> None:
    assert table.curve(0, 1001) == [(2, 0.5), (4, 0.6), (6, 0.9)]
    assert (table.end(0, 1001), table.cost(0, 1001), table.failed(0, 1001)) == (0.9, 6, False)
    assert table.curve(2, 1000) == [(2, 0.8)]
    assert (table.end(2, 1000), table.cost(2, 1000), table.failed(2, 1000)) == (0.1, 4, True)


def test_a_point_is_worth_its_mean_over_seeds_where_a_failed_run_counts_as_a_guess(
    table: Table,
) -> None:
    np.testing.assert_allclose(table.true, [0.8, 0.75, 0.45])
    turned = table_of(TREE, objective="nll")
    np.testing.assert_allclose(turned.true, [-1, -0.5, -(1 + math.log(10)) / 2])
    assert turned.curve(1, 1000) == [(2, -3), (4, -2), (6, -0.5)]
    assert turned.result(turned.end(1, 1000)) == {"select/clean/nll": 0.5}
    assert turned.validation(-2.0) == {"val/nll": 2.0}


def test_only_dimensions_that_the_search_gets_to_are_searched() -> None:
    rows = SPACE.model_dump(mode="json")
    row = next(d for d in rows["dimensions"] if d["name"] == "cal.bottleneck.beta")
    row["when"] = {"cal.bottleneck.schedule": "cyclical"}
    found = table_of({**TREE, "space": rows})
    assert [d.name for d in found.dimensions] == ["optim.lr", "cal.bottleneck.enabled"]


def test_points_are_uniform_on_their_scales_and_have_what_acts() -> None:
    """Of 400 draws: the mean position has a standard deviation of .29/20, and the share that is on
    one of .5/20: five of them are .07 and .125.
    """
    draws = [drawn(SPACE.dimensions, BASE, np.random.default_rng([1, i])) for i in range(400)]
    rate = SPACE.dimensions[0]
    assert np.mean([rate.position(p["optim.lr"]) for p in draws]) == pytest.approx(0.5, abs=0.07)
    on = [p["cal.bottleneck.enabled"] for p in draws]
    assert np.mean(on) == pytest.approx(0.5, abs=0.125)
    assert on == ["cal.bottleneck.beta" in p for p in draws]
    assert all(d.contains(p[d.field]) for p in draws for d in SPACE.dimensions if d.field in p)


def test_whole_numbers_are_drawn_each_in_its_own_interval() -> None:
    """1 to 3 in the logarithm: ln 3, ln 5/3, ln 7/5 of ln 7. Standard deviations at most .025."""
    row = {"label": "nuisance", "kind": "int", "low": 1, "high": 3, "default": 2, "ends": ENDS}
    for log, shares in ((True, (0.565, 0.263, 0.173)), (False, (1 / 3, 1 / 3, 1 / 3))):
        space = parse_space({"fields": {"cal.contribution.interval": {**row, "log": log}}})
        draw = np.random.default_rng(0)
        found = [
            drawn(space.dimensions, BASE, draw)["cal.contribution.interval"] for _ in range(400)
        ]
        for value, share in zip((1, 2, 3), shares, strict=True):
            assert np.mean([v == value for v in found]) == pytest.approx(share, abs=0.125)


def test_what_is_shared_is_taken_and_the_rest_drawn() -> None:
    shared = {"cal.bottleneck.enabled": False}
    found = [
        drawn(SPACE.dimensions, BASE, np.random.default_rng(i), shared=shared) for i in range(5)
    ]
    assert all(p["cal.bottleneck.enabled"] is False and len(p) == 2 for p in found)
    assert len({p["optim.lr"] for p in found}) == 5


def test_a_search_may_begin_with_the_configuration_s_own_values_and_the_published() -> None:
    own, published = known_points(SPACE, BASE)
    assert own == {
        "optim.lr": 0.05,
        "cal.bottleneck.enabled": True,
        "cal.bottleneck.beta": 0.03,
    }
    assert published == {**own, "optim.lr": 0.02}


def test_of_a_value_for_every_dimension_those_count_that_act() -> None:
    named = {"optim.lr": 0.02, "cal.bottleneck.enabled": False, "cal.bottleneck.beta": 0.03}
    assert resolved(SPACE.dimensions, BASE, named) == {
        "optim.lr": 0.02,
        "cal.bottleneck.enabled": False,
    }


def test_a_search_has_every_point_once_before_it_has_one_again(table: Table) -> None:
    course = Course(table, budget=30)
    assert [course.point(A) for _ in range(5)] == [0, 2, 1, 0, 2]
    assert course.trials == 5


def test_full_trainings_cost_their_epochs_and_the_best_is_recommended(table: Table) -> None:
    """C fails at its second validation: 4 epochs, and a guess."""
    course = Course(table, budget=30)
    assert course.full(2, table.seeds[:1]) == 0.1
    assert course.full(0, table.seeds) == pytest.approx(0.8)
    assert course.full(1, table.seeds) == pytest.approx(0.75)
    assert (course.spent, course.picks) == (4 + 12 + 12, [(4, 2), (16, 0)])
    assert not course.over


def test_who_stops_a_run_pays_for_what_was_trained(table: Table) -> None:
    """Whoever was trained furthest is recommended: B at its end, though A was better before."""
    course = Course(table, budget=10)
    for epoch, value in course.epochs(0, 1000):
        assert (epoch, value) == (2, 0.5)
        break
    assert (course.spent, course.picks) == (2, [(2, 0)])
    assert list(course.epochs(1, 1000)) == [(2, 0.2), (4, 0.3), (6, 0.9)]
    assert (course.spent, course.picks) == (8, [(2, 0), (6, 1)])
    assert list(course.epochs(2, 1000)) == [(2, 0.8), (4, 0.1)]
    assert (course.spent, course.picks[-1], course.over) == (12, (6, 1), True)


@pytest.mark.parametrize("seeds", [1, 2])
def test_random_search_trains_every_configuration_fully(table: Table, seeds: int) -> None:
    courses = [Course(table, budget=60) for _ in range(3)]
    for course, number in zip(courses, (7, 7, 8), strict=True):
        at_random(seeds)(course, number)
    assert courses[0].picks == courses[1].picks
    assert all(60 <= course.spent < 60 + 6 * seeds for course in courses)
    best = {1: 1, 2: 0}[seeds]  # B by its first seed, A by both
    assert {course.picks[-1][1] for course in courses} == {best}


WORTH = np.array([0.5, 0.7, 0.9])


def setting(**changes: Any) -> Setting:
    """Three points; a training has 10 epochs, looked at every 5."""
    named = {"true": WORTH, "targets": {"best": 0.7}, "epochs": 10, "every": 5, "budget": 30}
    return Setting(**{**named, **changes})


def test_targets_are_what_64_random_configurations_give() -> None:
    """Of two points as probable, 64 draws lack one once in 2^63. The one that looks best by its
    seed is not the best.
    """
    found = targets([[0], [1]], WORTH, np.array([0.8, 0.6, 0.99]), draws=50)
    assert found == {"best": 0.7, "pick": 0.5}
    assert targets([[2]], WORTH, WORTH, draws=3) == {"best": 0.9, "pick": 0.9}
    assert targets([[0, 1, 2]], WORTH, WORTH, draws=3)["best"] == 0.9  # had 0, then 1, then 2


def test_a_recommendation_counts_from_the_epoch_that_it_cost() -> None:
    """Nothing yet at 5; point 1 from 10 on; point 0, which is worse, from 12; point 2 from 21."""
    found = worths([[(10, 1), (12, 0), (21, 2)]], setting())
    assert found.shape == (1, 60)
    assert found[0, :5].tolist() == [0.5, 0.7, 0.5, 0.5, 0.9]
    assert set(found[0, 4:]) == {0.9}


def test_epochs_to_a_target_are_those_of_the_median_repetition() -> None:
    """Reached by the three after 10, 40 and 150 epochs; by the first only for a while."""
    courses = [[(10, 1), (30, 0)], [(40, 2)], [(150, 1)]]
    found = worths(courses, setting())
    assert epochs_to(0.7, found, setting()) == 150
    assert epochs_to(0.7, found[1:2], setting()) == 40
    assert epochs_to(0.5, found, setting()) == 5
    assert epochs_to(0.95, found, setting()) == math.inf


def test_figures_of_a_contestant() -> None:
    """Five searches find the second best after 40 epochs, and the best after 250: of random-64's
    640 epochs 1/16. Regret is .9 - .7 at 10 and 20 trainings, nothing at 30.
    """
    same = [[(10, 0), (40, 1), (250, 2)]] * 5
    found = summary(same, setting())
    assert found["repetitions"] == 5
    assert found["reached"] == {
        "best": {"epochs": 40, "share": 0.0625, "interval": [0.0625, 0.0625]}
    }
    assert found["regret"]["20"] == {
        "median": pytest.approx(0.2),
        "interval": [pytest.approx(0.2), pytest.approx(0.2)],
    }
    assert found["regret"]["30"]["median"] == 0


def test_what_is_not_reached_within_the_budget_is_none_and_short_budgets_tell_no_more() -> None:
    found = summary([[(10, 0)]] * 4 + [[(20, 1)]], setting(budget=20))
    assert found["reached"]["best"] == {"epochs": None, "share": None, "interval": [0.0312, None]}
    assert list(found["regret"]) == ["10", "20"]


def test_seeds_agree_on_all_points_and_not_on_the_best() -> None:
    """Half of the points are worse under every seed; among the better half seeds draw lots."""
    draw = np.random.default_rng(0)
    ends = draw.random((400, 3))
    ends[:200] -= 5
    assert agreement(ends, 1.0) == pytest.approx(0.75, abs=0.05)
    assert agreement(ends, 0.5) == pytest.approx(0, abs=0.15)


def test_kept_courses_become_figures(tmp_path: Path) -> None:
    (tmp_path / "hw20.json.xz").write_bytes(lzma.compress(json.dumps(TREE).encode()))
    kept = {
        "contestant": "a searcher",
        "date": "2026-11-26",
        "versions": {"numpy": "2"},
        "budget": 64,
        "seconds_a_search": 0.1,
        "courses": [[[6, 2], [12, 0]]] * 3,
    }
    (tmp_path / "hw20-accuracy-a-searcher.json").write_text(json.dumps(kept))
    found = measure(tmp_path, cells=64)["hw20, accuracy"]
    assert (found["best"], found["full"]) == (pytest.approx(0.8), 6)
    assert found["targets"] == {"best": pytest.approx(0.8), "pick": pytest.approx(0.75)}
    figures = found["contestants"]["a searcher"]
    assert figures["reached"]["pick"]["epochs"] == 12
    assert figures["versions"] == {"numpy": "2"}
