"""A user's module in the current folder: the commands find it, and so do Ray's workers."""

import json
from pathlib import Path

import pytest

from tests.integration.studies import run
from tests.own import MODULE

STUDY = """
name: ward
base:
  data: {name: "ward:Encoded", probe: 24, select: 24}
  model: {encoder: own, d_z: 4}
  cal: {contribution: {interval: 1, start: 0}, bottleneck: {warmup: 0.1}}
  train: {epochs: 8, batch: 24, validate_every: 4}
regimes:
  complete: {title: every sample has every modality, seeds: 2, config: {data: {name: "ward:Whole"}}}
  missing: {title: a sixth lacks sweat, seeds: 2}
factors:
  metric: {neutral: {cal: {contribution: {enabled: false}}}}
  bottleneck: {neutral: {cal: {bottleneck: {enabled: false}}}}
cells: {metric+bottleneck: cal}
arms:
  joint: {config: {method: joint, gamma: 0}}
  pulse-alone: {config: {method: joint, gamma: 0, data: {modalities: [pulse]}}}
contrasts:
  - {arm: cal, reference: joint, primary: true}
"""
WHOLE = "\n\nclass Whole(Encoded):\n    def load(self):\n        return Tables.load(self)\n"


@pytest.fixture
def folder(home: Path) -> Path:
    """The current folder of the commands, which is nowhere on Python's path but by being that."""
    (home.parent / "ward.py").write_text(MODULE + WHOLE, encoding="utf-8")
    (home.parent / "ward.yaml").write_text(STUDY, encoding="utf-8")
    return home.parent


def test_a_study_of_own_data_with_own_encoders(folder: Path, home: Path) -> None:
    """Checked, planned, run by warm workers, reported, told again from the ledger."""
    done = run("cal.data", "check", "ward:Encoded", home=home)
    assert done.returncode == 0, done.stdout
    study = ("ablations.full", "--config", "ward.yaml", "--out", "out")
    done = run(*study, home=home)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "backend worker (auto: small networks that go alone)" in done.stderr
    summary = json.loads((folder / "out" / "summary.json").read_text(encoding="utf-8"))
    for regime in ("complete", "missing"):
        found = summary["regimes"][regime]["variants"]
        assert set(found) >= {"cal", "none", "joint", "pulse-alone"}
        assert found["cal"]["clean"]["n"] == 2
        assert found["cal"]["clean"]["mean"] > found["pulse-alone"]["clean"]["mean"]
    again = run(*study, home=home)
    assert again.returncode == 0, again.stderr
    assert "preflight" not in again.stderr
    told = run("ablations.report", "--study", "ward", "--out", "told", home=home)
    assert told.returncode == 0, told.stderr
    assert "sweat" in (folder / "told" / "report.html").read_text(encoding="utf-8")


def test_a_search_on_own_data_and_a_run_of_what_it_found(folder: Path, home: Path) -> None:
    (folder / "base.yaml").write_text(
        'data: {name: "ward:Encoded", probe: 24, select: 24}\nmodel: {encoder: own}\n'
        "train: {epochs: 4, batch: 24}\n",
        encoding="utf-8",
    )
    words = ("--space", "bottleneck", "--config", "base.yaml", "--against", "joint")
    more = ("--trials", "2", "--seeds", "1", "--confirm-seeds", "2", "--out", "found")
    done = run("search_spaces.explore", *words, *more, home=home)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "backend worker (auto: small networks that go alone)" in done.stderr
    done = run("cal.train", "--config", "found/best.yaml", home=home)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "test/robust/accuracy" in done.stdout
