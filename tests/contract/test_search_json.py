"""search.json of played-back searches: plain, and consistent with the arms."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from search_spaces.arm import Arm
from search_spaces.confirm import ranked
from search_spaces.objectives import read_objectives, scalar
from search_spaces.tree import arm_tree, failure_rule, history
from tests.contract.synthetic import FEW, SEEDS, World


def tree_of(arm: Arm) -> dict[str, Any]:
    spec = SimpleNamespace(
        name=arm.name, title="All", config={}, dimensions=arm.study.dimensions, space=None
    )
    search = SimpleNamespace(main=spec, objectives=arm.rules.objectives, seeds=SEEDS)
    rows = {run.hash: "row" for trial in arm.trials.values() for run in trial.runs}
    return arm_tree(spec, arm, search, rows)  # type: ignore[arg-type]


@pytest.mark.parametrize("aims", [("clean",), ("nll",), ("clean", "nll")])
def test_an_arm_is_plain_and_its_best_is_the_answer(aims: tuple[str, ...]) -> None:
    world = World(fails=lambda config: config.optim.lr > 0.3)
    (arm,) = world.drive({"cal": {"trials": 16}}, aims=aims, scheduler="median").arms
    tree = tree_of(arm)
    assert json.loads(json.dumps(tree, allow_nan=False)) == tree
    assert tree["best"] == ranked(arm)[0].number
    assert tree["default"] == 0
    assert (tree["best"] in tree["front"]) == (len(aims) > 1)
    for trial in tree["trials"]:
        complete = trial["status"] == "complete"
        assert set(trial["scores"]) == (set(aims) if complete else set())
        assert (trial["scalar"] is None) != complete
        assert all(seed["run_id"] == "row" for seed in trial["seeds"])
        if complete and len(trial["seeds"]) > 1:
            assert all(error > 0 for error in trial["errors"].values())
    assert tree["budget"]["epochs"] == sum(trial["epochs"] for trial in tree["trials"])


def test_twins_have_scores_and_took_nothing() -> None:
    (arm,) = World().drive({"cal": {"trials": 8}}, space=FEW, scheduler="none").arms
    tree = tree_of(arm)
    assert tree["budget"]["trials"] == 8
    assert tree["budget"]["runs"] == sum(len(trial["seeds"]) for trial in tree["trials"])
    twins = [trial for trial in tree["trials"] if not trial["seeds"]]
    different = {str(trial["values"]) for trial in tree["trials"]}
    assert len(twins) == 8 - len(different) >= 5
    assert all(trial["scalar"] is not None and trial["epochs"] == 0 for trial in twins)


def test_history_ends_at_the_answer_and_counts_every_epoch_before() -> None:
    (arm,) = World().drive({"cal": {"trials": 20}}).arms
    line = history(arm)
    assert [epochs for epochs, _ in line] == sorted(epochs for epochs, _ in line)
    assert line[-1][1] == scalar(arm.rules.objectives, arm.means(ranked(arm)[0]))
    assert len(line) == sum(trial.status == "complete" for trial in arm.trials.values())
    before = [t for t in arm.trials.values() if t.number <= max(t.number for t in ranked(arm))]
    assert line[-1][0] == sum(run.epoch for trial in before for run in trial.runs)


def test_the_rule_for_failures_in_words() -> None:
    text = failure_rule(read_objectives(["clean", "nll", "step_time"]), classes=10)
    assert "clean accuracy 0.1, negative log-likelihood 2.3, time of a step of the default" in text
    assert "no failure" in text
