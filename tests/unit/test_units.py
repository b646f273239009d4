"""What goes to a worker at once, and in what order."""

from collections.abc import Sequence
from typing import Any

from cal.config import merge, parse
from cal.footprint import Size
from cal.runs import Run
from cal.units import network_of, packed, representatives, unpacked

KEYPAD: dict[str, Any] = {"data": {"name": "keypad"}, "model": {"encoder": "cnn"}}
LARGE: dict[str, Any] = {"data": {"name": "keypad"}, "model": {"encoder": "resnet18"}}
OFF = {"enabled": False}


def runs(count: int, **fields: Any) -> list[Run]:
    configs = [parse(merge(fields, {"seed": i})) for i in range(count)]
    return [Run(f"{c.data.name}{i}", "r", i, c, ("arm",)) for i, c in enumerate(configs)]


def lengths(units: Sequence[Sequence[Run]]) -> list[int]:
    return [len(unit) for unit in units]


def size(target: int, step_s: float = 0.001) -> Size:
    return Size(target, 99, step_s, "")


def test_every_place_gets_a_pack() -> None:
    """Ten runs on two places: two packs of five, though ten would fit in one."""
    found = runs(10)
    sizes = {network_of(found[0].config): size(8)}
    assert lengths(packed(found, sizes, places=1)) == [10]
    assert lengths(packed(found, sizes, places=2)) == [5, 5]
    assert lengths(packed(found, sizes, places=20)) == [1] * 10


def test_the_longest_units_come_first_and_the_unknown_before_them() -> None:
    """Packs of eight: 100 epochs before 10 epochs; a ResNet, which nobody measured, before all."""
    long, short, large = runs(8), runs(8, train={"epochs": 10}), runs(1, **LARGE)
    sizes = {network_of(long[0].config): size(8)}
    units = packed([*short, *long, *large], sizes, places=1)
    assert units == [tuple(large), tuple(long), tuple(short)]


def test_the_run_that_does_most_is_measured_for_its_network() -> None:
    joint, plain, full = (
        runs(1, method="joint", cal=None),
        runs(1, cal={"contribution": OFF}),
        runs(1),
    )
    found = representatives([*joint, *plain, *full, *runs(1, **KEYPAD), *runs(1, **LARGE)])
    assert list(found.values()) == [full[0], runs(1, **KEYPAD)[0]]


def test_what_goes_alone_is_counted_with_its_reason() -> None:
    ((reason, count),) = unpacked([*runs(2), *runs(3, **LARGE)]).items()
    assert (count, "BatchNorm" in reason) == (3, True)
