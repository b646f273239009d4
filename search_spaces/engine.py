"""The loop of a search: ask for trials, pack their runs, judge them, give more seeds, tell.

Knows neither Ray nor MLflow: runs go to a ``Pool`` and come back as events, and a ``Clerk`` keeps
them. ``tuned`` is the other way to run a search.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol

from cal.config import Config
from cal.packed import alone, packs, shape
from cal.running import Job
from search_spaces.arm import Arm
from search_spaces.clerk import Book, Clerk
from search_spaces.trials import SeedRun


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
        self.clerk = Clerk(arms, book, parameters=parameters)
        self._working: dict[str, SeedRun] = {}  # by hash
        self._packs: list[set[str]] = []  # hashes of runs that were given in together

    def run(self) -> None:
        """Until every arm, restored before, has all its trials told. Ctrl-C ends the workers and
        is passed on.
        """
        for arm in self.arms:
            for trial in arm.running:
                self.clerk.begin(trial)
        try:
            while True:
                self.clerk.settle()
                self._fill()
                if self.pool.idle and not self._working:
                    break
                for event in self.pool.events():
                    if hasattr(event, "line"):
                        self.book.note(event.line)
                    elif hasattr(event, "record"):
                        self._take(self._working[event.key], event.record)
                self._judge()
        finally:
            self.pool.close()

    def _fill(self) -> None:
        """Ask for as many trials as may be under way, and give packs of what is ready."""
        while self._asked() or self._known() or self._released():
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
        running = [trial for arm in self.arms for trial in arm.running]
        under_way = sum(trial.twin is None and not trial.waits for trial in running)
        batch = max(1, self.packing.trials // 2)
        if under_way > self.packing.trials - batch:
            return False
        asked = 0
        for _ in range(batch):
            waiting = [arm for arm in self.arms if arm.left]
            if not waiting:
                break
            arm = max(waiting, key=lambda arm: arm.left / arm.most)
            self.clerk.begin(arm.ask())
            asked += 1
        self.clerk.settle()
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
        found = [run for run in self._ready() if self.clerk.found(run)]
        self.clerk.settle()
        return bool(found)

    def _released(self) -> bool:
        """Let trials go on that wait for others when none will come; whether there was any."""
        found = [arm for arm in self.arms if arm.release()]
        self.clerk.settle()
        return bool(found)

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
        self.clerk.take(run, record)
        if run.status != "working":
            del self._working[run.hash]

    def _judge(self) -> None:
        """Packs that have come to their rungs, each as a whole."""
        for pack in [p for p in self._packs if not p & self._working.keys()]:
            self._packs.remove(pack)
            for arm in self.arms:
                mine = [run for t in arm.running for run in t.runs if run.hash in pack]
                for run in arm.judge(mine):
                    self.book.stopped(run)


def _together(run: SeedRun) -> tuple[Any, ...]:
    """What the runs of one pack share."""
    return (shape(run.config), run.epoch, run.until or run.config.train.epochs)
