"""The plan: cells, shared computations, seeds, and every fault named before anything runs."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ablations.plan import Plan, _one_protocol, from_json, make_plan, to_json
from ablations.study import read_study
from cal.config import ConfigError, parse

STUDY: dict[str, Any] = {
    "name": "small",
    "base": {"data": {"labels_per_class": 20}},
    "regimes": {"a": {"seeds": 2}, "b": {"seeds": [3, 7], "config": {"gamma": 0}}},
    "factors": {
        name: {"neutral": {"cal": {section: {"enabled": False}}}}
        for name, section in (("metric", "contribution"), ("bottleneck", "bottleneck"))
    },
    "cells": {"metric+bottleneck": "cal"},
    "arms": {"joint": {"config": {"method": "joint"}}},
    "contrasts": [{"arm": "cal", "reference": "joint"}],
}


def planned(folder: Path, *, seeds: int | None = None, **changes: Any) -> Plan:
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(STUDY | changes, sort_keys=False), encoding="utf-8")
    return make_plan(read_study(str(path)), seeds=seeds)


def test_the_default_study_shares_equal_computations() -> None:
    """15 arms; metric alone and none are joint training, with unimodal losses at gamma 1 (hw20) and
    without at gamma 0 (the other two): 13 computations, for 10, 12 and 12 seeds.
    """
    plan = make_plan(read_study("default"))
    assert len(plan.arms) == 15
    same = plan.arm_hashes("hw20", "none")
    assert plan.arm_hashes("hw20", "metric") == same
    assert plan.arm_hashes("hw20", "joint+unimodal") == same
    assert plan.arm_hashes("hw20", "joint") != same
    assert plan.arm_hashes("junk", "joint") == plan.arm_hashes("junk", "none")
    assert len(plan.runs) == len({(run.regime, run.hash) for run in plan.runs}) == 442


def test_cells_are_the_full_factorial_with_everything_on_first(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    assert [arm.name for arm in plan.arms] == ["cal", "metric", "bottleneck", "none", "joint"]
    assert plan.arms[2].switches == {"metric": False, "bottleneck": True}
    assert plan.arms[4].switches == {}


def test_a_run_knows_all_arms_that_share_it(tmp_path: Path) -> None:
    off = {"cal": {"contribution": {"enabled": False}, "bottleneck": {"enabled": False}}}
    plan = planned(tmp_path, arms=STUDY["arms"] | {"same": {"config": off}})
    assert {run.arms for run in plan.runs if "same" in run.arms} == {("none", "same")}


def test_seeds_are_a_count_or_a_list_and_can_be_capped(tmp_path: Path) -> None:
    assert planned(tmp_path).seeds == {"a": (0, 1), "b": (3, 7)}
    assert planned(tmp_path, seeds=1).seeds == {"a": (0,), "b": (3,)}
    assert planned(tmp_path, seeds=6).seeds["b"] == (3, 7, 0, 1, 2, 4)


def test_regimes_that_are_equal_are_both_run(tmp_path: Path) -> None:
    """Each regime is an experiment of its own, with rows of its own."""
    plan = planned(tmp_path, regimes={"a": {"seeds": 1}, "b": {"seeds": 1}})
    assert plan.arm_hashes("a", "cal") == plan.arm_hashes("b", "cal")
    assert [run.regime for run in plan.runs] == ["a"] * 5 + ["b"] * 5


def test_json_gives_the_plan_back(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    assert from_json(to_json(plan)) == plan


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "an arm that is no configuration": (
        {"arms": {"joint": {"config": {"method": "jiont"}}}},
        r"^method: given 'jiont'; .*\(regime a, arm joint\)$",
    ),
    "a contrast of no arm": (
        {"contrasts": [{"arm": "cal", "reference": "jiont"}]},
        "^contrasts: given 'jiont'; allowed: cal, metric, bottleneck, none, joint$",
    ),
    "an arm named as a cell": ({"arms": {"none": {}}}, "^arms: given none; each name once$"),
    "no arm": ({"factors": {}, "cells": {}, "arms": {}}, "^arms: given none; each name once$"),
    "a cell of other factors": (
        {"cells": {"metric+aib": "x"}},
        r"^cells: given 'metric\+aib'; allowed: factors joined by \+$",
    ),
    "a seed twice": (
        {"regimes": {"a": {"seeds": [1, 1]}}},
        r"^regimes: given seeds \[1, 1\]; allowed: each seed once$",
    ),
    "no seed": ({"regimes": {"a": {"seeds": []}}}, r"^regimes\.a\.seeds"),
    "no regime": ({"regimes": {}}, "^regimes: "),
    "an unknown field": ({"regims": {}}, "^regims: unknown field; did you mean regimes"),
    "a name MLflow refuses": ({"name": "a/b?"}, "^name: given 'a/b\\?'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_study_is_named(fault: str, tmp_path: Path) -> None:
    changes, line = FAULTS[fault]
    with pytest.raises(ConfigError, match=line):
        planned(tmp_path, **changes)


def test_an_unknown_study_names_what_there_is() -> None:
    with pytest.raises(ConfigError, match="--config: given defalt; allowed: a YAML file, or bas"):
        read_study("defalt")


def test_a_study_has_one_noise_protocol() -> None:
    """Here on two configurations: none of the embedded data can be had under qmf-2023."""
    standard, quiet = (parse({"evaluate": {"noise": noise}}) for noise in ("standard", "none"))
    released = standard.model_copy(
        update={"evaluate": standard.evaluate.model_copy(update={"noise": "qmf-2023"})}
    )
    _one_protocol([standard, quiet])
    _one_protocol([released, quiet])
    with pytest.raises(ConfigError, match=r"^evaluate.noise: given qmf-2023 and standard in one "):
        _one_protocol([standard, released])
