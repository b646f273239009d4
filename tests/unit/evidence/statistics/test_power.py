import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import TTestPower

from evidence.statistics import difference_p, minimum_detectable, power_of, seeds_needed

sizes, alphas, powers = st.floats(0.2, 3), st.floats(0.002, 0.2), st.floats(0.3, 0.95)


@given(sizes, st.integers(2, 60), alphas)
def test_power_is_that_of_statsmodels(size: float, n: int, alpha: float) -> None:
    expected = TTestPower().power(size, n, alpha, alternative="two-sided")
    if np.isfinite(expected):  # scipy's far tail, which theirs adds, may be NaN
        assert power_of(0.01, 0.01 * size, n, alpha=alpha) == pytest.approx(expected, abs=1e-6)


@given(st.integers(3, 60), alphas, powers)
def test_the_minimum_has_the_power_asked_for(n: int, alpha: float, power: float) -> None:
    least = minimum_detectable(0.01, n, alpha=alpha, power=power)
    assert power_of(0.01, least, n, alpha=alpha) == pytest.approx(power, abs=1e-6)


@given(sizes, alphas, powers)
def test_seeds_are_enough_and_one_less_is_not(size: float, alpha: float, power: float) -> None:
    n = seeds_needed(0.01, -0.01 * size, alpha=alpha, power=power)
    assert n is not None
    assert power_of(0.01, 0.01 * size, n, alpha=alpha) >= power
    if n > 2:
        assert power_of(0.01, 0.01 * size, n - 1, alpha=alpha) < power


def test_the_numbers_of_the_books() -> None:
    # Cohen 1988: a paired d of .5 needs 34 pairs, of .8 15, for 80 % at two-sided .05.
    assert [seeds_needed(1.0, d) for d in (0.5, 0.8)] == [34, 15]
    assert minimum_detectable(1.0, 34) == pytest.approx(0.4954, abs=5e-4)


def test_power_is_the_share_of_studies_that_reject() -> None:
    """20,000 studies, standard error .0035: four of them."""
    x = np.random.default_rng(1).normal(0.008, 0.01, (20_000, 10))
    found = (difference_p(x) <= 0.05).mean()
    assert power_of(0.01, 0.008, 10) == pytest.approx(found, abs=0.014)


def test_the_ends() -> None:
    assert seeds_needed(1.0, 1e-4) is None
    assert seeds_needed(1.0, 1e6) == 2
    assert power_of(1.0, 0.0, 10) == pytest.approx(0.05)
    assert power_of(1.0, 50.0, 10) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: minimum_detectable(0.0, 10),
        lambda: minimum_detectable(1.0, 1),
        lambda: minimum_detectable(1.0, 10, power=0.01),
        lambda: seeds_needed(1.0, 0.0),
        lambda: seeds_needed(1.0, 1.0, alpha=1.0),
        lambda: power_of(1.0, 1.0, 1),
    ],
)
def test_bad_input_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="given .*allowed"):
        wrong()  # type: ignore[operator]
