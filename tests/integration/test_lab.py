"""The lab: real services come up, are killed one by one, come back and leave no process."""

import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from pyarrow.fs import FileSystem

from cal.cli import StoppedError
from cluster import calls
from cluster.lab.mlflow_server import mlflow_server
from cluster.lab.processes import (
    HOST,
    Service,
    answers,
    command,
    environment,
    free_ports,
    parents,
    scratch,
    within,
)
from cluster.lab.ray_nodes import RAY, head, living, node
from cluster.lab.s3_server import bucket, s3_server

# A program with a child of a session of its own, as drivers of Ray's jobs are.
FAMILY = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                         start_new_session=True)
pathlib.Path("child").write_text(str(child.pid))
time.sleep(600)
"""

# A program whose first thread ends before another that listens: to the system it is a zombie.
HEADLESS = """
import ctypes, pathlib, socket, threading, time
server = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=time.sleep, args=(600,)).start()
pathlib.Path("port").write_text(str(server.getsockname()[1]))
ctypes.CDLL(None).pthread_exit(None)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch() as it:
        yield it


def program(folder: Path, code: str, *, ready: Callable[[Service], bool]) -> Service:
    words = [sys.executable, "-c", code]
    return Service("program", words, environment(folder), folder, "nowhere", ready, seconds=20)


def has_child(service: Service) -> bool:
    file = service.folder / "child"
    return file.exists() and bool(file.read_text())


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_service_dies_with_a_child_that_left_its_session(folder: Path) -> None:
    with program(folder, FAMILY, ready=has_child) as service:
        child = int((folder / "child").read_text())
        assert os.getsid(child) != service.pid
        assert service.members() == {service.pid, child}
        service.kill()
        assert child not in parents()
        assert not service.alive
        assert service.members() == set()


def test_an_orphan_is_still_found(folder: Path) -> None:
    with program(folder, FAMILY, ready=has_child) as service:
        child = int((folder / "child").read_text())
        os.kill(service.pid, signal.SIGKILL)
        assert within(5, lambda: not service.alive)
        assert service.members() == {child}
    assert child not in parents()


def test_a_zombie_with_a_living_thread_is_a_member_until_its_port_is_free(folder: Path) -> None:
    def headless(service: Service) -> bool:
        return (folder / "port").exists() and state(service.pid) == "Z"

    with program(folder, HEADLESS, ready=headless) as service:
        port = int((folder / "port").read_text())
        assert answers(port)
        assert service.members() == {service.pid}
        service.kill()
        assert not answers(port)
    assert service.members() == set()


def test_all_of_a_service_is_stopped_and_continued(folder: Path) -> None:
    with program(folder, FAMILY, ready=has_child) as service:
        child = int((folder / "child").read_text())
        service.pause()
        assert within(5, lambda: state(child) == state(service.pid) == "T")
        service.resume()
        assert within(5, lambda: state(child) == state(service.pid) == "S")


def test_a_service_that_fails_tells_the_end_of_its_log(folder: Path) -> None:
    service = program(folder, "raise SystemExit('no disk')", ready=has_child)
    with pytest.raises(StoppedError, match=r"(?s)program at nowhere: ended at once.*no disk"):
        service.start()
    assert service.members() == set()


def test_a_service_that_stays_silent_is_ended(folder: Path) -> None:
    service = program(folder, FAMILY, ready=lambda _: False)
    service.begin()
    assert within(20, lambda: has_child(service))
    service.seconds = 2
    with pytest.raises(StoppedError, match="no answer in 2 s"):
        service.wait()
    assert int((folder / "child").read_text()) not in parents()


def test_a_service_inherits_no_foreign_settings(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mine")
    monkeypatch.setenv("RAY_ADDRESS", "elsewhere:1")
    found = environment(folder, CAL_HOME="here")
    assert not found.keys() & {"AWS_SECRET_ACCESS_KEY", "RAY_ADDRESS"}
    assert found["CAL_HOME"] == "here"


def test_ports_are_free_and_differ() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    with socket.create_server((HOST, ports[0])):
        assert answers(ports[0])
    assert not answers(ports[0])


def test_nodes_are_killed_one_by_one_and_come_back(folder: Path) -> None:
    with head(folder / "h") as top:
        one = node(top, folder / "a", name="a", cpus=1)
        two = node(top, folder / "b", name="b", cpus=1, resources={"disk": 2}, labels={"zone": "x"})
        with one, two:
            first = living(top)
            assert set(first) == {"head", "a", "b"}
            words = [*RAY, "job", "submit", "--no-wait", "--entrypoint-resources", '{"a": 1}']
            sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
            env = environment(folder) | dict(top.client)
            done = subprocess.run([*words, "--", *sleep], env=env, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            assert within(60, lambda: len(one.find("time.sleep(600)")) > 0)
            driver = one.find("time.sleep(600)")[-1]
            assert one.find("ray::JobSupervisor")
            assert not two.find("time.sleep(600)")
            assert os.getsid(driver) != one.pid  # so a session alone would not end it
            one.kill()
            assert driver not in parents()
            assert top.alive
            assert two.alive
            one.start()
            again = living(top)
            assert set(again) == {"head", "a", "b"}
            assert again["a"] != first["a"]
            assert again["b"] == first["b"]
            two.terminate()
            assert within(120, lambda: not two.members())
    assert top.members() | one.members() | two.members() == set()


def test_the_token_is_in_a_file_of_ours_alone(folder: Path) -> None:
    token = Path(head(folder / "h").client["RAY_AUTH_TOKEN_PATH"])
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert len(token.read_text()) == 64
    assert not any(token.read_text() in word for word in head(folder / "i").words)


def ask(server: Service, path: str, **fields: str) -> Any:
    """A call of MLflow's API as the administrator."""
    url = f"{server.address}/api/2.0/mlflow/{path}"
    return calls.ask(url, headers=calls.account(server.client), given=fields, seconds=30)


def test_mlflow_keeps_its_runs_over_a_kill(folder: Path) -> None:
    with mlflow_server(folder / "m") as server:
        made = ask(server, "experiments/create", name="kept")
        server.kill()
        assert not answers(int(server.address.rpartition(":")[2]))
        server.start()
        with pytest.raises(urllib.error.HTTPError, match="400"):  # it exists already
            ask(server, "experiments/create", name="kept")
        assert made["experiment_id"]
        shown = [command(pid) for pid in server.members()]
        assert not [word for word in shown if server.client["MLFLOW_TRACKING_PASSWORD"] in word]
    assert server.members() == set()


def test_s3_takes_what_clients_of_its_environment_send(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3_server(folder / "s3") as server:
        uri = bucket(server, "lab")
        for name, value in server.client.items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3")
        client.put_object(Bucket="lab", Key="a/b", Body=b"content")
        assert client.get_object(Bucket="lab", Key="a/b")["Body"].read() == b"content"
        system, path = FileSystem.from_uri(f"{uri}/a/b")  # as checkpoints and data are read
        assert system.open_input_stream(path).read() == b"content"
    assert server.members() == set()
