"""Our search on a table: the real loop, sampler, early stopping and racing of ``search_spaces``;
the workers look up.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.regret_course import Contestant, Course
from cal.config import Config, flatten
from cal.effective import run_hash
from cal.records import Epoch, Failure, Record, Result
from cal.running import Job
from search_spaces.arm import Arm, Rules
from search_spaces.branches import completed
from search_spaces.engine import Engine, Packing
from search_spaces.objectives import OBJECTIVES, scalar
from search_spaces.samplers import make_sampler
from search_spaces.stopping import Name, Scheduler
from search_spaces.storage import Study
from search_spaces.trials import Trial

PLACES = 2  # packs at a time, as on two cores
UNDER_WAY = 4  # trials, what --trials 40 or fewer have there
PACK = 16
CLASSES = 10


class Over(Exception):
    """The budget is spent."""


@dataclass(frozen=True)
class Happened:
    """One record of one run."""

    key: str
    record: Record


class Silent:
    """A book that keeps nothing."""

    def known(self, run: Any) -> None:
        """No run was trained before."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


@dataclass
class Looked:
    """A pool whose workers look up: a pack's runs go on together, pack after pack."""

    course: Course
    arm: Arm
    packs: list[Sequence[Job]] = field(default_factory=list)
    stand: dict[str, int] = field(default_factory=dict)  # key -> epochs trained
    points: dict[str, int] = field(default_factory=dict)  # hash of a trial -> its point

    @property
    def room(self) -> int:
        """Places without a pack."""
        return PLACES - len(self.packs)

    @property
    def idle(self) -> bool:
        """Whether no pack waits."""
        return not self.packs

    def submit(self, jobs: Sequence[Job]) -> None:
        """Take a pack."""
        self.packs.append(jobs)

    def close(self) -> None:
        """Nothing to end."""

    def events(self) -> list[Happened]:
        """What the next pack does until its rung or its end. Raises ``Over``."""
        best = recommended(self.arm)
        if best is not None:
            self.course.recommend(self.point(best.config))
        if self.course.over:
            raise Over
        jobs = self.packs.pop(0)
        return [Happened(job.key, record) for job in jobs for record in self._trained(job)]

    def point(self, config: Config) -> int:
        """Of a trial, whatever the seed."""
        key = run_hash(config.model_copy(update={"seed": 0}))
        if key not in self.points:
            flat = flatten(config.model_dump(mode="json"))
            self.points[key] = self.course.point(flat)
        return self.points[key]

    def _trained(self, job: Job) -> list[Record]:
        table, index = self.course.table, self.point(job.config)
        seed, before = job.config.seed, self.stand.get(job.key, 0)
        until = job.until or table.epochs
        end = min(until, table.cost(index, seed))
        self.course.spent += end - before
        self.stand[job.key] = end
        records: list[Record] = [
            Epoch(epoch, table.epochs, epoch, table.validation(value))
            for epoch, value in table.curve(index, seed)
            if before < epoch <= end
        ]
        if table.failed(index, seed) and end == table.cost(index, seed):
            return [*records, Failure("diverged")]
        if end == table.epochs:
            records.append(Result(table.result(table.end(index, seed))))
        return records


def recommended(arm: Arm) -> Trial | None:
    """The best of those under the most seeds, as the report has it at the end; before a seed is
    finished, the best of those trained furthest.
    """
    own = [t for t in arm.trials.values() if t.twin is None and t.runs and t.status != "failed"]
    most = max((len(trial.line) for trial in own), default=0)
    lines = [trial for trial in own if most and len(trial.line) == most]
    if lines:
        objectives = arm.rules.objectives
        return max(lines, key=lambda t: (scalar(objectives, arm.means(t)), -t.number))
    begun = [trial for trial in own if trial.runs[0].curve]
    return max(begun, key=lambda t: (t.runs[0].curve[-1], -t.number), default=None)


def ours(
    *,
    sampler: str = "tpe",
    scheduler: Name = "asha",
    seeds: int = 3,
    first: bool = True,
    under_way: int = UNDER_WAY,
) -> Contestant:
    """``first``: whether it begins with the configuration's own values, as it does by default."""

    def search(course: Course, number: int) -> None:
        table = course.table
        objectives = (OBJECTIVES[table.objective_name],)
        study = Study(
            None,
            f"regret {number}",
            sampler=lambda asked: make_sampler(sampler, seed=number, objectives=1),
            objectives=objectives,
            dimensions=table.dimensions,
            config=table.base,
        )
        if first:
            known = completed(table.dimensions, table.base, {})
            study.suggest_first(known, origin="default")
        every = table.base.train.validate_every
        rules = Rules(
            objectives, Scheduler(scheduler, table.epochs, every), table.seeds[:seeds], CLASSES
        )
        arm = Arm("cal", table.base, study, rules, most=10**6)
        packing = Packing(PACK, PACK, under_way, folder="", every_s=math.inf)
        try:
            Engine([arm], Looked(course, arm), Silent(), packing).run()
        except Over:
            return

    return search


CONTESTANTS: dict[str, Contestant] = {
    "ours": ours(),
    "ours, without the default": ours(first=False),
    "ours, 1 seed": ours(first=False, seeds=1),
    "ours, no early stopping": ours(first=False, scheduler="none"),
    "ours, random sampler": ours(first=False, sampler="random"),
}
