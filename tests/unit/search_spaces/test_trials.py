"""Trials as plain data: there and back through JSON, what they took, their finished seeds."""

import json
import math

import pytest

from cal.config import parse
from cal.effective import run_hash
from search_spaces.fields import laid
from search_spaces.trials import SeedRun, Trial, as_tree, budget, restore, to_json, twin_of

CONFIG = parse({"data": {"labels_per_class": 20}, "train": {"epochs": 9}})


def trial(number: int = 0, *, rate: float = 0.05, arm: str = "cal") -> Trial:
    values = {"optim.lr": rate}
    return Trial(arm, number, values, laid(CONFIG, values))


def ran(one: Trial, seed: int, status: str = "finished", epoch: int = 9) -> SeedRun:
    run = one.add_run(seed, until=3)
    run.status, run.epoch, run.train_s = status, epoch, 2.0  # type: ignore[assignment]
    if status == "finished":
        run.scores = {"clean": 0.8}
    run.curve = [(3, 0.25), (epoch, 0.5)]
    return run


def test_a_run_is_the_trial_under_a_seed() -> None:
    one = trial(rate=0.1)
    run = one.add_run(1000, until=3)
    assert run.config == laid(CONFIG, {"optim.lr": 0.1, "seed": 1000})
    assert run.hash == run_hash(run.config)
    assert one.name == "cal 0"


def test_the_line_ends_at_the_first_seed_that_is_not_finished() -> None:
    one = trial()
    for seed, status in ((1, "finished"), (2, "failed"), (3, "finished")):
        ran(one, seed, status)
    assert [run.seed for run in one.line] == [1]


def test_values_up_to_a_rung_end_with_it() -> None:
    run = ran(trial(), 1)
    assert run.values(9) == [0.25, 0.5]
    assert run.values(3) == [0.25]
    assert run.values(6)[0] == 0.25
    assert math.isnan(run.values(6)[1]), "it came there without a number"
    assert math.isnan(run.values(1)[0])


def test_there_and_back() -> None:
    one = trial()
    one.status, one.reason = "failed", "diverged"
    ran(one, 1)
    ran(one, 2, "failed", 4).error = "diverged"
    again = trial()
    restore(again, to_json(one))
    assert (again.status, again.reason) == ("failed", "diverged")
    for run, kept in zip(one.runs, again.runs, strict=True):
        own, other = vars(run).copy(), vars(kept).copy()
        assert own.pop("trial") is one
        assert other.pop("trial") is again
        assert (own.pop("until"), other.pop("until")) == (3, None)
        assert own == other
    assert twin_of(to_json(again)) is None


@pytest.mark.parametrize("status", ["ready", "working", "paused"])
def test_a_run_that_had_not_ended_begins_again(status: str) -> None:
    one = trial()
    ran(one, 1)
    ran(one, 2, status, 4)
    again = trial()
    restore(again, to_json(one))
    assert [(run.status, run.epoch) for run in again.runs] == [("finished", 9), ("ready", 0)]
    assert again.runs[0].curve == one.runs[0].curve


def test_a_twin_is_kept_by_its_number() -> None:
    one, other = trial(3), trial(5)
    other.twin = one
    assert twin_of(to_json(other)) == 3


def test_what_trials_took() -> None:
    """9 + 9 epochs of one trial, 3 of a stopped one, a twin none: 21 of 3 trials * 3 seeds * 9."""
    one, other, twin = trial(0), trial(1, rate=0.1), trial(2)
    ran(one, 1)
    ran(one, 2)
    ran(other, 1, "stopped", 3)
    twin.twin = one
    found = budget([one, other, twin], seeds=3)
    assert (found.trials, found.runs, found.epochs, found.full) == (3, 3, 21, 81)
    assert found.train_s == 6.0


def test_a_run_that_arms_share_was_trained_once() -> None:
    one, same = trial(), trial(arm="joint")
    ran(one, 1)
    ran(same, 1)
    assert budget([one], seeds=1).epochs == budget([same], seeds=1).epochs == 9
    both = budget([one, same], seeds=1)
    assert (both.trials, both.runs, both.epochs, both.train_s) == (2, 1, 9, 2.0)


def test_a_trial_in_search_json() -> None:
    one = trial()
    ran(one, 1)
    ran(one, 2, "failed", 4).error = "diverged"
    tree = as_tree(one, {"scalar": 0.8})
    assert json.loads(json.dumps(tree)) == tree
    assert tree["epochs"] == 13
    assert tree["curve"] == [[3, 0.25], [9, 0.5]]
    assert [seed["error"] for seed in tree["seeds"]] == ["", "diverged"]
    assert as_tree(trial(), {})["curve"] == []
