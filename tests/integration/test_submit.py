"""``python -m cluster.submit`` against a real head: true exit codes, lost connections, Ctrl-C."""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cluster.lab.processes import HOST, Service, environment, scratch
from cluster.lab.ray_nodes import ask, head
from tests.integration.studies import ROOT

COUNT = """
import sys, time
print("ledger http://mlflow.example:5000", flush=True)
for number in range(int(sys.argv[1])):
    print("line", number, flush=True)
    time.sleep(0.25)
"""


@pytest.fixture(scope="module")
def top() -> Iterator[Service]:
    with scratch() as folder, head(folder / "h", cpus=1) as service:
        (folder / "h" / "code").mkdir()
        (folder / "h" / "code" / "count.py").write_text(COUNT)
        yield service


def command(top: Service, *words: str, address: str = "") -> "subprocess.Popen[str]":
    given = [sys.executable, "-m", "cluster.submit", "--address", address or top.address]
    given += [] if words[0].startswith(("--follow", "--stop")) else ["--working-dir"]
    given += [] if words[0].startswith(("--follow", "--stop")) else [str(top.folder / "code")]
    return subprocess.Popen(
        [*given, *words],
        cwd=ROOT,
        env=environment(top.folder) | dict(top.client),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


class Relay:
    """A door to the head's job server that can be shut, with all who are in it."""

    def __init__(self, address: str) -> None:
        target = urlsplit(address)
        self.target = (target.hostname or HOST, target.port or 0)
        self.server = socket.create_server((HOST, 0))
        self.address = f"http://{HOST}:{self.server.getsockname()[1]}"
        self.open = True
        self.inside: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            if not self.open:
                client.close()
                continue
            behind = socket.create_connection(self.target)
            self.inside += [client, behind]
            threading.Thread(target=self._pass, args=(client, behind), daemon=True).start()

    def _pass(self, client: socket.socket, behind: socket.socket) -> None:
        other = {client: behind, behind: client}
        try:
            while True:
                for one in select.select(list(other), [], [])[0]:
                    data = one.recv(65536)
                    if not data:
                        return
                    other[one].sendall(data)
        except (OSError, ValueError):
            return
        finally:
            client.close()
            behind.close()

    def shut(self) -> None:
        self.open = False
        for one in self.inside:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


def test_the_exit_code_is_the_entrypoints_own(top: Service) -> None:
    code, out, err = ended(command(top, "--", "python", "-c", "print('so'); raise SystemExit(3)"))
    assert code == 3, out + err
    assert "so\n" in out
    assert "failed, exit code 3" in err


def test_every_line_comes_once_over_a_lost_connection(top: Service) -> None:
    relay = Relay(top.address)
    process = command(top, "--", "python", "count.py", "80", address=relay.address)
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if line == "line 5\n":
            break
    relay.shut()
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if "connection lost" in line:
            break
    relay.open = True
    seen += process.stdout.readlines()  # communicate() would miss what was read ahead
    said += process.stderr.readlines()
    relay.server.close()
    assert ended(process)[0] == 0, said
    lines = [line for line in seen if line.startswith("line ")]
    assert lines == [f"line {number}\n" for number in range(80)]
    assert "connected again\n" in said
    assert "MLflow: http://mlflow.example:5000\n" in said


def test_ctrl_c_leaves_the_job_which_is_followed_and_stopped(top: Service) -> None:
    process = command(top, "--", "python", "count.py", "4000")
    assert process.stdout is not None
    for line in process.stdout:
        if line == "line 3\n":
            break
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process)
    assert code == 130, err
    job = next(word for word in err.split() if word.startswith("raysubmit_")).rstrip(":")
    assert f"--follow={job}" in err
    assert f"--stop={job}" in err
    assert ask(top, f"/api/jobs/{job}")["status"] == "RUNNING"
    follower = command(top, "--follow", job)
    assert follower.stdout is not None
    for line in follower.stdout:
        if line == "line 0\n":  # from the beginning
            break
    code, out, err = ended(command(top, "--stop", job))
    assert (code, out) == (0, f"job {job}: stopping\n"), err
    code, _, err = ended(follower)
    assert code == 130
    assert "stopped, exit code 130" in err


def test_no_wait_prints_the_name_alone(top: Service) -> None:
    code, out, err = ended(command(top, "--no-wait", "--env", "CAL_HOME=here", "--", "env"))
    assert code == 0, err
    code, out, _ = ended(command(top, "--follow", out.strip()))
    assert code == 0
    assert "CAL_HOME=here\n" in out


def test_an_unknown_job_is_one_line(top: Service) -> None:
    code, _, err = ended(command(top, "--follow", "raysubmit_nothing"))
    assert code == 1
    assert err.startswith("job raysubmit_nothing: the head does not know it")
    assert err.count("\n") == 1


def test_no_and_a_wrong_token_are_one_line(top: Service, tmp_path: Path) -> None:
    base = environment(tmp_path)
    given = [sys.executable, "-m", "cluster.submit", "--address", top.address, "--", "true"]
    for more, word in ({}, "asks for a token"), ({"RAY_AUTH_TOKEN": "0" * 64}, "refuses"):
        done = subprocess.run(given, cwd=ROOT, env=base | more, capture_output=True, text=True)
        assert done.returncode == 2
        assert done.stderr.startswith("RAY_AUTH_TOKEN_PATH: given ")
        assert word in done.stderr
        assert done.stderr.count("\n") == 1
    assert not list(tmp_path.rglob("auth_token")), os.listdir(tmp_path)
