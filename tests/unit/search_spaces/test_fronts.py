"""Pareto fronts by hand: accuracy up, nll down."""

from hypothesis import given
from hypothesis import strategies as st

from search_spaces.fronts import beaten, dominates, front
from search_spaces.objectives import read_objectives, scalar

TWO = read_objectives(["clean", "nll"])
ONE = read_objectives(["nll"])
GRID = st.integers(0, 4).map(lambda value: value / 4)
POINT = st.fixed_dictionaries({"clean": GRID, "nll": GRID})
POINTS = st.dictionaries(st.integers(0, 30), POINT, max_size=15)


def at(clean: float, nll: float) -> dict[str, float]:
    return {"clean": clean, "nll": nll}


def test_who_dominates() -> None:
    assert dominates(at(0.9, 0.3), at(0.8, 0.3), TWO)
    assert dominates(at(0.9, 0.2), at(0.9, 0.3), TWO)
    assert not dominates(at(0.9, 0.3), at(0.9, 0.3), TWO), "equals do not"
    assert not dominates(at(0.9, 0.4), at(0.8, 0.3), TWO)


def test_the_front_in_the_order_of_the_trials() -> None:
    scores = {7: at(0.9, 0.4), 2: at(0.8, 0.3), 5: at(0.8, 0.4), 9: at(0.7, 0.1), 1: at(0.9, 0.4)}
    assert front(scores, TWO) == [7, 2, 9, 1]
    assert front({}, TWO) == []


def test_of_one_objective_it_is_the_best_and_its_equals() -> None:
    scores = {0: {"nll": 0.3}, 1: {"nll": 0.2}, 2: {"nll": 0.2}}
    assert front(scores, ONE) == [1, 2]
    assert front({}, ONE) == []


@given(points=POINTS)
def test_whoever_is_not_in_the_front_is_dominated_by_one_that_is(
    points: dict[int, dict[str, float]],
) -> None:
    best = front(points, TWO)
    assert bool(best) == bool(points)
    for number, own in points.items():
        assert (number in best) != beaten(own, [points[n] for n in best], TWO)


@given(points=POINTS)
def test_the_best_scalar_lies_in_the_front(points: dict[int, dict[str, float]]) -> None:
    best = front(points, TWO)
    values = {number: scalar(TWO, own) for number, own in points.items()}
    for number, value in values.items():
        if value == max(values.values()):
            assert number in best or any(values[n] >= value for n in best)
