"""Autoscaler v2 brings workers up under load and takes all away when idle: real Ray processes, with
Ray's fake provider instead of a cloud. ``ray.cluster_utils.AutoscalingCluster`` would end every Ray
on the machine (``ray stop --force``); here the head is started and ended by itself.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ray.cluster_utils import FAKE_HEAD_NODE_ID

from cluster.lab.processes import free_ports

PROVIDER = "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider"
STORE = 10**8  # bytes of shared memory a node
LISTS = ("initialization", "setup", "head_setup", "worker_setup", "head_start_ray")
ROOT = Path(__file__).resolve().parents[2]


def configuration(port: int) -> dict[str, Any]:
    """A head without CPUs, and at most two workers of one CPU. The provider is "external" because
    the wheel lacks a file that v2 reads for the built-in name.
    """
    worker = {"resources": {"CPU": 1, "object_store_memory": STORE}, "node_config": {}}
    head = {"resources": {"CPU": 0, "object_store_memory": STORE}, "node_config": {}}
    return {
        "cluster_name": "fake",
        "provider": {
            "type": "external",
            "module": PROVIDER,
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
            "gcs_address": f"127.0.0.1:{port}",
            "launch_multiple": True,
            "head_node_id": FAKE_HEAD_NODE_ID,
        },
        **{key: {} for key in ("auth", "docker", "file_mounts")},
        **{f"{name}_commands": [] for name in (*LISTS, "worker_start_ray")},
        **{key: [] for key in ("cluster_synced_files", "rsync_exclude", "rsync_filter")},
        "file_mounts_sync_continuously": False,
        "upscaling_speed": 1.0,
        "max_workers": 2,
        "idle_timeout_minutes": 0.1,
        "head_node_type": "ray.head.default",
        "available_node_types": {
            "ray.head.default": {**head, "max_workers": 0},
            "cpu": {**worker, "min_workers": 0, "max_workers": 2},
        },
    }


def of_session(session: int) -> list[int]:
    """Processes that a session began, whatever groups they made: fields 1 and 6 of ``stat``."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[3]) == session:
            found.append(int(place.parent.name))
    return found


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """A home and a folder of their own, with a short name: sockets lie in it; and a token."""
    folder = Path(tempfile.mkdtemp(prefix="as-", dir="/tmp"))
    own = {
        "HOME": str(folder),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "RAY_TMPDIR": str(folder),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "t" * 32,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_NODE_IP_ADDRESS": "127.0.0.1",
        "CAL_HOME": str(folder / "lab"),
    }
    yield own
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def head(environment: dict[str, str]) -> Iterator[str]:
    """The address of a head with its autoscaler; at the end all that it began is ended."""
    (port,) = free_ports(1)
    folder = Path(environment["HOME"])
    (folder / "scaling.json").write_text(json.dumps(configuration(port)))
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
    command += [f"--autoscaling-config={folder}/scaling.json", f"--port={port}", "--num-cpus=0"]
    command += ["--node-ip-address=127.0.0.1", "--include-dashboard=false"]
    command += [f"--object-store-memory={STORE}"]
    scaling = {
        "RAY_enable_autoscaler_v2": "1",
        "RAY_FAKE_CLUSTER": "1",
        "RAY_CLOUD_INSTANCE_ID": FAKE_HEAD_NODE_ID,
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_NODE_ID,
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    }
    with (folder / "head.log").open("w") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment, **scaling},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _listening(process, port, folder / "head.log")
        yield f"127.0.0.1:{port}"
    finally:
        for number in of_session(process.pid):
            os.kill(number, signal.SIGKILL)
        process.wait(30)


def _listening(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    for _ in range(600):
        if "Ray runtime started" in log.read_text():
            return
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def test_workers_come_under_load_and_go_when_idle(head: str, environment: dict[str, str]) -> None:
    folder = Path(environment["HOME"], "checkpoints")
    command = [sys.executable, "-m", "tests.services.autoscaling_driver", head, str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    workers = [number for event, number in events if event == "workers"]
    assert workers[0] == 0, "a cluster without workers"
    assert max(workers) == 2, "as many as it may have"
    assert workers[-1] == 0, "none when idle"
    assert ["epochs", 12] in events
    assert ["nodes used", 2] in events
