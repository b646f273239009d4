"""Main effects, interactions and attribution from rows."""

import pytest

from ablations.rows import Row
from ablations.summary.factorial import aliases, factorial
from ablations.summary.pairs import Rules

LUCK = (0.0, 0.002, -0.001, 0.001)
# none 70, A 73, B 71, AB 76, as in the docstrings of statistics.factorial
MEANS = {frozenset(): 0.70, frozenset("A"): 0.73, frozenset("B"): 0.71, frozenset("AB"): 0.76}


def cell(on: frozenset[str], mean: float) -> tuple[Row, ...]:
    return tuple(
        Row(
            *("r", "+".join(sorted(on)), seed, f"{sorted(on)}{seed}", "FINISHED"),
            metrics={"test/clean/accuracy": mean + len(on) * LUCK[seed] * (1 + ("A" in on))},
        )
        for seed in range(4)
    )


def test_effects_by_hand() -> None:
    cells = {on: cell(on, mean) for on, mean in MEANS.items()}
    found = factorial(cells, ["A", "B"], Rules(margin=0.005))
    assert found is not None
    clean = found["clean"]
    assert found["robust"] is None  # not measured
    differences = {
        tuple(e["factors"]): e["difference"] for e in clean["main"] + clean["interactions"]
    }
    assert differences == pytest.approx({("A",): 0.04, ("B",): 0.02, ("A", "B"): 0.01}, abs=2e-3)
    assert clean["total"]["difference"] == pytest.approx(0.06, abs=4e-3)
    shares = {s["factor"]: s["mean"] for s in clean["shapley"]}
    assert sum(shares.values()) == pytest.approx(clean["total"]["difference"])


def test_a_seed_that_one_cell_lacks_leaves_all() -> None:
    cells = {on: cell(on, mean) for on, mean in MEANS.items()}
    cells[frozenset("A")] = cells[frozenset("A")][:3]
    found = factorial(cells, ["A", "B"], Rules())
    assert found is not None
    assert found["clean"]["total"]["n"] == 3


def test_cells_that_mix_effects_have_none() -> None:
    cells = {on: cell(on, mean) for on, mean in MEANS.items() if on != frozenset("B")}
    assert factorial(cells, ["A", "B"], Rules()) is None
    assert factorial({}, [], Rules()) is None


def test_failed_runs_enter_the_verdicts_of_factors() -> None:
    """B is 3 points better where it survives and fails on two of four seeds, wherever it is on."""
    cells = {
        on: tuple(
            Row("r", "", seed, f"{sorted(on)}{seed}", "FAILED")
            if "B" in on and seed in (1, 2)
            else Row(
                *("r", "", seed, f"{sorted(on)}{seed}", "FINISHED"),
                metrics={"test/clean/accuracy": 0.7 + 0.03 * ("B" in on) + LUCK[seed] * len(on)},
            )
            for seed in range(4)
        )
        for on in MEANS
    }
    found = factorial(cells, ["A", "B"], Rules(margin=0.005))
    assert found is not None
    effect = next(e for e in found["clean"]["main"] if e["factors"] == ["B"])
    assert effect["difference"] > 0.02
    assert effect["verdict"] == "undecided"


def test_a_fraction_names_what_it_cannot_tell_apart() -> None:
    """2^(3-1) with C = A B, all on among its cells: A is aliased with BC, B with AC, C with AB; of
    an additive truth no interaction is announced.
    """
    half = [frozenset("ABC"), frozenset("A"), frozenset("B"), frozenset("C")]
    assert aliases(half, ["A", "B", "C"], 3) == [
        [("A",), ("B", "C")],
        [("B",), ("A", "C")],
        [("C",), ("A", "B")],
    ]
    cells = {on: cell(on, 0.7 + 0.04 * ("C" in on)) for on in half}
    found = factorial(cells, ["A", "B", "C"], Rules(), fraction=True)
    assert found is not None
    assert not found["clean"]["interactions"]
    (c,) = [e for e in found["clean"]["main"] if e["factors"] == ["C"]]
    assert c["aliases"] == [["A", "B"]]
    assert c["difference"] == pytest.approx(0.04, abs=4e-3)


def test_cells_that_alias_without_being_a_fraction_have_no_effects() -> None:
    """Two constraints left none and A+B: A and B are one column, and nobody declared that."""
    cells = {on: cell(on, MEANS[on]) for on in (frozenset(), frozenset("AB"))}
    assert factorial(cells, ["A", "B"], Rules()) is None
