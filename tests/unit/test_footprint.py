"""The size of packs from what was measured, by hand; and a real measurement of a small run."""

import pytest

from cal import footprint
from cal.config import parse
from cal.footprint import Measured, choose, measure, pays

MIB = 2**20


def measured(step_ms: list[float], first: int = 20, second: int = 30) -> Measured:
    """Packs of 1, 2, 4, ... in ms a step and run; memory of one and of two in MiB."""
    replicas = tuple(2**i for i in range(len(step_ms)))
    return Measured(replicas, tuple(ms / 1000 for ms in step_ms), (first * MIB, second * MIB))


def test_memory_goes_along_a_line_through_one_and_two() -> None:
    """20 MiB and 30: each further run takes 10. Measured the other way round it takes none."""
    found = measured([1, 1])
    assert [found.bytes(r) // MIB for r in (1, 2, 24)] == [20, 30, 250]
    assert measured([1, 1], first=30, second=20).bytes(24) == 30 * MIB


def test_the_smallest_pack_within_seven_percent_of_the_best_is_the_target() -> None:
    """8 runs at 1.04 ms are as good as 16 at 1.00; 4 at 1.3 are not."""
    size = choose(measured([3.0, 1.8, 1.3, 1.04, 1.0]), free=4096 * MIB)
    assert (size.target, size.largest) == (8, 16)
    assert size.step_s == pytest.approx(0.00104)
    assert size.why == "1.04 ms a step and run, alone 3.00; 170 of 2048 MiB; more does not pay"


def test_no_pack_is_larger_than_what_was_measured_to_be_fast() -> None:
    """16 runs leave the caches: eight are the target, and the most."""
    size = choose(measured([3.0, 1.8, 1.3, 1.0, 1.5]), free=4096 * MIB)
    assert (size.target, size.largest) == (8, 8)


def test_one_slow_pack_does_not_end_the_measurement_but_two_do() -> None:
    """Two runs at 5.3 ms, disturbed: 4 and 8 are looked at still. 8 and 16 are no faster than 4."""
    assert pays([5.4, 5.3])
    assert pays([5.4, 5.3, 3.4])
    assert pays([5.4, 5.3, 3.4, 3.3])
    assert not pays([5.4, 5.3, 3.4, 3.3, 3.2])


def test_memory_bounds_both_sizes() -> None:
    """Half of 100 MiB hold 20 + 3 x 10: four runs, though eight would be faster."""
    size = choose(measured([3.0, 1.8, 1.3]), free=100 * MIB)
    assert (size.target, size.largest) == (4, 4)
    assert size.why.endswith("more does not fit")
    assert choose(measured([3.0, 1.0]), free=50 * MIB).target == 1  # 25 MiB hold one run
    assert choose(measured([3.0, 1.0]), free=1).largest == 1  # never none


def test_a_real_measurement_ends_where_more_does_not_pay_or_fit() -> None:
    config = parse({"data": {"labels_per_class": 20}, "train": {"epochs": 4}})
    found = measure(config, device="cpu", free=float(64 * MIB))
    assert found.replicas == tuple(2**i for i in range(len(found.replicas)))
    assert len(found.replicas) >= 2
    assert all(step_s > 0 for step_s in found.step_s)
    assert (
        2 * found.replicas[-1] > footprint.LARGEST["cpu"]
        or found.bytes(2 * found.replicas[-1]) > footprint.PART * 64 * MIB
        or not pays(found.step_s)
    )
