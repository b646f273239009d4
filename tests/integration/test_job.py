"""``ray job submit`` against a real head with token authentication, driven as a user drives it."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.studies import ROOT, environment
from tests.own import MODULE

RAY = [sys.executable, "-m", "ray.scripts.scripts"]


@dataclass(frozen=True)
class Head:
    """A running head: its environment, and the address of its job server."""

    env: dict[str, str]
    address: str
    home: Path

    def job(self, *words: str, seconds: float = 240) -> subprocess.CompletedProcess[str]:
        """``ray job ...`` from the checkout."""
        return subprocess.run(
            [*RAY, "job", *words[:1], "--address", self.address, *words[1:]],
            env=self.env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=seconds,
        )


def free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    """A head of our own process group, which alone is killed at the end."""
    home = tmp_path_factory.mktemp("head")
    port, dashboard, agent = free_ports(3)
    env = environment(home)
    del env["CAL_HOME"]  # the bare command must find its own place
    env |= {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(16),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    words = ["start", "--head", "--block", "--num-cpus=2", f"--port={port}"]
    words += ["--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}"]
    words += [f"--dashboard-agent-listen-port={agent}", "--disable-usage-stats"]
    log = (home / "head.log").open("w")
    process = subprocess.Popen(
        [*RAY, *words], env=env, cwd=home, stdout=log, stderr=log, start_new_session=True
    )
    try:
        found = Head(env, f"http://127.0.0.1:{dashboard}", home)
        for _ in range(60):
            if found.job("list").returncode == 0:
                break
            time.sleep(1)
        else:
            raise AssertionError((home / "head.log").read_text()[-2000:])
        yield found
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()


def test_a_client_without_the_token_is_refused(head: Head) -> None:
    wrong = Head({**head.env, "RAY_AUTH_TOKEN": "0" * 32}, head.address, head.home)
    done = wrong.job("list")
    assert done.returncode == 1
    assert "Invalid authentication token" in done.stdout + done.stderr


def test_a_submitted_study_leaves_its_report_outside_the_vanishing_folder(head: Head) -> None:
    study = ("--seeds", "1", "--out", "report", "train.epochs=2")
    study += ("train.validate_every=1", "cal.contribution.interval=1")
    words = ("--working-dir", ".", "--", "python", "-m", "ablations.full", *study)
    done = head.job("submit", *words, seconds=400)
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
    env = head.env | {"RAY_API_SERVER_ADDRESS": head.address}
    process = subprocess.Popen(
        [*RAY, "job", "submit", "--", "python", "-m", "ablations.full"],
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
