import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_of_statsmodels

from evidence.statistics import bca, mcnemar, permutation_p, two_way

SKEWED = np.random.default_rng(0).gamma(2.0, 0.01, 12)


def test_bca_is_what_scipy_computes() -> None:
    """Both with 20,000 resamples of their own: an end's Monte-Carlo error is about .5 % of the
    width (sqrt(.025 .975 / 20,000) / density at 2 sd), so 5 % is about ten of them.
    """
    low, high = bca(SKEWED, draws=20_000, seed=1)
    expected = stats.bootstrap(
        (SKEWED,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(2)
    ).confidence_interval
    width = expected.high - expected.low
    assert float(low) == pytest.approx(expected.low, abs=0.05 * width)
    assert float(high) == pytest.approx(expected.high, abs=0.05 * width)


def test_bca_of_two_values_worked_by_hand() -> None:
    # 0 and 1: means 0, .5, 1 with shares 1/4, 1/2, 1/4, so no bias, and no third moment: plain
    # percentiles, whose 2.5 % is 0 and whose 97.5 % is 1.
    assert [float(end) for end in bca([0.0, 1.0])] == [0.0, 1.0]


def test_comparisons_are_judged_alike_alone_and_together() -> None:
    deltas = np.stack([SKEWED, -SKEWED, SKEWED**2])
    low, high = bca(deltas)
    for i, row in enumerate(deltas):
        assert (low[i], high[i]) == pytest.approx([float(end) for end in bca(row)])
    assert bca(deltas.reshape(3, 1, 12))[0].shape == (3, 1)
    p = permutation_p(deltas)
    assert p == pytest.approx([float(permutation_p(row)) for row in deltas])
    many = np.tile(SKEWED, (2000, 1))  # more than a block
    assert np.ptp(bca(many)[0]) < 1e-12
    assert np.ptp(permutation_p(many)) == 0


def test_bca_without_spread_is_nan() -> None:
    low, high = bca(np.array([[0.1, 0.1, 0.1], [0.1, 0.2, 0.3]]))
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [True, False]
    assert np.isnan(bca([0.1])[0])


def test_flips_of_three_seeds_worked_by_hand() -> None:
    # 1 2 3: |sums| of the 8 flips are 6 4 2 0 0 2 4 6; 2 of 8 reach 6. 1 2 -3: sum 0, all reach it.
    assert permutation_p([1.0, 2.0, 3.0]) == pytest.approx(2 / 8)
    assert permutation_p([1.0, 2.0, -3.0]) == 1.0
    assert permutation_p([0.0, 0.0]) == 1.0


@pytest.mark.parametrize("n", [4, 10, 14])
def test_flips_are_what_scipy_computes(n: int) -> None:
    x = np.random.default_rng(n).normal(0.3, 1, n)
    expected = stats.permutation_test(
        (x,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    assert permutation_p(x) == pytest.approx(expected.pvalue)


def test_many_seeds_are_flipped_at_random() -> None:
    """n = 15 has 32,768 flips; 9,999 of them, standard error .005 at p = .47: four of them."""
    x = np.random.default_rng(3).normal(0.5, 1, 15)
    signs = 1 - 2 * ((np.arange(2**15)[:, None] >> np.arange(15)) & 1)
    exact = (np.abs(signs @ x) >= abs(x.sum()) - 1e-12).mean()
    assert permutation_p(x) == pytest.approx(exact, abs=0.02)
    assert permutation_p(x) == permutation_p(x, seed=0)
    assert permutation_p(x) != permutation_p(x, seed=1)
    assert permutation_p(np.ones(30)) == pytest.approx(1 / 10_000)


def test_two_way_of_seeds_alone_is_about_the_t_interval() -> None:
    """Samples that all agree: the expanded percentiles against t, ends within 10 % of the width
    (2,000 draws; the percentiles of 12 values' means are a little short-tailed).
    """
    seeds = np.random.default_rng(5).normal(0.02, 0.01, 12)
    a, b = np.tile(seeds[:, None], (1, 50)), np.zeros((12, 50))
    low, high = two_way(a, b)
    t = stats.ttest_1samp(seeds, 0).confidence_interval()
    assert (float(low), float(high)) == pytest.approx((t.low, t.high), abs=0.1 * (t.high - t.low))


def test_two_way_holds_the_error_of_the_samples() -> None:
    """All seeds agree on each of 400 samples, right or wrong: only other samples vary.

    The standard error of the share is .0245; half-widths are 2.33 of it (expanded at n = 12),
    within 10 %.
    """
    generator = np.random.default_rng(6)
    right = np.tile((generator.random(400) < 0.4).astype(float), (12, 1))
    low, high = two_way(right, np.zeros_like(right))
    error = right[0].std() / 20
    expected = np.sqrt(12 / 11) * stats.t.ppf(0.975, 11)
    assert (float(high) - float(low)) / 2 == pytest.approx(expected * error, rel=0.1)


def test_two_way_of_many_studies_is_that_of_each() -> None:
    generator = np.random.default_rng(7)
    a, b = generator.random((2, 3, 5, 30))
    low, high = two_way(a, b, draws=200, level=0.9)
    for i in range(3):
        assert (low[i], high[i]) == pytest.approx(two_way(a[i], b[i], draws=200, level=0.9))
    assert np.isnan(two_way(a[0, :1], b[0, :1])[0])


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_mcnemar_is_what_statsmodels_computes(pairs: list[tuple[bool, bool]]) -> None:
    a, b = np.array(pairs).T
    found = mcnemar(a, b)
    table = [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]]
    assert (found.only_a, found.only_b) == (table[0][1], table[1][0])
    expected = (
        mcnemar_of_statsmodels(table, exact=True).pvalue if found.only_a + found.only_b else 1
    )
    assert found.p == pytest.approx(expected)


def test_mcnemar_worked_by_hand() -> None:
    # Only a: 4, only b: 0. Four heads of four: 2 / 16.
    found = mcnemar([True] * 5, [True] + [False] * 4)
    assert (found.only_a, found.only_b, found.p) == (4, 0, pytest.approx(0.125))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: mcnemar([True], [True, False]),
        lambda: mcnemar([1, 0], [0, 1]),
        lambda: bca([0.1, np.nan]),
        lambda: bca([0.1, 0.2], level=1.0),
        lambda: bca([0.1, 0.2], draws=0),
        lambda: permutation_p([]),
        lambda: two_way(np.ones(3), np.ones(3)),
        lambda: two_way(np.full((2, 2), np.nan), np.ones((2, 2))),
    ],
)
def test_bad_input_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="allowed"):
        wrong()  # type: ignore[operator]
