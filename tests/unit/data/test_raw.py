"""What a user's ``load`` may give, and the one line for everything else."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cal.data.raw import Raw, by_feature, faults, missing
from cal.modalities import Modality

TWO = (Modality("heart", "table"), Modality("scan", "image"))


def raw(**changes: Any) -> Raw:
    """Six samples of three classes; sample 1 has no scan."""
    heart = np.arange(12, dtype=np.float32).reshape(6, 2)
    scan = np.ones((6, 1, 4, 4), np.float32)
    scan[1] = np.nan
    return replace(Raw((heart, scan), np.array([0, 1, 2, 0, 1, 2])), **changes)


def inputs(m: int, x: Any) -> Raw:
    return raw(inputs=tuple(x if i == m else old for i, old in enumerate(raw().inputs)))


def changed(m: int, index: Any, value: float) -> Raw:
    x = raw().inputs[m].copy()
    x[index] = value
    return inputs(m, x)


def test_what_is_in_order_has_no_fault() -> None:
    assert list(faults(raw(), TWO)) == []
    more = raw(official=np.array([0, 0, 0, 1, 2, 2]), groups=np.array(list("aabbcc")))
    assert list(faults(more, TWO)) == []
    assert list(faults(raw(labels=np.array([0, 1, 2, 0, 1, 2], np.uint8)), TWO)) == []


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"labels": [0, 1]}, "load() gives dict; allowed: a Raw with 2 inputs, one each"),
        (raw(inputs=raw().inputs[:1]), "load() gives 1 inputs; allowed: a Raw with 2 inputs"),
        (raw(labels=[0, 1, 2, 0, 1, 2]), "labels: allowed: an array [N] of whole numbers from 0"),
        (raw(labels=np.ones(6)), "labels: allowed: an array [N] of whole numbers from 0"),
        (raw(labels=np.eye(6, dtype=int)), "labels: allowed: an array [N] of whole numbers from 0"),
        (raw(labels=np.array([0, 1, -1, 0, 1, 2])), "labels: given [-1]; allowed: whole numbers"),
        (raw(labels=np.array([0, 1, 3, 0, 1, 3])), "labels: class 2 has no sample; allowed: whole"),
        (raw(labels=np.zeros(6, int)), "labels: one class; allowed: at least two"),
        (inputs(0, np.ones((6, 2))), "heart: given float64 (6, 2); allowed: float32 [6, ...]"),
        (
            inputs(0, [[1.0]] * 6),
            "heart: given list; allowed: float32 [6, ...]",
        ),
        (inputs(0, np.ones((5, 2), np.float32)), "heart: given float32 (5, 2); allowed: float32"),
        (inputs(0, np.ones(6, np.float32)), "heart: given float32 (6,); allowed: float32 [6, ...]"),
        (inputs(0, np.ones((6, 0), np.float32)), "heart: given (6, 0); allowed: no empty axis"),
        (
            changed(0, (4, 1), np.nan),
            "heart: 1 samples hold NaN or infinite values, the fi",
        ),
        (
            changed(1, (2, 0, 3, 3), np.inf),
            "scan: 1 samples hold NaN or infinite values",
        ),
        (changed(1, slice(None), np.nan), "scan: missing in every sample; allowed: at least one"),
        (
            raw(official=np.zeros(5, int)),
            "official: allowed: None, or an array with one entry",
        ),
        (raw(official=np.ones(6)), "official: given float64; allowed: whole numbers: 0 train, 1"),
        (raw(groups=["a"] * 6), "groups: allowed: None, or an array with one entry a label, (6,)"),
        (raw(groups=np.ones(6)), "groups: given float64; allowed: whole numbers or texts"),
    ],
)
def test_each_fault_is_one_line(given: object, line: str) -> None:
    (found,) = faults(given, TWO)
    assert found.startswith(line)
    assert "\n" not in found


def test_all_faults_are_told_at_once() -> None:
    both = replace(changed(0, (4, 1), np.nan), labels=np.array([0, 1, 3, 0, 1, 3]))
    assert [line.split(":")[0] for line in faults(both, TWO)] == ["heart", "labels"]


def test_a_row_of_nan_is_a_modality_that_the_sample_lacks() -> None:
    assert missing(raw().inputs[1]).tolist() == [False, True, False, False, False, False]
    assert not missing(changed(0, (4, 1), np.nan).inputs[0]).any()  # one value of two


def test_features_of_tables_are_standardised_one_by_one_and_images_whole() -> None:
    table, image = TWO
    assert by_feature(raw(), table)
    assert not by_feature(raw(), image)
    for said in (True, False):
        assert by_feature(raw(per_feature=said), table) is by_feature(raw(per_feature=said), image)
        assert by_feature(raw(per_feature=said), table) is said
