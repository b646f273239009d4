"""A tuning run (``evaluate.part=select``) never sees a report sample, whatever it tries."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cal.config import Config, ConfigError, merge, parse
from cal.data.corruptions import Condition, conditions, corrupt
from cal.data.loading import ids_of, load
from cal.data.parts import Parts, SealedError
from cal.evaluate import evaluate
from cal.records import Result
from cal.running import Job, resumable
from cal.trainer import Trainer
from cal.versions import versions

VIEWS: dict[str, Any] = {
    "data": {"labels_per_class": 20},
    "train": {"epochs": 1},
    "evaluate": {"part": "select"},
}
KEYPAD: dict[str, Any] = merge(
    VIEWS,
    {
        "data": {"name": "keypad"},
        "model": {"encoder": "cnn"},
        "evaluate": {"audio_snr_db": [0]},
    },
)
each = pytest.mark.parametrize("tree", [VIEWS, KEYPAD], ids=["views", "keypad"])


def tuning(**changes: Any) -> Config:
    return parse(merge(VIEWS, changes))


def result(config: Config) -> Result:
    *_, records = Trainer([config]).records()
    assert isinstance(records[0], Result)
    return records[0]


@each
def test_it_is_measured_on_the_select_part_under_the_same_conditions(tree: dict[str, Any]) -> None:
    """47 conditions of the views and what is asked for beside them, none of them called test."""
    config = parse(tree)
    found = result(config)
    names = {name for name in found.metrics if not name.startswith("time/")}
    asked = {"clean", "robust", *(c.name for c in conditions(config))}
    assert {tuple(name.split("/")[:2]) for name in names} == {("select", c) for c in asked}
    assert found.predictions == {}


def test_its_last_validation_is_its_clean_accuracy() -> None:
    """Both are measured on the select part after the last epoch."""
    *_, (epoch,), (end,) = Trainer([tuning()]).records()
    assert isinstance(end, Result)
    assert end.metrics["select/clean/accuracy"] == pytest.approx(epoch.metrics["val/accuracy"])


def test_noise_is_the_protocol_of_the_report_on_other_samples() -> None:
    """A function of sample id and condition: the select samples look alike in both kinds of run."""
    config = tuning()
    sealed = load(config.data, seed=0, evaluated="select")
    plain = load(config.data, seed=0)
    noise = Condition("gaussian", "half", 1.0)
    ours = corrupt(sealed, noise)
    theirs = corrupt(replace(plain, evaluated=plain.select), noise)
    assert all(map(torch.equal, ours, theirs))


def test_training_does_not_notice() -> None:
    """The same parameters as the run that is evaluated on the report part."""
    one, other = (Trainer([tuning(evaluate={"part": part})]) for part in ("select", "report"))
    for trainer in (one, other):
        next(trainer.records())
    ours, theirs = one.network.state_dict(), other.network.state_dict()
    assert all(torch.equal(value, ours[name]) for name, value in theirs.items())


def report_part(trainer: Trainer) -> object:
    return trainer.data[0].report


def other_config(trainer: Trainer) -> object:
    final = [parse(merge(VIEWS, {"evaluate": {"part": "report"}}))]
    return evaluate(trainer.network, final, trainer.data, trainer.device)


def other_data(trainer: Trainer) -> object:
    data = [load(trainer.config.data, seed=0)]
    return evaluate(trainer.network, trainer.configs, data, trainer.device)


def other_trainer(trainer: Trainer) -> object:
    return Trainer(trainer.configs, data=[load(trainer.config.data, seed=0)])


def best_epoch_of_the_test(trainer: Trainer) -> object:
    from cal.selection import TestBest

    return TestBest(trainer.data, trainer.device)


def rebuilt(trainer: Trainer) -> object:
    return replace(trainer.data[0], low=trainer.data[0].high).report


CHEATS = [report_part, other_config, other_data, other_trainer, best_epoch_of_the_test, rebuilt]


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_cheat_is_refused_in_one_line(cheat: Any) -> None:
    with pytest.raises(SealedError, match=r"^[^\n]*report part[^\n]*$"):
        cheat(Trainer([tuning()]))


def reachable(thing: object) -> Iterator[Tensor]:
    """Every tensor that can be reached from an object through attributes and containers."""
    waiting, seen = [thing], set[int]()
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, type | str | int | float):
            continue
        seen.add(id(item))
        if isinstance(item, Tensor):
            yield item
        elif isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple | set | frozenset):
            waiting += item
        elif isinstance(item, partial):
            waiting += [item.func, item.args, item.keywords]
        elif is_dataclass(item):
            waiting += [getattr(item, field.name) for field in fields(item)]
        else:
            waiting.append(getattr(item, "__dict__", {}))


def rows(parts: Parts) -> set[bytes]:
    """The report samples: the bytes of each one's input of the second modality."""
    return {row.numpy().tobytes() for row in parts.report.inputs[1]}


@each
def test_no_report_sample_can_be_reached_from_a_trainer(tree: dict[str, Any]) -> None:
    """By content: the inputs of a tensor [..., N, *row] of whatever part; and by id."""
    config = parse(tree)
    plain = load(config.data, seed=config.seed)
    report, shape = rows(plain), plain.report.inputs[1].shape[1:]

    def holds(thing: object) -> bool:
        like = [t for t in reachable(thing) if t.shape[-len(shape) :] == shape]
        flat = (row for t in like for row in t.detach().reshape(-1, *shape))
        return any(row.numpy().tobytes() in report for row in flat)

    assert holds(Trainer([parse(merge(tree, {"evaluate": {"part": "report"}}))]))  # it would see
    trainer = Trainer([config])
    list(trainer.records())
    assert not holds(trainer)
    assert not holds(versions(trainer.data[0], conditions(config)))
    ids = ids_of(config.data, seed=config.seed).report
    own = trainer.data[0]
    for part in (own.train, own.probe, own.select, own.evaluated):
        assert not np.isin(part.ids.numpy(), ids).any()


def test_the_waveform_with_more_noise_is_that_of_the_select_part() -> None:
    config = parse(KEYPAD)
    parts = load(config.data, seed=0, evaluated="select")
    assert parts.audio_at_snr is not None
    assert len(parts.audio_at_snr(0.0)) == len(parts.select.ids)


def test_packs_are_of_tuning_runs_or_of_others() -> None:
    with pytest.raises(ValueError, match="these differ in shape"):
        Trainer([tuning(), tuning(seed=1, evaluate={"part": "report"})])


def test_a_checkpoint_has_no_way_back_to_the_report(tmp_path: Any) -> None:
    """Resumed with its key and data, it ends as a tuning run."""
    job = Job(tuning(), "key", str(tmp_path), every_s=0)
    next(resumable([job]))
    *_, (_, end) = resumable([job])
    assert isinstance(end, Result)
    assert not [name for name in end.metrics if name.startswith("test/")]
    assert end.predictions == {}


def test_choosing_on_the_test_set_is_refused_in_a_tuning_run() -> None:
    with pytest.raises(ConfigError, match=r"^evaluate.selection: .*sealed; allowed: last$"):
        tuning(evaluate={"selection": "test-best"})
