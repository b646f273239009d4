"""Equal computations have equal configurations and hashes; unequal ones have not."""

import ast
from pathlib import Path
from typing import Any

import pytest

from cal import effective as module
from cal.config import Config, flatten, merge, parse
from cal.effective import BASELINES, canonical, code_version, effective, run_hash

OFF = {"enabled": False}
KEYPAD = {"data": {"name": "keypad"}, "model": {"encoder": "cnn"}}
RESNET: dict[str, Any] = {"data": {"name": "keypad"}, "model": {"encoder": "resnet18"}}


def config(*trees: dict[str, Any]) -> Config:
    """Defaults with changes laid on top of each other."""
    tree: dict[str, Any] = {}
    for changes in trees:
        tree = merge(tree, changes)
    return parse(tree)


def cal(**sections: dict[str, Any]) -> dict[str, Any]:
    return {"cal": sections}


SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    # no mechanism acts: joint training, whatever the metric would have said
    (cal(acceleration=OFF, bottleneck=OFF), {"method": "joint"}),
    (cal(acceleration={"alpha": 0}, bottleneck={"beta": 0}), {"method": "joint"}),
    (cal(contribution=OFF, acceleration=OFF, bottleneck=OFF), {"method": "joint", "cal": None}),
    # a mechanism that does nothing is off
    (cal(acceleration={"alpha": 0}), cal(acceleration=OFF)),
    (cal(bottleneck={"beta": 0}), cal(bottleneck=OFF)),
    # a metric that nobody reads
    (
        cal(acceleration=OFF, bottleneck={"asymmetry": "uniform"}),
        cal(contribution=OFF, acceleration=OFF),
    ),
    (cal(contribution={"enabled": False, "tau": 1}), cal(contribution=OFF)),
    # uniform W: every asymmetry is the uniform one
    (
        cal(contribution=OFF, bottleneck={"asymmetry": "reversed"}),
        cal(contribution=OFF, bottleneck={"asymmetry": "uniform"}),
    ),
    # auto is what it resolves to
    (cal(acceleration={"apply": "gradient"}), cal()),
    (
        {"optim": {"name": "adam"}, **cal(acceleration={"apply": "learning_rate"})},
        {"optim": {"name": "adam"}},
    ),
    # fields that nothing reads
    (
        cal(contribution={"combine": "product", "lam": 0.1}),
        cal(contribution={"combine": "product"}),
    ),
    (cal(contribution={"permutations": 7}), {}),
    (cal(bottleneck={"cycles": 9}), {}),
    (
        cal(bottleneck={"schedule": "constant", "warmup": 0.9}),
        cal(bottleneck={"schedule": "constant"}),
    ),
    *[({name: {}}, {name: None}) for name in BASELINES],
    ({"ogm_ge": {"alpha": 3}, "pmr": {"momentum": 0}, "tmc": {"annealing": 9}}, {}),
    (
        {"method": "arl", "arl": {"as_released": True, "temperature": 3}},
        {"method": "arl", "arl": {"as_released": True}},
    ),
    (
        {"method": "pmr", "pmr": {"entropy": 0, "early": 0.5}},
        {"method": "pmr", "pmr": {"entropy": 1, "early": 0}},
    ),
    ({"method": "joint", **cal(acceleration={"alpha": 3})}, {"method": "joint"}),
    ({"data": {"snr_db": 3, "image_sigma": 2, "corrupt_sigma": 9}}, {}),
    ({"model": {"channels": [3], "fusion_hidden": 3}}, {}),
    (merge(KEYPAD, {"model": {"hidden": [9, 64]}}), merge(KEYPAD, {"model": {"hidden": [64]}})),
    ({"optim": {"name": "adam", "momentum": 0.1}}, {"optim": {"name": "adam"}}),
    ({"optim": {"step_epochs": 3}}, {}),
    # what only prepared data read
    ({"data": {"side": 99, "frames": 2, "view": "centre", "augment": False}}, {}),
    ({"data": {"spectrogram": "fbank", "tokens": 9, "tokenizer": "a"}, "model": {"bert": "b"}}, {}),
    ({"evaluate": {"noise": "none", "severities": "axis"}}, {"evaluate": {"noise": "none"}}),
    ({"evaluate": {"gaussian_sigma": [3, 1, 3]}}, {"evaluate": {"gaussian_sigma": [3]}}),
    ({"evaluate": {"salt_pepper_share": [0.3, 0.1], "missing_share": [1]}}, {}),
    # what concerns a modality that is not seen
    ({"data": {"modalities": ["pix", "fac"]}}, {"data": {"modalities": ["fac", "pix"]}}),
    ({"data": {"modalities": ["zer", "pix", "mor", "kar", "fou", "fac"]}}, {}),
    (
        {"data": {"modalities": ["fou"], "corrupt_views": ["fac"], "corrupt_sigma": 2}},
        {"data": {"modalities": ["fou"]}},
    ),
    (
        merge(KEYPAD, {"data": {"modalities": ["audio"], "image_sigma": 2}}),
        merge(KEYPAD, {"data": {"modalities": ["audio"]}}),
    ),
    (
        merge(KEYPAD, {"data": {"modalities": ["image"], "snr_db": 2}}),
        merge(KEYPAD, {"data": {"modalities": ["image"]}}),
    ),
    # one modality: W is 1
    (
        {"data": {"modalities": ["fac"]}, **cal(contribution={"tau": 0.4})},
        {"data": {"modalities": ["fac"]}, **cal(contribution=OFF)},
    ),
    (
        {"data": {"modalities": ["fac"]}, **cal(bottleneck={"asymmetry": "reversed"})},
        {"data": {"modalities": ["fac"]}},
    ),
    # two modalities: linear and inverse are the same function
    (merge(KEYPAD, cal(bottleneck={"asymmetry": "linear"})), KEYPAD),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_equal_computations_are_one_cell(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert canonical(config(one)) == canonical(config(other))
    assert run_hash(config(one)) == run_hash(config(other))


CHANGES: list[dict[str, Any]] = [
    {"seed": 1},
    {"gamma": 0.5},
    {"method": "joint"},
    {"method": "ogm_ge"},
    {"data": {"labels_per_class": 20}},
    {"data": {"probe": 64}},
    {"data": {"select": 100}},
    {"data": {"probe_in_training": True}, "cal": {"contribution": {"enabled": False}}},
    {"data": {"select_by_group": True}},
    {"data": {"corrupt_views": ["fac"]}},
    {"data": {"modalities": ["fac"]}},
    {"data": {"modalities": ["fac", "pix"]}},
    merge(KEYPAD, {"data": {"modalities": ["audio"]}}),
    merge(KEYPAD, {"data": {"modalities": ["image"]}}),
    {"data": {"corrupt_views": ["fac"], "corrupt_sigma": 2}},
    {"model": {"hidden": [32]}},
    {"model": {"d_z": 8}},
    {"model": {"fusion": "mlp"}},
    {"model": {"fusion": "mlp", "fusion_hidden": 8}},
    cal(contribution=OFF),
    *[cal(contribution={"information": v}) for v in ("shapley_accuracy", "kl", "entropy")],
    *[cal(contribution={"confidence": v}) for v in ("entropy", "energy")],
    *[cal(contribution={"control": v}) for v in ("reversed", "permuted")],
    *[cal(contribution={k: 0.3}) for k in ("lam", "tau", "ema", "start")],
    cal(contribution={"combine": "product"}),
    cal(contribution={"interval": 7}),
    cal(contribution={"floor": 0.01}),
    cal(contribution={"probe_batch": 32}),
    cal(acceleration=OFF),
    cal(acceleration={"alpha": 2}),
    cal(acceleration={"apply": "learning_rate"}),
    cal(bottleneck=OFF),
    cal(bottleneck={"beta": 0.1}),
    cal(bottleneck={"warmup": 0.1}),
    *[cal(bottleneck={"schedule": v}) for v in ("constant", "cosine", "cyclical", "exponential")],
    cal(bottleneck={"schedule": "cyclical", "cycles": 2}),
    *[cal(bottleneck={"asymmetry": v}) for v in ("linear", "uniform", "reversed")],
    {"optim": {"lr": 0.1}},
    {"optim": {"momentum": 0.5}},
    {"optim": {"weight_decay": 0}},
    {"optim": {"clip": None}},
    {"optim": {"name": "adam"}},
    {"optim": {"name": "adamw"}},
    {"optim": {"schedule": "constant"}},
    {"optim": {"schedule": "step"}},
    {"optim": {"schedule": "step", "step_epochs": 3}},
    {"train": {"epochs": 7}},
    {"train": {"batch": 32}},
    {"train": {"accumulate": 2}},
    *[merge(RESNET, tree) for tree in ({}, {"model": {"pretrained": "imagenet"}})],
    merge(RESNET, {"train": {"precision": "bfloat16"}}),
    merge(RESNET, {"train": {"channels_last": True}}),
    *[merge(RESNET, {"train": {"compile": v}}) for v in ("aot_eager", "inductor")],
    {"train": {"validate_every": 3}},
    {"evaluate": {"noise": "none"}},
    {"evaluate": {"severities": "axis"}},
    {"evaluate": {"gaussian_sigma": [3]}},
    {"evaluate": {"salt_pepper_share": [0.5]}},
    {"evaluate": {"missing_share": [0.5]}},
    {"evaluate": {"part": "select"}},
    {"evaluate": {"selection": "test-best"}},
    KEYPAD,
    merge(KEYPAD, {"data": {"snr_db": 0}}),
    merge(KEYPAD, {"data": {"image_sigma": 1}}),
    merge(KEYPAD, {"model": {"channels": [4]}}),
    merge(KEYPAD, {"evaluate": {"audio_snr_db": [0]}}),
    {"method": "ogm_ge", "ogm_ge": {"alpha": 0.1}},
    {"method": "ogm_ge", "ogm_ge": {"noise": False}},
    {"method": "pmr"},
    {"method": "pmr", "pmr": {"alpha": 2}},
    {"method": "pmr", "pmr": {"momentum": 0}},
    {"method": "pmr", "pmr": {"entropy": 0}},
    {"method": "pmr", "pmr": {"entropy": 0.1}},
    {"method": "pmr", "pmr": {"early": 0.5}},
    {"method": "mmpareto"},
    {"method": "mmpareto", "mmpareto": {"scale": 1}},
    {"method": "arl"},
    {"method": "arl", "arl": {"temperature": 4}},
    {"method": "arl", "arl": {"unimodal": 1}},
    {"method": "arl", "arl": {"start": 0}},
    {"method": "arl", "arl": {"as_released": True}},
    *[{"model": {"fusion": v}} for v in ("average", "energy", "evidence")],
    {"method": "qmf", "model": {"fusion": "energy"}},
    {"method": "qmf", "model": {"fusion": "energy"}, "qmf": {"rank": 1}},
    {"method": "qmf", "model": {"fusion": "energy"}, "qmf": {"margin": True}},
    {"method": "tmc", "model": {"fusion": "evidence"}},
    {"method": "tmc", "model": {"fusion": "evidence"}, "tmc": {"annealing": 5}},
]


def test_every_field_that_matters_changes_the_hash() -> None:
    hashes = [run_hash(config(tree)) for tree in ({}, *CHANGES)]
    assert len(set(hashes)) == len(hashes)


def test_no_field_is_forgotten() -> None:
    """Each field of the tree is changed by one of the lists above; ``data.root`` is a place, and
    its content counts (tests/unit/data/test_disk.py).
    """
    trees = [*CHANGES, *(tree for pair in SAME for tree in pair)]
    named = {name for tree in trees for name in flatten(tree)}
    assert set(flatten(Config().model_dump())) <= named | {"data.root"}


def test_places_are_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Workers stand in other folders."""
    monkeypatch.chdir(tmp_path)
    tree = {"data": {"name": "nyud2", "root": "here"}, "model": {"encoder": "resnet18"}}
    found = effective(config(tree, {"model": {"pretrained": "~/net.pt"}}))
    assert found.data.root == str(tmp_path / "here")
    assert found.model.pretrained == str(Path("~/net.pt").expanduser())
    for place in ("s3://bucket/nyud2", None):
        assert effective(config(tree, {"data": {"root": place}})).data.root == place


def test_a_hash_depends_on_values_alone() -> None:
    """The order of words, the spelling of numbers, a dump and its reading."""
    one = parse({"seed": 3, "optim": {"lr": 1, "clip": 2}})
    other = parse({"optim": {"clip": 2.0, "lr": "1e0"}, "seed": 3})
    again = parse(one.model_dump(mode="json"))
    assert run_hash(one) == run_hash(other) == run_hash(again)
    assert len(run_hash(one)) == 64


@pytest.mark.parametrize("tree", [{}, *CHANGES])
def test_the_effective_form_is_final(tree: dict[str, Any]) -> None:
    """Taken twice it is the same, and it is a valid configuration."""
    once = effective(config(tree))
    assert effective(once) == once
    assert parse(once.model_dump(mode="json")) == once


def stripped(source: str) -> str:
    return module._without_docstrings(ast.parse(source))


def test_comments_and_docstrings_are_not_code() -> None:
    bare = "def f(x):\n    return x + 1\n"
    told = '"""Module."""\n\ndef f(x):\n    """Adds."""\n    # why\n    return x + 1\n'
    assert stripped(bare) == stripped(told)
    assert stripped(bare) != stripped(bare.replace("1", "2"))
    field = "class A:\n    x: int = 1\n"
    assert stripped(field) != stripped(field.replace("1", "2"))
    text = '"""Says."""\nx = "value"\n'
    assert stripped(text) != stripped(text.replace("value", "other"))


def test_the_version_names_this_code() -> None:
    assert len(code_version()) == 16
    assert code_version() == code_version()
