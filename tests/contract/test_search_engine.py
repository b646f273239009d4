"""The loop of a search with real Optuna and played-back runs: whole, twinned, shared, killed."""

import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from cal.config import Config
from search_spaces.arm import Arm
from search_spaces.confirm import ranked
from search_spaces.storage import open_storage
from search_spaces.trials import Trial
from tests.contract.synthetic import EPOCHS, FEW, RATE, SEEDS, SPACE, STATUS, World, base

ONE = {"cal": {"trials": 10}}
ENDED = {TrialState.COMPLETE, TrialState.PRUNED}


def optuna_states(arm: Arm) -> list[TrialState]:
    return [trial.state for trial in arm.study.study.get_trials(deepcopy=False)]


def check_whole(world: World, arms: list[Arm], *, trials: int) -> None:
    """Every trial is asked once and told once; storage, ledger and arm agree on it."""
    hashes = set()
    for arm in arms:
        assert len(arm.trials) == arm.told == trials
        states = optuna_states(arm)
        assert len(states) == trials
        assert set(states) <= ENDED
        for trial in arm.trials.values():
            pruned = states[trial.number] == TrialState.PRUNED
            assert pruned == (trial.status == "stopped")
            assert world.variants[trial.name] == STATUS[trial.status]
            assert bool(trial.runs) == (trial.twin is None)
            seeds = [run.seed for run in trial.runs]
            assert seeds == list(arm.rules.seeds[: len(seeds)])
            hashes |= {run.hash for run in trial.runs}
    assert len(world.variants) == trials * len(arms)
    assert set(world.rows) == hashes
    assert "RUNNING" not in world.rows.values()


def seeds_of(trial: Trial) -> int:
    return len((trial.twin or trial).line)


def test_a_search_ends_with_every_trial_told_and_every_run_trained_once() -> None:
    world = World()
    driver = world.drive(ONE)
    (arm,) = driver.arms
    check_whole(world, [arm], trials=10)
    assert set(world.trained.values()) == {1}
    assert sorted(driver.book.told_of) == sorted(world.variants)
    assert arm.trials[0].origin == "default"
    statuses = Counter(trial.status for trial in arm.trials.values())
    assert statuses["stopped"] >= 3, "asha lets half go on, twice"
    assert statuses["complete"] >= 1
    assert world.notes
    for trial in arm.trials.values():
        if trial.status == "stopped":
            (run,) = trial.runs
            assert run.epoch in (2, 4)
            assert trial.reason.startswith(f"stopped at epoch {run.epoch}: ")
            assert run.curve[-1][0] == run.epoch


def test_the_stopped_are_those_behind_at_their_rung() -> None:
    """At each rung the best of all that ever came there went on."""
    (arm,) = World().drive({"cal": {"trials": 20}}).arms
    for rung in (2, 4):
        there = {
            t.number: dict(t.runs[0].curve)[rung]
            for t in arm.trials.values()
            if t.runs[0].epoch >= rung
        }
        best = max(there, key=there.__getitem__)
        assert arm.trials[best].runs[0].epoch > rung
        gone = [n for n in there if arm.trials[n].runs[0].epoch == rung]
        assert len(gone) >= len(there) / 4


@pytest.mark.parametrize("scheduler", ["none", "median", "hyperband"])
def test_other_schedulers(scheduler: str) -> None:
    world = World()
    (arm,) = world.drive({"cal": {"trials": 12}}, scheduler=scheduler).arms
    check_whole(world, [arm], trials=12)
    epochs = {t.runs[0].epoch for t in arm.trials.values() if t.status == "stopped"}
    if scheduler == "none":
        assert not epochs
    if scheduler == "hyperband":  # every third trial is never stopped, every third at epoch 4 alone
        assert all(arm.trials[n].status == "complete" for n in range(2, 12, 3))
        late = {arm.trials[n].runs[0].epoch for n in range(1, 12, 3)}
        assert late <= {4, EPOCHS}


