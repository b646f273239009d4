"""Published numbers stand beside ours only where everything agrees."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ablations.plan import from_json, make_plan, to_json
from ablations.published import HELD, REPORT_PART, comparable, judged, numbers, printed
from ablations.study import Published, read_study
from cal.config import Config, parse
from cal.data import splits
from cal.data.loading import ids_of, load
from cal.modalities import KNOWN, ON_DISK

ALIKE: dict[str, Any] = {
    "method": "joint",
    "data": "Handwritten",
    "accuracy": 0.98,
    "classes": 10,
    "split": "1072/400",  # 2000 less report 400, probe 128, select 400
    "pretraining": "none",
    "backbone": "MLP 64-64",
    "epochs": 100,
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
        ({"frames": "unknown"}, "video frames: unknown there, none here"),
        ({"backbone": "ResNet-18"}, "backbone: ResNet-18 there, MLP 64-64 here"),
        ({"epochs": 500}, "epochs: 500 there, 100 here"),
        (
            {"noise": "qmf-2023, eps 5"},
            "test inputs: qmf-2023, eps 5 there, clean here",
        ),
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


@pytest.mark.parametrize(
    "field", ["classes", "split", "pretraining", "backbone", "epochs", "selection", "scaler"]
)
def test_what_is_not_said_agrees_with_nothing(field: str) -> None:
    """Not even with a data set of which we know as little."""
    (line,) = differences(parse({}), **{field: "unknown"})
    assert "unknown there" in line
    nowhere = on("kinetics-sounds-arl")
    found = differences(nowhere, data="kinetics-sounds-arl", classes="unknown", split="unknown")
    assert "classes: unknown there, unknown here" in found
    assert "split (training/test samples): unknown there, unknown here" in found


def test_one_modality_alone_is_another_comparison() -> None:
    alone = parse({"data": {"modalities": ["fac", "pix"]}})
    assert differences(alone) == ["modalities: all there, fac, pix here"]


def on(name: str, **data: Any) -> Config:
    """A configuration on a data set on disk, as far as its published conditions go."""
    config = parse({"data": {"name": "keypad", "probe": 100, "select": 600}, "model": RESNET})
    names = {"name": name, **data}
    return config.model_copy(update={"data": config.data.model_copy(update=names)})


RESNET = {"encoder": "resnet18"}


def test_on_disk_the_published_split_less_what_is_cut_from_it() -> None:
    """CREMA-D: 6698 less 100 and 600, as it has no validation split; AVE has one."""
    alike = {"split": "5998/744", "data": "crema-d", "classes": 6, "backbone": "ResNet-18"}
    assert differences(on("crema-d"), **alike) == []
    assert not [x for x in differences(on("ave"), split="3239/402", classes=28) if "split" in x]
    few = differences(on("crema-d", labels_per_class=20), split="120/744", classes=6)
    assert not [line for line in few if line.startswith("split")]


def test_the_table_holds_what_is_known_of_papers() -> None:
    """Every entry has a data set of ours, and every arm is a method or an arm of the baselines."""
    known = numbers()
    assert {entry.data for entry in known.numbers} <= set(KNOWN)
    assert set(known.data_sets) <= set(ON_DISK)
    arms = {entry.arm for entry in known.numbers}
    assert arms - {""} <= set(read_study("baselines").arms)
    assert [e.accuracy for e in printed(["ave"])] == [0.7421, 0.865]
    assert printed(["keypad"]) == ()
    qmf = [e.accuracy for e in printed(["nyud2"]) if e.arm == "qmf"]
    assert qmf == [0.6855, 0.566, 0.4904]


def test_a_data_set_in_another_version_stands_there_to_be_told_apart() -> None:
    """ARL's Kinetics-Sounds has other classes."""
    (arl,) = (entry for entry in printed(["kinetics-sounds"]) if entry.arm == "arl")
    found = comparable(arl, on("kinetics-sounds"))
    assert found[:2] == [
        "data: kinetics-sounds-arl there, kinetics-sounds here",
        "classes: unknown there, 31 here",
    ]


def test_nothing_published_compares_with_the_baselines_study() -> None:
    """The arm that is compared is that of the method."""
    plan = make_plan(read_study("baselines"), seeds=1)
    (found,) = judged(plan)
    assert (found["arm"], found["data"], found["regime"]) == ("tmc", "handwritten", "hw20")
    assert not found["comparable"]
    assert "backbone: linear there, MLP 64-64 here" in found["differences"]


def test_a_study_may_add_its_own(tmp_path: Path) -> None:
    own = ALIKE | {"arm": "none of ours"}
    tree = {"name": "s", "regimes": {"a": {"seeds": 1}}, "arms": {"joint": {}}, "published": [own]}
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    plan = make_plan(read_study(str(path)))
    mine, tmc = judged(plan)
    assert (mine["arm"], mine["comparable"], tmc["method"][:3]) == ("", True, "TMC")
    assert from_json(to_json(plan)).published == plan.published


def test_tmc_is_refused_beside_twenty_labels_a_class() -> None:
    """98.51 % is of 1600 training samples with a scaler that has seen the test."""
    (found,) = judged(make_plan(read_study("default")))
    assert (found["method"], found["accuracy"]) == ("TMC (Han et al. 2021)", 0.9851)
    assert found["regime"] == "hw20"
    assert not found["comparable"]
    assert found["differences"] == [
        "split (training/test samples): 1600/400 there, 200/400 here",
        "labels per class: all there, 20 here",
        "backbone: linear there, MLP 64-64 here",
        "epochs: 500 there, 100 here",
        "selection: unknown there, last-epoch here",
        "inputs standardised on: test there, train here",
    ]
