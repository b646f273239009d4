import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from evidence.statistics import (
    Paired,
    corrected_interval,
    describe,
    effect_size,
    improvement,
    interval_verdict,
    mean_interval,
    paired,
    paired_by_seed,
    permutation_p,
    wilcoxon_p,
)

CAL = [0.84, 0.86, 0.85, 0.89]
JOINT = [0.82, 0.83, 0.83, 0.86]
score = st.floats(0, 1).map(lambda x: round(x, 6))
pairs = st.lists(st.tuples(score, score), min_size=2, max_size=12)


def test_a_paired_difference_worked_by_hand() -> None:
    # Differences .02 .03 .02 .03: mean .025, sd sqrt(4 * .005^2 / 3) = .0057735, se .0028868.
    # t(3, .975) = 3.182446, half-width .0091869; t = .025 / .0028868 = 8.660254.
    effect = paired(CAL, JOINT)
    assert effect.difference == pytest.approx(0.025)
    assert effect.half_width == pytest.approx(0.0091869, abs=1e-7)
    assert effect.low == pytest.approx(0.0158131, abs=1e-7)
    assert effect.high == pytest.approx(0.0341869, abs=1e-7)
    assert effect.t == pytest.approx(8.660254)
    # With 3 degrees of freedom and t / sqrt(3) = 5, p = 1 - 2/pi (5/26 + atan 5).
    assert effect.p == pytest.approx(1 - 2 / np.pi * (5 / 26 + np.arctan(5)))
    assert effect.n == 4


@given(pairs)
def test_it_is_what_scipy_and_statsmodels_compute(values: list[tuple[float, float]]) -> None:
    a, b = zip(*values, strict=True)
    effect = paired(a, b, level=0.9)
    if effect.half_width is None:
        assert np.ptp(np.subtract(a, b)) < 1e-9
        return
    expected = stats.ttest_rel(a, b)
    interval = expected.confidence_interval(0.9)
    assert effect.t == pytest.approx(expected.statistic, rel=1e-6, abs=1e-9)
    assert effect.p == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-9)
    assert (effect.low, effect.high) == pytest.approx(tuple(interval), abs=1e-9)
    other = DescrStatsW(np.subtract(a, b)).tconfint_mean(alpha=0.1)
    assert (effect.low, effect.high) == pytest.approx(other, abs=1e-9)


@given(pairs)
def test_turned_round_only_the_sign_changes(values: list[tuple[float, float]]) -> None:
    a, b = zip(*values, strict=True)
    there, back = paired(a, b), paired(b, a)
    assert there.difference == pytest.approx(-(back.difference or 0.0))
    assert there.half_width == pytest.approx(back.half_width)
    assert there.p == pytest.approx(back.p)


@pytest.mark.parametrize(("a", "b", "difference"), [([], [], None), ([0.9], [0.8], 0.1)])
def test_too_few_pairs_have_no_interval(
    a: list[float], b: list[float], difference: float | None
) -> None:
    effect = paired(a, b)
    assert effect.difference == pytest.approx(difference)
    assert effect.half_width is effect.low is effect.high is effect.t is effect.p is None
    assert interval_verdict(effect) == "no_interval"


@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_equal_differences_have_no_interval(shift: float) -> None:
    # .1 added in floating point leaves a spread of 1e-17, which is no spread.
    effect = paired([x + shift for x in JOINT], JOINT)
    assert effect.difference == pytest.approx(shift)
    assert effect.half_width is None
    assert effect.n == 4


def test_pairs_are_made_by_seed_and_single_seeds_are_named() -> None:
    a = dict(enumerate(CAL)) | {7: 0.1}
    b = {seed: JOINT[seed] for seed in (3, 2, 1, 0)} | {9: 0.9, 8: 0.9}
    effect = paired_by_seed(a, b)
    assert effect.dropped == (7, 8, 9)
    assert vars(effect) | {"dropped": ()} == vars(paired(CAL, JOINT))


def test_arms_without_a_common_seed_are_not_compared() -> None:
    assert paired_by_seed({0: 0.5}, {1: 0.5}) == Paired(
        None, None, None, None, None, None, 0, dropped=(0, 1)
    )


