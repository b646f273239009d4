"""Importance and pictures with the real Optuna: planted truths, conditional fields, few trials."""

import json
import math
import time
from typing import Any

import numpy as np
import pytest

from cal.config import Config, flatten
from evidence.charts import still
from search_spaces import reading, understanding, writing
from search_spaces.pictures import CONTOURS, figures, plain, thinned, ticks
from search_spaces.space import Dimension
from search_spaces.understanding import importance
from tests.unit.ablations.pages import Page
from tests.unit.search_spaces import search_trees as made
from tests.unit.search_spaces.search_trees import CLEAN, TIME

BASE = flatten(Config().model_dump(mode="json"))
ENDS = {"low": "little", "high": "much"}
# Twelve fields that take numbers in [0, .9], whatever they are for.
FIELDS = (
    *("cal.contribution.ema", "cal.contribution.lam", "cal.contribution.start"),
    *("cal.contribution.tau", "cal.bottleneck.beta", "cal.bottleneck.warmup"),
    *("cal.acceleration.alpha", "optim.momentum", "optim.weight_decay", "gamma"),
    *("ogm_ge.alpha", "optim.lr"),
)


def dimension(field: str, **given: Any) -> Dimension:
    common: dict[str, Any] = {"name": field, "field": field, "label": "nuisance", "kind": "float"}
    return Dimension(**common | {"low": 0.01, "high": 0.9, "default": 0.5, "ends": ENDS} | given)


def planted(count: int, *, fields: int = 12, stopped: float = 0.0, seed: int = 0) -> dict[str, Any]:
    """An arm whose score is made by its first field, a third of it by the second, and noise.

    The last field acts only where gamma is above .45; the worst trials are stopped.
    """
    own = [dimension(name) for name in FIELDS[-fields:]]
    generator = np.random.default_rng(seed)
    trials = []
    for number in range(count):
        values = {d.field: 0.01 + 0.89 * float(generator.random()) for d in own}
        if values["gamma"] < 0.45:
            values.pop(own[-1].field)
        first, second = (values[d.field] for d in own[:2])
        score = first + 0.3 * second + 0.05 * float(generator.normal())
        trials.append(
            {"number": number, "status": "complete", "values": values, "scalar": None}
            | {"scores": {"clean": score}, "errors": {}, "curve": [], "epochs": 1, "seeds": []}
            | {"origin": "sampler", "reason": ""}
        )
    worst = sorted(trials, key=lambda t: t["scores"]["clean"])[: round(stopped * count)]
    for trial in worst:
        trial |= {"status": "stopped", "scores": {"clean": None}}
    dims = [d.model_dump(mode="json") for d in own]
    return {"name": "cal", "main": True, "config": {}, "dimensions": dims, "trials": trials}


def rows(found: Any, name: str) -> dict[str, dict[str, Any]]:
    (evaluator,) = [e for e in found["evaluators"] if e["name"] == name]
    return {row["field"]: row for row in evaluator["rows"]}


@pytest.fixture(scope="module")
def found() -> Any:
    return importance(planted(120, fields=5), CLEAN, base=BASE, draws=20)


@pytest.mark.parametrize("name", ["fANOVA", "PED-ANOVA"])
def test_the_field_that_makes_the_score_stands_out(found: Any, name: str) -> None:
    own = rows(found, name)
    first, *others = own
    assert first == FIELDS[-5]
    assert own[first]["low"] > own[first]["even"]
    assert all(own[other]["high"] < own[first]["mean"] for other in others)
    for row in own.values():
        assert 0 <= row["low"] <= row["mean"] <= row["high"] <= 1
    assert found["warning"] == ""


