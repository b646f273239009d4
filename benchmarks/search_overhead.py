"""What the driver costs a trial, as a search grows: it should not grow with it.

    python -m benchmarks.search_overhead

The real loop, storage (a journal file) and rules on the space cal; trials are trivial: a pool that
answers at once, no network, no ledger. The sampler is random, and its own time is left out
(decisions 5).
"""

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import RandomSampler

from cal.config import CONFIGS, parse, read_yaml
from cal.records import Epoch, Record, Result
from cal.running import Job
from search_spaces.arm import Arm, Rules
from search_spaces.engine import Engine, Packing
from search_spaces.fields import laid
from search_spaces.objectives import read_objectives
from search_spaces.space import read_space
from search_spaces.stopping import Scheduler
from search_spaces.storage import Study, open_storage

SIZES = (100, 1_000, 10_000)


class Event:
    """A run's next record."""

    def __init__(self, key: str, record: Record) -> None:
        self.key, self.record = key, record


class Instant:
    """A pool whose runs are worth what their hash says, at once."""

    room = 8

    def __init__(self) -> None:
        self._events: list[Event] = []

    @property
    def idle(self) -> bool:
        return not self._events

    def submit(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            value = int(job.key[:8], 16) / 16**8
            epochs = job.config.train.epochs
            last = job.until or epochs
            metrics = {"val/accuracy": value}
            self._events.append(Event(job.key, Epoch(last, epochs, last, metrics)))
            if job.until is None:
                self._events.append(Event(job.key, Result({"select/clean/accuracy": value})))

    def events(self) -> list[Event]:
        found, self._events = self._events, []
        return found

    def close(self) -> None:
        pass


class Nothing:
    """A book that keeps nothing."""

    def known(self, run: Any) -> Mapping[str, float] | None:
        return None

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


class Timed(RandomSampler):
    """A sampler that knows how long it took."""

    seconds = 0.0

    def sample_independent(self, *given: Any) -> Any:
        begin = time.process_time()
        try:
            return super().sample_independent(*given)
        finally:
            self.seconds += time.process_time() - begin


def overhead(trials: int) -> float:
    """CPU milliseconds of the driver for each trial."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    base = laid(parse(read_yaml(CONFIGS / "hw20.yaml")), {"evaluate.part": "select"})
    objectives = read_objectives(["clean"])
    sampler = Timed(seed=1)
    with tempfile.TemporaryDirectory() as folder:
        study = Study(
            open_storage(str(Path(folder, "search.log"))),
            "cal",
            sampler=lambda _: sampler,
            objectives=objectives,
            dimensions=read_space("cal").dimensions,
            config=base,
        )
        scheduler = Scheduler("asha", base.train.epochs, base.train.validate_every)
        rules = Rules(objectives, scheduler, (1000, 1001, 1002), classes=10)
        arm = Arm("cal", base, study, rules, most=trials)
        begin = time.process_time()
        Engine([arm], Instant(), Nothing(), Packing(8, 16, 16, folder)).run()
        seconds = time.process_time() - begin - sampler.seconds
    if sum(trial.status != "running" for trial in arm.trials.values()) != trials:
        raise RuntimeError("not all trials were told")
    return 1000 * seconds / trials


def measure(sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """CPU milliseconds a trial by size of the search, and the largest over the smallest."""
    overhead(20)  # imports and caches
    found = {str(size): overhead(size) for size in sizes}
    times = list(found.values())
    return {"ms_a_trial": found, "ratio": times[-1] / times[0]}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
