"""A search on Ray Tune: real Ray, real Optuna, small networks, a book in memory."""

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cal.adapters import ray_cluster, ray_sizing, ray_train, ray_tune
from cal.adapters.ray_backend import Backend
from cal.records import Epoch, Result
from cal.running import Job, resumable
from cluster.lab.processes import within
from search_spaces import tuned
from search_spaces.arm import Arm
from search_spaces.stopping import Name, Scheduler
from search_spaces.storage import open_storage
from search_spaces.trials import SeedRun
from tests.integration.own_ray import workers
from tests.searching import Notes, searched, small

import ray  # isort: skip

WORKER = Backend("worker", 2, 0.0, checkpoint_s=0)
GROUP = Backend("ray-train", 1, 0.0)


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Ray on this machine, as a search starts it."""
    ray_cluster.connect(cpus=2)
    yield
    ray_cluster.disconnect()


def run(arm: Arm, notes: Notes, folder: Path, backend: Backend = WORKER) -> None:
    tuned.run([arm], notes, backend=backend, folder=str(folder))


def alone(arm: Arm, number: int, folder: Path) -> float:
    """The accuracy of a trial's first seed, trained in this process."""
    config = arm.trials[number].run_of(1000).config
    *_, (_, last) = resumable([Job(config, "alone", str(folder))])
    assert isinstance(last, Result)
    return last.metrics["select/clean/accuracy"]


