"""Live progress of a search: a table on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Mapping, Sequence

from rich.table import Table

from cal.live import SHOWN, Shown, minutes
from cal.records import Epoch
from search_spaces.objectives import Objective, scalar
from search_spaces.racing import Score
from search_spaces.trials import SeedRun, Trial


class Progress(Shown):
    """Told by the book what happens. ``most``: trials of each arm; ``done``: told before."""

    def __init__(
        self, objectives: Sequence[Objective], most: Mapping[str, int], *, done: Mapping[str, int]
    ) -> None:
        super().__init__()
        self.objectives, self.most = tuple(objectives), dict(most)
        self.done = {arm: done.get(arm, 0) for arm in most}
        self.before = sum(self.done.values())
        self.failed = self.stopped = 0
        self.best: dict[str, tuple[int, float, str]] = {}  # arm -> seeds, scalar, in words
        self.now: dict[str, tuple[SeedRun, Epoch]] = {}
        self.begun = time.monotonic()

    def asked(self, trial: Trial) -> None:
        """A trial begins."""
        self.show()

    def epoch(self, run: SeedRun, record: Epoch) -> None:
        """An epoch was trained."""
        self.now[run.hash] = (run, record)
        self.show()

    def told(self, trial: Trial, scores: Mapping[str, Score]) -> None:
        """A trial ended."""
        for run in trial.runs:
            self.now.pop(run.hash, None)
        self.done[trial.arm] += 1
        self.failed += trial.status == "failed"
        self.stopped += trial.status == "stopped"
        if trial.status == "failed" and trial.twin is None:
            self.note(f"failed: {trial.name}: {trial.reason}")
        if trial.status == "complete" and scores:
            means = {name: score.mean for name, score in scores.items()}
            value, seeds = scalar(self.objectives, means), min(s.seeds for s in scores.values())
            if (seeds, value) > self.best.get(trial.arm, (0, 0.0, ""))[:2]:
                words = ", ".join(f"{name} {mean:.4g}" for name, mean in means.items())
                self.best[trial.arm] = (seeds, value, f"{words} (trial {trial.number})")
        self.show()

    def time_left(self) -> str:
        """Minutes and seconds at the pace so far, or a dash before any trial ended."""
        ended = sum(self.done.values()) - self.before
        if not ended:
            return "-"
        left = sum(self.most.values()) - sum(self.done.values())
        return minutes((time.monotonic() - self.begun) / ended * left)

    def headline(self) -> str:
        """One line: trials, runs under way, the best of the first arm, time left."""
        parts = [f"{sum(self.done.values())} of {sum(self.most.values())} trials"]
        parts += [f"{self.stopped} stopped early"] if self.stopped else []
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"{len(self.now)} runs under way"] if self.now else []
        parts += [f"best of {arm}: {words}" for arm, (*_, words) in list(self.best.items())[:1]]
        return f"{', '.join(parts)}, {self.time_left()} left"

    def table(self) -> Table:
        """Arms and runs under way below the headline."""
        table = Table(title=self.headline(), title_justify="left")
        for column in ("arm", "trials", "best so far"):
            table.add_column(column)
        for arm, most in self.most.items():
            table.add_row(arm, f"{self.done[arm]}/{most}", self.best.get(arm, (0, 0.0, "-"))[2])
        for run, record in list(self.now.values())[:SHOWN]:
            at = f"epoch {record.epoch}/{record.epochs}"
            table.add_row(f"  {run.trial.name}", f"seed {run.seed}", at)
        return table