def test_a_conditional_field_is_judged_where_it_acts(found: Any) -> None:
    arm = planted(120, fields=5)
    acts = sum("optim.lr" in trial["values"] for trial in arm["trials"])
    assert 40 < acts < 90
    for name in ("fANOVA", "PED-ANOVA"):
        row = rows(found, name)["optim.lr"]
        assert row["trials"] == acts
        assert row["even"] == 1 / 5
        assert rows(found, name)["gamma"]["trials"] == 120
        assert rows(found, name)["gamma"]["even"] == 1 / 4
        always = [r["mean"] for f, r in rows(found, name).items() if f != "optim.lr"]
        assert math.isclose(sum(always), 1, abs_tol=1e-9)


def test_stopped_trials_count_as_the_worst_by_ranks_alone() -> None:
    """With the worse half stopped the rank measure still sees all 120 trials."""
    some = importance(planted(120, fields=5, stopped=0.5), CLEAN, base=BASE, draws=10)
    assert some is not None
    assert rows(some, "fANOVA")["gamma"]["trials"] == 60
    assert rows(some, "PED-ANOVA")["gamma"]["trials"] == 120
    assert next(iter(rows(some, "PED-ANOVA"))) == FIELDS[-5]


def test_the_same_trials_give_the_same_importance() -> None:
    arm = planted(30, fields=4)
    first = importance(arm, CLEAN, base=BASE, draws=5)
    assert first == importance(json.loads(json.dumps(arm)), CLEAN, base=BASE, draws=5)


def test_few_trials_are_warned_of_and_too_few_have_none() -> None:
    assert importance(planted(9, fields=4), CLEAN, base=BASE) is None
    few = importance(planted(30, fields=4), CLEAN, base=BASE, draws=5)
    assert few is not None
    assert few["warning"].startswith(
        "30 complete trials are few for 4 fields: below 40 (the larger"
    )
    assert "below 60" in understanding._warning(50, 12)
    assert understanding._warning(60, 12) == ""


def test_equal_scores_have_no_importance() -> None:
    """fANOVA has nothing to divide then, and Optuna raises an error."""
    arm = planted(20, fields=4)
    for trial in arm["trials"]:
        trial["scores"] = {"clean": 0.5}
    found = importance(arm, CLEAN, base=BASE, draws=5)
    assert found is not None
    assert rows(found, "fANOVA") == {}


def test_trials_without_any_score_or_fields_have_no_importance() -> None:
    failing = made.failing(made.search())["arms"][0]
    assert importance(failing, CLEAN, base=BASE) is None
    assert importance(planted(30, fields=4) | {"dimensions": []}, CLEAN, base=BASE) is None


def test_a_value_out_of_range_is_left_out() -> None:
    """A published setting may lie outside: Optuna could not place it."""
    arm = planted(30, fields=4)
    arm["trials"][0]["values"]["gamma"] = 1.0
    some = importance(arm, CLEAN, base=BASE, draws=5)
    assert rows(some, "fANOVA")["gamma"]["trials"] == 29


def test_two_hundred_trials_of_twelve_fields_take_seconds_not_minutes() -> None:
    """About 11 s of one core, which a noisy neighbour's use of its caches has doubled."""
    before = time.process_time()
    some = importance(planted(200), CLEAN, base=BASE)
    assert time.process_time() - before < 90
    assert some is not None
    assert some["draws"] == 50
    assert [e["draws"] for e in some["evaluators"]][1] == 50


# --- pictures


def test_pictures_of_a_search_are_plain_and_bounded() -> None:
    search = made.search(trials=80)
    found = figures(search)
    assert set(found) == {"fig-contour", "fig-slice", "fig-parallel", "fig-parallel-narrow"}
    assert len(json.dumps(found, allow_nan=False)) < 600_000
    contours = [t for t in found["fig-contour"]["data"] if t["type"] == "contour"]
    assert 0 < len(contours) <= CONTOURS * (CONTOURS - 1) / 2
    for name, figure in found.items():
        assert set(figure) == {"data", "layout", "narrow", "width"}, name
        assert "template" not in figure["layout"]


