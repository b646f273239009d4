"""Packs in a study: the same numbers as one by one, whatever dies, runs out of memory or raises."""

import re
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cal import checkpoint
from cal.adapters import ray_cluster, ray_execute, ray_train, ray_workers
from cal.adapters.ray_backend import Backend
from cal.adapters.ray_execute import execute
from cal.adapters.ray_pool import Pool
from cal.adapters.tracking import Seed
from cal.config import parse
from cal.records import Epoch, Result
from cal.running import Job
from cal.runs import Run
from tests.integration.studies import begun, run, small_study, summary

import ray  # isort: skip


def another(home: Path, folder: Path) -> Path:
    """A second home with the same empty store, in a folder of its own."""
    return shutil.copytree(home, folder / "other" / "home")


def test_the_default_study_shortened_is_the_same_packed_and_one_by_one(
    home: Path, tmp_path: Path
) -> None:
    """Three regimes, all arms, one seed, four epochs: every figure, to the last bit."""
    found = []
    for backend, place in (("packed", home), ("worker", another(home, tmp_path))):
        words = ("ablations.full", "--backend", backend, "--seeds", "1", "--out", "out")
        done = run(*words, "--workers", "2", "train.epochs=4", home=place)
        assert done.returncode == 0, done.stderr
        found.append(summary(place.parent / "out"))
        if backend == "packed":
            assert re.search(r"\d+ runs in \d+ packs of \d+ to \d+", done.stderr)
            assert "more does not" in done.stderr  # why packs have the size they have
    assert found[0] == found[1]


LONG = """
name: long
base:
  data: {labels_per_class: 20}
  train: {epochs: 800}
  evaluate: {noise: none}
regimes: {hw20: {seeds: 2}}
arms:
  joint: {config: {method: joint}}
  cal: {config: {}}
contrasts: [{arm: cal, reference: joint}]
"""


def epochs_in(folder: Path) -> list[int]:
    """How far each run is by its checkpoint."""
    states = [checkpoint.load(str(folder), path.stem) for path in folder.glob("*.pt")]
    return [state["trainer"]["place"]["epoch"] for state in states if state is not None]


def test_killed_in_mid_pack_it_goes_on_in_other_packs(home: Path, tmp_path: Path) -> None:
    """Packed runs die with everything after their first checkpoint; then they go on one by one."""
    words = ("ablations.full", "--config", small_study(tmp_path, LONG), "--workers", "1")
    other = another(home, tmp_path)
    packed, quiet = (*words, "--backend", "packed"), subprocess.DEVNULL
    with begun(*packed, home=home, stdout=quiet, stderr=quiet) as driver:
        while not (reached := epochs_in(home / "checkpoints")):
            assert driver.poll() is None, "it ended before it could be killed"
            time.sleep(0.05)
        assert all(0 < epoch < 800 for epoch in reached), reached
    done = run(*words[:3], "--backend", "worker", "--out", "resumed", home=home)
    assert done.returncode == 0, done.stderr
    done = run(*packed, "--out", "whole", home=other)
    assert done.returncode == 0, done.stderr
    assert summary(home.parent / "resumed") == summary(other.parent / "whole")


class Rows:
    """A ledger in memory."""

    def __init__(self) -> None:
        self.status: dict[str, str] = {}
        self.epochs: dict[str, list[int]] = {}
        self.marks: dict[str, dict[str, str]] = {}

    study = "packs"

    def start(self, seed: Seed) -> str:
        self.status[seed.hash] = "RUNNING"
        return seed.hash

    def log(self, run_id: str, records: Sequence[Epoch]) -> None:
        self.epochs.setdefault(run_id, []).extend(record.epoch for record in records)

    def finish(self, run_id: str, result: Result, *, checkpoint: str) -> None:
        self.status[run_id] = f"{result.metrics['test/clean/accuracy']:.3f}"

    def fail(self, run_id: str, error: str) -> None:
        self.status[run_id] = error

    def tags(self, run_id: str) -> dict[str, str]:
        return self.marks.get(run_id, {})

    def mark(self, run_id: str, tags: dict[str, str]) -> None:
        self.marks.setdefault(run_id, {}).update(tags)

    def reached(self, run_id: str) -> int:
        return 0


class Ear:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.packs: list[int] = []
        self.notes: list[str] = []
        self.resumptions: list[tuple[str, int, float, bool]] = []

    def started(self, run: Run, *, beside: int) -> None:
        self.packs.append(beside)

    def epoch(self, run: Run, record: Epoch) -> None: ...

    def resumed(self, run: Run, *, epoch: int, seconds: float, preempted: bool) -> None:
        self.resumptions.append((run.hash, epoch, seconds, preempted))

    def ended(self, run: Run, error: str) -> None: ...

    def note(self, line: str) -> None:
        self.notes.append(line)


WIDE: dict[str, Any] = {
    "method": "joint",
    "data": {"labels_per_class": 20},
    "model": {"hidden": [1024, 1024]},
    "train": {"epochs": 1},
    "evaluate": {"noise": "none"},
}
"""A run of about 30 MiB of weights, and as much of momentum, gradients and copies each."""


