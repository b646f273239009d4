"""Run what the ledger lacks, in any order, resumable. Records flow to this driver, which writes.

Workers know nothing of MLflow. A run that raises is recorded as failed and the rest goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from cal import home
from cal.adapters.ray_pool import Note, Pool, Resumed
from cal.adapters.tracking import Seed
from cal.adapters.tracking_data import data_of
from cal.adapters.tracking_spool import Spool, waits
from cal.interruptions import interruptions
from cal.records import Epoch, Failure, Record
from cal.running import Job
from cal.runs import Run
from cal.units import Unit

if TYPE_CHECKING:
    from cal.adapters.ray_backend import Backend
    from cal.adapters.tracking_ledger import Ledger


class Listener(Protocol):
    """Who is told how it goes."""

    def started(self, run: Run, *, beside: int) -> None:
        """A run was handed to a worker, one of a pack of ``beside`` runs."""

    def epoch(self, run: Run, record: Epoch) -> None:
        """An epoch was trained."""

    def resumed(self, run: Run, *, epoch: int, seconds: float, preempted: bool) -> None:
        """A run that was interrupted goes on after ``epoch``; ``seconds`` are done again."""

    def ended(self, run: Run, error: str) -> None:
        """A run is in the ledger; ``error`` is empty if it finished."""

    def note(self, line: str) -> None:
        """Something else the user should know."""


@dataclass
class Study:
    """What all units of a command share."""

    spool: Spool
    listeners: Sequence[Listener]
    runs: dict[str, Run] = field(default_factory=dict)  # by hash
    failed: list[str] = field(default_factory=list)


def execute(
    units: Sequence[Unit],
    ledger: "Ledger",
    *,
    backend: "Backend",
    listeners: Sequence[Listener],
) -> list[str]:
    """Run them all; the hashes of those that failed. Ctrl-C ends the workers and is passed on.

    A ledger that goes away does not stop the runs; once all ended it has ``CAL_LEDGER_WAIT_S``
    seconds (300) to come back. Raises ``LedgerError`` then: what it lacks is kept for the next
    driver.
    """
    waits()  # a bad value is told before the work, not after it

    def note(line: str) -> None:
        for listener in listeners:
            listener.note(line)

    spool = Spool(ledger, folder=home.spool(ledger.study), note=note)
    study, pool = Study(spool, listeners), Pool(backend)
    waiting = list(reversed(units))
    try:
        while waiting or not pool.idle:
            while waiting and pool.room:
                unit = waiting.pop()
                pool.submit([_job(run, backend) for run in unit])
                _begin(unit, study)
            for event in pool.events():
                if isinstance(event, Note):
                    note(event.line)
                elif isinstance(event, Resumed):
                    _resumed(event, study)
                else:
                    _take(study.runs[event.key], event.record, study)
    finally:
        pool.close()
    spool.settle()
    return study.failed


def _job(run: Run, backend: "Backend") -> Job:
    return Job(run.config, run.hash, home.checkpoints(), backend.checkpoint_s)


def _begin(unit: Unit, study: Study) -> None:
    for run in unit:
        seed = Seed(run.hash, run.regime, run.config, run.arms, data_of(run.config))
        study.spool.start(seed)
        study.runs[run.hash] = run
        for listener in study.listeners:
            listener.started(run, beside=len(unit))


def _resumed(event: Resumed, study: Study) -> None:
    """Tags of the row, so that the next driver adds to them."""
    spool, lost = study.spool, event.again
    if lost is None:  # at least what an earlier driver wrote of it
        more = max(0, spool.reached(event.key) - event.epoch)
        lost = more * event.trained / max(event.epoch, 1)
    before = interruptions(spool.tags(event.key))
    spool.mark(event.key, before.and_one(lost, preempted=event.preempted).tags())
    for listener in study.listeners:
        run, gone = study.runs[event.key], event.preempted
        listener.resumed(run, epoch=event.epoch, seconds=lost, preempted=gone)


def _take(run: Run, record: Record, study: Study) -> None:
    spool, error = study.spool, ""
    if isinstance(record, Epoch):
        spool.log(run.hash, record)
        for listener in study.listeners:
            listener.epoch(run, record)
        return
    if isinstance(record, Failure):
        spool.fail(run.hash, record)
        study.failed.append(run.hash)
        error = record.error.strip().splitlines()[-1]
    else:
        spool.finish(run.hash, record, checkpoint=f"{home.checkpoints()}/{run.hash}.pt")
    for listener in study.listeners:
        listener.ended(run, error)
