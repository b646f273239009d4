import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evidence.statistics import (
    boundary,
    critical_constant,
    crossing_probability,
    sequential_p,
    shares,
    step_down,
)

FOUR = [0.25, 0.5, 0.75, 1.0]
UNEVEN = shares((10, 14, 18, 22))
unit = st.floats(0, 1)


def equal(looks: int) -> list[float]:
    return [k / looks for k in range(1, looks + 1)]


# Jennison and Turnbull 2000, tables 2.1 and 2.3: two-sided alpha .05.
@pytest.mark.parametrize(
    ("looks", "delta", "constant"),
    [(2, 0.5, 2.178), (3, 0.5, 2.289), (4, 0.5, 2.361), (5, 0.5, 2.413)]
    + [(2, 0.0, 1.977), (3, 0.0, 2.004), (4, 0.0, 2.024), (5, 0.0, 2.040)],
)
def test_constants_of_pocock_and_obrien_fleming(looks: int, delta: float, constant: float) -> None:
    assert critical_constant(0.05, equal(looks), delta=delta) == pytest.approx(constant, abs=5e-4)
    found = crossing_probability(constant, equal(looks), delta=delta)
    assert found == pytest.approx(0.05, abs=1e-4)


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("c", [-0.5, 0.7, 2.0, 3.0])
def test_it_is_the_multivariate_normal_of_scipy(c: float, sides: int) -> None:
    """scipy integrates to about 1e-5, so the tolerance is its error, not ours."""
    f = np.array(UNEVEN)
    covariance = np.sqrt(np.minimum.outer(f, f) / np.maximum.outer(f, f))
    z = boundary(c, UNEVEN)
    low = -z if sides == 2 else np.full(4, -np.inf)
    if sides == 2 and c < 0:
        expected = 1.0
    else:
        normal = stats.multivariate_normal(np.zeros(4), covariance, seed=0)
        expected = 1 - normal.cdf(z, lower_limit=low)
    assert crossing_probability(c, UNEVEN, sides=sides) == pytest.approx(expected, abs=1e-4)


def test_it_is_the_share_of_simulated_paths() -> None:
    """100,000 paths, standard error .0007 at .05: 4.5 of them, wrong once in 150,000 seeds."""
    f = np.array([0.1, 0.15, 0.5, 0.6, 1.0])
    steps = np.sqrt(np.diff(f, prepend=0)) * np.random.default_rng(1).normal(size=(100_000, 5))
    z = steps.cumsum(-1) / np.sqrt(f)
    for sides in (1, 2):
        c = critical_constant(0.05, f.tolist(), sides=sides)
        crossed = ((np.abs(z) if sides == 2 else z) >= boundary(c, f.tolist())).any(-1)
        assert crossed.mean() == pytest.approx(0.05, abs=0.0032)


@pytest.mark.parametrize("sides", [1, 2])
def test_the_nodes_are_enough(monkeypatch: pytest.MonkeyPatch, sides: int) -> None:
    from evidence.statistics import sequential

    c = np.array([-2.0, 0.5, 2.0, 3.0, 5.0, 8.0])
    found = [crossing_probability(c, f, sides=sides) for f in (UNEVEN, equal(20))]
    nodes, weights = np.polynomial.legendre.leggauss(160)
    monkeypatch.setattr(sequential, "_NODES", nodes)
    monkeypatch.setattr(sequential, "_WEIGHTS", weights)
    again = [crossing_probability(c, f, sides=sides) for f in (UNEVEN, equal(20))]
    assert np.stack(found) == pytest.approx(np.stack(again), abs=1e-9)


def test_many_constants_are_those_one_by_one() -> None:
    c = np.linspace(-3, 6, 600).reshape(2, 300)
    found = crossing_probability(c, FOUR)
    assert found.shape == (2, 300)
    assert (np.diff(found.reshape(-1)) <= 1e-12).all()
    assert found[1, 7] == pytest.approx(float(crossing_probability(c[1, 7], FOUR)))
    assert crossing_probability(np.array([np.inf, -np.inf]), FOUR).tolist() == [0.0, 1.0]


@given(unit)
def test_one_look_gives_p_itself(p: float) -> None:
    for sides in (1, 2):
        assert sequential_p([p], [1.0], sides=sides) == pytest.approx(p, abs=1e-12)


@given(st.lists(unit, min_size=1, max_size=4), st.sampled_from([1, 2]))
def test_it_never_grows_and_is_never_below_the_smallest_p(values: list[float], sides: int) -> None:
    found = [float(sequential_p(values[: k + 1], UNEVEN, sides=sides)) for k in range(len(values))]
    assert (np.diff(found) <= 1e-9).all()
    assert found[-1] >= min(values) - 1e-9


@given(st.lists(unit, min_size=4, max_size=4), st.floats(0.001, 0.5), st.sampled_from([1, 2]))
def test_it_is_at_most_alpha_where_the_design_has_stopped(
    values: list[float], alpha: float, sides: int
) -> None:
    z = stats.norm.isf(np.array(values) / sides)
    c = critical_constant(alpha, UNEVEN, sides=sides)
    distance = np.max(z - boundary(c, UNEVEN))
    if abs(distance) > 1e-6:
        assert (sequential_p(values, UNEVEN, sides=sides) <= alpha) == (distance > 0)


def test_what_is_rejected_stays_rejected_in_a_family() -> None:
    p = np.random.default_rng(2).random((200, 5, 4)) ** 5
    q = np.random.default_rng(3).random((200, 5, 4)) ** 5
    before = np.ones((2, 200, 5))
    for k in range(1, 5):
        one = sequential_p(p[..., :k], UNEVEN), sequential_p(q[..., :k], UNEVEN, sides=1)
        after = np.stack(step_down(*one))
        assert (after <= before + 1e-9).all()
        before = after


def test_looks_that_are_missing_are_skipped() -> None:
    nan = float("nan")
    found = sequential_p([[0.01, nan], [nan, nan], [0.0, 0.5], [1.0, 1.0]], FOUR)
    assert found[0] == pytest.approx(float(sequential_p([0.01], FOUR)))
    assert np.isnan(found[1])
    assert found[2:].tolist() == [0.0, 1.0]


def test_shares_of_the_seeds() -> None:
    assert shares((10, 14, 18, 22)) == pytest.approx([8 / 20, 12 / 20, 16 / 20, 1])
    assert shares((3,)) == [1.0]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: shares(()),
        lambda: shares((2, 4)),
        lambda: shares((5, 5)),
        lambda: crossing_probability(2.0, [0.5, 0.9]),
        lambda: crossing_probability(2.0, [0.5, 0.5, 1.0]),
        lambda: crossing_probability(2.0, []),
        lambda: crossing_probability(2.0, FOUR, sides=3),
        lambda: crossing_probability(2.0, FOUR, delta=0.7),
        lambda: critical_constant(0.0, FOUR),
        lambda: sequential_p([0.1] * 5, FOUR),
        lambda: sequential_p([], FOUR),
        lambda: sequential_p([1.5], FOUR),
    ],
)
def test_bad_input_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="given .*allowed"):
        wrong()  # type: ignore[operator]