def test_seeds_are_for_contenders_and_what_diverges_is_recorded(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rates = [0.05, 0.1, 1e30, 0.02, 1e-4, 2e-4]
    arm, notes = searched(rates, seeds=3), Notes()
    before = set(Path.home().glob("ray_results/*"))
    run(arm, notes, tmp_path)
    assert {trial.status for trial in arm.trials.values()} == {"complete", "failed"}
    assert arm.trials[2].status == "failed"
    assert len(notes.errors) == 1
    seeds = {number: len(trial.runs) for number, trial in arm.trials.items()}
    assert max(seeds[n] for n in (0, 1, 3)) == 3, "which one, is for those who end first to say"
    assert max(seeds[n] for n in (4, 5)) < 3, "the hopeless had every seed"
    told = arm.study.study.get_trials()
    assert [t.state.name for t in told] == ["COMPLETE"] * 6
    assert told[2].value == pytest.approx(0.1), "a guess among ten classes"
    assert arm.trials[0].runs[0].scores["clean"] == alone(arm, 0, tmp_path)
    assert list(notes.epochs[0, 1000]) == [1, 2, 3, 4, 5, 6]
    assert capfd.readouterr().out == "", "Tune prints nothing"
    assert set(Path.home().glob("ray_results/*")) == before, "Tune keeps nothing of its own"


class Killer(Notes):
    """Ends something once, when trial 0 has trained ``after`` epochs."""

    done_so = False
    after = 3

    def epoch(self, run: SeedRun, record: Epoch) -> None:
        super().epoch(run, record)
        if (run.trial.number, record.epoch) == (0, self.after) and not self.done_so:
            self.done_so = True
            self.end()

    def end(self) -> None:
        for pid in workers("ray::_Trial"):
            os.kill(pid, signal.SIGKILL)


def test_workers_killed_with_9_are_no_failure_and_resume(tmp_path: Path) -> None:
    config = small(train={"epochs": 60, "validate_every": 3})
    arm, notes = searched([0.05, 0.1], config=config), Killer()
    run(arm, notes, tmp_path)
    assert notes.done_so
    assert sorted(notes.ended) == [(0, "complete"), (1, "complete")]
    assert notes.begun == [(0, 1000), (1, 1000)], "it is the same run, given out again"
    assert arm.trials[0].runs[0].scores["clean"] == alone(arm, 0, tmp_path / "other")


class Away(RuntimeError):
    """The ledger is away, for example."""


class Leaver(Killer):
    after = 1

    def end(self) -> None:
        raise Away("the driver ends here")


def test_a_driver_that_ends_is_followed_by_another_and_asha_stops_the_weak(tmp_path: Path) -> None:
    """What raises in the driver comes out as it is; the second is asked for more trials."""
    rates, place = [0.05, 0.1, 0.02, 1e-4, 2e-4, 5e-4], str(tmp_path / "search.log")
    notes, after = Leaver(), Notes()
    with pytest.raises(Away):
        run(searched(rates, scheduler="asha", storage=open_storage(place)), notes, tmp_path)
    begun = {number for number, _ in notes.begun}
    arm = searched(rates, trials=8, scheduler="asha", storage=open_storage(place))
    under_way = [trial.number for trial in arm.running]
    assert 0 in under_way
    assert begun >= set(under_way)

    after.done = notes.done
    run(arm, after, tmp_path)
    assert [number for number, _ in after.begun][: len(under_way)] == under_way, "they come first"
    ended = sorted([*notes.ended, *after.ended])
    assert [number for number, _ in ended] == list(range(8)), "one was lost, or told twice"
    stopped = [number for number, status in ended if status == "stopped"]
    assert set(stopped) & {3, 4, 5}, "none of the weak was stopped"
    told = arm.study.study.get_trials()
    assert [t.number for t in told if t.state.name == "PRUNED"] == stopped
    assert [t.number for t in told if t.state.name != "COMPLETE"] == stopped
    first = stopped[0]
    assert max(told[first].intermediate_values) == arm.trials[first].runs[0].epoch < 6


def test_a_worker_group_of_ray_train_trains_a_trial(tmp_path: Path) -> None:
    arm, notes = searched([0.05]), Notes()
    run(arm, notes, tmp_path, GROUP)
    assert notes.ended == [(0, "complete")]
    assert arm.trials[0].runs[0].scores["clean"] == alone(arm, 0, tmp_path / "other")


def test_a_worker_group_that_is_stopped_gives_back_its_places(tmp_path: Path) -> None:
    """Or the next trial would wait for ever."""
    config = small(train={"epochs": 5000, "validate_every": 1000})
    records = ray_train.train_records(Job(config, "stopped", str(tmp_path)), workers=2)
    assert isinstance(next(records)[0][1], Epoch)
    records.close()
    assert within(20, lambda: ray.available_resources().get("CPU") == ray_cluster.slots())
    groups = ray.util.placement_group_table().values()
    assert {group["state"] for group in groups} == {"REMOVED"}


def judge_of(name: Name, past: Sequence[tuple[int, int, float]] = ()) -> ray_tune.Judge:
    search: Any = SimpleNamespace(scheduler=Scheduler(name, 9, 1), past=lambda: iter(past))
    return ray_tune.Judge.of(search)


@pytest.mark.parametrize("name", ["asha", "median"])
def test_a_rule_of_ray_stops_the_weak_by_what_ran_before(name: Name) -> None:
    past = [(n, e, 0.8 + 0.01 * n) for n in range(4) for e in range(1, 9)]
    judge = judge_of(name, past)
    assert not judge.stops(7, 3, 0.9)
    assert judge.stops(8, 3, 0.1)


def test_a_rule_of_ray_that_would_pause_a_trial_lets_it_go_on() -> None:
    """Median stopping pauses a trial while others wait and it knows too few."""
    judge = judge_of("median")
    assert not any(judge.stops(0, epoch, 0.5) for epoch in range(1, 9))


def test_hyperband_judges_some_trials_later_than_others() -> None:
    np.random.seed(0)  # Ray draws the brackets from it
    judge = judge_of("hyperband")

    def last(number: int) -> int | None:
        value = 1.0 / (number + 1)  # each worse than all before
        return next((e for e in range(1, 9) if judge.stops(number, e, value)), None)

    ends = {last(number) for number in range(60)} - {None}
    assert len(ends) > 1, "there is one bracket"


def test_no_early_stopping_stops_nobody() -> None:
    judge = judge_of("none", [(n, e, 1.0) for n in range(9) for e in range(1, 9)])
    assert not any(judge.stops(10, epoch, 0.0) for epoch in range(1, 9))


@pytest.mark.parametrize(
    ("need", "part"), [(0.0, 1 / 4), (9.9, 1 / 4), (11, 1 / 3), (20, 1 / 2), (30, 1), (90, 1)]
)
def test_runs_share_a_gpu_with_half_to_spare(need: float, part: float) -> None:
    assert ray_sizing.part_of_gpu(need, 80.0) == pytest.approx(part)


@pytest.mark.parametrize(
    "backend",
    [Backend("packed", None, 1.0), Backend("worker", None, 0.0), Backend("ray-train", 2, 1)],
)
def test_nothing_is_measured_where_runs_cannot_share(backend: Backend) -> None:
    assert ray_sizing.shared(small(), backend) == (backend, "")


def test_a_run_is_measured_and_runs_share(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = [(12 * 2**30, 80 * 2**30)]
    monkeypatch.setattr(ray_cluster, "each", lambda *given, **more: iter(measured))
    backend, line = ray_sizing.shared(small(), Backend("ray-train", None, 1.0))
    assert backend.gpus == pytest.approx(1 / 3)
    assert line == "a run needs 12.0 of 80.0 GiB of a GPU: 3 share one"


class Interrupted(Killer):
    def end(self) -> None:
        raise KeyboardInterrupt


def test_ctrl_c_comes_out_as_it_is(tmp_path: Path) -> None:
    """Tune would return as if all were done. The last test: what runs ends with the connection."""
    arm, notes = searched([0.05, 0.1]), Interrupted()
    with pytest.raises(KeyboardInterrupt):
        run(arm, notes, tmp_path)
    assert arm.running
