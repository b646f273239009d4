"""What only a GPU can show: training, evaluation, resumption and memory there. Skipped without one.

Sums there have another order for another size of a batch, so figures agree up to rounding: a loss
to 1e-3 after four epochs, an accuracy to a few samples on the fence. cuDNN's convolutions multiply
in TF32, ten bits, so those of a ResNet agree to some percent.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from cal import footprint
from cal.config import Config, merge, parse
from cal.evaluate import evaluate
from cal.records import Epoch, Record, Result
from cal.running import Job, resumable
from cal.trainer import Trainer
from tests.contract.test_packs import IMAGES, VIEWS, jobs, mixed, told

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")

RESNET: dict[str, Any] = {
    "data": {"name": "keypad", "labels_per_class": 20},
    "model": {"encoder": "resnet18"},
    "train": {"epochs": 2, "validate_every": 2},
    "evaluate": {"noise": "none"},
}
on_gpu = partial(Trainer, device="cuda")


def assert_close(found: Sequence[Record], expected: Sequence[Record], *, rel: float = 1e-3) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        if isinstance(ours, Epoch):
            assert isinstance(theirs, Epoch)
            loss = pytest.approx(theirs.metrics["train/loss"], rel=rel)
            assert ours.metrics["train/loss"] == loss
        else:
            assert isinstance(ours, Result)
            assert isinstance(theirs, Result)
            accuracy = pytest.approx(theirs.metrics["test/clean/accuracy"], abs=10 * rel)
            assert ours.metrics["test/clean/accuracy"] == accuracy
            assert list(ours.predictions) == list(theirs.predictions)


@pytest.mark.parametrize(
    ("base", "rel"),
    [(VIEWS, 1e-3), (IMAGES, 1e-3), (RESNET, 0.05)],
    ids=["views", "images", "resnet18"],
)
def test_a_run_tells_the_same_as_on_the_processor(
    base: dict[str, Any], rel: float, tmp_path: Path
) -> None:
    """Every random number is drawn on the processor, so both train the same run."""
    config = parse(base)
    there = told([Job(config, "run", str(tmp_path / "gpu"))], build=on_gpu)["run"]
    here = told([Job(config, "run", str(tmp_path / "cpu"))])["run"]
    assert_close(there, here, rel=rel)


@pytest.mark.parametrize("selection", ["last", "test-best"])
def test_a_pack_goes_on_where_it_stopped(selection: str, tmp_path: Path) -> None:
    """After two epochs, in other company, from files that know no device."""
    base = merge(VIEWS, {"evaluate": {"noise": "none", "selection": selection}})
    configs = mixed(5, base)
    work = jobs(configs, tmp_path / "packs")
    records = resumable(work, on_gpu)
    for _ in range(2 * len(work)):
        next(records)
    records.close()  # type: ignore[attr-defined]
    found = told(work[:2], build=on_gpu) | told(work[2:], build=on_gpu)
    whole = told(jobs(configs, tmp_path / "whole"), build=on_gpu)
    for key, ours in found.items():
        assert_close(ours, whole[key])


def test_a_run_begun_on_a_gpu_is_ended_on_the_processor(tmp_path: Path) -> None:
    work = jobs(mixed(1, VIEWS), tmp_path / "moved")
    records = resumable(work, on_gpu)
    for _ in range(2):
        next(records)
    records.close()  # type: ignore[attr-defined]
    assert_close(told(work)["run0"], told(jobs(mixed(1, VIEWS), tmp_path / "here"))["run0"])


def taken(configs: Sequence[Config]) -> int:
    """Most bytes of tensors while a pack trains an epoch and is evaluated."""
    before = footprint.used("cuda")
    footprint.reset_peak("cuda")
    trainer = Trainer(configs, device="cuda")
    list(trainer.epoch_steps())
    evaluate(trainer.network, trainer.configs, trainer.data, trainer.device)
    return footprint.peak("cuda") - before


@pytest.mark.parametrize("base", [VIEWS, IMAGES], ids=["views", "images"])
def test_memory_of_a_larger_pack_is_foreseen(base: dict[str, Any]) -> None:
    """Tensors grow by R, but for the workspace of libraries and the rounding of blocks: a fifth."""
    taken([parse(base)])  # what libraries keep is there
    found = footprint.measure(parse(base), device="cuda", free=0.0)
    configs = [parse(merge(base, {"seed": seed})) for seed in range(32)]
    assert taken(configs) == pytest.approx(found.bytes(32), rel=0.2)


def test_packs_on_a_gpu_are_measured_to_be_large() -> None:
    """A step of one tiny run leaves a GPU idle."""
    size = footprint.choose(
        footprint.measure(parse(VIEWS), device="cuda", free=footprint.free_bytes()),
        free=footprint.free_bytes(),
    )
    assert size.target >= 32


def test_encoders_in_bfloat16_give_nearly_the_same_loss() -> None:
    """8 bits of mantissa: 25 % of a first epoch's loss at most, and not nothing."""
    losses = []
    for precision in ("float32", "bfloat16"):
        tree = merge(RESNET, {"train": {"epochs": 1, "precision": precision}})
        *epochs, _ = (record for (record,) in on_gpu([parse(tree)]).records())
        assert isinstance(epochs[-1], Epoch)
        assert epochs[-1].warnings == ()
        losses.append(epochs[-1].metrics["train/loss"])
    assert losses[0] != losses[1], "it did nothing"
    assert losses[1] == pytest.approx(losses[0], rel=0.25)
