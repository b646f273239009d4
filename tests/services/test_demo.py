"""``make cluster-demo`` as a user gives it: the study survives the loss of a node."""

import subprocess
import sys

import pytest

from cal.config import ConfigError
from cluster import demo
from tests.integration.studies import ROOT


def test_the_study_survives_the_loss_of_a_node_and_nothing_is_left() -> None:
    words = [sys.executable, "-m", "cluster.demo", "--seeds", "2"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "killed worker-" in done.stdout
    assert "job SUCCEEDED, exit code of the study 0" in done.stdout
    assert "runs in the ledger, 0 failed; MLflow http://127.0.0.1:" in done.stdout
    assert "processes left: none" in done.stdout


def test_missing_packages_are_named_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(demo.databases, "missing", lambda: ["postgresql", "redis-server"])
    with pytest.raises(ConfigError, match="^demo: .*apt-get install postgresql redis-server$"):
        demo.main([])
