import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from evidence.statistics import OverRegimes, Refusal, over_regimes


def pooled(effects: list[float], errors: list[float]) -> OverRegimes:
    found = over_regimes(effects, errors)
    assert isinstance(found, OverRegimes)
    return found


@given(st.integers(5, 9), st.floats(0, 0.05), st.integers(0, 10_000))
def test_it_is_the_paule_mandel_of_statsmodels(k: int, tau: float, seed: int) -> None:
    """And its Hartung-Knapp interval, where the variance factor is not below 1."""
    generator = np.random.default_rng(seed)
    errors = generator.uniform(0.005, 0.02, k)
    y = 0.02 + np.hypot(tau, errors) * generator.normal(size=k)
    found = pooled(y.tolist(), errors.tolist())
    weight = 1 / (errors**2 + found.tau**2)
    squares = float(weight @ (y - weight @ y / weight.sum()) ** 2)
    assert squares == pytest.approx(k - 1) or (found.tau == 0 and squares < k - 1)
    expected = combine_effects(y, errors**2, method_re="iterated", use_t=True, atol=1e-8)
    if found.tau > 0 and expected.tau2 == 0:  # its iteration gives 0 where it ends a hair too far
        return
    assert found.tau**2 == pytest.approx(expected.tau2, rel=1e-6, abs=1e-10)
    assert found.mean == pytest.approx(expected.mean_effect_re, abs=1e-6)
    error = np.sqrt(expected.var_eff_w_re * max(1.0, expected.scale_hksj_re))
    half = stats.t.ppf(0.975, k - 1) * error
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=1e-4)


def test_equal_errors_worked_by_hand() -> None:
    # y = 1 2 3 4 5, errors 1: mean 3, squares 10 / (1 + tau^2) = 4, so tau^2 = 1.5, the weights are
    # .4, error 1 / sqrt(2) = .7071 = sd / sqrt(5), and the interval is the t interval of y.
    found = pooled([1.0, 2.0, 3.0, 4.0, 5.0], [1.0] * 5)
    assert found.mean == pytest.approx(3)
    assert found.tau == pytest.approx(np.sqrt(1.5))
    assert found.high - 3 == pytest.approx(2.776445 * np.sqrt(0.5), rel=1e-6)
    assert found.prediction_high - 3 == pytest.approx(3.182446 * np.sqrt(2.0), rel=1e-6)
    assert found.regimes == 5


def test_regimes_that_agree_are_a_fixed_effect() -> None:
    # All effects equal: tau 0, error 1 / sqrt(5), never shorter although the squares are 0.
    found = pooled([0.02] * 5, [1.0] * 5)
    assert found.tau == 0
    assert found.high - found.mean == pytest.approx(2.776445 / np.sqrt(5), rel=1e-6)


@pytest.mark.parametrize("k", [0, 1, 4])
def test_few_regimes_are_refused_with_the_reason(k: int) -> None:
    found = over_regimes([0.01] * k, [0.01] * k)
    assert isinstance(found, Refusal)
    assert found.reason.startswith(f"{k} regime")
    assert "fewer than 5" in found.reason


@pytest.mark.parametrize(
    ("effects", "errors"),
    [([0.1] * 5, [0.1] * 4), ([0.1] * 5, [0.1] * 4 + [0.0]), ([np.nan] * 5, [0.1] * 5)],
)
def test_bad_input_is_refused(effects: list[float], errors: list[float]) -> None:
    with pytest.raises(ValueError, match="given .*allowed"):
        over_regimes(effects, errors)
