"""Studies as they are written: designs, sweeps and contrasts become arms, faults become lines."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ablations.plan import Arm, Contrast, Plan, from_json, make_plan, to_json
from ablations.study import Analysis, Tuning, level_text, read_study
from cal.config import ConfigError

FACTORS = {
    name: {"neutral": {"cal": {section: {"enabled": False}}}}
    for name, section in (
        ("metric", "contribution"),
        ("acceleration", "acceleration"),
        ("bottleneck", "bottleneck"),
    )
}
STUDY: dict[str, Any] = {
    "name": "small",
    "base": {"data": {"labels_per_class": 20}},
    "regimes": {"a": {"seeds": 2}},
    "factors": FACTORS,
    "arms": {"joint": {"config": {"method": "joint"}}},
}
ALPHA = {"field": "cal.acceleration.alpha", "levels": [0, 0.5, 1, 2.0], "reference": 1}


def planned(folder: Path, **changes: Any) -> Plan:
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(STUDY | changes, sort_keys=False), encoding="utf-8")
    return make_plan(read_study(str(path)))


def contrasts(plan: Plan) -> list[str]:
    return [contrast.name for contrast in plan.contrasts]


def test_leave_one_out_compares_on_its_own(tmp_path: Path) -> None:
    plan = planned(tmp_path, design={"kind": "leave-one-out"})
    assert [arm.name for arm in plan.arms][:2] == ["full", "without metric"]
    assert plan.arms[1].title == "acceleration+bottleneck"
    assert contrasts(plan) == [f"full - without {name}" for name in FACTORS]
    assert not any(contrast.primary for contrast in plan.contrasts)


def test_a_declared_contrast_is_not_made_again(tmp_path: Path) -> None:
    declared = [{"arm": "cal", "reference": "unguided", "primary": True}]
    cells = {"metric+acceleration+bottleneck": "cal", "acceleration+bottleneck": "unguided"}
    kind = {"kind": "leave-one-out"}
    plan = planned(tmp_path, design=kind, cells=cells, contrasts=declared)
    assert contrasts(plan) == [
        *("cal - unguided", "cal - without acceleration", "cal - without bottleneck")
    ]
    assert [contrast.primary for contrast in plan.contrasts] == [True, False, False]


def test_add_one_in_compares_with_none(tmp_path: Path) -> None:
    plan = planned(tmp_path, design={"kind": "add-one-in"})
    assert contrasts(plan) == [f"only {name} - none" for name in FACTORS]


def test_a_fraction_of_three_factors_has_four_cells(tmp_path: Path) -> None:
    """C = AB: everything on, and each of the three alone."""
    plan = planned(tmp_path, design={"kind": "fractional", "resolution": 3})
    assert plan.design.generators == ("bottleneck = metric*acceleration",)
    cells = [arm.name for arm in plan.arms if arm.switches]
    assert cells == ["metric+acceleration+bottleneck", "metric", "acceleration", "bottleneck"]


def test_any_field_can_be_a_factor(tmp_path: Path) -> None:
    """A schedule that exists only with its bottleneck: without it, off and on are one cell."""
    schedule = {"neutral": {"cal": {"bottleneck": {"schedule": "constant"}}}}
    nested = schedule | {"needs": ["bottleneck"]}
    plan = planned(tmp_path, factors=FACTORS | {"schedule": nested})
    assert len([arm for arm in plan.arms if arm.switches]) == 12
    assert plan.arm_of(["metric", "schedule"]) == "metric"
    assert plan.arm_of(["bottleneck", "schedule"]) == "bottleneck+schedule"
    free = planned(tmp_path, factors=FACTORS | {"schedule": schedule})
    assert {run.hash for run in free.runs} == {run.hash for run in plan.runs}


def test_constraints_and_names_of_cells(tmp_path: Path) -> None:
    plan = planned(tmp_path, constraints=[{"metric": True, "acceleration": False}])
    assert plan.arm_of(["metric"]) is None
    assert plan.arm_of(["acceleration"]) == "acceleration"


def test_a_sweep_has_an_arm_for_each_level_over_the_full_arm(tmp_path: Path) -> None:
    """Alpha 1 is the default, so its arm is the full arm's computation."""
    plan = planned(tmp_path, sweeps={"alpha": ALPHA})
    (sweep,) = plan.sweeps
    assert [level.arm for level in sweep.levels] == ["alpha=0", "alpha=0.5", "alpha=1", "alpha=2"]
    assert [level.value for level in sweep.levels] == [0, 0.5, 1, 2.0]
    assert sweep.reference == "alpha=1"
    full = plan.arm_of(FACTORS)
    assert full is not None
    assert plan.arm_hashes("a", "alpha=1") == plan.arm_hashes("a", full)
    assert contrasts(plan) == ["alpha=0 - alpha=1", "alpha=0.5 - alpha=1", "alpha=2 - alpha=1"]


