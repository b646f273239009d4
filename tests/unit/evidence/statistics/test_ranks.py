"""Ranks, Friedman's test and groups of methods, by hand and against published examples."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from evidence import statistics as st

# Seconds to first base by three ways of rounding it, 22 players: Hollander and Wolfe (1973), table
# 1 of chapter 7. R's friedman.test on it: chi-squared 11.143, df 2, p 0.003805.
BASEBALL = """
5.40 5.50 5.55  5.85 5.70 5.75  5.20 5.60 5.50  5.55 5.50 5.40  5.90 5.85 5.70  5.45 5.55 5.60
5.40 5.40 5.35  5.45 5.50 5.35  5.25 5.15 5.00  5.85 5.80 5.70  5.25 5.20 5.10  5.65 5.55 5.45
5.60 5.35 5.45  5.05 5.00 4.95  5.50 5.50 5.40  5.45 5.55 5.50  5.55 5.55 5.35  5.45 5.50 5.55
5.50 5.45 5.25  5.65 5.60 5.40  5.70 5.65 5.55  6.30 6.30 6.25
"""


def table(seed: int = 0, *, blocks: int = 8, methods: int = 5) -> np.ndarray:
    """Blocks share their luck; the last method is better."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(blocks, 1)) + generator.normal(size=(blocks, methods))
    return x + 2.0 * (np.arange(methods) == methods - 1)


def test_the_best_has_rank_1_and_equal_ones_share_theirs() -> None:
    assert st.ranks([[0.9, 0.7, 0.9], [0.1, 0.2, 0.3]]).tolist() == [[1.5, 3, 1.5], [3, 2, 1]]
    assert st.ranks(np.zeros((2, 3, 4))).tolist() == np.full((2, 3, 4), 2.5).tolist()


def test_friedman_by_hand() -> None:
    """Three blocks agree on the order of three: rank sums 3, 6, 9, expected 6. chi2 = 2 (9 + 0 + 9)
    / (3 x 14 - 36) = 6, its largest value n (k - 1), so F is infinite.
    """
    found = st.friedman([[3.0, 2, 1], [30, 20, 10], [0.3, 0.2, 0.1]])
    assert found is not None
    assert found.chi2 == pytest.approx(6)
    assert found.p == pytest.approx(np.exp(-3))  # chi2 with 2 degrees of freedom
    assert (found.f, found.p_f) == (np.inf, 0.0)


def test_friedman_is_that_of_a_published_example() -> None:
    """With ties. F = 21 x 11.143 / (22 x 2 - 11.143) = 7.12, with 2 and 42 degrees of freedom."""
    x = np.array(BASEBALL.split(), dtype=float).reshape(22, 3)
    found = st.friedman(x)
    assert found is not None
    assert found.chi2 == pytest.approx(11.143, abs=5e-4)
    assert found.p == pytest.approx(0.003805, abs=5e-7)
    assert found.f == pytest.approx(7.12, abs=5e-3)
    assert found.p_f == pytest.approx(stats.f.sf(found.f, 2, 42))


@pytest.mark.parametrize("seed", range(3))
def test_friedman_is_scipys(seed: int) -> None:
    x = table(seed).round(0)  # with ties
    expected = stats.friedmanchisquare(*x.T)
    found = st.friedman(x)
    assert found is not None
    assert (found.chi2, found.p) == pytest.approx(tuple(expected))
    assert st.friedman(-x) == found  # which way is better does not matter


def test_many_tables_at_once_are_those_one_by_one() -> None:
    x = np.stack([table(seed) for seed in range(4)])
    p, p_f = st.friedman_p(x)
    single = [st.friedman(y) for y in x]
    assert p.tolist() == [s.p for s in single if s]
    assert p_f.tolist() == [s.p_f for s in single if s]


def test_where_all_are_tied_there_is_no_test() -> None:
    assert st.friedman(np.ones((4, 3))) is None
    assert np.isnan(st.friedman_p(np.ones((4, 3)))).all()


def test_the_critical_difference_is_that_of_demsar() -> None:
    """Four classifiers, 14 data sets (Demsar 2006, section 3.2.2): 1.25 at .05, 1.12 at .10; and
    his table 5(a): q of 10 classifiers at .05 is 3.164.
    """
    assert st.critical_difference(4, 14, alpha=0.05) == pytest.approx(1.25, abs=0.005)
    assert st.critical_difference(4, 14, alpha=0.10) == pytest.approx(1.12, abs=0.005)
    q = st.critical_difference(10, 1, alpha=0.05) / np.sqrt(110 / 6)
    assert q == pytest.approx(3.164, abs=5e-4)


