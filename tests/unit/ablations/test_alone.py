"""Which modality is best alone: chosen on the select part, told as an arm of a study."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ablations import alone
from ablations.alone import best, configs, lines, score
from ablations.plan import from_json, make_plan, to_json
from ablations.study import Study, read_study
from cal.config import ConfigError, parse_as

STUDY: dict[str, Any] = {
    "name": "small",
    "base": {"data": {"labels_per_class": 20}, "train": {"epochs": 2}},
    "regimes": {
        "views": {"seeds": 2},
        "sound": {"seeds": 2, "config": {"data": {"name": "keypad"}, "model": {"encoder": "cnn"}}},
    },
    "arms": {"cal": {}},
}


def test_candidates_never_see_the_report_part() -> None:
    study = parse_as(Study, STUDY)
    found = configs(study, "sound", overrides={"optim": {"lr": 0.1}}, seeds=2)
    assert list(found) == ["audio", "image"]
    for name, runs in found.items():
        assert [run.seed for run in runs] == [1000, 1001]
        for run in runs:
            assert (run.method, run.modalities, run.optim.lr) == ("joint", (name,), 0.1)
            assert (run.evaluate.part, run.evaluate.noise) == ("select", "none")


def test_the_score_is_the_mean_over_seeds_on_the_select_part() -> None:
    """Two runs of one pack; of 400 samples each, so a share of 800."""
    study = parse_as(Study, STUDY)
    runs = configs(study, "views", overrides={}, seeds=2)["pix"]
    both = score(runs)
    assert both == pytest.approx((score(runs[:1]) + score(runs[1:])) / 2)
    assert both * 800 == pytest.approx(round(both * 800))
    assert both > 0.2


def test_a_candidate_that_diverges_is_told() -> None:
    wild = {"optim": {"lr": 1e30, "clip": None, "schedule": "constant"}}
    runs = configs(parse_as(Study, STUDY), "views", overrides=wild, seeds=1)["pix"]
    with pytest.raises(FloatingPointError, match="train/loss is nan at epoch"):
        score(runs)


def test_the_first_of_equal_ones_is_best() -> None:
    assert best({"fac": 0.5, "fou": 0.7, "kar": 0.7}) == "fou"


def test_what_is_printed_is_an_arm_of_a_study() -> None:
    told = list(lines({"views": {"fac": 0.8, "pix": 0.9}, "sound": {"audio": 0.7, "image": 0.2}}))
    assert told[0] == "views: pix (fac 80.0, pix 90.0 % on the select part)"
    arm = yaml.safe_load("\n".join(told[2:]))
    plan = make_plan(parse_as(Study, STUDY | {"arms": arm}))
    seen = {run.regime: run.config.modalities for run in plan.runs}
    assert seen == {"views": ("pix",), "sound": ("audio",)}
    assert from_json(to_json(plan)) == plan


def test_the_command_looks_at_every_regime(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(STUDY), encoding="utf-8")
    monkeypatch.setattr(alone, "score", lambda runs: 0.5 + 0.1 * ("image" in runs[0].modalities))
    assert alone.main(["--config", str(path), "--seeds", "1"]) == 0
    out = capsys.readouterr().out
    assert "sound: image (audio 50.0, image 60.0 % on the select part)" in out
    assert "      views: {data: {modalities: [fac]}}" in out


def test_the_baselines_have_the_arm_that_was_chosen() -> None:
    """`python -m ablations.alone --config baselines`, 2026-11-27."""
    arm = read_study("baselines").arms["unimodal"]
    chosen = {name: tree["data"]["modalities"] for name, tree in arm.regimes.items()}
    assert chosen == {"hw20": ["pix"], "junk": ["zer"], "av-junk": ["audio"]}


def test_an_arm_of_a_regime_that_there_is_not_is_refused() -> None:
    arms = {"alone": {"regimes": {"view": {"data": {"modalities": ["pix"]}}}}}
    line = "^arms.alone.regimes: given 'view'; allowed: views, sound; did you mean views"
    with pytest.raises(ConfigError, match=line):
        parse_as(Study, STUDY | {"arms": arms})
