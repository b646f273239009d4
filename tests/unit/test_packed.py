"""Forming packs: who may share one, in what company, and how large."""

from typing import Any

import pytest

from cal.config import Config, merge, parse
from cal.packed import alone, check_pack, halves, packs, shape

OFF = {"enabled": False}


def runs(count: int, first: int = 0, **fields: Any) -> list[Config]:
    return [parse(merge(fields, {"seed": first + i})) for i in range(count)]


def members(configs: list[Config], **size: int) -> list[int]:
    """How many runs each pack has; every run is in exactly one."""
    found = packs(configs, **size)
    assert sorted(i for part in found for i in part) == list(range(len(configs)))
    return [len(part) for part in found]


@pytest.mark.parametrize(
    ("count", "target", "largest", "expected"),
    [
        (10, 8, 16, [10]),
        (16, 8, 16, [8, 8]),
        (24, 16, 16, [12, 12]),  # rather two small ones than one too large
        (20, 8, 99, [10, 10]),
        (24, 8, 99, [8, 8, 8]),
        (10, 8, 6, [5, 5]),  # memory bounds it
        (3, 1, 1, [1, 1, 1]),
        (5, 8, 99, [5]),
    ],
)
def test_packs_have_between_target_and_largest_where_there_are_enough(
    count: int, target: int, largest: int, expected: list[int]
) -> None:
    assert members(runs(count), target=target, largest=largest) == expected


def test_alike_runs_stay_together_and_few_are_mixed() -> None:
    """Ten of CAL and ten without bottleneck are two packs; two of each of five kinds are one."""
    plain = {"cal": {"bottleneck": OFF}}
    assert members([*runs(10), *runs(10, **plain)], target=8, largest=99) == [10, 10]
    kinds: list[dict[str, Any]] = [
        {},
        plain,
        {"cal": {"contribution": OFF}},
        {"cal": {"acceleration": OFF}},
        {"method": "joint"},
    ]
    few = [config for fields in kinds for config in runs(2, **fields)]
    assert members(few, target=8, largest=99) == [10]
    check_pack(few)


def test_unlike_measurements_share_packs_where_few_are_alike() -> None:
    """Each of 20 measures at steps of its own: two even packs, neighbours beside each other. Where
    nine are alike they stay together.
    """
    unlike = [
        parse({"cal": {"contribution": {"interval": 1 + i // 2 % 10}}, "seed": i})
        for i in range(20)
    ]
    found = packs(unlike, target=8, largest=16)
    assert [len(part) for part in found] == [10, 10]
    for part in found:
        check_pack([unlike[i] for i in part])
        every = [unlike[i].mechanisms.contribution.interval for i in part]
        assert every[::2] == every[1::2]
    assert members([*unlike[:8], *runs(9, first=50)], target=8, largest=16) == [9, 8]


def test_the_last_few_join_the_smallest_pack_that_has_room() -> None:
    kl = {"cal": {"contribution": {"information": "kl"}}}
    assert members([*runs(10), *runs(9, **kl), *runs(2, method="joint")], target=8, largest=16) in (
        [10, 11],
        [11, 10],
    )
    assert sorted(members([*runs(10), *runs(2, **kl)], target=8, largest=11)) == [2, 10]


@pytest.mark.parametrize(
    "fields",
    [
        {"data": {"labels_per_class": 20}},
        {"data": {"select": 300}},
        {"model": {"d_z": 8}},
        {"train": {"epochs": 3}},
        {"optim": {"name": "adam"}},
        {"evaluate": {"noise": "none"}},
        {"evaluate": {"part": "select"}},
        {"evaluate": {"selection": "test-best"}},
        {"method": "ogm_ge"},
    ],
)
def test_what_sets_sizes_or_order_is_the_shape(fields: dict[str, Any]) -> None:
    assert shape(parse(fields)) != shape(parse({}))
    with pytest.raises(ValueError, match="these differ in shape"):
        check_pack([parse({}), parse(fields)])


@pytest.mark.parametrize(
    "fields",
    [
        {"seed": 5, "gamma": 0.2, "optim": {"lr": 0.3, "clip": None, "schedule": "step"}},
        {"method": "joint"},
        {"data": {"corrupt_views": ["fac"]}},
        {"cal": {"contribution": {"control": "permuted"}, "bottleneck": OFF}},
        {"cal": {"contribution": {"information": "kl", "combine": "product", "interval": 3}}},
        {"cal": {"contribution": {"confidence": "energy", "start": 0.3, "probe_batch": 16}}},
        {"cal": {"acceleration": {"apply": "learning_rate"}}},
    ],
)
def test_numbers_switches_controls_and_formulas_are_not(fields: dict[str, Any]) -> None:
    assert shape(parse(fields)) == shape(parse({}))
    check_pack([parse({}), parse(fields)])


def test_batch_normalisation_goes_alone_and_says_why() -> None:
    large = parse({"data": {"name": "keypad"}, "model": {"encoder": "resnet18"}})
    assert "BatchNorm" in str(alone(large))
    assert alone(parse({})) is None
    check_pack([large])
    with pytest.raises(ValueError, match="2 runs in one pack: resnet18"):
        check_pack([large, large])


def test_halves_hold_everything_and_a_run_alone_stays() -> None:
    assert halves([1, 2, 3]) == [[1, 2], [3]]
    assert halves([1]) == [[1]]
