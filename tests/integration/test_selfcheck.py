"""The pipeline finds what was planted, and the check can fail."""

import copy
from pathlib import Path
from typing import Any

import pytest

from ablations.selfcheck import TRUTHS, checked, dead_switches, effect_of


@pytest.fixture(scope="module")
def summary(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("selfcheck")
    (home / "mlflow.db").write_bytes(template.read_bytes())
    return checked(home, home / "out")


@pytest.mark.parametrize("truth", TRUTHS, ids=lambda truth: truth.planted)
def test_the_report_says_what_was_planted(truth: Any, summary: Any) -> None:
    assert truth.found(summary) == truth.expected


def test_dead_switches_are_refused() -> None:
    assert [found for _, _, found in dead_switches()] == [
        "changes no effective configuration",
        "dead switch",
    ]


def test_a_report_that_says_otherwise_is_missed(summary: Any) -> None:
    """Every truth is read from the summary: one in which nothing helps misses those that do."""
    wrong = copy.deepcopy(summary)
    for regime in wrong["regimes"].values():
        for contrast in regime["contrasts"]:
            for condition in ("clean", "robust"):
                contrast[condition] |= {"verdict": "no_interval", "low": 0.9, "high": 1.0}
        for table in regime["factorial"].values():
            for effect in table["interactions"]:
                effect["verdict"] = "no_interval"
    wrong["failed"] = []
    assert not [truth.planted for truth in TRUTHS if truth.seen(wrong)]


def test_effects_are_near_what_was_planted(summary: Any) -> None:
    """10 seeds, own luck .15 points an arm: within .2 points (3 standard errors; fixed seeds)."""
    for regime, condition, planted in (
        ("known-effect", "clean", 0.03),
        ("no-effect", "robust", 0.0),
        ("noise-only", "robust", 0.04),
    ):
        effect = effect_of(summary, regime, "bottleneck - none", condition)
        assert effect["difference"] == pytest.approx(planted, abs=0.002)
