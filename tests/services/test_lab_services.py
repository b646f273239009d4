"""PostgreSQL, Redis and a head that keeps its state in Redis: what needs Debian's packages."""

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from cal.config import ConfigError
from cluster.lab import databases
from cluster.lab.databases import missing, postgres, redis
from cluster.lab.processes import Service, environment, scratch, within
from cluster.lab.ray_nodes import RAY, head, living, node
from cluster.lab.whole import lab


@pytest.fixture
def folder() -> Iterator[Path]:
    """Reachable by the user that a root's PostgreSQL runs as."""
    with scratch() as it:
        it.chmod(0o755)
        yield it


def test_the_packages_are_here() -> None:
    """Fails with their names where they are missing: apt-get install them."""
    assert missing() == []


def query(server: Service, name: str, sql: str, *, user: str = "cal") -> list[tuple[object, ...]]:
    uri = server.client[f"{name.upper()}_URI"].replace("+psycopg2", "")
    connection = psycopg2.connect(uri.replace("//cal:", f"//{user}:"))
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.commit()
        connection.close()


def test_postgres_keeps_what_was_committed_over_a_kill(folder: Path) -> None:
    with postgres(folder / "pg", databases=("mlflow", "accounts")) as server:
        query(server, "mlflow", "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
        assert len(server.members()) > 1  # its helpers, which have sessions of their own
        server.kill()
        assert server.members() == set()
        server.start()
        assert query(server, "mlflow", "SELECT n FROM kept") == [(7,)]
        assert query(server, "accounts", "SELECT 1") == [(1,)]
    assert server.members() == set()


def test_postgres_asks_for_the_password(folder: Path) -> None:
    with postgres(folder / "pg") as server:
        uri = server.client["MLFLOW_URI"].replace("+psycopg2", "")
        wrong = uri.replace(uri.split(":")[2].split("@")[0], "wrong")
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(wrong)


def test_redis_asks_for_the_password(folder: Path) -> None:
    with redis(folder / "redis") as server:
        host, _, port = server.address.partition(":")
        with socket.create_connection((host, int(port)), timeout=5) as line:
            line.sendall(b"PING\r\n")
            assert line.recv(64).startswith(b"-NOAUTH")
            line.sendall(f"AUTH {server.client['REDIS_PASSWORD']}\r\nPING\r\n".encode())
            assert line.recv(64).startswith(b"+OK")
    assert server.members() == set()


def test_the_head_of_a_whole_lab_finds_its_nodes_again() -> None:
    said: list[str] = []
    with lab(workers=1, cpus=1, redis=True, say=said.append) as place:
        assert [one.name for one in place.services] == [
            *("head", "worker-1", "mlflow", "s3", "postgres", "redis")
        ]
        assert all(one.alive for one in place.services)
        assert len(said) == 3
        before = living(place.head)["worker-1"]
        place.head.kill()
        assert place.nodes["worker-1"].alive
        place.head.start()
        assert living(place.head)["worker-1"] == before
    assert not [pid for one in place.services for pid in one.members()]


DRIVER = """
import pathlib, ray, sys, time
ray.init(log_to_driver=False)
file = pathlib.Path(sys.argv[1])
file.with_suffix(".node").write_text(ray.get_runtime_context().get_node_id())
while not file.exists():
    time.sleep(0.2)
ray.get(ray.remote(num_cpus=0.5)(lambda: 1).remote())
file.with_suffix(".done").touch()
"""


def test_a_driver_on_a_worker_outlives_the_head(folder: Path) -> None:
    """It has joined its own node: on one machine Ray by itself would join it to the head's."""
    with (
        redis(folder / "redis") as store,
        head(folder / "h", redis=store) as top,
        node(top, folder / "a", name="a", cpus=1),
    ):
        (folder / "driver.py").write_text(DRIVER)
        words = [*RAY, "job", "submit", "--no-wait", "--entrypoint-num-cpus=0.5", "--", "python"]
        words += [str(folder / "driver.py"), str(folder / "go")]
        env = environment(folder) | dict(top.client)
        done = subprocess.run(words, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert within(60, (folder / "go.node").exists)
        time.sleep(1)
        assert (folder / "go.node").read_text() == living(top)["a"]
        top.kill()
        top.start()
        (folder / "go").touch()
        assert within(90, (folder / "go.done").exists)


@pytest.mark.parametrize(
    ("make", "package"), [(postgres, "postgresql"), (redis, "redis-server")], ids=["pg", "redis"]
)
def test_a_missing_package_is_one_line(
    make: object, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(databases, "DEBIAN", tmp_path)
    assert package in missing()
    assert callable(make)
    with pytest.raises(ConfigError, match=rf"^\w+: given none; [^\n]* {package}$"):
        make(tmp_path / "x")