def test_panels_stand_below_each_other_on_a_telephone() -> None:
    figure = figures(made.search(trials=80))["fig-slice"]
    axes = [key for key in figure["layout"] if key.startswith("xaxis")]
    assert len(axes) == 7
    assert all(figure["narrow"][key]["domain"] == [0.0, 1.0] for key in axes)
    assert len({tuple(figure["layout"][key]["domain"]) for key in axes}) == 3
    assert figure["narrow"]["height"] > figure["layout"]["height"]


def test_the_best_trial_is_the_line_on_top() -> None:
    search = made.search(trials=40)
    best = search["arms"][0]["trials"][search["arms"][0]["best"]]
    line = figures(search)["fig-parallel"]["data"][-1]
    shown = dict(line["customdata"])
    assert float(shown["accuracy on clean data, %"]) == pytest.approx(
        100 * best["scores"]["clean"], rel=1e-2
    )
    assert float(shown["optim.lr"]) == pytest.approx(best["values"]["optim.lr"], rel=1e-2)
    assert "cal.acceleration.alpha" in shown  # not cut off by Optuna


def test_few_trials_and_failures_have_no_pictures() -> None:
    assert figures(made.bare(made.search())) == {}
    assert figures(made.failing(made.search())) == {}
    assert figures(made.search(trials=5)) == {}


def test_several_objectives_are_drawn_by_their_scalar() -> None:
    assert "fig-slice" in figures(made.search(objectives=(CLEAN, TIME)))


def test_a_page_with_pictures_is_whole_and_the_same_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(still, "files", lambda chart: {"svg": b"<svg/>", "png": b"", "pdf": b""})
    search = made.search(trials=30)
    search["arms"][0]["importance"] = importance(
        search["arms"][0], reading.target_of(search["objectives"]), base=search["base"], draws=5
    )
    files = writing.files_of(search)
    page = Page(files["report.html"].decode())
    assert page.open == []
    assert {"fig-contour", "fig-slice", "fig-parallel", "fig-parallel-narrow"} <= set(page.figures)
    assert len(files["report.html"]) < 5_000_000
    assert writing.files_of(json.loads(json.dumps(search))) == files


def test_packed_arrays_become_lists() -> None:
    """Two doubles, 1 and NaN, in base 64."""
    packed = {"dtype": "f8", "bdata": "AAAAAAAA8D8AAAAAAAD4fw=="}
    assert plain({"x": packed, "template": {"a": 1}}) == {"x": [1.0, None]}
    assert plain({"x": packed | {"shape": "2, 1"}}) == {"x": [[1.0], [None]]}
    assert plain(np.int64(3)) == 3


def test_a_contour_keeps_its_ends_when_it_is_thinned() -> None:
    side = list(range(100))
    found = thinned({"x": side, "y": side, "z": [[i] * 100 for i in side]})
    assert (found["x"][0], found["x"][-1], len(found["x"])) == (0, 99, 40)
    assert [row[0] for row in found["z"]] == found["y"]


def test_a_search_is_understood_arm_by_arm() -> None:
    search = made.search(trials=30, objectives=(CLEAN, TIME))
    bare = json.loads(json.dumps(search))
    for arm in bare["arms"]:
        arm |= {"edges": [], "proposals": [], "off": [], "importance": None, "hypervolume": None}
    found = understanding.understood(bare)
    for arm, known in zip(found["arms"], search["arms"], strict=True):
        for key in ("edges", "proposals", "off"):
            assert arm[key] == known[key]
        assert arm["importance"]["draws"] == (50 if arm["main"] else 10)
        assert 0 < arm["hypervolume"] <= 1
    assert bare["arms"][0]["importance"] is None  # what was given is as it was
    empty = understanding.understood(made.bare(made.search()))
    assert [arm["importance"] for arm in empty["arms"]] == [None] * 3


def test_logarithmic_axes_have_round_numbers() -> None:
    assert ticks(-5.1, -2)["ticktext"] == ["1e-05", "0.0001", "0.001", "0.01"]
    assert ticks(math.log10(0.08), math.log10(0.5))["tickvals"] == [0.1, 0.2, 0.5]
