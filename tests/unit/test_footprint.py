"""The size of packs from what was measured, by hand; and a real measurement of a small run."""

from typing import Any

import pytest
import torch

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


def test_a_pack_that_does_not_fit_a_gpu_after_all_ends_the_measurement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The line said that eight runs fit; torch says no. What was measured before stands."""
    plain = footprint._seconds

    def full(trainer: Any) -> float:
        if len(trainer.configs) == 8:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return plain(trainer) / len(trainer.configs) ** 2  # more always pays

    monkeypatch.setattr(footprint, "_seconds", full)
    config = parse({"data": {"labels_per_class": 20}, "train": {"epochs": 2}})
    assert measure(config, device="cpu", free=1e12).replicas == (1, 2, 4)


def test_the_memory_of_two_runs_is_looked_at_without_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beside it a further run would seem larger by what a run holds between its steps."""
    alive: set[int] = set()

    class Counted(footprint.Trainer):
        def __init__(self, *given: Any, **options: Any) -> None:
            assert not alive
            super().__init__(*given, **options)
            alive.add(len(self.configs))

        def __del__(self) -> None:
            alive.discard(len(self.configs))

    monkeypatch.setattr(footprint, "Trainer", Counted)
    config = parse({"data": {"labels_per_class": 20}, "train": {"epochs": 2}})
    assert measure(config, device="cpu", free=0.0).replicas == (1, 2)


def test_on_a_gpu_tensors_count_and_not_the_blocks_that_torch_keeps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two small runs lie in one block of 20 MiB: by blocks any number would fit."""
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: 3)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 5)
    assert (footprint.used("cuda"), footprint.peak("cuda:0")) == (3, 5)
