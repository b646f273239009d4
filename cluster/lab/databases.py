"""PostgreSQL and Redis from Debian's packages, on loopback, with passwords."""

import getpass
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from cal.config import ConfigError
from cluster.lab.processes import HOST, Service, environment, free_ports, secret_file

DEBIAN = Path("/usr/lib/postgresql")
PACKAGES = {"postgres": "postgresql", "redis": "redis-server"}
USER = "cal"


def missing() -> list[str]:
    """Debian packages that ``postgres`` and ``redis`` lack here."""
    found = {"postgres": _postgres_bin(), "redis": shutil.which("redis-server")}
    return [PACKAGES[name] for name, place in found.items() if place is None]


def postgres(
    folder: Path, *, databases: tuple[str, ...] = ("mlflow",), settings: Sequence[str] = ()
) -> Service:
    """A server with its cluster of databases made; not started yet.

    It refuses root: then ``folder`` is given to the user postgres, who must be able to reach it.
    ``settings``: ``NAME=VALUE`` as in postgresql.conf. ``client``: for each database ``NAME_URI``
    as SQLAlchemy takes it (``MLFLOW_URI``). Raises ``ConfigError`` without the Debian package.
    """
    programs = _postgres_bin()
    if programs is None:
        raise _lacking("postgres")
    folder.mkdir(parents=True, exist_ok=True)
    user = _serving_user(folder)
    env = environment(folder, LC_ALL="C.UTF-8")
    password = secrets.token_hex(16)
    _initialise(programs, folder, env=env, user=user, password=password, databases=databases)
    (port,) = free_ports(1)
    words = [str(programs / "postgres"), "-D", str(folder / "data"), "-p", str(port)]
    for setting in (f"listen_addresses={HOST}", f"unix_socket_directories={folder}", *settings):
        words += ["-c", setting]
    base = f"postgresql+psycopg2://{USER}:{password}@{HOST}:{port}"
    return Service(
        name="postgres",
        words=words,
        env=env,
        folder=folder,
        address=f"{HOST}:{port}",
        ready=lambda it: _accepts(programs, port, it),
        client={f"{name.upper()}_URI": f"{base}/{name}" for name in databases},
        user=user,
        ending=signal.SIGINT,  # fast: a client that stays would keep it after SIGTERM
    )


def redis(folder: Path) -> Service:
    """A Redis that keeps nothing on disk and asks for a password; not started yet.

    ``client``: what ``head`` needs to keep Ray's state there. Raises ``ConfigError`` without
    the Debian package.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise _lacking("redis")
    folder.mkdir(parents=True, exist_ok=True)
    (port,) = free_ports(1)
    password = secrets.token_hex(16)
    lines = [f"bind {HOST}", f"port {port}", f"requirepass {password}", 'save ""', "appendonly no"]
    settings = secret_file(folder / "redis.conf", "\n".join((*lines, f"dir {folder}", "")))
    return Service(
        name="redis",
        words=[program, str(settings)],
        env=environment(folder),
        folder=folder,
        address=f"{HOST}:{port}",
        ready=lambda _: _says(port, f"AUTH {password}", "+OK"),
        client={
            "RAY_REDIS_ADDRESS": f"{HOST}:{port}",
            "REDIS_PASSWORD": password,
            "RAY_external_storage_namespace": folder.parent.name,
        },
    )


def _lacking(name: str) -> ConfigError:
    return ConfigError(
        f"{name}: given none; needs the Debian package: apt-get install {PACKAGES[name]}"
    )


def _postgres_bin() -> Path | None:
    """The newest version's programs, which Debian keeps out of PATH."""
    found = [p.parent for p in DEBIAN.glob("*/bin/postgres") if re.fullmatch(r"\d+", p.parts[-3])]
    if found:
        return max(found, key=lambda place: int(place.parts[-2]))
    usual = shutil.which("postgres")
    return Path(usual).parent if usual else None


def _serving_user(folder: Path) -> str | None:
    """Who runs it: us, or for root the user postgres that the package made, given the folder."""
    if os.geteuid() != 0:
        return None
    shutil.chown(folder, "postgres", "postgres")
    return "postgres"


def _initialise(
    programs: Path,
    folder: Path,
    *,
    env: dict[str, str],
    user: str | None,
    password: str,
    databases: tuple[str, ...],
) -> None:
    """Data folder, account and databases, made by a server of one user that nobody reaches."""
    secret = secret_file(folder / "password", password)
    if user:
        shutil.chown(secret, user, user)
    words = ["initdb", "-D", str(folder / "data"), "-U", USER, f"--pwfile={secret}"]
    _run(programs, [*words, "-A", "scram-sha-256", "-E", "UTF8", "-N"], folder, env, user)
    making = "".join(f"CREATE DATABASE {name};\n" for name in databases)
    single = ["postgres", "--single", "-D", str(folder / "data"), "postgres"]
    _run(programs, single, folder, env, user, given=making)


def _run(
    programs: Path,
    words: list[str],
    folder: Path,
    env: dict[str, str],
    user: str | None,
    *,
    given: str = "",
) -> None:
    done = subprocess.run(
        [str(programs / words[0]), *words[1:]],
        cwd=folder,
        env=env,
        user=user,
        input=given,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        who = user or getpass.getuser()
        raise ConfigError(f"postgres: {words[0]} as {who} failed: {done.stderr.strip()[-300:]}")


def _accepts(programs: Path, port: int, service: Service) -> bool:
    words = [str(programs / "pg_isready"), "-q", "-h", HOST, "-p", str(port)]
    return subprocess.run(words, env=dict(service.env), check=False).returncode == 0


def _says(port: int, asked: str, expected: str) -> bool:
    """Whether Redis answers a line as expected."""
    try:
        with socket.create_connection((HOST, port), timeout=2) as line:
            line.sendall(f"{asked}\r\n".encode())
            return line.recv(64).decode().startswith(expected)
    except OSError:
        return False
