"""Verdicts over the family and over looks."""

import math

import numpy as np
import pytest

from ablations.summary.family import Question, at_look, decide, resolved, sequential, until
from ablations.summary.pairs import Pairs, Rules, decisive

NAME = "test/clean/accuracy"
RULES = Rules(margin=0.005)


def question(
    mean: float, *, contrast: str = "a - b", looks: tuple[int, ...] = (), seeds: int = 8
) -> Question:
    luck = np.array([0.002, -0.002, 0.001, -0.001] * 8)[:seeds]
    pairs = Pairs(tuple(range(seeds)), mean + luck)
    return Question("r", contrast, "clean", NAME, pairs, RULES, tuple(range(seeds)), looks)


def grown(*means: float, block: int = 8, guessed: dict[int, float] | None = None) -> Question:
    """Blocks of seeds with a mean difference of their own, a look after each."""
    luck = [0.002, -0.002, 0.001, -0.001] * (block // 4)
    deltas = np.array([mean + x for mean in means for x in luck])
    seeds = tuple(range(len(deltas)))
    looks = tuple(block * (k + 1) for k in range(len(means)))
    pairs = Pairs(seeds, deltas, guessed=guessed)
    return Question("r", "a - b", "clean", NAME, pairs, RULES, seeds, looks)


def test_one_comparison_with_one_look_keeps_its_p() -> None:
    asked = question(0.01)
    (decision,) = decide([asked]).values()
    different, equivalent = decisive(asked.pairs, NAME, RULES)
    assert decision.different == pytest.approx(different)
    assert decision.equivalent == pytest.approx(equivalent)


def test_a_family_of_three_multiplies_the_smallest_p_by_three() -> None:
    asked = [question(0.01, contrast=f"{name} - b") for name in "xyz"]
    alone = decisive(asked[0].pairs, NAME, RULES)[0]
    assert decide(asked)["r", "x - b", "clean"].different == pytest.approx(3 * alone)


def test_a_comparison_that_cannot_be_judged_keeps_its_place_in_the_family() -> None:
    """An arm that fails everywhere must not make the correction of the others milder."""
    flat = Question("r", "y - b", "clean", NAME, Pairs((0, 1), np.zeros(2)), RULES, (0, 1))
    found = decide([question(0.01), flat])
    assert found["r", "y - b", "clean"].different == 1
    assert math.isnan(found["r", "y - b", "clean"].equivalent)
    alone = decisive(question(0.01).pairs, NAME, RULES)[0]
    assert found["r", "a - b", "clean"].different == pytest.approx(2 * alone)


def test_a_look_with_the_other_sign_says_nothing_for_this_one() -> None:
    """+2 points at the first look, then -5: the mean is -1.5, and +2 is no evidence for that."""
    different, _ = sequential(grown(0.02, -0.05))
    alone, _ = at_look(grown(0.02, -0.05), 16)
    assert different > alone > 0.01


def test_failures_after_the_deciding_look_are_heard() -> None:
    """Settled at 8 seeds; of the next 8 runs of the arm half fail, as guesses 60 points worse."""
    failing = {seed: 0.02 + 0.001 * (seed % 2) for seed in range(8)}
    failing |= {seed: -0.6 for seed in range(8, 12)} | {seed: 0.02 for seed in range(12, 16)}
    assert sequential(grown(0.02, 0.02))[0] < 1e-6
    assert sequential(grown(0.02, 0.02, guessed=failing))[0] == 1


def test_more_looks_cost_something_and_their_p_never_grows() -> None:
    one = sequential(question(0.0015))[0]
    two = sequential(question(0.0015, looks=(4, 8)))[0]
    first = sequential(question(0.0015, looks=(4, 8), seeds=4))[0]
    assert one < two < first


def test_a_look_sees_only_its_seeds() -> None:
    asked = question(0.01, looks=(4, 8))
    assert at_look(asked, 4) == pytest.approx(
        decisive(until(asked.pairs, (0, 1, 2, 3)), NAME, RULES)
    )


def test_resolved_means_a_verdict_for_every_comparison() -> None:
    key = ("r", "a - b", "clean")
    assert resolved({key: "equivalent"})
    assert not resolved({key: "undecided"})
    assert not resolved({key: "no_interval"})
    assert resolved({key: "not_measured"})  # more seeds would not change it
