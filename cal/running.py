"""Runs that survive their process: resumed from their checkpoints, records complete every time.

Every backend is a few lines around ``resumable``. Each run has its own checkpoint, so a pack that
died goes on in any other composition.
"""

import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace

from cal import checkpoint
from cal.config import Config
from cal.parallel import Group
from cal.records import Epoch, Record, epoch_of, plain
from cal.trainer import State, Trainer

Build = Callable[[Sequence[Config]], Trainer]
Keyed = tuple[str, Record]
ATTEMPTS = 4  # of a run whose worker died


@dataclass(frozen=True)
class Job:
    """One run and where it keeps its checkpoint."""

    config: Config
    key: str  # the run's hash
    folder: str  # of checkpoints: local or URI
    every_s: float = 5.0  # seconds between checkpoints; 0: every epoch
    until: int | None = None  # epoch after which it pauses, with a checkpoint and no result


@dataclass
class Member:
    """A run in training, through one pack after another."""

    job: Job
    state: State | None = None  # between packs; None: not begun
    history: list[dict[str, object]] = field(default_factory=list)

    @property
    def epoch(self) -> int:
        """Epochs trained when it joins its next pack."""
        return 0 if self.state is None else int(self.state["place"]["epoch"])

    def past(self) -> Iterator[Epoch]:
        """Its epochs so far, but none after its pause: an earlier driver may have gone further."""
        for record in map(epoch_of, self.history):
            if self.job.until is None or record.epoch <= self.job.until:
                yield replace(record, replayed=True)

    @property
    def paused(self) -> bool:
        """Whether it has trained as far as it should for now."""
        return self.job.until is not None and self.epoch >= self.job.until


def resumable(
    jobs: Sequence[Job],
    build: Build = Trainer,
    *,
    group: Group | None = None,
) -> Iterator[Keyed]:
    """Keys and records of runs that may share a pack, each from its first epoch, whatever was
    interrupted before.

    Epochs before a checkpoint are replayed from it; those after it are trained again, on a CPU to
    the same bits. Runs that stand at different epochs wait for each other: those behind train
    first. One that fails or pauses (``Job.until``) leaves a smaller pack behind. ``group``: this
    worker among the data-parallel workers of one run, of which the first keeps checkpoints.
    """
    group = group or Group()
    members = [_begun(job, group) for job in jobs]
    for member in members:
        yield from ((member.job.key, record) for record in member.past())
    members = [member for member in members if not member.paused]
    while members:
        behind = min(member.epoch for member in members)
        pack = [member for member in members if member.epoch == behind]
        ahead = [member.epoch for member in members if member.epoch > behind]
        trainer = build([member.job.config for member in pack])
        states = [member.state for member in pack if member.state is not None]
        if states:
            trainer.load_states(states)
        ended = yield from _together(trainer, pack, until=min(ahead, default=None))
        members = [member for member in members if member.job.key not in ended]


def _together(
    trainer: Trainer, pack: Sequence[Member], *, until: int | None
) -> Generator[Keyed, None, set[str]]:
    """Train a pack until it ends, changes, or meets the runs at epoch ``until`` -> who ended."""
    last = time.monotonic()
    for given in trainer.records():
        records = list(given)
        ended, epochs = set[str](), 0
        for member, record in zip(pack, records, strict=True):
            if isinstance(record, Epoch):
                member.history.append(plain(record))
                epochs = record.epochs
            if not isinstance(record, Epoch) or record.epoch == member.job.until:
                ended.add(member.job.key)
        changes = bool(ended) or trainer.epoch == until
        due = trainer.epoch == epochs or time.monotonic() - last >= pack[0].job.every_s
        if epochs and (changes or due):
            for i, (member, state) in enumerate(zip(pack, trainer.states(), strict=True)):
                member.state = state
                goes_on = due and member.job.key not in ended
                if (goes_on or member.paused) and trainer.group.rank == 0:
                    records[i] = _saving(member, records[i])
            last = time.monotonic() if due else last
        yield from ((member.job.key, r) for member, r in zip(pack, records, strict=True))
        if changes:
            return ended
    return set()


def _saving(member: Member, record: Record) -> Record:
    """Keep a checkpoint. Where none can be written (a full disk, storage that is away) training
    goes on and the record warns: it is the way back after a crash, not part of the result.
    """
    try:
        saved = {"trainer": member.state, "history": member.history}
        checkpoint.save(saved, member.job.folder, member.job.key)
    except OSError as error:
        if isinstance(record, Epoch):
            reason = error.strerror or " ".join(str(error).split())[:200]
            line = f"checkpoint: not written ({reason}); a crash would repeat more epochs"
            return replace(record, warnings=(*record.warnings, line))
    return record


def _begun(job: Job, group: Group) -> Member:
    """A run as an earlier process left it. The first worker reads, and the others take what it
    found: their nodes may see another folder, or none.
    """
    saved = group.from_first(_saved(job) if group.rank == 0 else None)
    return Member(job) if saved is None else Member(job, saved["trainer"], saved["history"])


def _saved(job: Job) -> checkpoint.State | None:
    try:
        return checkpoint.load(job.folder, job.key)
    except (checkpoint.DamagedError, OSError) as error:  # OSError: the storage is away
        logging.getLogger(__name__).warning("%s; the run begins anew", error)
        return None
