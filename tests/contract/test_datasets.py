"""What every data set keeps to. One row a data set; a data set without a row fails.

The functions of ``cal.suite.parts`` are those that a user's own data are checked by.
"""

import random
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from cal.config import ConfigError, Data
from cal.data import handwritten, keypad
from cal.data.loading import load, loaded
from cal.data.memory import EMBEDDED as DATA_SETS
from cal.data.parts import Parts
from cal.digests import SHA256
from cal.modalities import EMBEDDED
from cal.suite import parts as suite


@dataclass(frozen=True)
class Row:
    """Published facts of a data set, and an option that changes its values."""

    samples: int
    shapes: tuple[tuple[int, ...], ...]
    per_feature: bool
    option: dict[str, Any]


ROWS = {
    "handwritten": Row(
        samples=2000,
        shapes=((216,), (76,), (64,), (6,), (240,), (47,)),
        per_feature=True,
        option={"corrupt_views": ("fac",)},
    ),
    "keypad": Row(
        samples=1797,
        shapes=((1, 32, 34), (1, 8, 8)),
        per_feature=False,
        option={"image_sigma": 1.0},
    ),
}
PARTS = ("train", "probe", "select", "report")
each = pytest.mark.parametrize("name", ROWS)


def few(name: str, **options: Any) -> Data:
    return Data(**{"name": name, "labels_per_class": 20, "probe": 64, "select": 101} | options)


def forget() -> None:
    """Empty every cache, as in a new process."""
    for cached in (loaded, handwritten.load, handwritten._noise, keypad._load, keypad.tones):
        cached.cache_clear()


def ids(parts: Parts, part: str) -> set[int]:
    return set(getattr(parts, part).ids.tolist())


def test_every_data_set_has_a_row() -> None:
    assert set(ROWS) == set(DATA_SETS) == set(EMBEDDED) == set(SHA256)


@each
def test_shapes_types_and_sizes(name: str) -> None:
    parts = load(few(name), seed=0)
    row = ROWS[name]
    assert parts.classes == 10
    assert parts.modalities == tuple(m.name for m in EMBEDDED[name])
    report = round(0.2 * row.samples)
    assert not list(suite.malformed(parts))
    for part, size in zip(PARTS, (200, 64, 101, report), strict=True):
        found = getattr(parts, part)
        assert tuple(x.shape for x in found.inputs) == tuple((size, *s) for s in row.shapes)


@each
def test_labels_belong_to_their_ids_in_every_part(name: str) -> None:
    data = few(name)
    truth = torch.from_numpy(DATA_SETS[name](data).labels.astype(np.int64))
    parts = load(data, seed=2)
    for part in PARTS:
        found = getattr(parts, part)
        assert torch.equal(found.labels, truth[found.ids])


@each
def test_parts_are_disjoint_and_the_report_part_is_cut_once(name: str) -> None:
    """No seed and no option ever trains, probes or selects on a report sample."""
    report = ids(load(few(name), seed=0), "report")
    for seed in range(5):
        for options in ({}, {"labels_per_class": None}, {"probe": 10}, ROWS[name].option):
            parts = load(few(name, **options), seed=seed)
            assert not list(suite.shared(parts))
            assert ids(parts, "report") == report


@each
def test_the_report_part_has_a_fifth_of_every_class(name: str) -> None:
    parts = load(few(name), seed=0)
    truth = DATA_SETS[name](few(name)).labels
    share = np.bincount(truth) / 5
    assert (np.abs(parts.report.labels.bincount().numpy() - share) < 1).all()


@each
def test_training_labels_are_exact_and_the_others_nearly_in_proportion(name: str) -> None:
    parts = load(few(name), seed=4)
    assert parts.train.labels.bincount().tolist() == [20] * 10
    for part in (parts.probe, parts.select):
        share = len(part.labels) / 10
        assert ((part.labels.bincount() - share).abs() < 2).all()


@each
def test_null_labels_per_class_trains_on_all_that_remain(name: str) -> None:
    parts = load(few(name, labels_per_class=None), seed=0)
    assert sum(len(ids(parts, part)) for part in PARTS) == ROWS[name].samples


@each
def test_the_control_trains_on_the_probe_too_and_moves_nothing_else(name: str) -> None:
    alone = load(few(name), seed=0)
    shared = load(few(name, probe_in_training=True), seed=0)
    assert ids(shared, "train") == ids(alone, "train") | ids(alone, "probe")
    assert len(shared.train.labels) == 264
    for part in ("probe", "select", "report"):
        assert torch.equal(getattr(shared, part).ids, getattr(alone, part).ids)


