from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.api import OLS

from evidence.statistics import effects, orthogonal, shapley

TWO = {
    frozenset[str](): [70.0, 60.0],
    frozenset("A"): [73.0, 61.0],
    frozenset("B"): [71.0, 62.0],
    frozenset("AB"): [76.0, 65.0],
}


def cells(k: int) -> list[frozenset[str]]:
    switches = product((False, True), repeat=k)
    return [frozenset(n for n, on in zip("ABCDE"[:k], row, strict=True) if on) for row in switches]


def table(k: int, seed: int) -> dict[frozenset[str], np.ndarray]:
    generator = np.random.default_rng(seed)
    return {cell: generator.normal(size=3) for cell in cells(k)}


def test_two_factors_worked_by_hand() -> None:
    # First seed: A gains 3 without B and 5 with it, B gains 1 and 3; second: 1, 3 and 2, 4.
    found = effects(TWO, ["A", "B"])
    assert {name: x.tolist() for name, x in found.items()} == {
        ("A",): [4.0, 2.0],
        ("B",): [2.0, 3.0],
        ("A", "B"): [1.0, 1.0],
    }
    assert {f: x.tolist() for f, x in shapley(TWO).items()} == {"A": [4.0, 2.0], "B": [2.0, 3.0]}


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_effects_are_twice_the_coefficients_of_least_squares(k: int) -> None:
    values = table(k, seed=k)
    found = effects(values, "ABCDE"[:k])
    sign = {f: np.array([1.0 if f in cell else -1.0 for cell in values]) for f in "ABCDE"[:k]}
    design = np.stack([np.prod([sign[f] for f in name], axis=0) for name in found], axis=1)
    design = np.column_stack([np.ones(len(design)), design])
    for seed in range(3):
        fitted = OLS([x[seed] for x in values.values()], design).fit().params
        assert [x[seed] for x in found.values()] == pytest.approx(list(2 * fitted[1:]))


def test_a_three_way_interaction_worked_by_hand() -> None:
    # Value 8 in the cell ABC and 0 elsewhere: every contrast is 8 / 4 = 2.
    values = {cell: [8.0 if len(cell) == 3 else 0.0] for cell in cells(3)}
    found = effects(values, "ABC")
    assert len(found) == 7
    assert all(x.tolist() == [2.0] for x in found.values())
    assert all(x.tolist() == pytest.approx([8 / 3]) for x in shapley(values).values())
    assert set(effects(values, "ABC", order=1)) == {("A",), ("B",), ("C",)}


def test_a_fractional_design_has_aliases_and_leaves_out_its_word() -> None:
    # Half of 2^3 with C = AB (I = ABC): cells C, A, B, ABC.
    values = {frozenset(c): x for c, x in zip(("C", "A", "B", "ABC"), np.eye(4), strict=True)}
    found = effects(values, "ABC")
    assert ("A", "B", "C") not in found
    assert found[("A",)].tolist() == found[("B", "C")].tolist()
    assert found[("A",)].tolist() == [-0.5, 0.5, -0.5, 0.5]


def test_cells_that_mix_effects_are_refused() -> None:
    nested = {cell: [1.0] for cell in cells(3) if not ("B" in cell and "A" not in cell)}
    assert not orthogonal(nested, "ABC")
    with pytest.raises(ValueError, match="A: given more cells of one sign"):
        effects(nested, "ABC")
    balanced = ["", "A", "B", "AB", "C", "AC", "BC", "ABC", "D", "AD", "BCD", "ABCD"]
    uneven = [frozenset(c) for c in ("", "A", "B", "ABC", "C", "ABC", "AC", "B")]
    assert not orthogonal(uneven, "ABC")
    assert not orthogonal([frozenset(c) for c in balanced], "ABCD")
    assert orthogonal(cells(4), "ABCD")


@given(st.integers(1, 4), st.integers(0, 1000))
def test_shapley_shares_sum_to_the_whole_in_every_seed(k: int, seed: int) -> None:
    values = table(k, seed)
    shares = shapley(values)
    whole = values[frozenset("ABCDE"[:k])] - values[frozenset()]
    assert sum(shares.values()) == pytest.approx(whole)


@given(st.integers(0, 1000))
def test_shapley_is_the_mean_over_orders(seed: int) -> None:
    """Three factors, six orders: each factor's gain when its turn comes."""
    values = table(3, seed)
    gains = {f: np.zeros(3) for f in "ABC"}
    for order in ("ABC", "ACB", "BAC", "BCA", "CAB", "CBA"):
        for i, f in enumerate(order):
            gains[f] += (values[frozenset(order[: i + 1])] - values[frozenset(order[:i])]) / 6
    found = shapley(values)
    assert all(found[f] == pytest.approx(gains[f]) for f in "ABC")


def test_a_dead_switch_has_no_share_and_twins_have_equal_ones() -> None:
    values = {c: [3.0 * ("A" in c) + 3.0 * ("B" in c) - 1.0 * ({"A", "B"} <= c)] for c in cells(3)}
    assert {f: x.tolist() for f, x in shapley(values).items()} == {
        "A": pytest.approx([2.5]),
        "B": pytest.approx([2.5]),
        "C": pytest.approx([0.0]),
    }


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: shapley({c: x for c, x in TWO.items() if c}),
        lambda: effects(TWO, ["A"]),
        lambda: effects({**TWO, frozenset("A"): [1.0]}, ["A", "B"]),
        lambda: effects({**TWO, frozenset("A"): [1.0, np.nan]}, ["A", "B"]),
    ],
)
def test_bad_input_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="given .*allowed"):
        wrong()  # type: ignore[operator]
