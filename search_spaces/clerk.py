"""What every way to run trials shares: which are twins, what is known already, records into the
book, telling what ended. Knows neither Ray nor MLflow.

Order: the book first, then the storage. So whatever a driver that dies leaves undone is done again
by the next, and nothing twice.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from cal.config import Config
from cal.records import Epoch, Failure, Record, Result
from search_spaces.arm import Arm
from search_spaces.trials import SeedRun, Trial


class Book(Protocol):
    """Where everything is kept; ``search_spaces.book.Book`` writes it into the ledger."""

    def asked(self, trial: Trial) -> None:
        """A trial begins."""

    def known(self, run: SeedRun) -> Mapping[str, float] | None:
        """The metrics of a run that finished before."""

    def started(self, run: SeedRun, *, beside: int) -> None:
        """A run was given to the pool, one of ``beside``; also when it goes on."""

    def epoch(self, run: SeedRun, record: Epoch) -> None:
        """An epoch was trained."""

    def finished(self, run: SeedRun, result: Result) -> None:
        """A run is complete."""

    def stopped(self, run: SeedRun) -> None:
        """A run was stopped early; its trial has the reason."""

    def failed(self, run: SeedRun, error: str) -> None:
        """A run failed or diverged."""

    def told(self, trial: Trial, scores: Mapping[str, Any]) -> None:
        """A trial ended; ``scores``: objective -> ``racing.Score``."""

    def note(self, line: str) -> None:
        """Something else the user should know."""


class Clerk:
    """Of the arms of a search, restored before. ``parameters``: counts those of a network, where
    it is asked.
    """

    def __init__(
        self, arms: Sequence[Arm], book: Book, *, parameters: Callable[[Config], int] | None = None
    ) -> None:
        self.arms, self.book, self.parameters = tuple(arms), book, parameters
        self._arms = {arm.name: arm for arm in arms}
        self._first: dict[tuple[str, str], Trial] = {}  # arm, hash of a first run -> whose it is
        for arm in arms:
            for trial in arm.trials.values():
                if trial.runs:
                    self._first[trial.arm, trial.runs[0].hash] = trial

    def begin(self, trial: Trial, *, to_end: bool = False) -> SeedRun | None:
        """Its first run, to its next rung or ``to_end``; none where another trial of its arm is the
        same computation. Arms are judged each for itself: what they share are finished runs.
        """
        self.book.asked(trial)
        run = self.arm(trial).begin(trial, to_end=to_end)
        other = self._first.setdefault((trial.arm, run.hash), trial)
        if other is trial:
            return run
        trial.runs.clear()
        trial.twin = other.twin or other
        return None

    def found(self, run: SeedRun) -> bool:
        """Whether an earlier driver finished this run."""
        metrics = self.book.known(run)
        if metrics is not None:
            self.arm(run.trial).finished(run, self._measured(run, metrics))
        return metrics is not None

    def take(self, run: SeedRun, record: Record) -> None:
        """What a run says."""
        arm = self.arm(run.trial)
        if isinstance(record, Epoch):
            self.book.epoch(run, record)
            arm.epoch(run, record)
        elif isinstance(record, Failure):
            self.book.failed(run, record.error)
            arm.failed(run, record.error)
        else:
            self.book.finished(run, record)
            arm.finished(run, self._measured(run, record.metrics))

    def settle(self) -> None:
        """Tell what ended, and what is the same as something that ended."""
        while True:
            for arm in self.arms:
                for trial in arm.running:
                    if trial.twin is not None and trial.twin.status != "running":
                        arm.mirror(trial)
            if not any([arm.settle(self.book.told) for arm in self.arms]):
                return

    def arm(self, trial: Trial) -> Arm:
        """The arm of a trial."""
        return self._arms[trial.arm]

    def _measured(self, run: SeedRun, metrics: Mapping[str, float]) -> dict[str, float]:
        count = {"parameters": float(self.parameters(run.config))} if self.parameters else {}
        return {**metrics, **count}