def test_the_critical_difference_of_two_is_a_normal_quantile() -> None:
    """sqrt(2 x 3 / (6 n)) = 1 / sqrt(n)."""
    assert st.critical_difference(2, 16, alpha=0.05) == pytest.approx(1.959964 / 4, abs=1e-6)


def test_holm_is_statsmodels_and_counts_what_has_no_p() -> None:
    p = np.random.default_rng(0).random(12) ** 3
    assert st.holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert st.holm([0.01, np.nan, 0.04]).tolist() == pytest.approx([0.03, 1.0, 0.08])


def test_pairs_are_t_tests_with_holm() -> None:
    x = table()
    plain = [stats.ttest_rel(x[:, i], x[:, j]).pvalue for i, j in combinations(range(5), 2)]
    assert st.pairwise(x) == pytest.approx(multipletests(plain, method="holm")[1])
    assert st.pairwise(np.stack([x, x]))[1].tolist() == st.pairwise(x).tolist()
    twins = np.column_stack([x, x[:, 0]])
    assert st.pairwise(twins)[4] == 1.0  # no spread between the first and its twin


def test_ten_blocks_can_settle_no_pair_of_ten_by_signed_ranks() -> None:
    """Why the groups are not made of them: 45 x 2 / 2^10 = .088, whatever the differences are."""
    deltas = np.arange(1.0, 11.0)
    smallest = stats.wilcoxon(deltas, method="exact").pvalue
    assert smallest == pytest.approx(2 / 2**10)
    assert st.holm([smallest] * 45).min() > 0.05
    assert st.holm(np.full(45, st.difference_p(100 + deltas))).max() < 0.05


def test_groups_by_hand() -> None:
    """0 and 1, 1 and 2 are not told apart, 0 and 2 are; 3 is told apart from all."""
    apart = np.zeros((4, 4), dtype=bool)
    for i, j in ((0, 2), (0, 3), (1, 3), (2, 3)):
        apart[i, j] = apart[j, i] = True
    assert st.groups(apart) == [(0, 1), (1, 2), (3,)]


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_all_maximal_sets(seed: int) -> None:
    """Against every subset of seven methods, tried one by one."""
    apart = np.triu(np.random.default_rng(seed).random((7, 7)) < 0.4, 1)
    apart = apart | apart.T
    whole = [s for r in range(1, 8) for s in combinations(range(7), r) if _together(apart, s)]
    largest = [s for s in whole if not any(set(s) < set(t) for t in whole)]
    assert st.groups(apart) == sorted(largest)


def _together(apart: np.ndarray, chosen: tuple[int, ...]) -> bool:
    return not apart[np.ix_(chosen, chosen)].any()


def test_all_together_and_all_apart() -> None:
    assert st.groups(np.zeros((3, 3), dtype=bool)) == [(0, 1, 2)]
    assert st.groups(~np.eye(3, dtype=bool)) == [(0,), (1,), (2,)]
    assert st.groups(np.zeros((0, 0), dtype=bool)) == []


def test_what_is_no_table_is_refused() -> None:
    for x in ([1.0, 2.0], [[1.0, 2.0]], [[1.0], [2.0]]):
        for test in (st.friedman, st.pairwise):
            with pytest.raises(ValueError, match=r"blocks: given shape .* at least 2 blocks of 2"):
                test(x)
    with pytest.raises(ValueError, match="values: given values that are not finite"):
        st.ranks([[1.0, np.nan]])
    with pytest.raises(ValueError, match="blocks: given values that are not finite"):
        st.friedman([[1.0, np.nan], [2.0, 3.0]])
    with pytest.raises(ValueError, match="critical difference: given 1 methods, 5 blocks"):
        st.critical_difference(1, 5, alpha=0.05)
    with pytest.raises(ValueError, match="alpha: given 0; allowed"):
        st.critical_difference(3, 5, alpha=0)
    with pytest.raises(ValueError, match="apart: given"):
        st.groups(np.triu(np.ones((3, 3), dtype=bool), 1))
