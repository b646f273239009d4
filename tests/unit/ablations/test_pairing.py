"""What two runs of one seed share, checked against what the code really draws."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from ablations.pairing import by_design, pairing, unshared
from ablations.plan import Plan, make_plan
from ablations.study import read_study
from cal.config import Config, ConfigError, merge, parse
from cal.data.corruptions import conditions, corrupt
from cal.data.loading import load
from cal.effective import effective
from cal.trainer import Trainer

BASE = {"data": {"labels_per_class": 20}, "train": {"epochs": 2}, "method": "joint"}
EVERYTHING: dict[str, Any] = {
    "gamma": 0.0,
    "method": "ogm_ge",
    "optim": {"lr": 0.1, "name": "adam"},
    "train": {"validate_every": 1},
}


def config(**changes: Any) -> Config:
    return effective(parse(merge(BASE, changes)))


def samples_of(run: Config) -> torch.Tensor:
    """The order in which the first epoch takes its samples, by id."""
    trainer = Trainer([run])
    order = trainer.draws.permutations("order", trainer.samples)[0]
    return trainer.data[0].train.ids[order]


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "labels": ({"data": {"labels_per_class": 30}}, "data.labels_per_class 20 against 30"),
    "probe": ({"data": {"probe": 64}}, "data.probe 128 against 64"),
    "select": ({"data": {"select": 200}}, "data.select 400 against 200"),
    "views": ({"data": {"corrupt_views": ["fac"]}}, "data.corrupt_views () against ('fac',)"),
    "noise": ({"evaluate": {"noise": "none"}}, "evaluate.noise standard against none"),
    "batch": ({"train": {"batch": 32}}, "train.batch 64 against 32"),
    "epochs": ({"train": {"epochs": 3}}, "train.epochs 2 against 3"),
    "seed": ({"seed": 1}, "seed 0 against 1"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_breaks_a_pair_is_named(case: str) -> None:
    changes, words = BROKEN[case]
    (found,) = unshared(config(), config(**changes))
    assert found.startswith(words)


def test_a_treatment_leaves_a_pair_whole() -> None:
    """Another method, optimiser and gamma: the same samples, in the same order, from the same
    initial values, under the same noise.
    """
    one, other = config(), config(**EVERYTHING)
    assert unshared(one, other) == []
    assert torch.equal(samples_of(one), samples_of(other))
    left, right = (Trainer([c]).network.state_dict() for c in (one, other))
    assert all(torch.equal(value, right[name]) for name, value in left.items())
    parts = [load(c.data, seed=c.seed) for c in (one, other)]
    for condition in conditions(one)[:3]:
        pairs = zip(*(corrupt(p, condition) for p in parts), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


def test_a_bottleneck_keeps_the_common_parts_initial_values() -> None:
    """Its sigma layers draw from a generator of their own."""
    one, other = config(), config(method="cal", cal={})
    left, right = (Trainer([c]).network.state_dict() for c in (one, other))
    assert left.keys() < right.keys()
    assert all(torch.equal(value, right[name]) for name, value in left.items())


def test_another_width_keeps_what_comes_before_it() -> None:
    one, other = config(), config(model={"d_z": 8})
    left, right = (Trainer([c]).network.state_dict() for c in (one, other))
    alike = [name for name, value in left.items() if value.shape == right[name].shape]
    weights = [name for name in alike if name.startswith("encoders")]
    assert weights
    assert all(torch.equal(left[name], right[name]) for name in weights)
    assert by_design(one, other) == [
        "the networks differ in model.d_z: parts of equal shape begin alike"
    ]


def test_the_probe_in_training_is_a_treatment_with_a_note() -> None:
    """The same split, inputs and standardisation; 128 more samples are trained on."""
    one, other = config(data={"probe_in_training": True}), config()
    assert unshared(one, other) == []
    (note,) = by_design(one, other)
    assert note.startswith("the arm trains on the 128 probe samples as well, by design")
    left, right = (load(c.data, seed=0) for c in (one, other))
    assert {*left.train.ids.tolist()} == {*right.train.ids.tolist(), *right.probe.ids.tolist()}
    assert torch.equal(left.report.inputs[0], right.report.inputs[0])
    assert torch.equal(left.high[0], right.high[0])


KEYPAD = {"data": {"name": "keypad"}, "model": {"encoder": "cnn"}}


@pytest.mark.parametrize(
    ("whole", "seen"),
    [
        ({"data": {"corrupt_views": ["fac", "pix"], "corrupt_sigma": 2}}, ["fou"]),
        ({"data": {"corrupt_views": ["fac", "pix"], "corrupt_sigma": 2}}, ["pix", "mor"]),
        (merge(KEYPAD, {"data": {"snr_db": 0, "image_sigma": 1}}), ["audio"]),
        (merge(KEYPAD, {"data": {"snr_db": 0, "image_sigma": 1}}), ["image"]),
    ],
)
def test_to_see_fewer_modalities_is_a_treatment_with_a_note(
    whole: dict[str, Any], seen: list[str]
) -> None:
    """What the effective form leaves out concerns modalities that only one of them sees."""
    one, other = config(**merge(whole, {"data": {"modalities": seen}})), config(**whole)
    assert unshared(one, other) == unshared(other, one) == []
    (note,) = by_design(one, other)
    assert note.startswith(f"the arm sees {', '.join(one.modalities)}, the reference everything, ")
    assert torch.equal(samples_of(one), samples_of(other))
    left, right = (load(c.data, seed=0) for c in (one, other))
    place = other.modalities.index(one.modalities[0])
    assert torch.equal(left.report.inputs[0], right.report.inputs[place])


def test_other_noise_on_what_both_see_breaks_a_pair() -> None:
    alone = {"modalities": ["fac", "fou"]}
    drowned = config(data={"corrupt_views": ["fac", "pix"]})
    assert unshared(config(data=alone), drowned) == [
        "data.corrupt_views () against ('fac',) (other report inputs)"
    ]


def test_reasons_of_all_regimes_are_told_once() -> None:
    pairs = [(config(), config(train={"batch": 32}))] * 2
    assert pairing(pairs) == ("train.batch 64 against 32 (another order of training samples)", "")
    assert pairing([(config(), config())]) == ("paired", "")


def planned(folder: Path, **contrast: Any) -> Plan:
    study = {
        "name": "small",
        "base": BASE,
        "regimes": {"a": {"seeds": 1}},
        "arms": {
            "joint": {"config": {}},
            "more": {"config": {"data": {"labels_per_class": 30}}},
            "probe": {"config": {"data": {"probe_in_training": True}}},
        },
        "sweeps": {"batch": {"field": "train.batch", "levels": [32, 64], "reference": 64}},
        "contrasts": [{"arm": "joint", "reference": "probe"}, contrast],
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study), encoding="utf-8")
    return make_plan(read_study(str(path)))


def test_an_unpaired_contrast_is_refused_in_one_line(tmp_path: Path) -> None:
    line = (
        r"^contrasts: given more - joint, which is not paired: data\.labels_per_class 30 against "
        r"20 \(other samples\); allowed: arms that share these, or unpaired: true on the contrast$"
    )
    with pytest.raises(ConfigError, match=line):
        planned(tmp_path, arm="more", reference="joint")


def test_one_that_says_so_is_labelled_and_so_is_one_that_nobody_declared(tmp_path: Path) -> None:
    plan = planned(tmp_path, arm="more", reference="joint", unpaired=True)
    probe, more, swept = plan.contrasts
    assert (probe.pairing, "by design" in probe.note) == ("paired", True)
    assert more.pairing == "data.labels_per_class 30 against 20 (other samples)"
    assert swept.name == "batch=32 - batch=64"
    assert swept.pairing.startswith("train.batch 32 against 64")
