"""Which trials count, and how good each is."""

from typing import Any

from search_spaces import reading
from search_spaces.space import read_space
from tests.unit.search_spaces.search_trees import CLEAN, NLL


def trial(number: int, status: str = "complete", **scores: float | None) -> dict[str, Any]:
    return {"number": number, "status": status, "scores": scores, "scalar": None, "values": {}}


def test_the_lower_is_better_where_it_says_so() -> None:
    trials = [trial(0, nll=0.5), trial(1, nll=0.3), trial(2, "stopped"), trial(3, "failed")]
    assert [t["number"] for t in reading.ranking(trials, NLL)] == [1, 0]
    assert reading.score(trials[1], NLL) == 0.3
    assert reading.worth(trials[1], NLL) == -0.3


def test_of_equal_trials_the_earlier_is_better() -> None:
    trials = [trial(2, clean=0.9), trial(1, clean=0.9), trial(0, clean=0.8)]
    assert [t["number"] for t in reading.ranking(trials, CLEAN)] == [1, 2, 0]


def test_what_is_no_number_is_no_score() -> None:
    assert reading.ranking([trial(0, clean=float("nan")), trial(1, clean=None)], CLEAN) == []


def test_stopped_trials_rank_below_every_complete_one_and_failed_ones_nowhere() -> None:
    trials = [trial(0, clean=0.2), trial(1, "stopped"), trial(2, clean=0.9), trial(3, "failed")]
    judged = reading.judged([*trials, trial(4, "running")], CLEAN)
    assert [t["number"] for t, _ in judged] == [0, 2, 1]
    assert min(value for t, value in judged if t["number"] != 1) > judged[-1][1]


def test_several_objectives_are_ranked_by_their_scalar_of_which_the_higher_wins() -> None:
    target = reading.target_of([CLEAN, NLL])
    trials = [trial(0) | {"scalar": 0.1}, trial(1) | {"scalar": 0.4}, trial(2)]
    assert [t["number"] for t in reading.ranking(trials, target)] == [1, 0]
    assert reading.target_of([NLL]) is NLL


def test_of_two_ranges_of_a_field_the_one_acts_whose_condition_holds() -> None:
    rates = [d for d in read_space("nuisance").dimensions if d.field == "optim.lr"]
    one = {"values": {"optim.lr": 0.005}}
    for optimiser, name in (("sgd", "optim.lr"), ("adam", "optim.lr@adaptive")):
        found = reading.acting(one, rates, {"optim.name": optimiser})
        assert [d.name for d in found] == [name]
    chosen = {"values": {"optim.lr": 0.005, "optim.name": "adam"}}
    (own,) = reading.acting(chosen, rates, {"optim.name": "sgd"})
    assert own.name == "optim.lr@adaptive"


def test_shares_are_shown_in_percent() -> None:
    assert reading.scale_of(CLEAN) == 100
    assert reading.scale_of(NLL) == 1
