"""Ratios, crossings and lines worked by hand, and how often the intervals hold the truth."""

import math

import numpy as np
import pytest
from scipy import special, stats

from evidence.statistics import (
    Refusal,
    crossing,
    effective_robustness,
    relative_robustness,
)
from evidence.statistics.resampling import expanded_tail

SEVERITIES = np.array([0.0, 1.0, 2.0, 4.0])


# --- relative robustness


def test_relative_robustness_by_hand() -> None:
    """Chance .1: (.5 - .1) / (.9 - .1) = .5, (.1 - .1) / .8 = 0, (.9 - .1) / .8 = 1."""
    clean = np.array([0.88, 0.92])
    noisy = np.array([[0.52, 0.48], [0.1, 0.1], [0.92, 0.88]])
    value, _, _ = relative_robustness(noisy, clean, chance=0.1)
    assert value == pytest.approx([0.5, 0.0, 1.0])


def test_its_interval_is_what_a_paired_t_test_does_not_reject() -> None:
    """At both ends r, the test of noisy - r clean = 0 has p = .05."""
    clean = np.array([0.90, 0.93, 0.88, 0.91])
    noisy = np.array([0.50, 0.57, 0.49, 0.51])
    value, low, high = relative_robustness(noisy[None], clean, chance=0.1)
    assert low[0] < value[0] < high[0]
    for end in (low[0], high[0]):
        p = stats.ttest_1samp((noisy - 0.1) - end * (clean - 0.1), 0).pvalue
        assert p == pytest.approx(0.05)


def test_clean_itself_is_kept_in_full() -> None:
    clean = np.array([0.90, 0.93, 0.88, 0.91])
    value, low, high = relative_robustness(clean[None], clean, chance=0.1)
    assert (value[0], low[0], high[0]) == pytest.approx((1.0, 1.0, 1.0))


def test_without_accuracy_above_chance_there_is_no_ratio() -> None:
    """Mean clean accuracy at chance: nothing to keep. Not settled above it: no bounded interval."""
    noisy = np.array([[0.1, 0.1, 0.1]])
    assert all(map(np.isnan, relative_robustness(noisy, np.full(3, 0.1), chance=0.1)))
    value, low, high = relative_robustness(noisy, np.array([0.1, 0.3, 0.05]), chance=0.1)
    assert np.isfinite(value)
    assert np.isnan(low)
    assert np.isnan(high)
    value, low, _ = relative_robustness(np.array([[0.5]]), np.array([0.9]), chance=0.1)
    assert value == pytest.approx(0.5)
    assert np.isnan(low)


def test_its_interval_holds_the_truth_as_often_as_it_says() -> None:
    """True ratio .5, n = 5, correlated: 95 % of 2000 studies, 5 sd of a share are 2.4 points."""
    generator, hits = np.random.default_rng(0), 0
    for _ in range(2000):
        shared, own = generator.normal(0, 0.02, (2, 5))
        clean = 0.9 + shared
        noisy = 0.1 + 0.5 * 0.8 + 0.7 * shared + own
        _, low, high = relative_robustness(noisy[None], clean, chance=0.1)
        hits += int(low[0] <= 0.5 <= high[0])
    assert abs(hits / 2000 - 0.95) < 0.024


# --- crossings


def test_a_crossing_by_hand() -> None:
    """+2 at 1 and -1 at 2: two thirds of the way, 1.667. All seeds alike: a point."""
    deltas = np.repeat(np.array([3.0, 2.0, -1.0, -2.0])[:, None], 5, axis=1)
    found = crossing(deltas, SEVERITIES)
    assert (found.ahead, found.changes, found.share) == (1, 1, 1.0)
    assert (found.at, found.low, found.high) == pytest.approx((5 / 3,) * 3)


def test_the_other_arm_may_be_ahead_at_first() -> None:
    found = crossing(np.array([[-3.0], [-1.0], [1.0], [2.0]]), SEVERITIES)
    assert (found.ahead, found.at) == (-1, 1.5)


