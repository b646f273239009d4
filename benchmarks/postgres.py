"""A PostgreSQL of one's own on a free port of loopback, in a folder that goes with it."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NEEDED = "PostgreSQL is not installed; on Debian: apt-get install postgresql"


def programs() -> Path:
    """The folder of initdb and postgres, the newest version. Raises ``SystemExit``."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise SystemExit(NEEDED)
    return found[-1].parent


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def server() -> Iterator[str]:
    """Its address as MLflow takes it, with a password of its own. PostgreSQL refuses to run as
    root, so then as the user ``postgres`` of the Debian package.
    """
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="cal-pg-", dir="/tmp"))
    word, port = secrets.token_hex(16), free_port()
    (folder / "word").write_text(word)
    if user:
        owner = pwd.getpwnam(user)
        for path in (folder, folder / "word"):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    data = str(folder / "data")
    made = ["-D", data, "-U", "cal", "-A", "scram-sha-256", f"--pwfile={folder / 'word'}", "-N"]
    initdb = [str(programs() / "initdb"), *made, "-E", "UTF8", "--locale=C"]
    told = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
    told += ["-c", "fsync=off", "-c", "shared_buffers=512MB", "-c", "max_wal_size=4GB"]
    command = [str(programs() / "postgres"), "-D", data, "-p", str(port), *told]
    try:
        subprocess.run(initdb, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(command, user=user, cwd=folder, stdout=log, stderr=log)
        try:
            _wait(folder, port)
            yield f"postgresql+psycopg2://cal:{word}@127.0.0.1:{port}/postgres"
        finally:
            process.send_signal(signal.SIGINT)  # fast: clients of a pool may stay for ever
            process.wait(60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(folder: Path, port: int) -> None:
    ready = [str(programs() / "pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-t", "30"]
    for _ in range(300):
        if subprocess.run(ready, stdout=subprocess.DEVNULL).returncode == 0:
            return
        time.sleep(0.1)
    raise SystemExit(f"PostgreSQL does not start: {(folder / 'log').read_text()[-500:]}")