@pytest.mark.parametrize(
    ("values", "mean", "sd", "half_width"),
    [
        ([], None, None, None),
        ([0.5], 0.5, None, None),
        ([0.4, 0.6], 0.5, np.sqrt(0.02), 12.7062047 * 0.1),
    ],
)
def test_an_arm_over_its_seeds(
    values: list[float], mean: float | None, sd: float | None, half_width: float | None
) -> None:
    sample = describe(values)
    assert sample.mean == pytest.approx(mean)
    assert sample.sd == pytest.approx(sd)
    assert sample.half_width == pytest.approx(half_width)
    assert sample.n == len(values)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.03, "helps"),
        (-0.03, -0.01, "hurts"),
        (-0.01, 0.01, "undecided"),
        (0.0, 0.02, "undecided"),  # 0 itself belongs to the interval
    ],
)
def test_a_verdict_says_what_the_interval_says(low: float, high: float, said: str) -> None:
    effect = Paired((low + high) / 2, (high - low) / 2, low, high, 1.0, 0.5, 10)
    assert interval_verdict(effect) == said


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: paired([0.1, 0.2], [0.1]), "2 and 1 values"),
        (lambda: paired([0.1, np.nan], [0.1, 0.2]), "not finite"),
        (lambda: describe(np.ones((2, 2))), "2 axes"),
        (lambda: describe([0.1, 0.2], level=1.0), "between 0 and 1"),
        (lambda: mean_interval(np.ones((5, 1))), "at least 2"),
    ],
)
def test_bad_input_is_refused(wrong: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wrong()  # type: ignore[operator]


@pytest.mark.parametrize("effect", [0.0, 0.02])
def test_intervals_cover_and_errors_stay_nominal(effect: float) -> None:
    """10,000 studies, n = 10, a seed's own effect larger than the noise of the difference.

    The count has a standard error of .22 points, so 4 to 6 % is 4.6 of them on either side: a
    right procedure fails for one seed of the generator in 200,000.
    """
    generator = np.random.default_rng(5)
    seeds = generator.normal(0.8, 0.05, (10_000, 10))
    a = seeds + effect + generator.normal(0, 0.01, seeds.shape)
    b = seeds + generator.normal(0, 0.02, seeds.shape)
    mean, half = mean_interval(a - b)
    covered = np.abs(mean - effect) <= half
    assert 0.94 <= covered.mean() <= 0.96
    for i in range(0, 10_000, 500):  # the vectorised form is the one the report uses
        one = paired(a[i], b[i])
        assert (one.low, one.high) == pytest.approx((mean[i] - half[i], mean[i] + half[i]))
        assert one.p is not None
        assert (one.p < 0.05) == bool(abs(mean[i]) > half[i])
    if effect == 0:
        assert 0.04 <= (np.abs(mean) > half).mean() <= 0.06


def test_unpaired_means_would_hide_what_pairs_show() -> None:
    generator = np.random.default_rng(0)
    seeds = generator.normal(0.8, 0.05, 10)
    a, b = seeds + 0.01 + generator.normal(0, 0.002, 10), seeds
    assert interval_verdict(paired(a, b)) == "helps"
    assert stats.ttest_ind(a, b).pvalue > 0.5


def test_corrected_interval_worked_by_hand() -> None:
    # .02 .03 .02 .03: sd .0057735; variance sd^2 (1/4 + 1/2) gives .005, t(3, .975) = 3.182446.
    mean, half = corrected_interval(np.array([0.02, 0.03, 0.02, 0.03]), ratio=0.5)
    assert mean == pytest.approx(0.025)
    assert half == pytest.approx(3.182446 * 0.005, rel=1e-6)


@given(st.integers(2, 20), st.floats(0, 3))
def test_correction_widens_and_none_is_the_t_interval(n: int, ratio: float) -> None:
    deltas = np.random.default_rng(n).normal(size=(3, n))
    mean, half = mean_interval(deltas)
    assert corrected_interval(deltas, ratio=0.0)[1] == pytest.approx(half)
    again, wider = corrected_interval(deltas, ratio=ratio)
    assert again == pytest.approx(mean)
    assert wider == pytest.approx(half * np.sqrt(1 + n * ratio))


@pytest.mark.parametrize("n", [3, 8, 14, 20, 40])
def test_signed_ranks_are_what_scipy_computes_without_ties(n: int) -> None:
    x = np.random.default_rng(n).normal(0.2, 1, n)
    assert wilcoxon_p(x) == pytest.approx(stats.wilcoxon(x, method="exact").pvalue)


@pytest.mark.parametrize("n", [200, 400, 3000])
def test_signed_ranks_of_many_pairs_are_normal_as_in_scipy(n: int) -> None:
    """2^n is no number from n = 1024 on."""
    x = np.random.default_rng(n).normal(0.05, 1, n)
    expected = stats.wilcoxon(x, method="asymptotic", correction=True).pvalue
    assert wilcoxon_p(x) == pytest.approx(expected)
    tied = np.round(x)
    expected = stats.wilcoxon(tied, method="asymptotic", correction=True).pvalue
    assert wilcoxon_p(tied) == pytest.approx(expected)
    assert wilcoxon_p([1.0, -1.0] * n) == 1.0


def test_signed_ranks_counted_and_normal_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 100 pairs both ways differ by less than the docstring's .002, whatever the effect."""
    for shift in (0.0, 0.1, 0.2, 0.3):
        x = np.random.default_rng(7).normal(shift, 1, 100)
        counted = wilcoxon_p(x)
        with monkeypatch.context() as patch:
            patch.setattr(sys.modules["evidence.statistics.paired"], "COUNTED", 99)
            assert wilcoxon_p(x) == pytest.approx(counted, abs=0.002)


def test_signed_ranks_with_ties_worked_by_hand() -> None:
    # 0 dropped; sizes 1 1 2 have ranks 1.5 1.5 3, all positive: W+ = 6, and of the 8 sign vectors
    # only +++ and --- are that far out, p = 2/8. With one -1: W+ = 4.5, W- = 1.5, |difference| 3;
    # |difference| of the 8: 6 3 3 0 0 3 3 6, so p = 6/8.
    assert wilcoxon_p([0.0, 1.0, 1.0, 2.0]) == pytest.approx(2 / 8)
    assert wilcoxon_p([0.0, -1.0, 1.0, 2.0]) == pytest.approx(6 / 8)
    assert wilcoxon_p([0.0, 0.0]) == 1.0
    assert wilcoxon_p([]) is None


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=10))
def test_signed_ranks_are_the_flips_of_the_ranks(values: list[int]) -> None:
    x = np.array(values, dtype=float)
    x = x[x != 0]
    expected = permutation_p(np.sign(x) * stats.rankdata(np.abs(x))) if len(x) else 1.0
    assert wilcoxon_p([float(v) for v in values]) == pytest.approx(float(expected))


