"""Live progress of a study: a table on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Sequence

from rich.table import Table

from cal.live import SHOWN, Shown, minutes
from cal.records import Epoch, news
from cal.runs import Run


class Progress(Shown):
    """Told by ``execute`` what happens; estimates the time left from the runs of each regime."""

    def __init__(self, runs: Sequence[Run], *, done: int, places: int) -> None:
        """``runs``: those to do; ``done``: finished before; ``places``: runs at a time."""
        super().__init__()
        self.total, self.done, self.failed = len(runs) + done, done, 0
        self.places = places
        self.left: dict[str, int] = {}
        for run in runs:
            self.left[run.regime] = self.left.get(run.regime, 0) + 1
        self.seconds: dict[str, list[float]] = {}
        self.begun: dict[str, float] = {}
        self.beside: dict[str, int] = {}  # runs of the same pack, and itself
        self.now: dict[str, tuple[Run, Epoch | None]] = {}
        self.accuracy: dict[str, float] = {}
        self.told: dict[str, set[str]] = {}  # warnings, by run
        self.resumptions, self.lost_s = 0, 0.0

    def started(self, run: Run, *, beside: int) -> None:
        """A run was handed to a worker, one of a pack of ``beside`` runs."""
        self.now[run.hash] = (run, None)
        self.beside[run.hash] = beside
        self.show()

    def epoch(self, run: Run, record: Epoch) -> None:
        """An epoch was trained."""
        self.begun.setdefault(run.hash, time.monotonic())
        self.now[run.hash] = (run, record)
        if "val/accuracy" in record.metrics:
            self.accuracy[run.hash] = record.metrics["val/accuracy"]
        for warning in news(record, self.told.setdefault(run.hash, set())):
            self.note(f"{run.regime} {_arm(run)} seed {run.seed}: {warning}")
        self.show()

    def resumed(self, run: Run, *, epoch: int, seconds: float, preempted: bool) -> None:
        """A run that was interrupted goes on after ``epoch``; ``seconds`` are done again."""
        self.resumptions += 1
        self.lost_s += seconds
        if preempted:
            self.note(f"preempted: {run.regime} {_arm(run)} seed {run.seed}: from epoch {epoch} on")
        self.show()

    def ended(self, run: Run, error: str) -> None:
        """A run is in the ledger."""
        begun, beside = self.begun.pop(run.hash, None), self.beside.pop(run.hash, 1)
        if begun is not None and not error:
            share = (time.monotonic() - begun) / beside
            self.seconds.setdefault(run.regime, []).append(share)
        self.now.pop(run.hash, None)
        self.accuracy.pop(run.hash, None)
        self.told.pop(run.hash, None)
        self.left[run.regime] -= 1
        self.done += not error
        self.failed += bool(error)
        if error:
            self.note(f"failed: {run.regime} {_arm(run)} seed {run.seed}: {error}")
        self.show()

    def time_left(self) -> str:
        """Minutes and seconds, or a dash before anything was measured."""
        everything = [s for times in self.seconds.values() for s in times]
        if not everything:
            return "-"
        mean = sum(everything) / len(everything)
        seconds = 0.0
        for regime, count in self.left.items():
            times = self.seconds.get(regime)
            seconds += count * (sum(times) / len(times) if times else mean)
        return minutes(seconds / self.places)

    def headline(self) -> str:
        """One line: done, failed, under way, time left."""
        failed = f", {self.failed} failed" if self.failed else ""
        parts = [record.epoch / record.epochs for _, record in self.now.values() if record]
        share = sum(parts) / len(parts) if parts else 0.0
        now = f", {len(parts)} under way ({share:.0%})" if parts else ""
        again = f", {self.resumptions} resumed ({self.lost_s:.0f} s again)"
        lost = again if self.resumptions else ""
        return f"{self.done} of {self.total} runs{failed}{lost}{now}, {self.time_left()} left"

    def table(self) -> Table:
        """Runs under way below the headline."""
        table = Table(title=self.headline(), title_justify="left")
        for column in ("regime", "variant", "seed", "epoch", "val accuracy"):
            table.add_column(column)
        under_way = [(r, e) for r, e in self.now.values() if e is not None]
        for run, record in under_way[:SHOWN]:
            accuracy = self.accuracy.get(run.hash)
            table.add_row(
                run.regime,
                _arm(run),
                str(run.seed),
                f"{record.epoch}/{record.epochs}",
                "-" if accuracy is None else f"{accuracy:.3f}",
            )
        return table


def _arm(run: Run) -> str:
    """The first of its arms; a tuning run has none, so its method."""
    return run.arms[0] if run.arms else run.config.method
