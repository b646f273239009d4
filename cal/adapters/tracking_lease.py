"""One driver per study: a lease in the ledger, checked before each write.

A driver can outlive its head. The lease names its holder, a generation that grows with every
change of hands, and when it expires. The tags are MLflow's, which compares nothing: two drivers
of one machine are kept apart by a file lock around ``take``; two machines by writing, waiting
``SETTLE_S`` and reading again, so the last writer wins and the other is refused.
"""

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from cal.adapters.tracking_rows import LeaseHeld, LeaseLost, LedgerError

TTL_S = 60.0
FRESH_S = 1.0  # a look at the lease counts this long
SETTLE_S = 0.5


class Slot(Protocol):
    """Where the lease is kept: one text."""

    def read(self) -> str | None:
        """The text, None if there is none yet."""

    def write(self, text: str) -> None:
        """Replace it."""


@dataclass(frozen=True)
class Holder:
    """Who holds a study. ``machine`` and ``born`` tell a process from a later one of its id."""

    id: str
    host: str
    machine: str
    pid: int
    born: str
    generation: int = 0
    expires: float = 0.0  # seconds since 1970

    def __str__(self) -> str:
        when = time.strftime("%H:%M:%S", time.localtime(self.expires))
        return f"process {self.pid} on {self.host} until {when}"

    def dead(self) -> bool:
        """Whether this was a process of this very machine that is gone."""
        return self.machine == _machine() and self.born != _born(self.pid)


def me() -> Holder:
    """This process."""
    pid = os.getpid()
    return Holder(uuid4().hex, socket.gethostname(), _machine(), pid, _born(pid))


def _machine() -> str:
    """This boot and these process ids: containers with one host name have their own."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()} {boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()  # no /proc: the host name must do


def _born(pid: int) -> str:
    """When the process was started, in ticks since boot; empty if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "" if Path("/proc/self").exists() else _alive(pid)
    after = stat.rpartition(")")[2].split()
    return "" if after[0] in "ZX" else after[19]


def _alive(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "alive"
    return "alive"


class Lease:
    """Held from ``take`` to ``release``; renewed by a thread every third of its life."""

    def __init__(self, slot: Slot, study: str, *, ttl_s: float = TTL_S) -> None:
        self.slot, self.study, self.ttl_s = slot, study, ttl_s
        self.holder = me()
        self._seen = 0.0
        self._lost: LedgerError | None = None
        self._stop = threading.Event()
        self._mutex = threading.Lock()

    def take(
        self,
        *,
        lock: AbstractContextManager[None] | None = None,
        waiting: Callable[[str], None] | None = None,
    ) -> None:
        """Become the holder. Raises ``LeaseHeld`` while another living driver is.

        Of a driver on another machine only its renewals show that it lives: unless one comes within
        the time of a lease it is taken to be dead. ``waiting`` is told before that.
        """
        with lock or nullcontext():
            before = self._quiet(waiting)
            generation = before.generation + 1 if before else 1
            self.holder = replace(self.holder, generation=generation)
            self._write()
            if lock is None:
                time.sleep(SETTLE_S)
            self._look()
        threading.Thread(target=self._renew, name="lease", daemon=True).start()

    def _quiet(self, waiting: Callable[[str], None] | None) -> Holder | None:
        """The holder before, once it is known to be gone."""
        before = self._read()
        if before is None or before.expires == 0.0 or before.dead():
            return before
        there = before.machine != _machine()
        if there and waiting is not None:
            waiting(f"another driver had this study: {before}; is it alive?")
        # It renews every third of its lease; a clock that jumped may call a living one late.
        patience = self.ttl_s if before.expires > time.time() else self.ttl_s / 2
        alive = self._renewed(before, patience) if there else before.expires > time.time()
        if alive:
            raise LeaseHeld(
                f"study: given {self.study}; another driver is at work on it: {before}; "
                "wait for it or stop it"
            )
        return before

    def _renewed(self, before: Holder, patience: float) -> bool:
        """Whether somebody writes the lease within ``patience`` seconds by this machine's clock."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            time.sleep(self.ttl_s / 60)
            if self._read() != before:
                return True
        return False

    def check(self) -> None:
        """Raise ``LeaseLost`` unless this driver is the holder; a look is good for 1 s."""
        with self._mutex:
            if self._lost is not None:
                raise self._lost
            if time.monotonic() - self._seen > FRESH_S:
                self._look()

    def release(self) -> None:
        """Free the study at once for the next driver."""
        self._stop.set()
        with self._mutex:
            current = self._read()
            if current is not None and current.id == self.holder.id:
                self.slot.write(json.dumps(asdict(replace(self.holder, expires=0.0))))

    def _look(self) -> None:
        current = self._read()
        if current is None or current.id != self.holder.id:
            self._lost = LeaseLost(
                f"study {self.study}: taken over by {current or 'nobody'}; this driver stops "
                "writing; nothing recorded is lost"
            )
            raise self._lost
        self._seen = time.monotonic()

    def _renew(self) -> None:
        while not self._stop.wait(self.ttl_s / 3):
            try:
                with self._mutex:
                    if self._stop.is_set():
                        return
                    self._look()
                    self._write()
            except LeaseLost:
                return
            except LedgerError:
                continue  # an outage: the next write says so, or the next beat succeeds

    def _read(self) -> Holder | None:
        text = self.slot.read()
        return Holder(**json.loads(text)) if text else None

    def _write(self) -> None:
        self.holder = replace(self.holder, expires=time.time() + self.ttl_s)
        self.slot.write(json.dumps(asdict(self.holder)))
