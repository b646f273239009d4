"""``evaluate.selection=test-best``: the best epoch on the test set, labelled, resumed, packed."""

from pathlib import Path
from typing import Any

import pytest
import torch

from cal.config import Config, merge, parse
from cal.records import Epoch, Record, Result
from cal.running import Job, resumable
from cal.suite.states import through_a_file
from cal.trainer import Trainer
from tests.contract.test_packs import MIXED, told, untimed
from tests.contract.test_runs import assert_same

BASE: dict[str, Any] = {
    "data": {"labels_per_class": 20},
    "cal": {"contribution": {"interval": 2}},
    "train": {"epochs": 8, "validate_every": 8},
    "optim": {"lr": 0.5, "schedule": "constant", "clip": 1},  # jumps: the last is not the best
    "evaluate": {"noise": "none", "selection": "test-best"},
}


def config(seed: int, *trees: dict[str, Any]) -> Config:
    tree = BASE
    for more in trees:
        tree = merge(tree, more)
    return parse(merge(tree, {"seed": seed}))


def records(trainer: Trainer) -> list[Record]:
    return [record for (record,) in trainer.records()]


def accuracies(found: list[Record]) -> list[float]:
    return [r.metrics["selection/accuracy"] for r in found if isinstance(r, Epoch)]


@pytest.mark.parametrize("seed", range(4))
def test_the_result_is_that_of_the_best_epoch_the_first_of_equal_ones(seed: int) -> None:
    """As a run that is stopped there would have it, but for the length of its schedule."""
    *epochs, end = records(Trainer([config(seed)]))
    seen = accuracies(epochs)
    best = seen.index(max(seen)) + 1
    assert epochs[-1].metrics["selection/epoch"] == best  # type: ignore[union-attr]
    assert isinstance(end, Result)
    assert end.metrics["test/clean/accuracy"] == pytest.approx(max(seen))
    (by_hand,) = [r for r in records(stopped(seed, best)) if isinstance(r, Result)]
    assert end.metrics["test/clean/nll"] == by_hand.metrics["test/clean/nll"]


def stopped(seed: int, epoch: int) -> Trainer:
    """The run as ``last`` has it, taken to be over after ``epoch`` epochs."""
    trainer = Trainer([config(seed, {"evaluate": {"selection": "last"}})])
    while trainer.epoch < epoch:
        list(trainer.epoch_steps())
    trainer.epoch = trainer.config.train.epochs
    return trainer


def test_some_of_these_runs_have_an_earlier_best_epoch() -> None:
    """And seed 2 has two best ones: otherwise the test above would prove little."""
    runs = [accuracies(records(Trainer([config(seed)]))) for seed in range(4)]
    assert all(seen.index(max(seen)) < len(seen) - 1 for seen in runs)
    assert runs[2].count(max(runs[2])) > 1


def test_training_itself_does_not_notice() -> None:
    """What is kept is a copy: the network ends as that of the last epoch, as with ``last``."""
    one, other = (
        Trainer([config(0, {"evaluate": {"selection": s}})]) for s in ("test-best", "last")
    )
    for trainer in (one, other):
        records(trainer)
    ours, theirs = one.network.state_dict(), other.network.state_dict()
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())
    assert "selection" not in other.states()[0]


def test_it_is_off_by_default_and_leaves_no_trace() -> None:
    found = records(Trainer([config(0, {"evaluate": {"selection": "last"}})]))
    assert not [n for r in found for n in r.metrics if "selection" in n]  # type: ignore[union-attr]


@pytest.mark.parametrize("epochs", [1, 4, 5, 6, 8])
def test_it_resumes_bit_for_bit(epochs: int) -> None:
    """Whether the best epoch is before or after the interruption."""
    whole = Trainer([config(1)])
    expected = records(whole)
    first = Trainer([config(1)])
    before = first.records()
    head = [next(before)[0] for _ in range(epochs)]
    second = Trainer([config(1)])
    second.load_states([through_a_file(state) for state in first.states()])
    assert untimed(head + records(second)) == untimed(expected)
    assert_same(second.states(), whole.states())


@pytest.mark.parametrize("size", [2, 7])
def test_in_a_pack_every_run_has_its_own_best_epoch(size: int) -> None:
    """Mixed company: with and without bottleneck, joint beside CAL."""
    configs = [config(i, MIXED[i % len(MIXED)]) for i in range(size)]
    pack = Trainer(configs)
    together = list(zip(*pack.records(), strict=True))
    for r in range(size):
        alone = Trainer([configs[r]])
        assert untimed(together[r]) == untimed(records(alone))
        assert_same(pack.states()[r], alone.states()[0])


def test_a_pack_that_dies_keeps_the_best_epochs_in_other_company(tmp_path: Path) -> None:
    configs = [config(i, MIXED[i]) for i in range(3)]
    jobs = [Job(c, f"run{i}", str(tmp_path), 0) for i, c in enumerate(configs)]
    going = resumable(jobs)
    for _ in range(3 * 6):
        next(going)
    going.close()  # type: ignore[attr-defined]
    found = told([jobs[2], jobs[0]]) | told([jobs[1]])
    for r, one in enumerate(configs):
        assert untimed(found[f"run{r}"]) == untimed(records(Trainer([one])))


def test_images_and_ordinary_modules_have_it_too() -> None:
    """resnet18 has numbers (of batches seen) among its state."""
    keypad = {"data": {"name": "keypad"}, "train": {"epochs": 2, "batch": 100}}
    for encoder in ("cnn", "resnet18"):
        small = {**keypad, "model": {"encoder": encoder}, "method": "joint", "optim": {"lr": 0.01}}
        *_, end = records(Trainer([config(0, small)]))
        assert isinstance(end, Result)
        assert end.metrics["test/clean/accuracy"] > 0
