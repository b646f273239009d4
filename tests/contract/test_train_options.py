"""Options of training change how a step is computed, and its result within a stated bound.

Two ResNet-18 on keypad, four steps, against the plain run: the mean loss of the epoch (nats).
"""

from typing import Any

import pytest

from cal.config import Config, ConfigError, merge, parse
from cal.records import Epoch, Result
from cal.trainer import Trainer, train

RESNETS = {
    "data": {"name": "keypad", "labels_per_class": 4, "probe": 16, "select": 20},
    "model": {"encoder": "resnet18", "d_z": 4},
    "cal": {"contribution": {"interval": 2}},
    "train": {"epochs": 1, "batch": 10},
    "evaluate": {"noise": "none"},
}
VIEWS = {
    "data": {"labels_per_class": 6, "probe": 32, "select": 50},
    "train": {"epochs": 2, "batch": 20},
    "evaluate": {"noise": "none"},
}


def loss(tree: dict[str, Any], **train_options: Any) -> float:
    config = parse(merge(tree, {"train": train_options}))
    *epochs, _ = train(config)
    assert isinstance(epochs[-1], Epoch)
    return epochs[-1].metrics["train/loss"]


@pytest.fixture(scope="module")
def plain() -> float:
    return loss(RESNETS)


@pytest.mark.parametrize(
    ("options", "bound"),
    [
        ({"channels_last": True}, 1e-2),  # the same sums in another order
        ({"compile": "aot_eager"}, 1e-2),  # as above
    ],
)
def test_another_way_to_compute_gives_nearly_the_same_loss(
    options: dict[str, Any], bound: float, plain: float
) -> None:
    found = loss(RESNETS, **options)
    assert abs(found - plain) < bound * plain


def test_a_cpu_computes_in_float32_and_says_so(plain: float) -> None:
    """Its convolutions in bfloat16 are not to be relied on; ``test_gpu.py`` has those of a GPU."""
    tree = merge(RESNETS, {"train": {"precision": "bfloat16"}})
    *epochs, _ = train(parse(tree))
    (epoch,) = epochs
    assert isinstance(epoch, Epoch)
    assert epoch.metrics["train/loss"] == plain
    assert [line.partition(":")[0] for line in epoch.warnings] == ["train.precision"]


@pytest.mark.parametrize("method", ["joint", "cal", "ogm_ge", "pmr", "arl", "qmf", "tmc"])
def test_parts_of_a_batch_add_up_to_it(method: str) -> None:
    """Without batch normalisation a mean of means: float32 rounding. QMF ranks pairs of
    neighbours, of which parts have fewer; PMR weighs by ratios of each part.
    """
    fusion = {"qmf": "energy", "tmc": "evidence"}.get(method, "linear")
    tree = merge(VIEWS, {"method": method, "model": {"fusion": fusion}, "ogm_ge": {"noise": False}})
    whole, parts = loss(tree), loss(tree, accumulate=4)
    assert abs(parts - whole) < (0.05 if method in ("qmf", "pmr") else 2e-4) * whole


@pytest.mark.parametrize(
    ("tree", "line"),
    [
        ({"train": {"accumulate": 3}}, "train.accumulate: given 3; allowed: a divisor of "),
        (
            {"train": {"accumulate": 2}, "method": "mmpareto"},
            "train.accumulate: given 2; allowed: 1 for method=mmpareto",
        ),
        (
            {"train": {"precision": "bfloat16"}},
            "train.precision: given bfloat16; allowed for model.encoder=mlp: float32",
        ),
        ({"train": {"compile": "aot_eager"}}, "train.compile: given aot_eager; allowed for "),
        ({"train": {"channels_last": True}}, "train.channels_last: given True; allowed for "),
        ({"model": {"pretrained": "x"}}, "model.pretrained: given x; allowed: for resnet18"),
        ({"model": {"encoder": "own"}}, "model.encoder: given 'own'; handwritten has none"),
    ],
)
def test_what_does_not_go_together_is_one_line(tree: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError, match=f"^{line}[^\n]*$"):
        parse(tree)


def test_parts_of_a_batch_are_resumed_to_the_bit() -> None:
    tree = {"train": {"epochs": 2, "accumulate": 2}, "optim": {"lr": 0.002}}
    config: Config = parse(merge(RESNETS, tree))
    *_, whole = train(config)
    first = Trainer([config])
    next(first.records())
    *_, again = train(config, state=first.states()[0])
    assert isinstance(whole, Result)
    assert isinstance(again, Result)
    assert whole.metrics["test/clean/nll"] == again.metrics["test/clean/nll"]
