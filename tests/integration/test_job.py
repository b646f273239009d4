"""``ray job submit`` against a real head with token authentication, driven as a user drives it."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster.lab import ray_nodes
from cluster.lab.processes import environment, scratch
from tests.integration.studies import PATIENCE_S, ROOT
from tests.own import MODULE


@dataclass(frozen=True)
class Head:
    """A running head: its environment, and the address of its job server."""

    env: dict[str, str]
    address: str
    home: Path

    def job(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``ray job ...`` from the checkout."""
        return subprocess.run(
            [*ray_nodes.RAY, "job", *words[:1], "--address", self.address, *words[1:]],
            env=self.env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    """A head that has the package, as if it were installed there, and no CAL_HOME."""
    code = {"PYTHONPATH": str(ROOT)}
    with scratch() as folder, ray_nodes.head(folder / "h", cpus=2, env=code) as service:
        env = environment(service.folder, **code) | dict(service.client)
        yield Head(env, service.address, service.folder)


def test_a_client_without_the_token_is_refused(head: Head) -> None:
    wrong = Head({**head.env, "RAY_AUTH_TOKEN": "0" * 32}, head.address, head.home)
    done = wrong.job("list")
    assert done.returncode == 1
    assert "Invalid authentication token" in done.stdout + done.stderr


def test_a_submitted_study_leaves_its_report_outside_the_vanishing_folder(head: Head) -> None:
    study = ("--seeds", "1", "--out", "report", "train.epochs=2")
    study += ("train.validate_every=1", "cal.contribution.interval=1")
    words = ("--working-dir", ".", "--", "python", "-m", "ablations.full", *study)
    done = head.job("submit", *words)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    report = head.home / "cal-lab" / "report"
    assert f"report goes to {report}" in done.stdout
    summary = json.loads((report / "summary.json").read_text())
    assert set(summary["regimes"]) == {"hw20", "junk", "av-junk"}
    assert (head.home / "cal-lab" / "mlflow.db").exists()


def test_own_data_come_with_their_folder(head: Head, tmp_path: Path) -> None:
    """``--working-dir`` of a folder that holds the study and the module it names."""
    (tmp_path / "ward.py").write_text(MODULE, encoding="utf-8")
    tree = {
        "name": "ward",
        "base": {
            "data": {"name": "ward:Encoded", "probe": 24, "select": 24},
            "model": {"encoder": "own"},
            "train": {"epochs": 2, "batch": 24},
        },
        "regimes": {"ward": {"seeds": 1}},
        "arms": {"joint": {"config": {"method": "joint"}}},
    }
    (tmp_path / "ward.yaml").write_text(json.dumps(tree), encoding="utf-8")  # JSON is YAML
    study = ("python", "-m", "ablations.full", "--config", "ward.yaml", "--out", "ward")
    done = head.job("submit", "--working-dir", str(tmp_path), "--", *study)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    summary = json.loads((head.home / "cal-lab" / "ward" / "summary.json").read_text())
    assert summary["failed"] == []


def test_the_bare_command_runs_and_stops(head: Head) -> None:
    """Exactly ``ray job submit -- python -m ablations.full``; the address is in the environment."""
    # Unbuffered: Ray's client prints the log without flushing, and here it prints into a pipe.
    env = head.env | {"RAY_API_SERVER_ADDRESS": head.address, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*ray_nodes.RAY, "job", "submit", "--", "python", "-m", "ablations.full"],
        env=env,
        cwd=head.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seen, job = "", ""
    assert process.stdout is not None
    for line in process.stdout:
        seen += line
        if "raysubmit_" in line and not job:
            job = next(w for w in line.replace("'", " ").split() if w.startswith("raysubmit_"))
        if "preflight: " in line or "of 442 runs" in line:
            break
    process.kill()
    process.wait()
    process.stdout.close()
    assert f"ledger sqlite:///{head.home / 'cal-lab' / 'mlflow.db'}" in seen, seen[-3000:]
    assert "442 distinct runs" in seen
    assert "backend packed (auto: small networks train many at once)" in seen, seen[-3000:]
    assert head.job("stop", job).returncode == 0
    assert "was stopped" in head.job("status", job).stdout
