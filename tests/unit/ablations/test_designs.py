"""Designs worked by hand: cells, generators, aliases, nested factors, and what cannot be."""

from collections import Counter
from itertools import combinations
from typing import Any

import pytest

from ablations.designs import Cell, Design, lay_out, natural, reduced
from ablations.fractions import Fraction, fewest_runs
from cal.config import ConfigError

NESTED = {"schedule": ["bottleneck"]}


def names(kind: Any, factors: str, **more: Any) -> list[str]:
    """The cells' names; factors are words."""
    return list(lay_out(kind, factors.split(), **more)[1])


def fraction(letters: str, resolution: int) -> tuple[Design, dict[str, Cell]]:
    return lay_out("fractional", list(letters), resolution=resolution)


def test_the_full_factorial_begins_with_everything_on() -> None:
    assert names("factorial", "a b") == ["a+b", "a", "b", "none"]
    assert lay_out("factorial", ["a"])[0] == Design("factorial")
    assert lay_out("factorial", []) == (Design(), {})


def test_leave_one_out_is_full_and_full_minus_each() -> None:
    _, cells = lay_out("leave-one-out", ["a", "b", "c"])
    assert list(cells) == ["full", "without a", "without b", "without c"]
    assert cells["without b"] == {"a": True, "b": False, "c": True}
    assert natural("leave-one-out", cells)[0] == ("full", "without a")


def test_add_one_in_is_none_and_each_alone() -> None:
    _, cells = lay_out("add-one-in", ["a", "b"])
    assert list(cells) == ["none", "only a", "only b"]
    assert cells["only b"] == {"a": False, "b": True}
    assert natural("add-one-in", cells) == [("only a", "none"), ("only b", "none")]


def test_half_of_four_factors_has_resolution_four() -> None:
    """2^(4-1): D = ABC, so I = ABCD; AB = CD, AC = BD, AD = BC, and A = BCD by three letters."""
    design, cells = fraction("ABCD", 4)
    assert (design.resolution, design.generators) == (4, ("D = A*B*C",))
    pairs = [words for words in design.aliases if "A*B" in words or "A*C" in words]
    assert pairs == [("A*B", "C*D"), ("A*C", "B*D")]
    assert ("A", "B*C*D") in design.aliases
    assert len(cells) == 8
    assert list(cells)[0] == "A+B+C+D"
    assert all(sum(cell.values()) % 2 == 0 for cell in cells.values())  # product of signs is +


def test_seven_factors_fit_in_eight_runs_of_resolution_three() -> None:
    """2^(7-4), saturated: D = AB, E = AC, F = BC, G = ABC; A is mixed with BD, CE and FG."""
    design, cells = fraction("ABCDEFG", 3)
    assert len(cells) == 8
    assert design.generators == ("D = A*B", "E = A*C", "F = B*C", "G = A*B*C")
    (of_a,) = [words for words in design.aliases if "A" in words]
    assert [word for word in of_a if word.count("*") == 1] == ["B*D", "C*E", "F*G"]
    mean = design.aliases[0]
    assert mean[0] == "I"
    assert len(mean) == 8  # a resolution III fraction of 7 factors has 7 words of three letters


def test_five_factors_of_resolution_five_take_sixteen_runs() -> None:
    """E = ABCD: main effects and two-way interactions are clear of one another."""
    design, cells = fraction("ABCDE", 5)
    assert (len(cells), design.generators) == (16, ("E = A*B*C*D",))
    assert all(not {"A", "A*B"} <= {*words} for words in design.aliases)
    assert ("A*B", "C*D*E") in design.aliases


@pytest.mark.parametrize(
    ("factors", "resolution", "runs"),
    # Box, Hunter and Hunter 2005, table of two-level fractions
    [(3, 3, 4), (6, 3, 8), (9, 3, 16), (10, 3, 16), (6, 4, 16), (8, 4, 16), (9, 4, 32)]
    + [(10, 4, 32), (6, 5, 32), (7, 5, 64), (8, 5, 64), (9, 5, 128), (10, 5, 128)],
)
def test_the_fewest_runs_are_those_of_the_tables(factors: int, resolution: int, runs: int) -> None:
    found = fewest_runs(factors, resolution)
    assert found is not None
    assert 2**found.base == runs
    assert found.resolution >= resolution


def test_equal_runs_give_the_highest_resolution_there_is() -> None:
    """Four factors in eight runs: resolution 3 is asked, 4 costs nothing more."""
    assert fraction("ABCD", 3)[0].resolution == 4


def balance(found: Fraction, size: int) -> set[int]:
    """How often each combination of any ``size`` columns comes."""
    rows = list(found.levels())
    counts = set()
    for columns in combinations(range(found.factors), size):
        seen = Counter(tuple(row[c] for c in columns) for row in rows)
        counts |= set(seen.values()) if len(seen) == 2**size else {0}
    return counts


