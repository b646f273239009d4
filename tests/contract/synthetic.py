"""A search whose workers play back learning curves, and whose driver can be killed at any write.

``World`` outlives drivers: storage, ledger, checkpoints. ``World.drive`` is one driver; ``die_at``
ends it like kill -9 before its n-th write, wherever that is.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna

from cal.config import Config, merge, parse
from cal.records import Epoch, Failure, Record, Result
from cal.running import Job
from search_spaces import storage
from search_spaces.arm import Arm, Rules
from search_spaces.branches import completed
from search_spaces.engine import Engine, Packing
from search_spaces.objectives import OBJECTIVES
from search_spaces.racing import Score
from search_spaces.samplers import make_sampler
from search_spaces.space import Dimension, parse_space
from search_spaces.stopping import Name, Scheduler
from search_spaces.trials import SeedRun, Trial

optuna.logging.set_verbosity(optuna.logging.WARNING)
EPOCHS, SEEDS, CLASSES = 9, (1000, 1001, 1002), 10
STATUS = {"complete": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
ENDS = {"low": "hardly moves", "high": "diverges"}
RATE: dict[str, Any] = {
    "label": "nuisance",
    "kind": "float",
    "low": 0.001,
    "high": 1.0,
    "log": True,
    "default": 0.05,
    "ends": ENDS,
}
SPACE: dict[str, Any] = {
    "optim.lr": RATE,
    "cal.bottleneck.schedule": {
        "label": "scientific",
        "kind": "categorical",
        "choices": ["constant", "linear", "cyclical"],
        "default": "linear",
    },
    "cal.bottleneck.cycles": {
        **{"label": "nuisance", "kind": "int", "low": 1, "high": 8, "default": 4, "ends": ENDS},
        "when": {"cal.bottleneck.schedule": "cyclical"},
    },
}
FEW: dict[str, Any] = {
    "cal.bottleneck.schedule": SPACE["cal.bottleneck.schedule"],
}
"""Three configurations, so a longer search must ask for some again."""


def dimensions(space: Mapping[str, Any] = SPACE) -> tuple[Dimension, ...]:
    return parse_space({"fields": dict(space)}).dimensions


def base(**changes: Any) -> Config:
    tree = {
        "data": {"labels_per_class": 20},
        "train": {"epochs": EPOCHS, "validate_every": 1},
        "evaluate": {"part": "select", "noise": "none"},
    }
    return parse(merge(tree, changes))


class Killed(BaseException):
    """The driver is no more."""


@dataclass
class Fuse:
    """Kills the driver before its ``die_at``-th write."""

    die_at: int | None = None
    writes: int = 0

    def tick(self) -> None:
        self.writes += 1
        if self.writes == self.die_at:
            raise Killed


def level(config: Config) -> float:
    """What an accuracy converges to: best at lr .05, schedules differ by a point."""
    hill = 0.9 - 0.02 * math.log(config.optim.lr / 0.05) ** 2
    schedules = ("constant", "linear", "cyclical", "cosine", "exponential")
    return max(0.1, hill - 0.01 * schedules.index(config.mechanisms.bottleneck.schedule))


def noise(*words: object) -> float:
    """Uniform in [-1, 1), by name."""
    digest = hashlib.sha256(repr(words).encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**31 - 1


def accuracy(config: Config, epoch: int = EPOCHS) -> float:
    """After an epoch: seeds differ by 2 points, alike for all configurations, and .2 apart."""
    seed = config.seed
    own = 0.02 * noise(seed) + 0.002 * noise(config.optim.lr, seed)
    return level(config) * (1 - math.exp(-epoch / 2)) + own


Fails = Callable[[Config], bool]


@dataclass(frozen=True)
class Happened:
    key: str
    record: Record


@dataclass(frozen=True)
class Noted:
    line: str


@dataclass
class World:
    """``rows``: hash -> status; ``variants``: trial -> status, by the ledger. ``stand``: hash ->
    epoch of its checkpoint. ``trained``: (hash, epoch) -> how often.
    """

    storage: optuna.storages.BaseStorage = field(default_factory=optuna.storages.InMemoryStorage)
    rows: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, Mapping[str, float]] = field(default_factory=dict)
    variants: dict[str, str] = field(default_factory=dict)
    scores: dict[str, Mapping[str, Score]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    stand: dict[str, int] = field(default_factory=dict)
    trained: Counter[tuple[str, int]] = field(default_factory=Counter)
    packs: list[list[str]] = field(default_factory=list)
    fails: Fails = lambda config: False
    finite: bool = True  # whether validations are numbers
    folder: Path | None = None  # of checkpoint files, for a real book to remove

    def arms(self, specs: Mapping[str, Any], fuse: Fuse, **rules: Any) -> list[Arm]:
        return [self.arm(name, fuse, **{**rules, **spec}) for name, spec in specs.items()]

    def arm(
        self,
        name: str,
        fuse: Fuse,
        *,
        trials: int,
        space: Mapping[str, Any] = SPACE,
        config: Config | None = None,
        aims: Sequence[str] = ("clean",),
        scheduler: Name = "asha",
        sampler: str = "random",
        seeds: Sequence[int] = SEEDS,
    ) -> Arm:
        config, dims = config or base(), dimensions(space)
        objectives = tuple(OBJECTIVES[aim] for aim in aims)
        study = FusedStudy(
            self.storage,
            name,
            sampler=lambda asked: make_sampler(sampler, seed=asked, objectives=len(aims)),
            objectives=objectives,
            dimensions=dims,
            config=config,
            declared={"objective": list(aims)},
        )
        study.fuse = fuse
        study.suggest_first(completed(dims, config, {}), origin="default")
        plan = Scheduler(scheduler, EPOCHS, 1)
        return Arm(name, config, study, Rules(objectives, plan, tuple(seeds), CLASSES), most=trials)

    def drive(
        self,
        specs: Mapping[str, Any],
        *,
        die_at: int | None = None,
        under_way: int = 4,
        pack: int = 4,
        book: Any = None,
        **rules: Any,
    ) -> "Driver":
        """A driver to its end, or to its death (``Driver.died``). ``book``: a real one."""
        fuse = Fuse(die_at)
        driver = Driver(self, fuse)
        if book is not None:
            driver.book = Fused(book, fuse)
        try:
            driver.arms = self.arms(specs, fuse, **rules)
            for arm in driver.arms:
                arm.restore()
            packing = Packing(pack, pack, under_way, "nowhere", places=2)
            count = (lambda config: config.model.d_z) if "parameters" in str(rules) else None
            Engine(driver.arms, driver.pool, driver.book, packing, parameters=count).run()
        except Killed:
            driver.died = True
        return driver


class FusedStudy(storage.Study):
    """Real Optuna; each write burns the fuse, and ``ask`` also between trial and values."""

    fuse = Fuse()

    def adopt(self, trial: optuna.trial.Trial) -> storage.Stored:
        self.fuse.tick()
        return super().adopt(trial)

    def ask(self) -> storage.Stored:
        self.fuse.tick()
        return super().ask()

    def report(self, number: int, epoch: int, value: float) -> None:
        self.fuse.tick()
        super().report(number, epoch, value)

    def goes_on(self, number: int, epoch: int) -> None:
        self.fuse.tick()
        super().goes_on(number, epoch)

    def keep(self, number: int, kept: str) -> None:
        self.fuse.tick()
        super().keep(number, kept)

    def tell(self, number: int, scores: Mapping[str, float] | None) -> None:
        self.fuse.tick()
        super().tell(number, scores)


class Fused:
    """A real book, whose calls burn the fuse."""

    def __init__(self, book: Any, fuse: Fuse) -> None:
        self.book, self.fuse = book, fuse

    def __getattr__(self, name: str) -> Any:
        if name not in ("known", "epoch", "note"):
            self.fuse.tick()
        return getattr(self.book, name)


class Driver:
    """What one process has."""

    def __init__(self, world: World, fuse: Fuse) -> None:
        self.world, self.fuse, self.died = world, fuse, False
        self.arms: list[Arm] = []
        self.pool = Pool(world)
        self.book: Any = Book(world, fuse)


class Book:
    """As strict as the ledger: a row is written by the driver that opened it."""

    def __init__(self, world: World, fuse: Fuse) -> None:
        self.world, self.fuse = world, fuse
        self.open: set[str] = set()
        self.asked_for: list[str] = []
        self.told_of: list[str] = []

    def asked(self, trial: Trial) -> None:
        self.fuse.tick()
        self.asked_for.append(trial.name)
        self.world.variants.setdefault(trial.name, "RUNNING")

    def known(self, run: SeedRun) -> Mapping[str, float] | None:
        finished = self.world.rows.get(run.hash) == "FINISHED"
        return self.world.metrics[run.hash] if finished else None

    def started(self, run: SeedRun, *, beside: int) -> None:
        assert self.world.rows.get(run.hash) != "FINISHED"
        assert self.world.variants[run.trial.name] == "RUNNING"
        if run.hash not in self.open:
            self.fuse.tick()
            self.open.add(run.hash)
            self.world.rows[run.hash] = "RUNNING"

    def epoch(self, run: SeedRun, record: Epoch) -> None:
        assert run.hash in self.open

    def finished(self, run: SeedRun, result: Result) -> None:
        self._close(run, "FINISHED")
        self.world.metrics[run.hash] = result.metrics

    def stopped(self, run: SeedRun) -> None:
        assert run.trial.reason
        self._close(run, "KILLED")

    def failed(self, run: SeedRun, error: str) -> None:
        self._close(run, "FAILED")

    def _close(self, run: SeedRun, status: str) -> None:
        self.fuse.tick()
        self.open.remove(run.hash)
        self.world.rows[run.hash] = status

    def told(self, trial: Trial, scores: Mapping[str, Score]) -> None:
        self.fuse.tick()
        self.told_of.append(trial.name)
        assert self.world.variants[trial.name] in ("RUNNING", STATUS[trial.status])
        self.world.variants[trial.name] = STATUS[trial.status]
        self.world.scores[trial.name] = scores
        for run in trial.runs:
            self.world.stand.pop(run.hash, None)

    def note(self, line: str) -> None:
        self.world.notes.append(line)


class Pool:
    """Two places; a pack is trained at once when its events are asked for, and checkpoints each
    epoch. As the real one, a run that goes on says its earlier epochs again.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.packs: list[Sequence[Job]] = []

    @property
    def room(self) -> int:
        return 3 - len(self.packs)

    @property
    def idle(self) -> bool:
        return not self.packs

    def submit(self, jobs: Sequence[Job]) -> None:
        under_way = {job.key for pack in self.packs for job in pack}
        assert len({job.key for job in jobs} - under_way) == len(jobs) <= 4
        self.packs.append(jobs)
        self.world.packs.append([job.key for job in jobs])

    def events(self) -> Sequence[Happened | Noted]:
        jobs = self.packs.pop(0)
        records = [(job, iter(self._trained(job))) for job in jobs]
        found: list[Happened | Noted] = [Noted(f"a pack of {len(jobs)}")]
        while records:  # epoch by epoch, as members of a pack speak
            for pair in list(records):
                record = next(pair[1], None)
                if record is None:
                    records.remove(pair)
                else:
                    found.append(Happened(pair[0].key, record))
        return found

    def close(self) -> None:
        self.packs.clear()

    def _trained(self, job: Job) -> list[Record]:
        config, world = job.config, self.world
        before, until = world.stand.get(job.key, 0), job.until or EPOCHS
        records: list[Record] = []
        for epoch in range(1, until + 1):
            if epoch > before:
                world.trained[job.key, epoch] += 1
                world.stand[job.key] = epoch
                if world.folder is not None:
                    (world.folder / f"{job.key}.pt").touch()
            if epoch == 3 and world.fails(config):
                return [*records, Failure("Traceback\ndiverged at epoch 3")]
            value = accuracy(config, epoch) if world.finite else math.nan
            metrics = {"val/accuracy": value, "val/nll": 1 - value}
            records.append(Epoch(epoch, EPOCHS, epoch, metrics))
        return [*records, Result(result(config))] if until == EPOCHS else records


def result(config: Config) -> dict[str, float]:
    value = accuracy(config)
    return {
        "select/clean/accuracy": value,
        "select/robust/accuracy": value - 0.1,
        "select/clean/nll": 1 - value,
        "time/step_ms": 1 + config.optim.lr,
        "time/train_s": 9.0,
    }
