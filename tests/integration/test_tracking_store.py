"""Stores that cannot be used answer in one line, quickly, and lose nothing."""

import http.server
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from cal.adapters.tracking import LedgerError, open_ledger
from cal.adapters.tracking_ledger import Ledger
from cal.config import ConfigError
from cluster.lab.processes import free_ports


def refusal(uri: str, folder: Path) -> str:
    """The one line, within seconds."""
    started = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        open_ledger(uri, artifacts=str(folder))
    assert time.monotonic() - started < 20
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def store(tmp_path: Path, template: Path) -> Path:
    """A copy of a store with its tables."""
    return Path(shutil.copy(template, tmp_path))


def test_a_relative_path_is_the_same_store_after_a_change_of_folder(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store.parent)
    ledger = open_ledger("sqlite:///mlflow.db", artifacts=str(store.parent))
    assert ledger.uri == f"sqlite:///{store}"


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_text("my thesis\n" * 1000)
    line = refusal(f"sqlite:///{path}", tmp_path)
    assert line.startswith(f"MLFLOW_TRACKING_URI: given {path}; not an MLflow store")
    assert path.read_text().startswith("my thesis")


def test_a_database_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE photos (id INTEGER)")
        database.commit()
    assert "not an MLflow store" in refusal(f"sqlite:///{path}", tmp_path)
    with closing(sqlite3.connect(path)) as database:
        tables = database.execute("SELECT name FROM sqlite_master").fetchall()
    assert tables == [("photos",)]


def test_a_store_of_another_mlflow_version(store: Path) -> None:
    with closing(sqlite3.connect(store)) as database:
        database.execute("UPDATE alembic_version SET version_num = 'abcdef'")
        database.commit()
    assert "of another MLflow version" in refusal(f"sqlite:///{store}", store.parent)


def test_a_locked_store(store: Path) -> None:
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        line = refusal(f"sqlite:///{store}", store.parent)
    assert "locked by another program" in line
    open_ledger(f"sqlite:///{store}", artifacts=str(store.parent))


def test_a_store_broken_in_the_middle_of_the_work(store: Path) -> None:
    ledger = open_ledger(f"sqlite:///{store}", artifacts=str(store.parent))
    with closing(sqlite3.connect(store)) as other:
        other.execute("DROP TABLE experiments")
        other.commit()
    with pytest.raises(LedgerError, match="^ledger sqlite:.*no such table.*goes on where it was$"):
        ledger.begin("s", regimes={})


def test_a_server_that_dies_in_the_middle_of_the_work_is_waited_for_only_seconds(
    tmp_path: Path,
) -> None:
    (port,) = free_ports(1)
    uri = f"http://127.0.0.1:{port}"
    refusal(uri, tmp_path)
    started = time.monotonic()
    with pytest.raises(LedgerError, match=f"^ledger {uri}: .*; give the command again"):
        Ledger(MlflowClient(tracking_uri=uri), uri, location=None).studies()
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "uri",
    ["http://me:s3cret@h:abc", "ftp://me:s3cret@h/db", "postgresql://me:s3cret@127.0.0.1:1/x"],
)
def test_no_line_shows_a_password(uri: str, tmp_path: Path) -> None:
    line = refusal(uri, tmp_path)
    assert "s3cret" not in line
    assert "//me:***@" in line


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = refusal(f"sqlite:///{tmp_path}/file/store/mlflow.db", tmp_path)
    assert line.startswith(f"CAL_HOME: given {tmp_path}/file/store; cannot be written (")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "cannot be written" in refusal(f"sqlite:///{tmp_path}/mlflow.db", tmp_path)
    tmp_path.chmod(0o700)


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    assert "it is a folder" in refusal(f"sqlite:///{tmp_path}", tmp_path)


@pytest.mark.parametrize("uri", ["./mlruns", "ftp://h/x", "sqlite://", "sqlite:///:memory:"])
def test_an_address_of_no_store(uri: str, tmp_path: Path) -> None:
    assert "; allowed: sqlite:///" in refusal(uri, tmp_path)


@pytest.mark.parametrize("scheme", ["http", "postgresql+psycopg2"])
def test_a_server_that_does_not_answer(scheme: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    line = refusal(f"{scheme}://me:secret@127.0.0.1:{port}/db", tmp_path)
    assert f"no answer from 127.0.0.1:{port} (Connection refused)" in line
    assert "secret" not in line


@pytest.fixture
def other_server() -> Iterator[int]:
    """An HTTP server that is no MLflow."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(503, "come back later")

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_server_that_is_no_mlflow(other_server: int, tmp_path: Path) -> None:
    assert "does not answer as MLflow does" in refusal(f"http://127.0.0.1:{other_server}", tmp_path)


def test_killed_while_the_tables_are_made_the_next_command_makes_them(tmp_path: Path) -> None:
    uri, part = f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "mlflow.db.part"
    script = (
        "import sys; from cal.adapters.tracking import open_ledger; "
        "open_ledger(sys.argv[1], artifacts='/nowhere')"
    )
    with subprocess.Popen([sys.executable, "-c", script, uri]) as process:
        while not (part.exists() and part.stat().st_size):
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    assert not (tmp_path / "mlflow.db").exists()
    assert open_ledger(uri, artifacts="/nowhere").studies() == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "mlflow.db",
        "mlflow.db.schema.lock",
    ]


def test_two_processes_may_open_a_fresh_store_at_once(tmp_path: Path) -> None:
    """Without the lock one crashes while the tables are made; that it takes long is said once."""
    script = (
        "import sys; from cal.adapters.tracking import open_ledger; "
        "open_ledger(sys.argv[1], artifacts='/nowhere', progress=print).studies()"
    )
    command = [sys.executable, "-c", script, f"sqlite:///{tmp_path}/new/folder/mlflow.db"]
    drivers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outcomes = [driver.communicate(timeout=240) for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0, 0], outcomes
    assert sorted(said for said, _ in outcomes) == [
        "",
        "making the MLflow store (once, 5 to 20 s)\n",
    ]
    assert {error for _, error in outcomes} == {""}
