"""Early stopping by hand, and what holds for any values."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.stopping import NAMES, Name, Rung, Scheduler
from search_spaces.stopping import survivors as at_rung

VALUES = st.floats(0, 1).map(lambda value: round(value, 2))
LINES = st.lists(VALUES, min_size=1, max_size=3)
BATCHES = st.dictionaries(st.sampled_from("abcdefghij"), LINES, min_size=1)
RULES = [name for name in NAMES if name != "none"]


def survivors(name: Name, batch: dict[str, list[float]], before: list[list[float]]) -> set[str]:
    """Of a batch that comes where others came before."""
    rung = Rung()
    for i, line in enumerate(before):
        rung.put(f"before {i}", line)
    for key, line in batch.items():
        rung.put(key, [0.0])  # what is told again counts once
        rung.put(key, line)
    return at_rung(name, batch, rung)


def names(count: int) -> dict[str, list[float]]:
    """a is the worst."""
    return {"abcdefghij"[i]: [i / 10] for i in range(count)}


@pytest.mark.parametrize(
    ("count", "kept"),
    [(1, "a"), (2, "b"), (3, "bc"), (4, "cd"), (6, "def"), (7, "defg"), (9, "efghi")],
)
def test_the_better_half_of_a_batch_goes_on(count: int, kept: str) -> None:
    """ceil(n / 2)."""
    assert survivors("asha", names(count), []) == set(kept)


def test_a_batch_is_judged_with_all_that_came_before() -> None:
    """Before: .9 .8 .7 .6. The batch .75 .1: 3 of all 6 go on, .9 .8 .75. Its .65 would not."""
    before = [[0.9], [0.8], [0.7], [0.6]]
    assert survivors("asha", {"x": [0.75], "y": [0.1]}, before) == {"x"}
    assert survivors("asha", {"x": [0.65], "y": [0.1]}, before) == set()


def test_equals_go_on_together() -> None:
    assert survivors("asha", {"a": [0.5], "b": [0.5], "c": [0.5]}, []) == {"a", "b", "c"}


@pytest.mark.parametrize("name", NAMES)
def test_no_number_never_goes_on(name: Name) -> None:
    batch = {"a": [0.5, math.nan], "b": [0.4, 0.4], "c": []}
    assert survivors(name, batch, []) == {"b"}
    assert survivors(name, {"a": [math.nan]}, [[math.nan]]) == set()


def test_median_stopping_by_hand() -> None:
    """Means of the others: .2, .5, .8, median .5. A best of .49 stops, .5 goes on, at any place."""
    before = [[0.1, 0.3], [0.4, 0.6], [0.8]]
    assert survivors("median", {"x": [0.49, 0.2]}, before) == set()
    assert survivors("median", {"x": [0.5, 0.2]}, before) == {"x"}


def test_median_waits_for_three() -> None:
    assert survivors("median", {"x": [0.0]}, [[0.9], [0.9]]) == {"x"}
    assert survivors("median", {"x": [0.0]}, [[0.9], [0.9], [0.9]]) == set()


def test_the_place_of_a_value_in_words() -> None:
    rung = Rung()
    for key, value in {"a": 0.5, "b": 0.7, "c": 0.5, "d": math.nan}.items():
        rung.put(key, [value])
    assert [rung.place(v) for v in (0.7, 0.5)] == ["1 of 3 there", "2 of 3 there"]


@given(batch=BATCHES)
def test_of_a_new_batch_a_half_goes_on_at_least_and_the_best_always(
    batch: dict[str, list[float]],
) -> None:
    for name in RULES:
        kept = survivors(name, batch, [])
        best = max(line[-1] for line in batch.values())
        assert kept <= set(batch)
        if name != "median":
            assert len(kept) >= math.ceil(len(batch) / 2)
            assert {key for key, line in batch.items() if line[-1] == best} <= kept


@given(batch=BATCHES, before=st.lists(LINES, max_size=12))
def test_who_is_better_goes_on_if_who_is_worse_does(
    batch: dict[str, list[float]], before: list[list[float]]
) -> None:
    kept = survivors("asha", batch, before)
    if kept:
        least = min(batch[key][-1] for key in kept)
        assert kept == {key for key, line in batch.items() if line[-1] >= least}
    every = sorted([line[-1] for line in (*before, *batch.values())], reverse=True)
    cut = every[math.ceil(len(every) / 2) - 1]
    assert kept == {key for key, line in batch.items() if line[-1] >= cut}


@given(batch=BATCHES, before=st.lists(LINES, max_size=12))
def test_median_never_stops_the_best_ever(
    batch: dict[str, list[float]], before: list[list[float]]
) -> None:
    best = max(max(line) for line in (*before, *batch.values()))
    kept = survivors("median", batch, before)
    assert {key for key, line in batch.items() if max(line) == best} <= kept


@given(batch=BATCHES, before=st.lists(LINES, max_size=8))
def test_the_order_within_a_pack_decides_nothing(
    batch: dict[str, list[float]], before: list[list[float]]
) -> None:
    turned = dict(reversed(batch.items()))
    for name in RULES:
        assert survivors(name, batch, before) == survivors(name, turned, before[::-1])


@pytest.mark.parametrize(
    ("name", "rungs"),
    [("asha", (20, 50)), ("median", (20, 40, 60, 80)), ("none", ()), ("hyperband", (20, 50))],
)
def test_rungs_are_validated_epochs(name: Name, rungs: tuple[int, ...]) -> None:
    """100 epochs, every 10: a quarter is 25, half is 50; medians at each fifth."""
    scheduler = Scheduler(name, 100, 10)
    assert scheduler.rungs(0) == rungs
    assert ("rungs at epochs" in scheduler.words) == bool(rungs)


def test_brackets_of_hyperband_take_turns() -> None:
    """Two rungs, one, none; compared among themselves."""
    scheduler = Scheduler("hyperband", 80, 1)
    assert [scheduler.rungs(n) for n in range(4)] == [(20, 40), (40,), (), (20, 40)]
    assert [scheduler.bracket(n) for n in range(4)] == [0, 1, 2, 0]
    assert {Scheduler("asha", 80, 1).bracket(n) for n in range(4)} == {0}


@given(
    name=st.sampled_from(NAMES),
    epochs=st.integers(1, 300),
    every=st.integers(1, 50),
    number=st.integers(0, 5),
)
def test_every_rung_lies_before_the_end_and_is_validated(
    name: Name, epochs: int, every: int, number: int
) -> None:
    rungs = Scheduler(name, epochs, min(every, epochs)).rungs(number)
    assert list(rungs) == sorted(set(rungs))
    assert all(0 < rung < epochs and rung % min(every, epochs) == 0 for rung in rungs)