@pytest.mark.parametrize("seeds", [1, 4])
def test_few_seeds_have_a_place_and_no_interval(seeds: int) -> None:
    deltas = np.random.default_rng(0).normal([[2.0], [1.0], [-1.0], [-2.0]], 0.1, (4, seeds))
    found = crossing(deltas, SEVERITIES)
    assert found.at is not None
    assert (found.low, found.high, found.share) == (None, None, None)


def test_none_within_the_range() -> None:
    deltas = np.repeat(np.array([3.0, 2.0, 1.0, 0.5])[:, None], 5, axis=1)
    found = crossing(deltas, SEVERITIES)
    assert (found.ahead, found.at, found.changes, found.share) == (1, None, 0, 0.0)
    same = crossing(np.zeros((4, 5)), SEVERITIES)
    assert (same.ahead, same.at, same.low, same.share) == (0, None, None, None)


@pytest.mark.parametrize(
    ("means", "at", "changes"),
    [
        ([0.0, 2.0, -2.0, -1.0], 1.5, 1),  # 0 on clean data is no change
        ([1.0, 0.0, 0.0, 1.0], None, 0),  # touches 0 and stays
        ([1.0, 0.0, -1.0, -1.0], 1.0, 1),  # 0 between both signs is the place
        ([1.0, -1.0, 1.0, -1.0], 0.5, 3),  # the first of three
        ([0.0, 0.0, -1.0, -2.0], None, 0),
    ],
)
def test_zeros_and_several_changes(means: list[float], at: float | None, changes: int) -> None:
    found = crossing(np.array(means)[:, None], SEVERITIES)
    assert (found.at, found.changes) == (at, changes)


def test_an_end_outside_the_range_is_open() -> None:
    """The change hangs on one seed of five. High is open: some resamples never change."""
    late = np.array([[1.0] * 5, [0.9] * 5, [0.6] * 5, [0.2, 0.2, 0.2, 0.2, -2.0]])
    found = crossing(late, SEVERITIES)
    assert found.at is not None
    assert found.low is not None
    assert 2 < found.low <= found.at < 4
    assert found.high is None
    assert found.share is not None
    assert 0.5 < found.share < 1
    early = np.array([[1.0, 1.0, 1.0, 1.0, -2.0], [-1.0] * 5, [-2.0] * 5, [-3.0] * 5])
    found = crossing(early, SEVERITIES)  # low is open: some begin with the other order
    assert (found.low, found.ahead) == (None, 1)
    assert found.high is not None
    assert found.high < 1


def test_a_crossings_interval_holds_the_truth_nearly_as_often_as_it_says() -> None:
    """True crossing at 1.5, ten seeds, sd .3 at each severity, noise of a seed shared by all: with
    600 studies 5 sd of a share are 4.4 points, and a bootstrap of ten seeds covers some less.
    """
    generator, truth, hits = np.random.default_rng(1), np.array([1.5, 0.5, -0.5, -2.5]), 0
    for _ in range(600):
        noise = generator.normal(0, 0.3, (4, 10)) + generator.normal(0, 0.3, 10)
        found = crossing(truth[:, None] + noise, SEVERITIES, draws=400)
        low = -math.inf if found.low is None else found.low
        high = math.inf if found.high is None else found.high
        hits += found.at is not None and low <= 1.5 <= high
    assert 0.90 < hits / 600 < 0.99


def test_the_same_table_gives_the_same_interval() -> None:
    deltas = np.random.default_rng(2).normal([[1.0], [0.2], [-0.3], [-1.0]], 0.4, (4, 6))
    assert crossing(deltas, SEVERITIES) == crossing(deltas, SEVERITIES)


def test_severities_must_rise_and_fit() -> None:
    for bad in ([0.0, 1.0, 1.0, 2.0], [0.0, 1.0], [0.0]):
        with pytest.raises(ValueError, match="severities: given"):
            crossing(np.zeros((4, 2)), np.array(bad))


def test_expanded_percentiles_give_the_t_interval_of_a_mean() -> None:
    """A mean's bootstrap has sd s sqrt((n - 1) / n): n = 10, t = 2.262, z = 2.262 sqrt(10 / 9)."""
    assert special.ndtri(expanded_tail(10)) == pytest.approx(-2.2622 * (10 / 9) ** 0.5, abs=1e-4)


# --- effective robustness