def wide(count: int) -> list[Run]:
    configs = [parse({**WIDE, "seed": seed}) for seed in range(count)]
    return [Run(f"run{c.seed}", "hw20", c.seed, c, ("joint",)) for c in configs]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Ray on this machine, as a study starts it."""
    ray_cluster.connect(cpus=1)
    yield
    ray_cluster.disconnect()


def executed(
    runs: list[Run],
    task: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    *,
    checkpoint_s: float = 5.0,
) -> tuple[Rows, Ear, list[str]]:
    """All runs as one pack in workers that do ``task``."""
    monkeypatch.setenv("CAL_HOME", str(folder))
    remote: Any = ray.remote(max_retries=0, num_cpus=1)(task)
    monkeypatch.setattr(ray_train, "stream", remote.remote)
    rows, ear = Rows(), Ear()
    backend = Backend("packed", None, 0.0, checkpoint_s=checkpoint_s)
    failed = execute([tuple(runs)], rows, backend=backend, listeners=[ear])  # type: ignore[arg-type]
    return rows, ear, failed


def narrow(jobs: list[Job]) -> Iterator[Any]:
    """The worker's task with little memory: what it has now and 400 MiB."""
    status = Path("/proc/self/statm").read_text().split()
    now = int(status[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + 400 * 2**20, hard))
    try:
        yield from ray_train.in_worker(jobs, 0.0)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_a_pack_without_memory_goes_on_in_halves(
    cluster: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Eight runs need well over 400 MiB, one far less: torch itself says that there is none.

    When it says so differs between machines: an epoch may have been told before, and is told again.
    """
    rows, ear, failed = executed(wide(8), narrow, monkeypatch, tmp_path)
    assert not failed
    assert all(float(status) > 0 for status in rows.status.values())
    assert all(set(epochs) == {1} for epochs in rows.epochs.values())
    assert ear.notes[0] == "a pack of 8 runs is out of memory: at most 4 together from here on"


def raising(jobs: list[Job]) -> Iterator[Any]:
    """A fault of one member that takes the whole pack along."""
    if any(job.key == "run2" for job in jobs):
        raise ArithmeticError("run2 is odd")
    yield from ray_train.in_worker(jobs, 0.0)


def test_a_member_that_takes_its_pack_along_fails_alone(
    cluster: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of 4: halves {0, 1} and {2, 3}, then {2} and {3}."""
    rows, ear, failed = executed(wide(4), raising, monkeypatch, tmp_path)
    assert failed == ["run2"]
    assert "ArithmeticError: run2 is odd" in rows.status["run2"]
    assert all(float(rows.status[f"run{r}"]) > 0 for r in (0, 1, 3))
    assert len(ear.notes) == 2
    assert ear.notes[0].startswith("a pack of 4 runs raised, each half goes on: ")


def test_a_pack_whose_worker_dies_twice_is_halved(
    cluster: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As the system ends what takes too much memory: without a word."""

    def dying(jobs: list[Job]) -> Iterator[Any]:
        if len(jobs) > 2:
            signal.raise_signal(signal.SIGKILL)
        yield from ray_train.in_worker(jobs, 0.0)

    rows, _, failed = executed(wide(4), dying, monkeypatch, tmp_path)
    assert not failed
    assert all(float(status) > 0 for status in rows.status.values())


class Dying(ray_workers.Worker):
    """A worker that keeps its GPU, had it one, and dies of packs over two."""

    def train(self, jobs: Sequence[Job], gpus: float) -> Iterator[Any]:
        if len(jobs) > 2:
            signal.raise_signal(signal.SIGKILL)
        yield from super().train(jobs, gpus)


def test_workers_that_are_kept_are_replaced_when_they_die(
    cluster: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The same of those that a GPU's packs go to; here they have none."""
    monkeypatch.setenv("CAL_HOME", str(tmp_path))
    monkeypatch.setattr(ray_workers, "Worker", Dying)
    workers = ray_workers.Workers(1, gpus=0.0)
    monkeypatch.setattr(ray_execute, "Pool", partial(Pool, workers=workers))
    rows, backend = Rows(), Backend("packed", None, 0.0)
    runs = wide(4)
    units = [tuple(runs[:3]), tuple(runs[3:])]
    failed = execute(units, rows, backend=backend, listeners=[Ear()])  # type: ignore[arg-type]
    assert not failed
    assert all(float(status) > 0 for status in rows.status.values())


def dying_once(jobs: list[Job]) -> Iterator[Any]:
    """Dies when half of the epochs are told, the first time."""
    flag = Path(jobs[0].folder).parent / "died"
    for batch in ray_train.in_worker(jobs, 0.0):
        yield batch
        if not flag.exists() and batch[-1][1].epoch > 50:
            flag.touch()
            signal.raise_signal(signal.SIGKILL)


def test_what_a_dead_worker_costs_is_told_and_kept(
    cluster: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A checkpoint is due after every fifth of a second: some epochs are trained again."""
    tree = {"method": "joint", "train": {"epochs": 100}, "evaluate": {"noise": "none"}}
    runs = [Run("run0", "hw20", 0, parse(tree), ("joint",))]
    rows, ear, failed = executed(runs, dying_once, monkeypatch, tmp_path, checkpoint_s=0.2)
    assert not failed
    ((key, epoch, seconds, preempted),) = ear.resumptions
    assert (key, preempted) == ("run0", False)
    assert 0 <= epoch <= 100
    assert seconds >= 0
    assert rows.marks["run0"]["cal.resumed"] == "1"
    assert float(rows.marks["run0"]["cal.lost_s"]) == pytest.approx(seconds, abs=0.001)
