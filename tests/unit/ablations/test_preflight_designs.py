"""Every design is looked at before it is run: a switch must act somewhere."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ablations import preflight
from ablations.plan import make_plan
from ablations.study import read_study

FACTORS = {
    name: {"neutral": {"cal": {section: {"enabled": False}}}}
    for name, section in (
        ("metric", "contribution"),
        ("acceleration", "acceleration"),
        ("bottleneck", "bottleneck"),
    )
}
NEEDS = {"metric": FACTORS["metric"] | {"needs": ["bottleneck"]}}


def looked(folder: Path, **changes: Any) -> list[str]:
    study: dict[str, Any] = {
        "name": "small",
        "base": {
            "data": {"labels_per_class": 20},
            "train": {"epochs": 4},
            "cal": {"contribution": {"interval": 1, "start": 0}, "bottleneck": {"warmup": 0}},
        },
        "regimes": {"a": {"seeds": 1}},
        "factors": FACTORS,
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study | changes, sort_keys=False), encoding="utf-8")
    return preflight.look(make_plan(read_study(str(path))), "a")


@pytest.mark.parametrize(
    "changes",
    [
        {"design": {"kind": "leave-one-out"}},
        {"design": {"kind": "fractional", "resolution": 3}},
        {"design": {"kind": "add-one-in"}, "factors": FACTORS | NEEDS},
        {"factors": FACTORS | NEEDS},
        {"constraints": [{"metric": True, "acceleration": False}]},
    ],
)
def test_live_switches_pass_in_every_design(changes: dict[str, Any], tmp_path: Path) -> None:
    assert looked(tmp_path, **changes) == []


@pytest.mark.parametrize("kind", ["leave-one-out", "fractional"])
def test_a_dead_switch_is_found_in_every_design(kind: str, tmp_path: Path) -> None:
    """How often it validates changes no parameter."""
    dead = FACTORS | {"dead": {"neutral": {"train": {"validate_every": 1}}}}
    design = {"kind": kind} | ({"resolution": 4} if kind == "fractional" else {})
    (line,) = looked(tmp_path, design=design, factors=dead)
    assert line.startswith("dead: dead switch in regime a")


def test_the_metric_alone_has_nothing_to_act_on(tmp_path: Path) -> None:
    (line,) = looked(tmp_path, design={"kind": "add-one-in"})
    assert line == "metric: the switch changes no effective configuration (regime a)"
