from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

from evidence.statistics import (
    difference_p,
    equivalence_p,
    paired,
    step_down,
    tost_p,
    verdict,
    verdicts,
)

NAN = float("nan")
unit = st.floats(0, 1)
many = st.lists(st.tuples(unit, unit), min_size=1, max_size=5)
deltas = st.lists(st.integers(-30, 30).map(lambda x: x / 1000), min_size=2, max_size=12)


@given(deltas)
def test_p_of_a_difference_is_scipys_and_that_of_paired(values: list[float]) -> None:
    p = float(difference_p(np.array(values)))
    if np.ptp(values) == 0:
        assert np.isnan(p)
        return
    assert p == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    assert p == pytest.approx(paired(values, [0.0] * len(values)).p)


@given(deltas, st.floats(0.001, 0.05))
def test_p_of_equivalence_is_that_of_statsmodels(values: list[float], margin: float) -> None:
    p = tost_p(values, margin)
    if np.ptp(values) == 0:
        assert p is None
        return
    assert p == pytest.approx(DescrStatsW(values).ttost_mean(-margin, margin)[0], abs=1e-12)


def test_equivalence_worked_by_hand() -> None:
    # -.001 .001 -.001 .001: mean 0, sd .0011547, se .00057735; t = .005 / .00057735 = 8.660254 on
    # both sides. With 3 degrees of freedom and t / sqrt(3) = 5, one side has
    # p = 1/2 - 1/pi (5/26 + atan 5).
    p = tost_p([-0.001, 0.001, -0.001, 0.001], 0.005)
    assert p == pytest.approx(0.5 - (5 / 26 + np.arctan(5)) / np.pi)


def test_equivalence_is_an_interval_inside_the_margin() -> None:
    x = np.random.default_rng(0).normal(0.002, 0.003, (500, 8))
    half = stats.t.ppf(0.95, 7) * x.std(-1, ddof=1) / np.sqrt(8)
    inside = np.abs(x.mean(-1)) + half < 0.005
    assert 0 < inside.mean() < 1
    assert ((equivalence_p(x, margin=0.005) < 0.05) == inside).all()


def test_without_spread_there_is_no_p() -> None:
    assert tost_p([0.0, 0.0, 0.0], 0.005) is None
    assert tost_p([0.1 + 1e-17, 0.1], 0.005) is None
    assert tost_p([0.1], 0.005) is None
    assert np.isnan(difference_p(np.array([[0.1, 0.1], [0.1, 0.2]]))).tolist() == [True, False]
    assert np.isnan(equivalence_p(np.zeros((1, 3)), margin=0.005)).all()


def test_step_down_worked_by_hand() -> None:
    # m = 2, so at most 2 of 4 nulls are true. Sorted .001 .02 .4 .9 times 2 2 2 1.
    p, q = step_down([0.001, 0.4], [0.9, 0.02])
    assert p == pytest.approx([0.002, 0.8])
    assert q == pytest.approx([0.9, 0.04])
    # m = 3: sorted .01 .015 .02 .024 .03 .04 times 3 3 3 3 2 1 is .03 .045 .06 .072 .06 .04, and
    # none may be below one before it.
    p, q = step_down([0.02, 0.01, 0.04], [0.03, 0.024, 0.015])
    assert p == pytest.approx([0.06, 0.03, 0.072])
    assert q == pytest.approx([0.072, 0.072, 0.045])


@settings(max_examples=20)  # multipletests takes 20 ms
@given(st.lists(unit, min_size=1, max_size=8))
def test_without_equivalence_it_is_holm(values: list[float]) -> None:
    adjusted, none = step_down(values, [NAN] * len(values))
    assert adjusted == pytest.approx(multipletests(values, method="holm")[1])
    assert np.isnan(none).all()


@given(many, st.floats(0.01, 0.99))
def test_it_is_the_closed_test_of_what_can_be_true(
    pairs: list[tuple[float, float]], alpha: float
) -> None:
    """Whatever it rejects, Bonferroni tests of all possible sets of true nulls reject too.

    The possible sets: for each comparison its difference, its equivalence or neither. A null is
    rejected by the closed test if every possible set with it is rejected by p <= alpha / size.
    """
    p, q = (list(x) for x in zip(*pairs, strict=True))
    adjusted = np.stack(step_down(p, q))
    nulls = np.stack([p, q])
    for choice in product((None, 0, 1), repeat=len(p)):
        true = [(side, i) for i, side in enumerate(choice) if side is not None]
        if true and min(nulls[t] for t in true) > alpha / len(true):
            assert all(adjusted[t] > alpha for t in true)


@given(many)
def test_more_comparisons_and_missing_ones(pairs: list[tuple[float, float]]) -> None:
    p, q = (list(x) for x in zip(*pairs, strict=True))
    adjusted, equivalent = step_down(p, q)
    assert (adjusted >= p).all()
    assert (adjusted <= 1).all()
    padded = step_down([NAN, *p], [NAN, *q])  # not measured: does not count
    assert padded[0][1:] == pytest.approx(adjusted)
    assert padded[1][1:] == pytest.approx(equivalent)
    assert np.isnan([padded[0][0], padded[1][0]]).all()
    more = step_down([0.5, *p], [0.5, *q])
    assert (more[0][1:] >= adjusted - 1e-12).all()


def test_families_side_by_side_are_those_alone() -> None:
    generator = np.random.default_rng(1)
    p, q = generator.random((2, 50, 4)) ** 4
    p[0, 1] = q[1] = NAN
    together = step_down(p, q)
    for i in range(50):
        alone = step_down(p[i], q[i])
        assert together[0][i] == pytest.approx(alone[0], nan_ok=True)
        assert together[1][i] == pytest.approx(alone[1], nan_ok=True)


@pytest.mark.parametrize(
    ("difference", "different", "equivalent", "said"),
    [
        (0.02, 0.01, 0.9, "helps"),
        (-0.02, 0.01, 0.9, "hurts"),
        (0.02, 0.01, None, "helps"),
        (0.002, 0.01, 0.01, "equivalent"),  # its sign is settled, and it does not matter
        (0.0, 0.9, 0.05, "equivalent"),
        (0.01, 0.06, 0.06, "undecided"),
        (0.01, None, None, "no_interval"),
        (None, None, None, "not_measured"),
        (NAN, 0.01, 0.01, "not_measured"),
    ],
)
def test_a_verdict(
    difference: float | None, different: float | None, equivalent: float | None, said: str
) -> None:
    assert verdict(difference, different, equivalent, alpha=0.05) == said
    row = [NAN if x is None else x for x in (difference, different, equivalent)]
    assert verdicts(*(np.array([[x]]) for x in row), alpha=0.05).tolist() == [[said]]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: step_down([0.1], [0.1, 0.2]),
        lambda: step_down([1.1], [0.2]),
        lambda: step_down(0.1, 0.2),
        lambda: tost_p([0.1, 0.2], 0.0),
        lambda: tost_p([0.1], -1.0),
        lambda: tost_p([0.1, np.inf], 0.1),
        lambda: difference_p(np.ones((2, 1))),
        lambda: verdict(0.1, 0.1, 0.1, alpha=0.0),
    ],
)
def test_bad_input_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="given .*allowed"):
        wrong()  # type: ignore[operator]
