"""Verdicts over the family and over looks."""

import math

import numpy as np
import pytest

from ablations.summary.effects import Pairs, Rules, decisive
from ablations.summary.family import Question, at_look, decide, resolved, sequential, until

NAME = "test/clean/accuracy"
RULES = Rules(margin=0.005)


def question(
    mean: float, *, contrast: str = "a - b", looks: tuple[int, ...] = (), seeds: int = 8
) -> Question:
    luck = np.array([0.002, -0.002, 0.001, -0.001] * 8)[:seeds]
    pairs = Pairs(tuple(range(seeds)), mean + luck)
    return Question("r", contrast, "clean", NAME, pairs, tuple(range(seeds)), looks)


def test_one_comparison_with_one_look_keeps_its_p() -> None:
    asked = question(0.01)
    (decision,) = decide([asked], RULES).values()
    different, equivalent = decisive(asked.pairs, NAME, RULES)
    assert decision.different == pytest.approx(different)
    assert decision.equivalent == pytest.approx(equivalent)


def test_a_family_of_three_multiplies_the_smallest_p_by_three() -> None:
    asked = [question(0.01, contrast=f"{name} - b") for name in "xyz"]
    alone = decisive(asked[0].pairs, NAME, RULES)[0]
    assert decide(asked, RULES)["r", "x - b", "clean"].different == pytest.approx(3 * alone)


def test_a_comparison_without_spread_has_no_p_and_costs_the_others_nothing() -> None:
    flat = Question("r", "y - b", "clean", NAME, Pairs((0, 1), np.zeros(2)), (0, 1), ())
    found = decide([question(0.01), flat], RULES)
    assert math.isnan(found["r", "y - b", "clean"].different)
    assert found["r", "a - b", "clean"].different == pytest.approx(
        decisive(question(0.01).pairs, NAME, RULES)[0]
    )


def test_more_looks_cost_something_and_their_p_never_grows() -> None:
    one = sequential(question(0.0015), RULES)[0]
    two = sequential(question(0.0015, looks=(4, 8)), RULES)[0]
    first = sequential(question(0.0015, looks=(4, 8), seeds=4), RULES)[0]
    assert one < two < first


def test_a_look_sees_only_its_seeds() -> None:
    asked = question(0.01, looks=(4, 8))
    assert at_look(asked, 4, RULES) == pytest.approx(
        decisive(until(asked.pairs, (0, 1, 2, 3)), NAME, RULES)
    )


def test_resolved_means_a_verdict_for_every_comparison() -> None:
    key = ("r", "a - b", "clean")
    assert resolved({key: "equivalent"})
    assert not resolved({key: "undecided"})
    assert not resolved({key: "no_interval"})