@each
def test_training_inputs_have_mean_0_and_deviation_1(name: str) -> None:
    """Per feature for tables, per modality for images and spectrograms; float32 rounding."""
    row = ROWS[name]
    parts = load(few(name), seed=0)
    for x, low, high in zip(parts.train.inputs, parts.low, parts.high, strict=True):
        assert suite.off_standard(x, alone=row.per_feature) < 1e-4
        assert torch.equal(low.broadcast_to(x.shape[1:]), _extreme(x, row, "amin"))
        assert torch.equal(high.broadcast_to(x.shape[1:]), _extreme(x, row, "amax"))


def _extreme(x: torch.Tensor, row: Row, which: str) -> torch.Tensor:
    if row.per_feature:
        return torch.Tensor(getattr(x, which)(0))
    return torch.Tensor(getattr(x, which)()).expand(x.shape[1:])


@each
def test_a_new_process_finds_the_same_bits(name: str) -> None:
    data = few(name, **ROWS[name].option)
    first = load(data, seed=5)
    forget()
    again = load(data, seed=5)
    assert again is not first
    assert not list(suite.changed(first, again))


@each
def test_the_fingerprint_names_content_samples_and_options(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = few(name)
    base = load(data, seed=0).fingerprint
    others = [load(data, seed=1), load(few(name, **ROWS[name].option), seed=0)]
    loaded.cache_clear()
    file = next(iter(SHA256[name]))
    with monkeypatch.context() as patch:
        patch.setitem(SHA256, name, {file: "0" * 64})
        others.append(load(data, seed=0))  # its raw data are still in memory
    loaded.cache_clear()
    prints = {base, *(parts.fingerprint for parts in others)}
    assert len(prints) == 4
    assert all(len(p) == 64 and set(p) <= set("0123456789abcdef") for p in prints)


@each
def test_no_global_generator_is_touched(name: str) -> None:
    forget()
    before = (random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist())
    load(few(name, **ROWS[name].option), seed=9)
    after = (random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist())
    assert after == before


@each
def test_asking_for_too_many_samples_is_one_line(name: str) -> None:
    for field in ("labels_per_class", "probe", "select"):
        with pytest.raises(ConfigError, match=rf"^data\.{field}: given 9999; allowed: [^\n]*$"):
            load(few(name, **{field: 9999}), seed=0)


@each
def test_its_source_and_licence_are_named(name: str) -> None:
    source = load(few(name), seed=0).source
    assert source["licence"] == "CC BY 4.0"
    assert source["doi"].startswith("10.24432/")


@each
def test_parts_can_be_rebuilt_around_other_samples(name: str) -> None:
    """Plain data: a frozen dataclass of tensors, with no tie to the loader."""
    parts = load(few(name), seed=0)
    assert replace(parts, evaluated=parts.select).report is parts.select


def test_the_suite_sees_what_it_is_there_to_see() -> None:
    """Each function, on parts that are wrong in one way."""
    parts = load(few("handwritten"), seed=0)
    train, ids = parts.train, parts.train.ids
    mixed = replace(train, ids=torch.cat([parts.report.ids[:2], ids[2:]]))
    assert list(suite.shared(replace(parts, train=mixed))) == ["train and report share 2 samples"]
    twice = replace(train, ids=torch.cat([ids[1:2], ids[1:]]))
    (fault,) = suite.malformed(replace(parts, train=twice))
    assert fault == "train: labels and ids are not one a sample, each once"
    short = replace(
        parts.probe, inputs=(parts.probe.tensors[0][:, 1:].clone(), *parts.probe.tensors[1:])
    )
    (fault,) = suite.malformed(replace(parts, probe=short))
    assert fault == "probe: fac is [64, 215]; allowed: [64, 216]"
    double = replace(train, inputs=(train.tensors[0].double(), *train.tensors[1:]))
    (fault,) = suite.malformed(replace(parts, train=double))
    assert fault == "train: fac is not contiguous, finite float32"
    nines = replace(train, labels=train.labels.clamp(max=8))
    assert list(suite.without(replace(parts, train=nines))) == [("train", [9])]
    assert suite.off_standard(train.tensors[0] + 3, alone=True) == pytest.approx(3, abs=1e-3)
    assert suite.off_standard(train.tensors[0] * 3, alone=True) == pytest.approx(2, abs=1e-3)
    half = np.arange(200) < 100
    assert suite.off_standard(train.tensors[0], alone=True, there=half) > 0.01
    again = replace(train, inputs=(-train.tensors[0], *train.tensors[1:]))
    assert list(suite.changed(parts, replace(parts, train=again))) == ["train: fac"]
