"""Run what the ledger lacks, in any order, resumable. Records flow to this driver, which writes.

Workers know nothing of MLflow. A run that raises is recorded as failed and the rest goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from cal import home
from cal.adapters.ray_pool import Note, Pool
from cal.adapters.tracking import Seed
from cal.adapters.tracking_data import data_of
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

    def ended(self, run: Run, error: str) -> None:
        """A run is in the ledger; ``error`` is empty if it finished."""

    def note(self, line: str) -> None:
        """Something else the user should know."""


@dataclass
class Study:
    """What all units of a command share."""

    ledger: "Ledger"
    listener: Listener
    ids: dict[str, str] = field(default_factory=dict)  # hash -> row of the ledger
    runs: dict[str, Run] = field(default_factory=dict)  # by hash
    failed: list[str] = field(default_factory=list)


def execute(
    units: Sequence[Unit], ledger: "Ledger", *, backend: "Backend", listener: Listener
) -> list[str]:
    """Run them all; the hashes of those that failed. Ctrl-C ends the workers and is passed on."""
    study, pool = Study(ledger, listener), Pool(backend)
    waiting = list(reversed(units))
    try:
        while waiting or not pool.idle:
            while waiting and pool.room:
                unit = waiting.pop()
                pool.submit([_job(run, backend) for run in unit])
                _begin(unit, study)
            for event in pool.events():
                if isinstance(event, Note):
                    listener.note(event.line)
                else:
                    _take(study.runs[event.key], event.record, study)
    finally:
        pool.close()
    return study.failed


def _job(run: Run, backend: "Backend") -> Job:
    return Job(run.config, run.hash, home.checkpoints(), backend.checkpoint_s)


def _begin(unit: Unit, study: Study) -> None:
    for run in unit:
        seed = Seed(run.hash, run.regime, run.config, run.arms, data_of(run.config))
        study.ids[run.hash] = study.ledger.start(seed)
        study.runs[run.hash] = run
        study.listener.started(run, beside=len(unit))


def _take(run: Run, record: Record, study: Study) -> None:
    row = study.ids[run.hash]
    if isinstance(record, Epoch):
        study.ledger.log(row, [record])
        study.listener.epoch(run, record)
    elif isinstance(record, Failure):
        study.ledger.fail(row, record.error)
        study.failed.append(run.hash)
        study.listener.ended(run, record.error.strip().splitlines()[-1])
    else:
        study.ledger.finish(row, record, checkpoint=f"{home.checkpoints()}/{run.hash}.pt")
        study.listener.ended(run, "")
