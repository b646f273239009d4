"""Who trains, probes, selects and reports: worked on 100 samples of two classes, 60 and 40."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cal.config import ConfigError, Data
from cal.data.splits import Split, split, stratified

LABELS = np.array([0] * 60 + [1] * 40, dtype=np.uint8)
SMALL = Data(labels_per_class=5, probe=10, select=20)


def classes(ids: np.ndarray) -> list[int]:
    """How many of each class."""
    return np.bincount(LABELS[ids], minlength=2).tolist()


def parts(found: Split) -> dict[str, list[int]]:
    return {field.name: getattr(found, field.name).tolist() for field in fields(found)}


def test_the_sizes_by_hand() -> None:
    """Report 20 = 12 + 8. Of the 80 (48, 32): train 5 + 5; of the 70 (43, 27): probe 6.14 + 3.86
    -> 6 + 4; of the 60 (37, 23): select 12.3 + 7.7 -> 12 + 8.
    """
    found = split(LABELS, SMALL, seed=0)
    sizes = [classes(ids) for ids in (found.report, found.train, found.probe, found.select)]
    assert sizes == [[12, 8], [5, 5], [6, 4], [12, 8]]


@settings(max_examples=50)
@given(st.integers(0, 2**31 - 1), st.booleans(), st.sampled_from([None, 1, 5, 20]))
def test_parts_never_overlap_and_no_seed_moves_the_report_part(
    seed: int, shared: bool, per_class: int | None
) -> None:
    data = Data(labels_per_class=per_class, probe=10, select=20, probe_in_training=shared)
    found = split(LABELS, data, seed=seed)
    train = np.setdiff1d(found.train, found.probe) if shared else found.train
    together = np.concatenate([train, found.probe, found.select, found.report])
    assert len(np.unique(together)) == len(together)
    assert np.array_equal(found.report, split(LABELS, SMALL, seed=0).report)
    if per_class is None:
        assert len(together) == len(LABELS)
    else:
        assert classes(train) == [per_class, per_class]


def test_a_seed_draws_the_same_parts_again_and_another_seed_others() -> None:
    first = parts(split(LABELS, SMALL, seed=7))
    assert parts(split(LABELS, SMALL, seed=7)) == first
    other = parts(split(LABELS, SMALL, seed=8))
    assert all(other[name] != first[name] for name in ("train", "probe", "select"))


@pytest.mark.parametrize("per_class", [None, 5])
def test_the_probe_in_training_is_added_and_moves_nothing_else(per_class: int | None) -> None:
    alone = Data(labels_per_class=per_class, probe=10, select=20)
    shared = alone.model_copy(update={"probe_in_training": True})
    without, with_probe = split(LABELS, alone, seed=1), split(LABELS, shared, seed=1)
    assert set(with_probe.train) == set(without.train) | set(without.probe)
    assert len(with_probe.train) == len(without.train) + 10
    for name in ("probe", "select", "report"):
        assert np.array_equal(getattr(with_probe, name), getattr(without, name))


def test_every_sample_beside_the_report_part_is_drawn_equally_often() -> None:
    """Of 48 or 32 a class, by the sizes above; over 400 seeds within 5 sd of a binomial count
    (240 counts: 1 in 7,000).
    """
    report = split(LABELS, SMALL, seed=0).report
    draws = [split(LABELS, SMALL, seed=seed) for seed in range(400)]
    for name, first, second in (("train", 5, 5), ("probe", 6, 4), ("select", 12, 8)):
        seen = np.bincount(np.concatenate([getattr(draw, name) for draw in draws]), minlength=100)
        p = np.where(LABELS == 0, first / 48, second / 32)
        p[report] = 0
        assert (np.abs(seen - 400 * p) <= 5 * np.sqrt(400 * p * (1 - p))).all()


def test_stratified_gives_remainders_to_the_largest_fractions() -> None:
    """7 of 60 + 40: shares 4.2 and 2.8 -> 4 and 3."""
    assert classes(stratified(LABELS, np.arange(100), 7, seed=0)) == [4, 3]


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        # 80 samples to share: 48 and 32 a class
        ({"select": 5000}, "data.select: given 5000; allowed: at most 60 for"),
        ({"probe": 61, "select": 10}, "data.probe: given 61; allowed: at most 60 for"),
        ({"labels_per_class": None, "probe": 59}, "data.probe: given 59; allowed: at most 58 for"),
        ({"labels_per_class": 26}, "data.labels_per_class: given 26; allowed: at most 25 for"),
        (
            {"labels_per_class": 33, "probe": 7, "select": 7},
            "data.labels_per_class: given 33; allowed: at most 32 for",
        ),
        (
            {"labels_per_class": 39, "probe": 1, "select": 2},
            "data.labels_per_class: given 39; allowed: at most 32 for",
        ),
    ],
)
def test_too_many_samples_are_refused_by_the_field_at_fault(
    asked: dict[str, int | None], line: str
) -> None:
    data = SMALL.model_copy(update=asked)
    with pytest.raises(ConfigError) as caught:
        split(LABELS, data, seed=0)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "asked",
    [
        {"select": 60},
        {"probe": 60, "select": 10},
        {"labels_per_class": None, "probe": 58},
        {"labels_per_class": 25},
        {"labels_per_class": 32, "probe": 7, "select": 7},
    ],
)
def test_what_a_refusal_allows_is_really_allowed(asked: dict[str, int | None]) -> None:
    found = split(LABELS, SMALL.model_copy(update=asked), seed=0)
    assert min(map(len, parts(found).values())) > 0


PUBLISHED = np.array([0] * 70 + [1] * 10 + [2] * 20, dtype=np.uint8)
MIXED = np.tile([0, 0, 0, 1, 1], 20).astype(np.uint8)
PEOPLE = np.arange(100) % 7


def test_published_splits_are_kept() -> None:
    data = Data(probe=10, select=40)
    found = split(MIXED, data, seed=0, official=PUBLISHED)
    assert found.report.tolist() == list(range(80, 100))
    assert found.select.tolist() == list(range(70, 80)), "data.select is for those without"
    assert set(found.probe) | set(found.train) == set(range(70))


def test_without_published_validation_it_is_cut_from_training() -> None:
    official = np.where(PUBLISHED == 1, 0, PUBLISHED)
    found = split(MIXED, Data(probe=10, select=20), seed=0, official=official)
    assert len(found.select) == 20
    assert set(found.select) <= set(range(80))


def test_skipped_samples_are_in_no_part() -> None:
    official = PUBLISHED.copy()
    official[[0, 75, 99]] = 255
    found = split(MIXED, Data(probe=10), seed=0, official=official)
    everything = {*found.train, *found.probe, *found.select, *found.report}
    assert everything == set(range(100)) - {0, 75, 99}


def test_whole_groups_validate_where_asked() -> None:
    official = np.where(PUBLISHED == 1, 0, PUBLISHED)
    data = Data(probe=10, select=20, select_by_group=True)
    found = split(MIXED, data, seed=0, official=official, groups=PEOPLE)
    inside = set(PEOPLE[found.select])
    assert 20 <= len(found.select) < 40
    assert not inside & set(PEOPLE[np.concatenate([found.train, found.probe])])
    others = [split(MIXED, data, seed=s, official=official, groups=PEOPLE) for s in range(1, 6)]
    assert any(set(PEOPLE[other.select]) != inside for other in others)


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            {"official": np.zeros(100, np.uint8)},
            "data.name: given handwritten; it has no ",
        ),
        ({"groups": np.zeros(100)}, "data.select_by_group: given true; handwritten has no such "),
    ],
)
def test_what_cannot_be_split_is_one_line(more: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError, match=f"^{line}"):
        split(MIXED, Data(probe=10, select=20, select_by_group="groups" in more), seed=0, **more)


def test_a_class_that_is_never_trained_on_is_named() -> None:
    official = np.where(LABELS == 1, 2, 0)
    with pytest.raises(ConfigError, match=r"no training sample is of class 1; allowed: some of ea"):
        split(LABELS, Data(probe=5, select=5), seed=0, official=official)