def test_more_seeds_go_to_contenders_and_the_answer_has_as_many_as_any() -> None:
    world = World()
    (arm,) = world.drive({"cal": {"trials": 24}}, scheduler="none").arms
    counts = Counter(seeds_of(trial) for trial in arm.trials.values())
    assert counts[3] >= 1
    assert counts[1] + counts[2] > counts[3], "most are clearly behind"
    best = ranked(arm)[0]
    assert len(best.line) == 3
    behind = {t.reason for t in arm.trials.values() if len(t.line) < 3}
    assert "clearly behind the leader" in behind
    assert any(re.fullmatch(r"place \d+ of \d+ under its seeds", reason) for reason in behind)


def test_a_first_trial_waits_for_a_second_before_it_gets_another_seed() -> None:
    """Of two the better one goes on, whichever came first; one alone gets all seeds."""
    (alone,) = World().drive({"cal": {"trials": 1}}, scheduler="none").arms
    assert seeds_of(alone.trials[0]) == 3
    (arm,) = World().drive({"cal": {"trials": 2}}, scheduler="none", under_way=1).arms
    counts = {number: seeds_of(trial) for number, trial in arm.trials.items()}
    assert sorted(counts.values()) == [1, 3]
    worse = min(counts, key=counts.__getitem__)
    assert arm.lines()[worse][0] < arm.lines()[1 - worse][0]


def test_the_answer_is_compared_under_the_same_seeds_alone() -> None:
    """A dropped trial whose corrected mean is the best is not the answer: its only seed says less
    than three do.
    """
    (arm,) = World().drive({"cal": {"trials": 3}}, scheduler="none", seeds=(1000,)).arms
    lines = {0: [0.80, 0.80, 0.80], 1: [0.90, 0.70, 0.79], 2: [0.90]}
    for number, values in lines.items():
        trial = arm.trials[number]
        trial.runs.clear()
        for seed, value in zip(SEEDS, values, strict=False):
            run = trial.add_run(seed, until=None)
            run.status, run.scores = "finished", {"clean": value}
        arm._count(trial)
    assert [t.number for t in arm.compared()] == [0, 1]
    assert arm.means(arm.trials[2])["clean"] > arm.means(arm.trials[0])["clean"]
    assert [t.number for t in ranked(arm)] == [0, 2, 1]


def test_a_trial_that_fails_counts_as_a_guess_and_the_search_goes_on() -> None:
    world = World(fails=lambda config: config.optim.lr > 0.2)
    (arm,) = world.drive({"cal": {"trials": 14}}, scheduler="none").arms
    check_whole(world, [arm], trials=14)
    failed = [trial for trial in arm.trials.values() if trial.status == "failed"]
    assert failed
    for trial in failed:
        frozen = arm.study.study.trials[trial.number]
        assert frozen.values == [0.1]
        assert trial.reason == trial.runs[-1].error == "diverged at epoch 3"
        assert trial.number not in arm.lines()


def test_a_trial_whose_second_seed_fails_has_failed_whatever_its_first_scored() -> None:
    """Also the only trial there is."""
    world = World(fails=lambda config: config.seed == SEEDS[1])
    (arm,) = world.drive({"cal": {"trials": 1}}).arms
    check_whole(world, [arm], trials=1)
    (trial,) = arm.trials.values()
    assert trial.status == "failed"
    assert [run.status for run in trial.runs] == ["finished", "failed"]
    assert arm.scored(trial) == world.scores["cal 0"] == {}
    assert arm.study.study.trials[0].values == [0.1]
    assert not ranked(arm)


def test_a_run_without_a_number_at_its_rung_is_stopped() -> None:
    world = World(finite=False)
    (arm,) = world.drive({"cal": {"trials": 3}}).arms
    check_whole(world, [arm], trials=3)
    reasons = {trial.reason for trial in arm.trials.values()}
    assert reasons == {"stopped at epoch 2: no number there"}


