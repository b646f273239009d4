"""Main effects, interactions and attribution from rows."""

import pytest

from ablations.rows import Row
from ablations.summary.effects import Rules
from ablations.summary.factorial import factorial

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
