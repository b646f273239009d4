"""A shortened chaos: real processes of a lab are killed under a small study (docs/chaos.md)."""

import json
import subprocess
import sys
from pathlib import Path

from tests.integration.studies import ROOT, environment


def test_what_is_killed_under_a_study_costs_time_alone(tmp_path: Path) -> None:
    """Node and driver, once each; every summary is the undisturbed one. MLflow's server goes away
    at every single call in ``test_tracking_spool``.
    """
    out = tmp_path / "chaos.json"
    words = ["cluster.chaos", "--small", "--faults", "node,driver", "--repetitions", "1"]
    done = subprocess.run(
        [sys.executable, "-m", *words, "--out", str(out)],
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=3000,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    outcomes = {found["fault"]: found for found in json.loads(out.read_text(encoding="utf-8"))}
    assert set(outcomes) == {"node", "driver"}
    for found in outcomes.values():
        assert (found["lost"], found["doubled"], found["same"], found["problem"]) == (
            0,
            0,
            True,
            "",
        )
    assert outcomes["node"]["submissions"] == 1
    assert outcomes["driver"]["submissions"] == 2
