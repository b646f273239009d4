"""One service: a program with all that it started, found and ended by process id.

A node of Ray is a tree of processes that outlives its root: workers have process groups, and
drivers of submitted jobs sessions, of their own. So each service has a session, and a mark in its
environment that children inherit: its members are the processes with either.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from cal.cli import StoppedError

HOST = "127.0.0.1"
MARK = "CAL_LAB_SERVICE"  # holds the service's own random name
GRACE_S = 10.0  # for a service to end by itself
PROC = Path("/proc")
PORTS = range(15_000, 32_000)
# What a service must not inherit from whoever starts it.
FOREIGN = ("RAY_", "MLFLOW_", "CAL_", "AWS_", "PG", "REDIS")


@dataclass
class Service:
    """A program that can be started again; its log is appended to.

    ``ready``: whether it answers, asked with itself. ``client``: environment of its clients;
    ``env``: its own, whole. ``user``: who runs it, None for us. ``stale``: files of a killed one
    that would keep the next from starting. ``ending``: the signal that ends the program soundly.
    ``begun``: last start, as ``time.time()``.
    """

    name: str
    words: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    address: str
    ready: "Callable[[Service], bool]"
    client: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    stale: Sequence[Path] = ()
    ending: signal.Signals = signal.SIGTERM
    seconds: float = 90.0
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    process: "subprocess.Popen[bytes] | None" = None
    begun: float = 0.0

    @property
    def log(self) -> Path:
        """Its standard output and errors."""
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """Of the program; also its process group and session."""
        if self.process is None:
            raise ValueError(f"{self.name}: was not started")
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether the program itself runs (or is stopped by a signal)."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> Self:
        """Start it and wait until it answers. Raises ``StoppedError`` with the end of its log."""
        self.begin()
        self.wait()
        return self

    def begin(self) -> None:
        """Start it; ``wait`` follows, so that several can come up at a time."""
        if self.alive:
            raise ValueError(f"{self.name}: runs already")
        for path in self.stale:
            path.unlink(missing_ok=True)
        self.begun = time.time()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.words,
                env={**self.env, MARK: self.mark},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=self.user,
                group=self.user and _group(self.user),
                extra_groups=[] if self.user else None,
            )

    def wait(self) -> None:
        """Until it answers. Raises ``StoppedError``, and ends it, if it ends or stays silent."""
        end = time.monotonic() + self.seconds
        while self.alive and time.monotonic() < end:
            if self.ready(self):
                return
            time.sleep(0.1)
        what = f"no answer in {self.seconds:.0f} s" if self.alive else "ended at once"
        self.kill()
        tail = self.log.read_text(errors="replace")[-1500:]
        raise StoppedError(f"{self.name} at {self.address}: {what}; its log ends:\n{tail}")

    def members(self) -> set[int]:
        """Ids of all living processes that belong to it, also after its program ended."""
        if self.process is None:
            return set()
        living = parents()
        found = {pid for pid in living if _belongs(pid, self.pid, self.mark)}
        while more := {pid for pid, parent in living.items() if parent in found} - found:
            found |= more
        return found

    def find(self, word: str) -> list[int]:
        """Members whose command line holds a word, oldest first: ``ray::`` are Ray's workers with
        the task they are at, a module's name finds a driver (and the shell around it).
        """
        return [pid for pid in sorted(self.members()) if word in command(pid)]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every member, as to all of a machine."""
        for pid in self.members():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def pause(self) -> None:
        """SIGSTOP all of it: it holds its ports and answers nobody."""
        for _ in range(2):  # the second for what was born during the first
            self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT all of it."""
        self.signal(signal.SIGCONT)

    def terminate(self) -> None:
        """SIGTERM (``ending``) to its program alone, as an operator or a spot notice does; returns
        at once.
        """
        with suppress(ProcessLookupError):
            os.kill(self.pid, self.ending)

    def kill(self) -> None:
        """kill -9 of all of it, as when a machine loses power; nothing is left when it returns."""
        self.pause()  # or a child is born while others die
        doomed = self.members()  # a child may be known by its parent alone
        self.signal(signal.SIGKILL)
        end = time.monotonic() + GRACE_S
        while left := self.members() | (doomed & parents().keys()):
            if time.monotonic() > end:
                raise StoppedError(f"{self.name}: processes {sorted(left)} do not die")
            self.signal(signal.SIGKILL)
            if self.process is not None:
                self.process.poll()
            time.sleep(0.02)
        if self.process is not None:
            self.process.wait()

    def stop(self) -> None:
        """``terminate``, then what is left by ``kill``."""
        if self.process is None:
            return
        if self.alive:
            self.resume()
            self.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(GRACE_S)
        self.kill()

    def __enter__(self) -> Self:
        return self if self.alive else self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def parents() -> dict[int, int]:
    """Every living process of this machine -> its parent.

    A zombie of several threads lives: its first thread has ended, and until the last one has, the
    process holds its files and ports.
    """
    if not PROC.is_dir():
        raise StoppedError("the lab finds processes in /proc: it needs Linux")
    found = {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):  # it ended meanwhile
                fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
                state, parent, threads = fields[0], fields[1], fields[17]  # proc(5), from its third
                if state not in b"ZX" or int(threads) > 1:
                    found[int(entry.name)] = int(parent)
    return found


def _belongs(pid: int, session: int, mark: str) -> bool:
    """Whether a process is of the session, or has the mark in its environment."""
    try:
        if os.getsid(pid) == session:
            return True
        return f"{MARK}={mark}".encode() in (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:  # it ended meanwhile, or is not ours to look at
        return False


def command(pid: int) -> str:
    """A process's command line, words apart; empty if it ended."""
    try:
        return (
            (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    except OSError:
        return ""


def _group(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid


def environment(home: Path, **more: str) -> dict[str, str]:
    """This process's environment without services and secrets of its own; ``HOME`` is ``home``.

    The interpreter's folder comes first in PATH: ``python`` is this one.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
    path = os.pathsep.join((str(Path(sys.executable).parent), kept.get("PATH", os.defpath)))
    return kept | {"HOME": str(home), "PATH": path} | more


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now on any address, all different.

    Below those that the system gives to outgoing connections: one of them could be taken before a
    service has it, or while it is down.
    """
    found: set[int] = set()
    while len(found) < count:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("", port))
            found.add(port)
    return list(found)


def answers(port: int) -> bool:
    """Whether somebody takes connections on a port of loopback."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether it holds at some moment of the next seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.2)
    return False


@contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder, removed at the end; its path is short, as names of sockets must be."""
    folder = Path(tempfile.mkdtemp(prefix="cal-", dir=_short()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _short() -> str | None:
    """The place of ``scratch``: sockets of Ray add 70 characters and may have 107 together."""
    usual = tempfile.gettempdir()
    return usual if len(usual) <= 20 else "/tmp"


def secret_file(path: Path, text: str) -> Path:
    """A new file that only this user can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    return path