def test_levels_can_be_trees(tmp_path: Path) -> None:
    levels = {"low": {"cal": {"bottleneck": {"beta": 0.001}}}, "high": {"optim": {"lr": 0.1}}}
    plan = planned(tmp_path, sweeps={"both": {"levels": levels, "reference": "low"}})
    assert contrasts(plan) == ["both=high - both=low"]
    assert plan.sweeps[0].field == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5"), (2.0, "2"), (True, "true"), (None, "null"), ([64, 32], "64-32"), ("kl", "kl")]
    + [(1e-05, "1e-05"), (0.123456789, "0.123456789")],
)
def test_a_level_is_written_as_short_as_it_can_be(value: object, text: str) -> None:
    assert level_text(value) == text


def test_the_family_is_of_primary_contrasts_that_are_two_computations(tmp_path: Path) -> None:
    """metric alone is joint training with unimodal losses: nothing to test there."""
    declared = [
        {"arm": "metric+bottleneck", "reference": "joint", "primary": True},
        {"arm": "metric", "reference": "joint", "primary": True},
        {"arm": "bottleneck", "reference": "joint"},
    ]
    plan = planned(tmp_path, contrasts=declared, analysis={"conditions": ["clean"]})
    assert plan.family() == [("a", "metric+bottleneck - joint", "clean")]


def test_tuned_are_the_arms_of_the_declared_contrasts(tmp_path: Path) -> None:
    declared = [{"arm": "bottleneck", "reference": "joint"}]
    assert planned(tmp_path, contrasts=declared).tuning.arms == ("bottleneck", "joint")
    assert planned(tmp_path, tuning={"arms": ["joint"]}).tuning == Tuning(arms=("joint",))


def test_an_arm_can_differ_by_regime(tmp_path: Path) -> None:
    """A tuned arm has in each regime what was best there."""
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(STUDY | {"regimes": {"a": {}, "b": {}}}), encoding="utf-8")
    best = {"a": {"optim": {"lr": 0.1}}, "b": {"optim": {"lr": 0.01}}}
    tuned = Arm("joint tuned", "", {"method": "joint"}, {}, best)
    more = Contrast("joint tuned", "joint", False)
    plan = make_plan(read_study(str(path)), seeds=1, arms=[tuned], contrasts=[more])
    by_hash = {(run.regime, run.hash): run.config for run in plan.runs}
    rates = [by_hash[r, plan.arm_hashes(r, "joint tuned")[0]].optim.lr for r in ("a", "b")]
    assert rates == [0.1, 0.01]
    assert plan.contrasts[-1].pairing == "paired"
    assert from_json(to_json(plan)) == plan


def test_json_gives_everything_back(tmp_path: Path) -> None:
    numbers = {"method": "TMC", "data": "handwritten", "accuracy": 0.9851, "classes": 10}
    plan = planned(
        tmp_path,
        design={"kind": "fractional", "resolution": 3},
        sweeps={"alpha": ALPHA},
        contrasts=[{"arm": "bottleneck", "reference": "joint", "primary": True}],
        published=[numbers | {"split": "1600/400", "source": "a paper"}],
        analysis={"margin": 0.01},
    )
    assert from_json(to_json(plan)) == plan
    assert from_json(to_json(make_plan(read_study("default")))) == make_plan(read_study("default"))


def test_the_plan_of_a_ledger_from_before_is_readable() -> None:
    """Written by the first version: what it did not know has its default."""
    path = Path(__file__).with_name("plan_v1.json")
    plan = from_json(path.read_text(encoding="utf-8"))
    assert [arm.name for arm in plan.arms] == ["bottleneck", "none", "joint"]
    assert plan.contrasts == (Contrast("bottleneck", "joint", True),)
    assert plan.contrasts[0].pairing == "paired"
    assert plan.analysis == Analysis()
    assert plan.design.kind == "factorial"
    known = json.loads(path.read_text(encoding="utf-8"))
    assert {name: json.loads(to_json(plan))[name] for name in ("titles", "seeds", "cells")} == {
        name: known[name] for name in ("titles", "seeds", "cells")
    }


