"""A submitted job followed to its end over lost connections, and what its end means."""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cal.cli import DONE, INTERRUPTED, SOME_FAILED, StoppedError, heed

ENDED = ("SUCCEEDED", "FAILED", "STOPPED")
PAUSE_S = 2.0  # between tries
LEDGER = re.compile(r"^ledger (\S+)", re.MULTILINE)  # as ``ablations.full`` says it first
SECRET = re.compile(r"PASSW|SECRET|TOKEN|CREDENTIAL|KEY$|(^|_)KEY(_|$)|(^|_)AUTH(_|$)")
ADDRESS_WITH_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]*@")

Info = Mapping[str, Any]


@dataclass
class Log:
    """What was shown of a log that each connection begins anew."""

    shown: int = 0
    at: int = 0
    head: str = ""  # its beginning, for the ledger's address

    def again(self) -> None:
        """A new connection: it begins with the first character."""
        self.at = 0

    def fresh(self, chunk: str) -> str:
        """The part of a chunk that was not shown yet."""
        new = chunk[max(0, self.shown - self.at) :]
        self.at += len(chunk)
        self.shown = max(self.shown, self.at)
        if len(self.head) < 20_000:
            self.head += new
        return new


def follow(
    *,
    chunks: Callable[[], Iterable[str]],
    info: Callable[[], Info | None],
    show: Callable[[str], None],
    say: Callable[[str], None],
    patience: float,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> tuple[Info, Log]:
    """Show a job's log until it ends -> what the head knows of it then, and the log.

    ``chunks``: the log from its beginning to its end; ``ConnectionError`` where it breaks.
    ``info``: None where the head does not answer. Raises ``StoppedError`` when it is silent for
    ``patience`` seconds.
    """
    log, silent_since = Log(), None
    while True:
        _shown(log, chunks, show)
        heed()
        found = info()
        if found is not None and silent_since is not None:
            say("connected again")
            silent_since = None
        if found is not None and found["status"] in ENDED:
            _shown(log, chunks, show)  # a cut connection may look like the log's end
            return found, log
        if found is None and silent_since is None:
            silent_since = now()
            say(f"connection lost; trying for {patience:.0f} s, the job itself goes on")
        elif silent_since is not None and now() - silent_since > patience:
            raise StoppedError(f"no answer for {patience:.0f} s; the job may go on")
        sleep(PAUSE_S)


def _shown(log: Log, chunks: Callable[[], Iterable[str]], show: Callable[[str], None]) -> None:
    """Show what is new, as far as the connection holds."""
    log.again()
    with suppress(ConnectionError):
        for chunk in chunks():
            heed()  # Ray's client may have swallowed it in a callback
            new = log.fresh(chunk)
            if new:
                show(new)


def exit_code(info: Info) -> int:
    """The entrypoint's own; 130 for a job that was stopped; 128 + n where signal n ended it."""
    if info["status"] == "SUCCEEDED":
        return DONE
    if info["status"] == "STOPPED":
        return INTERRUPTED
    code = info.get("driver_exit_code")
    if code is None:
        return SOME_FAILED
    return 128 - code if code < 0 else max(int(code), SOME_FAILED)


def ending(job: str, info: Info, log: Log) -> list[str]:
    """How it ended, and where its results are."""
    lines = [f"job {job} {str(info['status']).lower()}, exit code {exit_code(info)}"]
    if info["status"] == "FAILED" and info.get("driver_exit_code") is None:
        reason = (str(info.get("message") or "").strip().splitlines() or ["its node was lost"])[0]
        lines.append(f"its driver did not end by itself: {reason}")
        lines.append("submit the same command again: a study does only what is missing")
    ledger = LEDGER.search(log.head)
    if ledger:
        where = ledger[1] if ledger[1].startswith("http") else f"{ledger[1]} on the driver's node"
        lines.append(f"MLflow: {where}")
    return lines


def revealing(name: str, value: str) -> bool:
    """Whether a variable looks like a secret."""
    return bool(SECRET.search(name.upper()) or ADDRESS_WITH_PASSWORD.search(value))