def test_the_same_configuration_again_is_a_twin_and_trains_nothing() -> None:
    world = World()
    (arm,) = world.drive({"cal": {"trials": 9}}, space=FEW, scheduler="none").arms
    check_whole(world, [arm], trials=9)
    twins = [trial for trial in arm.trials.values() if trial.twin is not None]
    assert len(twins) == 6
    for trial in twins:
        assert trial.twin is not None
        assert trial.values == trial.twin.values
        assert trial.status == trial.twin.status
        assert arm.scored(trial) == arm.scored(trial.twin)
        assert trial.reason == f"the same computation as {trial.twin.name}"
        told = arm.study.study.trials[trial.number].values
        assert told == pytest.approx([arm.means(trial)["clean"]], abs=0.01)
    assert len(ranked(arm)) == 3
    assert len(arm.lines()) == 3


@pytest.mark.parametrize("scheduler", ["none", "asha"])
def test_twins_come_back_from_the_storage(scheduler: str) -> None:
    world = World()
    (arm,) = world.drive({"cal": {"trials": 9}}, space=FEW, scheduler=scheduler).arms
    (again,) = world.drive({"cal": {"trials": 9}}, space=FEW, scheduler=scheduler).arms
    assert described(again) == described(arm)
    assert [t.number for t in ranked(again)] == [t.number for t in ranked(arm)]


def described(arm: Arm) -> list[Any]:
    return [
        (t.number, t.status, t.reason, t.twin and t.twin.number, t.values, arm.scored(t), t.origin)
        for t in arm.trials.values()
    ]


def test_arms_share_finished_runs_and_are_judged_each_for_itself() -> None:
    """Three arms of one configuration: its default is trained once under each seed."""
    specs = {name: {"trials": 4} for name in ("cal", "other", "third")}
    world = World()
    arms = world.drive(specs, scheduler="none").arms
    check_whole(world, arms, trials=4)
    assert set(world.trained.values()) == {1}
    first = [arm.trials[0].runs[0].hash for arm in arms]
    assert len(set(first)) == 1
    assert all(arm.trials[0].twin is None for arm in arms)
    assert all(arm.trials[0].status == "complete" for arm in arms)


def test_a_default_is_never_stopped_and_is_trained_once_for_two_arms() -> None:
    """In ``weak`` it leads, in ``cal`` it is far behind."""
    bad = base(optim={"lr": 0.9})
    low = {"optim.lr": RATE | {"low": 0.9, "high": 1.0, "default": 0.95}}
    specs = {
        "cal": {"trials": 12, "config": bad},
        "weak": {"trials": 4, "config": bad, "space": low, "sampler": "random"},
    }
    world = World()
    cal, weak = world.drive(specs, under_way=12, pack=4).arms
    assert cal.trials[0].runs[0].hash == weak.trials[0].runs[0].hash
    assert cal.trials[0].status == weak.trials[0].status == "complete"
    assert {n for (key, _), n in world.trained.items() if key == cal.trials[0].runs[0].hash} == {1}
    assert weak.told == 4


def test_a_larger_number_extends_and_a_smaller_one_does_nothing() -> None:
    world = World()
    (short,) = world.drive({"cal": {"trials": 5}}).arms
    before = described(short)
    trained, told = sum(world.trained.values()), len(world.scores)
    driver = world.drive({"cal": {"trials": 3}})
    assert described(driver.arms[0]) == before
    assert not driver.book.told_of
    assert sum(world.trained.values()) == trained
    longer = world.drive({"cal": {"trials": 9}})
    check_whole(world, longer.arms, trials=9)
    names = [(t.number, t.values) for t in short.trials.values()]
    assert [(t.number, t.values) for t in longer.arms[0].trials.values()][:5] == names
    assert len(longer.book.told_of) == 9 - told
    assert set(world.trained.values()) == {1}


def test_a_search_that_goes_on_draws_anew() -> None:
    world = World()
    for trials in (4, 7, 10):
        world.drive({"cal": {"trials": trials}})
    (arm,) = world.drive({"cal": {"trials": 10}}).arms
    rates = [trial.values["optim.lr"] for trial in arm.trials.values()]
    assert len(set(rates)) == 10