def test_effect_size_worked_by_hand() -> None:
    # 1 2 3 4: mean 2.5, sd 1.290994, d 1.936492, t 3.872983; the ends leave 2.5 % on either side.
    effect = effect_size([1.0, 2.0, 3.0, 4.0])
    assert effect is not None
    assert effect.d == pytest.approx(1.936492, abs=1e-6)
    t = effect.d * 2
    assert stats.nct.sf(t, 3, effect.low * 2) == pytest.approx(0.025, abs=1e-9)
    assert stats.nct.cdf(t, 3, effect.high * 2) == pytest.approx(0.025, abs=1e-9)


@pytest.mark.parametrize("t", [0.0, 0.1, 3.0, 40.0, 900.0, 1100.0, 1e6])
@pytest.mark.parametrize("n", [2, 5, 50, 200])
def test_effect_size_interval_far_out(n: int, t: float) -> None:
    """P(T <= t) averaged over 20,000 quantiles of chi, which is exact to 1e-4; scipy is not."""
    d = t / np.sqrt(n)
    unit = np.resize([1.0, -1.0], n) - np.resize([1.0, -1.0], n).mean()
    unit = unit / unit.std(ddof=1)
    effect, back = effect_size(unit + d), effect_size(-unit - d)
    assert effect is not None
    assert back is not None
    assert effect.d == pytest.approx(d, rel=1e-6, abs=1e-9)
    assert (back.low, back.high) == pytest.approx((-effect.high, -effect.low), rel=1e-5)
    chi = np.sqrt(stats.chi2.ppf((np.arange(20_000) + 0.5) / 20_000, n - 1) / (n - 1))
    for end, p in ((effect.low, 0.975), (effect.high, 0.025)):
        assert stats.norm.cdf(t * chi - end * np.sqrt(n)).mean() == pytest.approx(p, abs=3e-4)


def test_effect_size_needs_spread() -> None:
    assert effect_size([0.1, 0.1, 0.1]) is None
    assert effect_size([0.1]) is None


@given(st.lists(st.integers(-1, 1), min_size=1, max_size=30))
def test_improvement_is_wilson_with_ties_half(values: list[int]) -> None:
    wins = sum(v > 0 for v in values) + sum(v == 0 for v in values) / 2
    found = improvement([float(v) for v in values])
    assert found is not None
    assert found.probability == pytest.approx(wins / len(values))
    expected = proportion_confint(wins, len(values), method="wilson")
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)


def test_improvement_of_nobody() -> None:
    assert improvement([]) is None


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: corrected_interval(np.ones((2, 4)), ratio=-1.0),
        lambda: corrected_interval(np.ones((2, 1)), ratio=0.5),
        lambda: effect_size([1.0, np.inf]),
        lambda: effect_size([1.0, 2.0], level=0.0),
        lambda: improvement([1.0, 2.0], level=1.0),
        lambda: wilcoxon_p([np.nan]),
    ],
)
def test_bad_input_of_the_further_measures_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="given .*allowed"):
        wrong()  # type: ignore[operator]
