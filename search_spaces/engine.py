"""The loop of a search: ask for trials, pack their runs, judge them, give more seeds, tell.

Knows neither Ray nor MLflow: runs go to a ``Pool`` and come back as events, and a ``Book`` keeps
them. Order: the book first, then the storage. So whatever a driver that dies leaves undone is done
again by the next, and nothing twice.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol

from cal.config import Config
from cal.packed import alone, packs, shape
from cal.records import Epoch, Failure, Result
from cal.running import Job
from search_spaces.arm import Arm
from search_spaces.trials import SeedRun, Trial


class Pool(Protocol):
    """Where runs are trained; ``cal.adapters.ray_pool.Pool`` is one."""

    @property
    def room(self) -> int:
        """How many more packs to give in now."""

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""

    def submit(self, jobs: Sequence[Job]) -> None:
        """Train a pack."""

    def events(self) -> Sequence[Any]:
        """What happened since: with ``key`` and ``record``, or with ``line``, a note."""

    def close(self) -> None:
        """End what is under way."""


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


@dataclass(frozen=True)
class Packing:
    """How many runs to train together, and how many trials to have under way.

    ``target``, ``largest``: of a pack. ``trials``: under way at most; more fill packs better, fewer
    let the sampler learn more often. ``places``: packs that are trained at a time, over which runs
    are spread; 0: as many as the pool has room for.
    """

    target: int
    largest: int
    trials: int
    folder: str
    every_s: float = 5.0
    places: int = 0


class Engine:
    """Runs arms to their ends. ``parameters``: counts those of a network, where it is asked."""

    def __init__(
        self,
        arms: Sequence[Arm],
        pool: Pool,
        book: Book,
        packing: Packing,
        *,
        parameters: Callable[[Config], int] | None = None,
    ) -> None:
        self.arms, self.pool, self.book, self.packing = tuple(arms), pool, book, packing
        self.parameters = parameters
        self._arms = {arm.name: arm for arm in arms}
        self._first: dict[tuple[str, str], Trial] = {}  # arm, hash of a first run -> whose it is
        self._working: dict[str, SeedRun] = {}  # by hash
        self._packs: list[set[str]] = []  # hashes of runs that were given in together

    def run(self) -> None:
        """Until every arm, restored before, has all its trials told. Ctrl-C ends the workers and
        is passed on.
        """
        for trial in [trial for arm in self.arms for trial in arm.trials.values()]:
            if trial.runs:
                self._first[trial.arm, trial.runs[0].hash] = trial
        for arm in self.arms:
            for trial in arm.running:
                self._begin(arm, trial)
        try:
            while True:
                self._settle()
                self._fill()
                if self.pool.idle and not self._working:
                    break
                for event in self.pool.events():
                    if hasattr(event, "line"):
                        self.book.note(event.line)
                    else:
                        self._take(self._working[event.key], event.record)
                self._judge()
        finally:
            self.pool.close()

    def _begin(self, arm: Arm, trial: Trial) -> None:
        """Its first run; or none, where another trial of its arm is the same computation. Arms
        are judged each for itself: what they share are finished runs.
        """
        self.book.asked(trial)
        run = arm.begin(trial)
        other = self._first.setdefault((arm.name, run.hash), trial)
        if other is not trial:
            trial.runs.clear()
            trial.twin = other.twin or other

    def _fill(self) -> None:
        """Ask for as many trials as may be under way, and give packs of what is ready."""
        while self._asked() or self._known():
            pass
        for jobs in self._packed(self._ready())[: self.pool.room]:
            for run in jobs:
                run.status = "working"
                self._working[run.hash] = run
                self.book.started(run, beside=len(jobs))
            self._packs.append({run.hash for run in jobs})
            every, folder = self.packing.every_s, self.packing.folder
            self.pool.submit([Job(r.config, r.hash, folder, every, r.until) for r in jobs])

    def _asked(self) -> bool:
        """Ask for a batch if half of those that may be under way have ended."""
        under_way = sum(trial.twin is None for arm in self.arms for trial in arm.running)
        batch = max(1, self.packing.trials // 2)
        if under_way > self.packing.trials - batch:
            return False
        asked = 0
        for _ in range(batch):
            waiting = [arm for arm in self.arms if arm.left]
            if not waiting:
                break
            arm = max(waiting, key=lambda arm: arm.left / arm.most)
            self._begin(arm, arm.ask())
            asked += 1
        self._settle()
        return asked > 0

    def _ready(self) -> list[SeedRun]:
        """Runs that wait for a worker, those that are furthest first. The same run of another arm
        waits while one is under way.
        """
        runs = [run for arm in self.arms for trial in arm.running for run in trial.runs]
        under_way = {run.hash for run in runs if run.status in ("working", "paused")}
        found: dict[str, SeedRun] = {}
        waiting = [run for run in runs if run.status == "ready" and run.hash not in under_way]
        for run in sorted(waiting, key=lambda run: (-len(run.trial.runs), -run.epoch)):
            found.setdefault(run.hash, run)
        return list(found.values())

    def _known(self) -> bool:
        """Take what an earlier driver or another arm finished; whether there was any."""
        found = [run for run in self._ready() if self._found(run)]
        self._settle()
        return bool(found)

    def _found(self, run: SeedRun) -> bool:
        """Whether this run was finished before."""
        metrics = self.book.known(run)
        if metrics is not None:
            self._arm(run).finished(run, self._measured(run, metrics))
        return metrics is not None

    def _packed(self, runs: Sequence[SeedRun]) -> list[list[SeedRun]]:
        """Packs of runs that fit together and stand at the same epoch, spread over free workers."""
        found: list[list[SeedRun]] = []
        ordered = sorted(runs, key=lambda run: repr(_together(run)))
        for _, group in groupby(ordered, key=_together):
            members = list(group)
            if alone(members[0].config) is not None:
                found += [[run] for run in members]
                continue
            each = math.ceil(len(members) / max(1, self.packing.places or self.pool.room))
            target = max(1, min(self.packing.target, each))
            parts = packs([r.config for r in members], target=target, largest=self.packing.largest)
            found += [[members[i] for i in part] for part in parts]
        return sorted(found, key=lambda pack: (-len(pack[0].trial.runs), -pack[0].epoch))

    def _take(self, run: SeedRun, record: Any) -> None:
        arm = self._arm(run)
        if isinstance(record, Epoch):
            self.book.epoch(run, record)
            arm.epoch(run, record)
        elif isinstance(record, Failure):
            self.book.failed(run, record.error)
            arm.failed(run, record.error)
        else:
            self.book.finished(run, record)
            arm.finished(run, self._measured(run, record.metrics))
        if run.status != "working":
            del self._working[run.hash]

    def _measured(self, run: SeedRun, metrics: Mapping[str, float]) -> dict[str, float]:
        count = {"parameters": float(self.parameters(run.config))} if self.parameters else {}
        return {**metrics, **count}

    def _judge(self) -> None:
        """Packs that have come to their rungs, each as a whole."""
        for pack in [p for p in self._packs if not p & self._working.keys()]:
            self._packs.remove(pack)
            for arm in self.arms:
                mine = [run for t in arm.running for run in t.runs if run.hash in pack]
                for run in arm.judge(mine):
                    self.book.stopped(run)

    def _settle(self) -> None:
        """Tell what ended, and what is the same as something that ended."""
        while True:
            for arm in self.arms:
                for trial in arm.running:
                    if trial.twin is not None and trial.twin.status != "running":
                        arm.mirror(trial)
            if not any([arm.settle(self.book.told) for arm in self.arms]):
                return

    def _arm(self, run: SeedRun) -> Arm:
        return self._arms[run.trial.arm]


def _together(run: SeedRun) -> tuple[Any, ...]:
    """What the runs of one pack share."""
    return (shape(run.config), run.epoch, run.until or run.config.train.epochs)