def test_several_objectives_and_those_without_a_curve() -> None:
    aims = ("clean", "nll", "step_time", "parameters")
    space = SPACE | {"model.d_z": SPACE["cal.bottleneck.cycles"] | {"low": 4, "high": 16}}
    space["model.d_z"] = {k: v for k, v in space["model.d_z"].items() if k != "when"}
    world = World(fails=lambda config: config.optim.lr > 0.3)
    (arm,) = world.drive({"cal": {"trials": 16}}, space=space, aims=aims).arms
    check_whole(world, [arm], trials=16)
    done = [t for t in arm.trials.values() if t.status == "complete"]
    assert all(set(arm.means(t)) == set(aims) for t in done)
    assert all(arm.means(t)["parameters"] == t.config.model.d_z for t in done)
    assert arm.front()
    assert ranked(arm)[0].number in arm.front()
    assert not any(t.intermediate_values for t in arm.study.study.trials)
    for trial in (t for t in arm.trials.values() if t.status == "failed"):
        values = arm.study.study.trials[trial.number].values
        assert values[:2] == [0.1, math.log(10)]
        assert values[2] >= 1, "no failed run is fast"
        assert values[3] >= 4, "and none is small"


def test_a_whole_search_in_step_time_alone() -> None:
    world = World()
    (arm,) = world.drive({"cal": {"trials": 5}}, aims=("step_time",), scheduler="none").arms
    check_whole(world, [arm], trials=5)
    best = ranked(arm)[0]
    fastest = min(t.values["optim.lr"] for t in arm.compared())
    assert best.values["optim.lr"] == fastest


# Killed at every write, with twins, failures on a second seed, shared runs, seeds and rungs.


def fails(config: Config) -> bool:
    return config.mechanisms.bottleneck.schedule == "cyclical" and config.seed == SEEDS[1]


def killed(die_at: int, **world: Any) -> World:
    specs: dict[str, Any] = {"cal": {"trials": 4}, "few": {"trials": 3, "space": FEW}}
    found = World(fails=fails, **world)
    first = found.drive(specs, die_at=die_at, under_way=4)
    assert first.died
    second = found.drive(specs, under_way=4)
    assert not second.died
    check_whole_of(found, second.arms)
    third = found.drive(specs, under_way=4)
    assert not third.book.told_of
    assert not third.pool.packs
    assert [described(arm) for arm in third.arms] == [described(arm) for arm in second.arms]
    return found


def check_whole_of(world: World, arms: list[Arm]) -> None:
    hashes: set[str] = set()
    shared: set[str] = set()
    for arm in arms:
        assert len(arm.trials) == arm.told == arm.most
        assert set(optuna_states(arm)) <= ENDED
        assert len(optuna_states(arm)) == arm.most
        assert all(world.variants[t.name] == STATUS[t.status] for t in arm.trials.values())
        own = {run.hash for trial in arm.trials.values() for run in trial.runs}
        shared |= hashes & own
        hashes |= own
    assert set(world.rows) == hashes
    assert "RUNNING" not in world.rows.values()
    twice = {hash for (hash, _), count in world.trained.items() if count > 1}
    assert twice <= shared, "but what one arm stopped another may train on"


def writes() -> int:
    """Of a driver that nobody kills."""
    world = World(fails=fails)
    specs: dict[str, Any] = {"cal": {"trials": 4}, "few": {"trials": 3, "space": FEW}}
    return world.drive(specs, under_way=4).fuse.writes


@pytest.mark.parametrize("part", range(4))
def test_killed_at_any_write_nothing_is_lost_doubled_or_trained_twice(part: int) -> None:
    last = writes()
    assert last > 60
    for die_at in range(1 + part, last + 1, 4):
        killed(die_at)


def test_killed_again_and_again() -> None:
    """Every driver dies before its 16th write, so the search is made of many."""
    world = World(fails=fails)
    specs: dict[str, Any] = {"cal": {"trials": 4}, "few": {"trials": 3, "space": FEW}}
    for _ in range(100):
        driver = world.drive(specs, die_at=16, under_way=4)
        if not driver.died:
            break
    check_whole_of(world, driver.arms)


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
@pytest.mark.parametrize("die_at", [9, 30, 55])
def test_killed_with_the_storage_in_a_file(kind: str, die_at: int, tmp_path: Path) -> None:
    path = tmp_path / "study"
    where = str(path) if kind == "journal" else f"sqlite:///{path}"
    killed(die_at, storage=open_storage(where))