@pytest.mark.parametrize(("factors", "resolution"), [(4, 4), (6, 3), (8, 4), (7, 5), (10, 4)])
def test_resolution_is_the_strength_of_the_array(factors: int, resolution: int) -> None:
    """Any R - 1 columns hold every combination equally often (Rao 1947), so effects of any two
    words that together have fewer than R letters are orthogonal.
    """
    found = fewest_runs(factors, resolution)
    assert found is not None
    assert len(balance(found, resolution - 1)) == 1
    assert 0 not in balance(found, resolution - 1)


def test_a_search_gives_the_same_again() -> None:
    fewest_runs.cache_clear()
    first = fewest_runs(8, 4)
    fewest_runs.cache_clear()
    assert fewest_runs(8, 4) == first


def test_a_nested_factor_exists_only_with_what_it_needs() -> None:
    """With the bottleneck off there is no schedule: six of eight cells."""
    found = names("factorial", "metric bottleneck schedule", needs=NESTED)
    assert found == [
        *("metric+bottleneck+schedule", "metric+bottleneck", "metric"),
        *("bottleneck+schedule", "bottleneck", "none"),
    ]
    factors = ("metric", "bottleneck", "schedule")
    cell = reduced({"metric", "schedule"}, factors, NESTED)
    assert cell == {"metric": True, "bottleneck": False, "schedule": False}


def test_leave_one_out_takes_what_is_nested_along() -> None:
    _, cells = lay_out("leave-one-out", ["bottleneck", "schedule", "a"], needs=NESTED)
    assert cells["without bottleneck"] == {"bottleneck": False, "schedule": False, "a": True}
    assert cells["without schedule"] == {"bottleneck": True, "schedule": False, "a": True}


def test_add_one_in_brings_what_a_nested_factor_needs() -> None:
    """The schedule comes with its bottleneck and is compared with the bottleneck alone."""
    _, cells = lay_out("add-one-in", ["bottleneck", "schedule"], needs=NESTED)
    assert list(cells) == ["none", "only bottleneck", "bottleneck+schedule"]
    pairs = natural("add-one-in", cells, needs=NESTED)
    assert pairs == [("only bottleneck", "none"), ("bottleneck+schedule", "only bottleneck")]


def test_constraints_take_cells_out() -> None:
    rules = [{"a": True, "b": False}]
    assert names("factorial", "a b", constraints=rules) == ["a+b", "b", "none"]


IMPOSSIBLE: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "a nested fraction": (
        "fractional",
        "a b c",
        {"resolution": 3, "needs": {"a": ["b"]}},
        r"^factors\.a\.needs: given \[b\] with design\.kind fractional; allowed: none, a fraction",
    ),
    "a constrained fraction": (
        "fractional",
        "a b c",
        {"resolution": 3, "constraints": [{"a": True}]},
        r"^constraints: given 1 with design\.kind fractional; allowed: none, a fraction",
    ),
    "a fraction without resolution": (
        "fractional",
        "a b c",
        {},
        r"^design\.resolution: given nothing with .*; allowed: 3, 4 or 5$",
    ),
    "a resolution that only all cells have": (
        "fractional",
        "a b c d",
        {"resolution": 5},
        r"^design\.resolution: given 5 for 4 factors; allowed: at most 4, or .* all 16 cells$",
    ),
    "a fraction of two": (
        "fractional",
        "a b",
        {"resolution": 3},
        r"^design\.resolution: given 3 for 2 factors; allowed: no fraction, or .* all 4 cells$",
    ),
    "too many cells": (
        "factorial",
        "a b c d e f g h i j k",
        {},
        "^factors: given 11 with design.kind factorial; allowed: at most 10, or",
    ),
    "no factor": ("add-one-in", "", {}, "^design.kind: given add-one-in without factors"),
    "nothing left": (
        "factorial",
        "a",
        {"constraints": [{"a": True}, {"a": False}]},
        r"^constraints: given one that forbids the cell a, so no cell is left; allowed: .* it$",
    ),
    "a full arm that must not be": (
        "leave-one-out",
        "a b",
        {"constraints": [{"a": True, "b": True}]},
        "^constraints: given one that forbids the cell full, which leave-one-out needs; allowed",
    ),
    "a factor that never moves": (
        "factorial",
        "a b",
        {"constraints": [{"a": False}]},
        "^constraints: given ones that leave a on in every cell; allowed",
    ),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_what_cannot_be_is_one_line(case: str) -> None:
    kind, factors, more, line = IMPOSSIBLE[case]
    with pytest.raises(ConfigError, match=line) as caught:
        names(kind, factors, **more)
    assert "\n" not in str(caught.value)
