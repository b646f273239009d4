"""A small search over handwritten digits, and a book in memory, as tests of searches need them."""

from collections.abc import Mapping, Sequence
from typing import Any

from cal.config import Config, merge, parse
from cal.records import Epoch, Result
from search_spaces.arm import Arm, Rules
from search_spaces.objectives import read_objectives
from search_spaces.samplers import make_sampler
from search_spaces.space import parse_space
from search_spaces.stopping import Name, Scheduler
from search_spaces.storage import Study
from search_spaces.trials import SeedRun, Trial

SMALL: dict[str, Any] = {
    "method": "joint",
    "data": {"labels_per_class": 20},
    "train": {"epochs": 6, "validate_every": 1},
    "evaluate": {"noise": "none", "part": "select"},
}
RATES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.02, 0.05, 0.1, 0.2, 1e30)  # the last one diverges
SPACE = parse_space(
    {
        "fields": {
            "optim.lr": {
                "label": "nuisance",
                "kind": "categorical",
                "choices": list(RATES),
                "default": 0.05,
            }
        }
    }
)


def small(**more: Any) -> Config:
    """The configuration that is searched."""
    return parse(merge(SMALL, more))


def searched(
    rates: Sequence[float] = (),
    *,
    trials: int | None = None,
    scheduler: Name = "none",
    seeds: int = 1,
    storage: Any = None,
    config: Config | None = None,
    name: str = "main",
) -> Arm:
    """An arm, restored. ``rates``: of the first trials; the others are drawn at random."""
    config = config or small(optim={"clip": None})
    objectives = read_objectives(["clean"])
    study = Study(
        storage,
        name,
        sampler=lambda asked: make_sampler("random", seed=1 + asked, objectives=1),
        objectives=objectives,
        dimensions=SPACE.dimensions,
        config=config,
    )
    for i, rate in enumerate(rates):
        study.suggest_first({"optim.lr": rate}, origin=f"first {i}")
    early = Scheduler(scheduler, config.train.epochs, config.train.validate_every)
    rules = Rules(objectives, early, tuple(range(1000, 1000 + seeds)), classes=10)
    arm = Arm(name, config, study, rules, most=len(rates) if trials is None else trials)
    arm.restore()
    return arm


class Notes:
    """A book in memory. ``before``: hash -> metrics of runs that finished before."""

    def __init__(self, before: Mapping[str, Mapping[str, float]] | None = None) -> None:
        self.done = dict(before or {})
        self.begun: list[tuple[int, int]] = []  # number and seed of runs, as they were given out
        self.epochs: dict[tuple[int, int], list[int]] = {}
        self.ended: list[tuple[int, str]] = []  # number of trials, and how
        self.errors: list[str] = []
        self.lines: list[str] = []

    def asked(self, trial: Trial) -> None: ...

    def known(self, run: SeedRun) -> Mapping[str, float] | None:
        return self.done.get(run.hash)

    def started(self, run: SeedRun, *, beside: int) -> None:
        self.begun.append((run.trial.number, run.seed))

    def epoch(self, run: SeedRun, record: Epoch) -> None:
        self.epochs.setdefault((run.trial.number, run.seed), []).append(record.epoch)

    def finished(self, run: SeedRun, result: Result) -> None:
        assert run.hash not in self.done, "finished twice"
        self.done[run.hash] = dict(result.metrics)

    def stopped(self, run: SeedRun) -> None: ...

    def failed(self, run: SeedRun, error: str) -> None:
        self.errors.append(error)

    def told(self, trial: Trial, scores: Mapping[str, Any]) -> None:
        self.ended.append((trial.number, trial.status))

    def note(self, line: str) -> None:
        self.lines.append(line)
