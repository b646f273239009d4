"""Published numbers stand beside ours only where everything agrees."""

from typing import Any

import pytest

from ablations.plan import make_plan
from ablations.published import HELD, REPORT_PART, comparable, judged
from ablations.study import Published, read_study
from cal.config import Config, parse
from cal.data import splits
from cal.data.loading import ids_of, load

ALIKE: dict[str, Any] = {
    "method": "joint",
    "data": "Handwritten",
    "accuracy": 0.98,
    "classes": 10,
    "split": "1072/400",  # 2000 less report 400, probe 128, select 400
    "selection": "last-epoch",
    "scaler": "train",
    "source": "a paper",
}


def differences(config: Config, **changes: Any) -> list[str]:
    return comparable(Published(**ALIKE | changes), config)


def test_the_same_protocol_is_comparable() -> None:
    assert differences(parse({})) == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"data": "keypad"}, "data: keypad there, handwritten here"),
        ({"classes": 6}, "classes: 6 there, 10 here"),
        (
            {"split": "1600/400"},
            "split (training/test samples): 1600/400 there, 1072/400 here",
        ),
        ({"labels_per_class": 40}, "labels per class: 40 there, all here"),
        ({"pretraining": "ImageNet"}, "pre-training: ImageNet there, none here"),
        ({"frames": 3}, "video frames: 3 there, none here"),
        ({"selection": "test-best"}, "selection: test-best there, last-epoch here"),
        ({"scaler": "test"}, "inputs standardised on: test there, train here"),
    ],
)
def test_every_difference_is_named(changes: dict[str, Any], line: str) -> None:
    assert differences(parse({}), **changes) == [line]


def test_drowned_views_are_another_data_set() -> None:
    drowned = parse({"data": {"corrupt_views": ["fac", "kar"]}})
    line = "inputs: as published there, fac, kar drowned in noise (sigma 4) here"
    assert differences(drowned) == [line]


@pytest.mark.parametrize(
    "tree",
    [
        {"data": {"labels_per_class": 20}},
        {"data": {"labels_per_class": 20, "probe_in_training": True}, "method": "joint"},
        {},
        {"data": {"name": "keypad", "probe": 50}, "model": {"encoder": "cnn"}},
    ],
)
def test_what_is_said_of_our_split_is_so(tree: dict[str, Any]) -> None:
    config = parse(tree)
    ids = ids_of(config.data, seed=0)
    split = f"{len(ids.train)}/{len(ids.report)}"
    found = differences(config, split=split, data=config.data.name)
    assert not [line for line in found if line.startswith("split")]


@pytest.mark.parametrize("name", HELD)
def test_what_is_said_of_our_data_is_so(name: str) -> None:
    encoder = "mlp" if name == "handwritten" else "cnn"
    config = parse({"data": {"name": name}, "model": {"encoder": encoder}})
    parts = load(config.data, seed=0)
    held = sum(len(part.labels) for part in (parts.train, parts.probe, parts.select, parts.report))
    assert (parts.classes, held) == HELD[name]
    assert REPORT_PART == splits.REPORT_PART


def test_tmc_is_refused_beside_twenty_labels_a_class() -> None:
    """98.51 % is of 1600 training samples with a scaler that has seen the test."""
    (found,) = judged(make_plan(read_study("default")))
    assert (found["method"], found["accuracy"]) == ("TMC (Han et al. 2021)", 0.9851)
    assert found["regime"] == "hw20"
    assert not found["comparable"]
    assert found["differences"] == [
        "split (training/test samples): 1600/400 there, 200/400 here",
        "labels per class: all there, 20 here",
        "selection: unknown there, last-epoch here",
        "inputs standardised on: test there, train here",
    ]