def test_the_default_study_judges_by_half_a_point() -> None:
    plan = make_plan(read_study("default"))
    assert plan.analysis.margin == 0.005
    primary = [contrast.name for contrast in plan.contrasts if contrast.primary]
    assert primary == ["cal - joint", "cal - symmetric", "metric+bottleneck - reversed-aib"]
    assert len(plan.family()) == 18  # three regimes, clean and robust
    assert {contrast.pairing for contrast in plan.contrasts} == {"paired"}


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown kind": (
        {"design": {"kind": "leave-one-in"}},
        r"^design\.kind: given 'leave-one-in'; allowed: factorial, .*; did you mean leave-one-out",
    ),
    "a resolution of the full factorial": (
        {"design": {"resolution": 4}},
        r"^design\.resolution: given 4 with design\.kind factorial; allowed: with .* only$",
    ),
    "a resolution out of range": (
        {"design": {"kind": "fractional", "resolution": 6}},
        r"^design\.resolution: given 6; input should be less than or equal to 5$",
    ),
    "a need of no factor": (
        {"factors": FACTORS | {"x": {"neutral": {}, "needs": ["botleneck"]}}},
        r"^factors\.x\.needs: given 'botleneck'; allowed: .*; did you mean bottleneck\?$",
    ),
    "needs in a circle": (
        {
            "factors": {
                "x": {"neutral": {}, "needs": ["y"]},
                "y": {"neutral": {}, "needs": ["x"]},
            }
        },
        r"^factors\.x\.needs: given \[y\], a circle; allowed",
    ),
    "a constraint on no factor": (
        {"constraints": [{"metrik": True}]},
        r"^constraints\.0: given 'metrik'; allowed: metric, .*; did you mean metric\?$",
    ),
    "an empty constraint": ({"constraints": [{}]}, r"^constraints\.0: given nothing; allowed"),
    "a cell that the design lacks": (
        {"design": {"kind": "leave-one-out"}, "cells": {"metric": "x"}},
        r"^cells: given 'metric'; allowed: .* of the cells that leave-one-out has$",
    ),
    "a reference that is no level": (
        {"sweeps": {"alpha": ALPHA | {"reference": 3}}},
        r"^sweeps\.alpha\.reference: given 3; allowed: 0, 0\.5, 1, 2$",
    ),
    "one level": (
        {"sweeps": {"alpha": ALPHA | {"levels": [1]}}},
        r"^sweeps\.alpha\.levels: given \[1\]; allowed: at least two values",
    ),
    "a level twice": (
        {"sweeps": {"alpha": ALPHA | {"levels": [1, 1.0]}}},
        r"^sweeps\.alpha\.levels: given 1, 1; allowed: each level once$",
    ),
    "values of no field": (
        {"sweeps": {"alpha": {"levels": [1, 2], "reference": 1}}},
        r"^sweeps\.alpha\.field: given ''; allowed with these levels: the dotted field",
    ),
    "a field that is none": (
        {"sweeps": {"alpha": ALPHA | {"field": "cal.acceleration.alhpa"}}},
        r"^cal\.acceleration\.alhpa: unknown field; did you mean .*alpha\? \(.*arm alpha=0\)",
    ),
    "an arm against itself": (
        {"contrasts": [{"arm": "joint", "reference": "joint"}]},
        r"^contrasts\.0: given joint - joint; allowed: two arms$",
    ),
    "a contrast twice": (
        {"contrasts": [{"arm": a, "reference": b} for a, b in (("x", "y"), ("y", "x"))]},
        r"^contrasts\.1: given y - x; allowed: each comparison once$",
    ),
    "no margin": ({"analysis": {"margin": 0}}, r"^analysis\.margin: given 0; .* greater than 0$"),
    "a condition twice": (
        {"analysis": {"conditions": ["clean", "clean"]}},
        r"^analysis\.conditions: given clean, clean; allowed: each condition once$",
    ),
    "a tuned arm that is none": (
        {"tuning": {"arms": ["joynt"]}},
        r"^tuning\.arms: given 'joynt'; allowed: .*; did you mean joint\?$",
    ),
    "a number in percent": (
        {
            "published": [
                {"method": "m", "data": "d", "accuracy": 98.5, "classes": 10, "source": "s"}
                | {"split": "1/1"}
            ]
        },
        r"^published\.0\.accuracy: given 98\.5; input should be less than or equal to 1$",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_cure(fault: str, tmp_path: Path) -> None:
    changes, line = FAULTS[fault]
    with pytest.raises(ConfigError, match=line):
        planned(tmp_path, **changes)
