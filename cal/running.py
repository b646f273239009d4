"""A run that survives its process: resumed from its checkpoint, records complete every time.

Every backend is a few lines around ``resumable``.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

from cal import checkpoint
from cal.config import Config
from cal.records import Epoch, Record
from cal.trainer import Trainer


@dataclass(frozen=True)
class Job:
    """One run and where it keeps its checkpoint."""

    config: Config
    key: str  # the run's hash
    folder: str  # of checkpoints: local or URI
    every_s: float = 5.0  # seconds between checkpoints; 0: every epoch


def resumable(job: Job, trainer: Trainer) -> Iterator[Record]:
    """Records of one run from its first epoch, whatever was interrupted before.

    Epochs before the checkpoint are replayed from it; those after it are trained again, on a CPU
    to the same bits. Of several data-parallel workers the first reads and writes the checkpoint,
    and the others take what it found: their nodes may see another folder, or none.
    """
    history: list[dict[str, object]] = []
    first = trainer.group.rank == 0
    saved = trainer.group.from_first(_saved(job) if first else None)
    if saved is not None:
        trainer.load_state_dict(saved["trainer"])
        history = saved["history"]
        yield from (_epoch(entry) for entry in history)
    last = time.monotonic()
    for (record,) in trainer.records():
        if isinstance(record, Epoch):
            history.append({**vars(record), "metrics": dict(record.metrics)})
            due = record.epoch == record.epochs or time.monotonic() - last >= job.every_s
            if first and due:
                checkpoint.save(
                    {"trainer": trainer.state_dict(), "history": history}, job.folder, job.key
                )
                last = time.monotonic()
        yield record


def _saved(job: Job) -> checkpoint.State | None:
    try:
        return checkpoint.load(job.folder, job.key)
    except checkpoint.DamagedError as error:
        logging.getLogger(__name__).warning("%s; the run begins anew", error)
        return None


def _epoch(entry: dict[str, object]) -> Epoch:
    return Epoch(**{**entry, "warnings": tuple(entry["warnings"])})  # type: ignore[arg-type]
