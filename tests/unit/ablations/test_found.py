"""A study around a configuration that a search found."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ablations.plan import make_plan
from ablations.study import read_study
from cal.config import Config, ConfigError, merge, parse
from cal.effective import effective

BEST = parse({"data": {"labels_per_class": 20}, "cal": {"acceleration": {"alpha": 2.5}}})


def written(tmp_path: Path, **changes: Any) -> str:
    config = parse(merge(BEST.model_dump(mode="json"), changes))
    path = tmp_path / "best.yaml"
    path.write_text(yaml.safe_dump(config.model_dump(mode="json")), encoding="utf-8")
    return str(path)


def test_it_asks_what_the_default_study_asks_of_that_configuration(tmp_path: Path) -> None:
    study, default = read_study(written(tmp_path, seed=7)), read_study("default")
    assert study.name == "best"
    assert list(study.regimes) == ["best"]
    assert (study.factors, study.arms) == (default.factors, default.arms)
    assert study.contrasts == default.contrasts
    plan = make_plan(study, seeds=2)
    full = next(r.config for r in plan.runs if "cal" in r.arms and r.seed == 0)
    assert full.cal is not None
    assert full.cal.acceleration.alpha == 2.5


def test_of_a_mechanism_that_is_off_nothing_is_asked(tmp_path: Path) -> None:
    """Without a bottleneck: cal is metric + acceleration; no arm reverses what is not there."""
    off = {"cal": {"bottleneck": {"enabled": False}}}
    study = read_study(written(tmp_path, **off))
    assert list(study.factors) == ["metric", "acceleration"]
    assert study.cells == {"metric+acceleration": "cal", "acceleration": "symmetric"}
    assert ("cal", "symmetric") in [(c.arm, c.reference) for c in study.contrasts]
    assert not [c for c in study.contrasts if c.arm == "metric+bottleneck"]
    assert make_plan(study, seeds=1).runs


def test_an_effective_configuration_lacks_what_other_arms_need(tmp_path: Path) -> None:
    """As best.yaml has it: no section of OGM-GE, which is one of the arms."""
    path = tmp_path / "best.yaml"
    tree = effective(BEST).model_dump(mode="json")
    assert tree["ogm_ge"] is None
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    study = read_study(str(path))
    assert "ogm_ge" in study.arms
    assert make_plan(study, seeds=1).runs


def test_a_search_run_becomes_a_reported_one(tmp_path: Path) -> None:
    scored = {"evaluate": {"part": "select", "noise": "none"}}
    plan = make_plan(read_study(written(tmp_path, **scored)), seeds=1)
    assert {run.config.evaluate.part for run in plan.runs} == {"report"}


def test_where_nothing_acts_there_is_nothing_to_ablate(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no mechanism of CAL acts"):
        read_study(written(tmp_path, method="joint", gamma=1))


def test_a_study_stays_a_study(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    tree = {"name": "s", "regimes": {"r": {}}, "base": Config().model_dump(mode="json")}
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    assert read_study(str(path)).name == "s"
