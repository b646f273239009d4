"""Opening the store: what can be wrong with it, found before mlflow is imported, in one line."""

import fcntl
import os
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from cal.cli import hidden
from cal.config import ConfigError

FIELD = "MLFLOW_TRACKING_URI"
SCHEMES = ("sqlite", "http", "https", "postgresql", "mysql", "mssql")
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
BUSY_S = 3.0
BOUNDED = {  # with MLflow's defaults one call to a dead server blocks for minutes
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # two lines a run
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}

Progress = Callable[[str], None]


def sqlite_file(uri: str) -> Path | None:
    """The absolute path of an SQLite store, None for a server."""
    if not uri.startswith("sqlite:"):
        return None
    path = uri.partition(":///")[2]
    if not path or path.startswith(":memory:"):
        raise ConfigError(f"{FIELD}: given {uri}; allowed: sqlite:////absolute/path/mlflow.db")
    return Path(path).expanduser().absolute()


def absolute(uri: str) -> str:
    """The same store from any working directory."""
    path = sqlite_file(uri)
    return uri if path is None else f"sqlite:///{path}"


def check(uri: str) -> bool:
    """Whether the store is new. Raises ``ConfigError`` where it cannot be used; writes nothing."""
    for name, value in BOUNDED.items():
        os.environ.setdefault(name, value)
    scheme = uri.partition(":")[0].partition("+")[0]
    if scheme not in SCHEMES:
        raise ConfigError(
            f"{FIELD}: given {hidden(uri)}; allowed: sqlite:///PATH, http(s)://HOST:PORT or "
            "postgresql+psycopg2://USER@HOST/NAME"
        )
    path = sqlite_file(uri)
    if path is None:
        _check_server(uri, scheme)
        return False
    return _check_file(path)


def _check_server(uri: str, scheme: str) -> None:
    parts = urlsplit(uri)
    try:
        host, port = parts.hostname, parts.port or PORTS[scheme]
    except ValueError:
        raise ConfigError(f"{FIELD}: given {hidden(uri)}; the port is no number") from None
    if not host:
        return  # a socket file or a driver's own way
    try:
        socket.create_connection((host, port), timeout=BUSY_S).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            f"{FIELD}: given {hidden(uri)}; no answer from {host}:{port} ({reason}); "
            "start the server, or unset it for the local store"
        ) from None


def _check_file(path: Path) -> bool:
    """An SQLite file: MLflow's own, or none yet."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _folder(path.parent, error.strerror) from None
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise _folder(path.parent, "Permission denied")
    if not path.exists() or (path.is_file() and path.stat().st_size == 0):
        return True
    if path.is_dir():
        raise ConfigError(f"{FIELD}: given {path}; it is a folder; allowed: an SQLite file")
    tables = _tables(path)
    if not {"alembic_version", "experiments", "runs"} <= tables and tables:
        raise _foreign(path)
    return not tables


def _tables(path: Path) -> set[str]:
    """Table names, read under a write lock: so the file is ours to write."""
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            names = database.execute("SELECT name FROM sqlite_master WHERE type='table'")
            found = {name for (name,) in names}
            database.execute("ROLLBACK")
            return found
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise ConfigError(
                f"{FIELD}: given {path}; locked by another program for over {BUSY_S:.0f} s; "
                "close it and give the command again"
            ) from None
        raise ConfigError(f"{FIELD}: given {path}; cannot be written: {error}") from None
    except sqlite3.DatabaseError:
        raise _foreign(path) from None


def _foreign(path: Path) -> ConfigError:
    return ConfigError(
        f"{FIELD}: given {path}; not an MLflow store; move that file away or choose another"
    )


def _folder(folder: Path, reason: str | None) -> ConfigError:
    return ConfigError(
        f"CAL_HOME: given {folder}; cannot be written ({reason}); choose a writable folder"
    )


@contextmanager
def locked(uri: str, name: str) -> Iterator[None]:
    """Only one process of this machine at a time; nothing for a server."""
    path = sqlite_file(uri)
    if path is None:
        yield
        return
    place = path.with_name(f"{path.name}.{name}.lock")
    try:
        handle = place.open("a")
    except OSError as error:
        raise _folder(path.parent, error.strerror) from None
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_UN)