CLEAN = np.array([0.70, 0.75, 0.80, 0.85, 0.90])


def on_the_line(clean: np.ndarray) -> np.ndarray:
    """Accuracy under noise that a line of slope .8 and height -.5 in logits predicts."""
    return np.asarray(special.expit(0.8 * special.logit(clean) - 0.5))


def alike(values: np.ndarray) -> np.ndarray:
    """Five seeds, alike."""
    return np.repeat(values[..., None], 5, axis=-1)


def test_what_lies_on_the_line_has_none_and_what_lies_above_has_the_rest() -> None:
    noisy = alike(np.stack([on_the_line(CLEAN), CLEAN], axis=1))  # [A, P, n]
    own = alike(np.array(0.82))
    gain = alike(np.array([on_the_line(np.array(0.82)) + 0.03, 0.82 - 0.01]))
    found = effective_robustness(alike(CLEAN), noisy, own, gain, samples=1000)
    assert not isinstance(found, Refusal)
    assert found.value == pytest.approx([0.03, -0.01])
    assert found.low == pytest.approx([0.03, -0.01])  # the seeds are alike
    assert found.mean == pytest.approx((0.01, 0.01, 0.01))
    assert not found.extrapolated


def test_beyond_the_baselines_the_line_is_a_guess() -> None:
    noisy = alike(on_the_line(CLEAN)[:, None])
    own = alike(np.array(0.95))
    kept = alike(on_the_line(np.array([0.95])))
    found = effective_robustness(alike(CLEAN), noisy, own, kept, samples=1000)
    assert not isinstance(found, Refusal)
    assert found.extrapolated
    assert found.value == pytest.approx([0.0], abs=1e-12)


def test_the_line_is_that_of_least_squares() -> None:
    """Against numpy's, on baselines that do not lie on one."""
    noisy = np.array([0.5, 0.62, 0.58, 0.7, 0.69])
    slope, height = np.polyfit(special.logit(CLEAN), special.logit(noisy), 1)
    predicted = special.expit(slope * special.logit(0.82) + height)
    found = effective_robustness(
        CLEAN[:, None], noisy[:, None, None], np.array([0.82]), np.array([[0.66]]), samples=1000
    )
    assert not isinstance(found, Refusal)
    assert found.value == pytest.approx([0.66 - predicted])
    assert np.isnan(found.low).all()  # one seed
    assert math.isnan(found.mean[1])


def test_its_interval_is_over_seeds() -> None:
    generator = np.random.default_rng(3)
    clean = CLEAN[:, None] + generator.normal(0, 0.01, (5, 8))
    noisy = on_the_line(clean)[:, None]
    own = 0.82 + generator.normal(0, 0.01, 8)
    gain = on_the_line(own)[None] + 0.03 + generator.normal(0, 0.01, (1, 8))
    found = effective_robustness(clean, noisy, own, gain, samples=1000)
    assert not isinstance(found, Refusal)
    assert 0 < found.low[0] < found.value[0] < found.high[0] < 0.06
    assert found.low[0] == pytest.approx(found.mean[1])  # one severity: its mean is itself


def test_accuracies_of_0_and_1_have_a_logit() -> None:
    noisy = alike(np.array([0.0, 0.1, 0.2, 0.9, 1.0])[:, None])
    own, kept = alike(np.array(1.0)), alike(np.array([1.0]))
    found = effective_robustness(alike(CLEAN), noisy, own, kept, samples=400)
    assert not isinstance(found, Refusal)
    assert np.isfinite(found.value).all()


def test_too_few_baselines_and_baselines_without_a_range_are_refused() -> None:
    noisy = alike(on_the_line(CLEAN)[:, None])
    own, kept = alike(np.array(0.8)), alike(np.array([0.7]))
    few = effective_robustness(alike(CLEAN[:4]), noisy[:4], own, kept, samples=400)
    assert isinstance(few, Refusal)
    assert few.reason.startswith("4 baseline arms cannot carry a line")
    flat = effective_robustness(alike(np.full(5, 0.8)), noisy, own, kept, samples=400)
    assert isinstance(flat, Refusal)
    assert "one clean accuracy" in flat.reason
