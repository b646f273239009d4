"""The counter-based generator: a function of (key, sample id, index), and statistically sound.

Keys are fixed, so nothing here is random; "1 in 10,000" says how often a sound generator would miss
the bound if the key were drawn anew.
"""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cal.data.noise import _GOLDEN, _mixed, _unit, key_of, normals, uniforms

Draw = Callable[[int, np.ndarray, int], np.ndarray]
KEY = key_of("test", 1)
IDS = np.arange(500)


def test_the_mixing_function_gives_the_published_splitmix64_sequence() -> None:
    """The first three outputs of SplitMix64 from state 0 (the reference implementation's)."""
    counters = np.arange(1, 4, dtype=np.uint64) * _GOLDEN
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert _mixed(counters).tolist() == expected


@settings(max_examples=50)
@given(st.lists(st.integers(0, 499), min_size=1, max_size=40), st.integers(1, 30))
def test_a_sample_gets_the_same_numbers_in_any_order_batch_and_length(
    ids: list[int], count: int
) -> None:
    whole = normals(KEY, IDS, 30)
    assert np.array_equal(normals(KEY, np.array(ids), count), whole[ids, :count])


def test_uniforms_never_reach_0_or_1() -> None:
    ends = _unit(np.array([0, 2**64 - 1], dtype=np.uint64))
    assert 0 < ends[0] < 1e-15
    assert 1 - 1e-15 < ends[1] < 1


@pytest.mark.parametrize(("draw", "law"), [(uniforms, "uniform"), (normals, "norm")])
def test_draws_follow_their_law(draw: Draw, law: str) -> None:
    """Kolmogorov-Smirnov over all draws, over samples at one index, over indices of one sample."""
    table = draw(KEY, np.arange(2000), 100)
    for values in (table.ravel(), table[:, 0], table[:, 99], table[0], table[1999]):
        assert stats.kstest(values, law).pvalue > 1e-4  # 1 in 10,000 a set


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(normals(KEY, IDS + 1, 400), id="next sample"),
        pytest.param(normals(KEY, IDS, 401)[:, 1:], id="next index"),
        pytest.param(normals(KEY + 1, IDS, 400), id="next key"),
        pytest.param(normals(key_of("test", 2), IDS, 400), id="next name"),
        pytest.param(normals(KEY, IDS, 400) ** 2, id="own square"),
    ],
)
def test_neighbours_are_uncorrelated(other: np.ndarray) -> None:
    """|r| below 4 standard errors, 1/sqrt(200,000) each: 1 in 16,000."""
    draws = normals(KEY, IDS, 400)
    r = np.corrcoef(draws.ravel(), other.ravel())[0, 1]
    assert abs(r) < 4 / np.sqrt(draws.size)


def test_keys_depend_on_every_name_and_on_nothing_else() -> None:
    assert key_of("a", "b", 1) == key_of("a", "b", 1)
    keys = {key_of("a", "b"), key_of("b", "a"), key_of("ab"), key_of("a", "b", 0)}
    assert len(keys) == 4
    assert all(0 <= key < 2**64 for key in keys)
