"""The SLURM recipe with stand-ins for SLURM and Ray: what is started, with which secrets, and how
it ends. With the real `ray symmetric-run`: tests/services/test_slurm_run.py."""

import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "cluster" / "cloud" / "slurm.sbatch"
STANDINS = {
    "scontrol": "printf 'node1\\nnode2\\n'",
    "hostname": "echo 10.0.0.1 fe80::1",
    # Options first, then the command, as SLURM's own.
    "srun": 'while [[ $1 == --* ]]; do shift; done; exec "$@"',
    "ray": 'echo "$@" >"$LAB/called"; env >"$LAB/environment"; $BEHAVE',
}


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A shared folder, and programs that stand in for SLURM's."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    for name, text in STANDINS.items():
        folder = tmp_path / ("venv/bin" if name == "ray" else "bin")
        (folder / name).write_text(f"#!/bin/bash\n{text}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    python = tmp_path / "venv" / "bin" / "python"
    python.write_text('#!/bin/bash\nexec python3 "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    return tmp_path


def environment(lab: Path, behave: str) -> dict[str, str]:
    return {
        **{"PATH": f"{lab}/bin:{os.environ['PATH']}", "LAB": str(lab), "BEHAVE": behave},
        **{"SLURM_JOB_NODELIST": "node[1-2]", "SLURM_JOB_NUM_NODES": "2"},
        "SLURM_CPUS_PER_TASK": "8",
    }


def submit(lab: Path, *words: str, behave: str = "true") -> subprocess.CompletedProcess[str]:
    command = ["bash", str(SCRIPT), *words]
    return subprocess.run(command, env=environment(lab, behave), capture_output=True, text=True)


def test_the_study_is_run_on_all_nodes(lab: Path) -> None:
    done = submit(lab, "--seeds", "3")
    assert done.returncode == 0, done.stderr
    called = (lab / "called").read_text(encoding="utf-8")
    start, _, entry = called.partition(" -- ")
    assert start == "symmetric-run --address 10.0.0.1:6379 --min-nodes 2 --num-cpus=8"
    assert entry == f"{lab}/venv/bin/python -m ablations.full --seeds 3\n"


def test_the_token_is_made_once_for_its_owner_alone_and_named_by_file(lab: Path) -> None:
    submit(lab)
    token = lab / "ray-token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    first = token.read_text(encoding="utf-8")
    assert len(first) == 64
    submit(lab)
    assert token.read_text(encoding="utf-8") == first
    given = (lab / "environment").read_text(encoding="utf-8").splitlines()
    assert {"RAY_AUTH_MODE=token", f"RAY_AUTH_TOKEN_PATH={token}", f"CAL_HOME={lab}"} <= {*given}
    assert not [line for line in given if first in line]
    assert first not in (lab / "called").read_text(encoding="utf-8")


def test_a_token_that_others_can_read_is_refused(lab: Path) -> None:
    (lab / "ray-token").write_text("x", encoding="utf-8")
    (lab / "ray-token").chmod(0o644)
    done = submit(lab)
    assert done.returncode == 2
    assert "others can read it; chmod 600" in done.stderr
    assert not (lab / "called").exists()


@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_studys_exit_code_is_the_jobs(lab: Path, code: int) -> None:
    assert submit(lab, behave=f"exit {code}").returncode == code


def test_slurms_notice_reaches_the_study(lab: Path) -> None:
    """SIGTERM to the script, as by --signal=B:TERM@60; the study ends by itself with 130."""
    behave = f"exec python3 {lab}/study.py"
    (lab / "study.py").write_text(
        "import pathlib, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))\n"
        f"pathlib.Path({str(lab / 'ready')!r}).touch()\n"
        "time.sleep(60)\n",
        encoding="utf-8",
    )
    with subprocess.Popen(["bash", str(SCRIPT)], env=environment(lab, behave)) as process:
        while not (lab / "ready").exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=50)
    assert process.returncode != 0


def test_without_a_shared_folder_it_says_so(lab: Path) -> None:
    given = environment(lab, "true")
    del given["LAB"]
    done = subprocess.run(["bash", str(SCRIPT)], env=given, capture_output=True, text=True)
    assert done.returncode != 0
    assert "a folder that every node mounts" in done.stderr
