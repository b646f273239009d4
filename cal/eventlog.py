"""The structured log: one JSON object a line on standard error, where ``CAL_LOG=json`` asks for it.

For clusters, whose log stores search fields: who looks for a run finds it by study, variant, run
(the hash) and seed.
"""

import json
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cal.config import ConfigError

if TYPE_CHECKING:
    from cal.records import Epoch
    from cal.runs import Run

FORMATS = ("text", "json")


def wanted() -> bool:
    """Whether ``CAL_LOG`` asks for it. Raises ``ConfigError`` for an unknown format."""
    given = os.environ.get("CAL_LOG") or "text"
    if given not in FORMATS:
        raise ConfigError(f"CAL_LOG: given {given!r}; allowed: {', '.join(FORMATS)}")
    return given == "json"


def entry(event: str, **fields: object) -> str:
    """One event as JSON: ``time`` (UTC, ISO 8601), ``event``, and what else is known of it."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps({"time": now, "event": event, **fields})


class EventLog:
    """A listener of ``execute``: runs of one study as they start, resume and end."""

    def __init__(self, study: str) -> None:
        self.study = study

    def started(self, run: "Run", *, beside: int) -> None:
        """A run was handed to a worker, one of a pack of ``beside`` runs."""
        self._of(run, "started", pack=beside)

    def epoch(self, run: "Run", record: "Epoch") -> None:
        """Only its warnings: curves are in the ledger."""
        for warning in record.warnings:
            self._of(run, "warning", epoch=record.epoch, message=warning)

    def resumed(self, run: "Run", *, epoch: int, seconds: float, preempted: bool) -> None:
        """A run goes on after ``epoch``; ``seconds`` are done again."""
        lost = {"lost_s": round(seconds, 3), "preempted": preempted}
        self._of(run, "resumed", epoch=epoch, **lost)

    def ended(self, run: "Run", error: str) -> None:
        """A run finished, or failed with ``error``."""
        if error:
            self._of(run, "failed", message=error)
        else:
            self._of(run, "finished")

    def note(self, line: str) -> None:
        """Something else."""
        self._write(entry("note", study=self.study, message=line))

    def _of(self, run: "Run", event: str, **fields: object) -> None:
        variant = run.arms[0] if run.arms else run.config.method
        whose = {"study": self.study, "regime": run.regime, "variant": variant}
        self._write(entry(event, **whose, run=run.hash, seed=run.seed, **fields))

    def _write(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)
