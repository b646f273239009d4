"""One arm against another: pairs, what decides, failed runs, test samples."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ablations.rows import Row
from ablations.summary.effects import effects, sampled
from ablations.summary.pairs import Rules, better, decisive, pairs_of, widened
from ablations.summary.samples import Samples
from evidence.statistics import paired

CLEAN = "test/clean/accuracy"
RULES = Rules(margin=0.005)
LUCK = (0.0, 0.002, -0.001, 0.001, -0.002, 0.0015)


def cell(
    arm: str, gain: float, *, luck: float = 1.0, failed: tuple[int, ...] = ()
) -> tuple[Row, ...]:
    """Six seeds whose accuracy climbs by 2 points each, alike for all arms."""
    return tuple(
        Row("r", arm, seed, f"{arm}-{seed}", "FAILED")
        if seed in failed
        else Row(
            *("r", arm, seed, f"{arm}-{seed}", "FINISHED"),
            metrics={CLEAN: 0.7 + 0.02 * seed + gain + luck * LUCK[seed]},
        )
        for seed in range(6)
    )


def test_an_effect_is_the_paired_t_of_its_seeds() -> None:
    a, b = cell("a", 0.05), cell("b", 0.0, luck=0.0)
    found = effects(a, b, [CLEAN], rules=RULES)[CLEAN]
    by_hand = paired([r.metrics[CLEAN] for r in a], [r.metrics[CLEAN] for r in b])
    for key in ("difference", "half_width", "low", "high", "t", "p", "n"):
        assert found[key] == pytest.approx(getattr(by_hand, key))
    assert found["verdict"] == "helps"
    assert found["p_adjusted"] is None  # no member of the family yet


def test_the_sign_of_better_follows_the_metric() -> None:
    assert better("test/clean/nll") == better("test/robust/ece") == "lower"
    assert better("test/drop/accuracy") == "lower"
    assert better(CLEAN) == better("test/area-gaussian-half/accuracy") == "higher"


def test_inside_the_margin_is_equivalent_whatever_its_sign() -> None:
    found = effects(cell("a", 0.001), cell("b", 0.0, luck=0.0), [CLEAN], rules=RULES)[CLEAN]
    assert found["verdict"] == "equivalent"
    undeclared = effects(
        cell("a", 0.001), cell("b", 0.0, luck=0.0), [CLEAN], rules=Rules(margin=None)
    )[CLEAN]
    assert undeclared["verdict"] == "undecided"
    assert undeclared["p_equivalent"] is None


def test_the_same_runs_are_not_judged() -> None:
    found = effects(cell("a", 0.05), cell("b", 0.0), [CLEAN], rules=RULES, same=True)[CLEAN]
    assert (found["verdict"], found["p"], found["n"]) == ("same_runs", None, 6)


def test_equal_differences_give_no_interval() -> None:
    found = effects(cell("a", 0.05), cell("b", 0.0), [CLEAN], rules=RULES)[CLEAN]
    assert (found["verdict"], found["low"]) == ("no_interval", None)
    assert found["difference"] == pytest.approx(0.05)


def test_survivors_alone_do_not_win() -> None:
    """Where it survives the arm is 5 points better; counted as guesses (.1) its failures cost more:
    no verdict, and the reader is told why.
    """
    found = effects(cell("a", 0.05, failed=(1, 4)), cell("b", 0.0, luck=0.0), [CLEAN], rules=RULES)
    effect = found[CLEAN]
    assert effect["low"] > 0
    assert effect["verdict"] == "undecided"
    assert effect["failures"] == {"arm": 2, "reference": 0}
    assert effect["reason"] == "does not hold if the failed runs count as guesses"


def test_a_reference_that_fails_is_no_help_either() -> None:
    """The arm is 5 points worse where both survive; two failures of the other do not save it."""
    a, b = cell("a", -0.05), cell("b", 0.0, luck=0.0, failed=(1, 4))
    effect = effects(a, b, [CLEAN], rules=RULES)[CLEAN]
    assert effect["high"] < 0
    assert effect["verdict"] == "undecided"


def test_where_nothing_stands_for_a_failed_run_there_is_no_verdict() -> None:
    name = "test/clean/ece"
    a = tuple(
        replace(row, metrics={name: 0.01 + luck})
        for row, luck in zip(cell("a", 0), LUCK, strict=True)
    )
    b = tuple(replace(row, metrics={name: 0.5}) for row in cell("b", 0.0, failed=(1,)))
    effect = effects(a, b, [name], rules=RULES)[name]
    assert effect["high"] < 0
    assert (effect["verdict"], effect["n"]) == ("undecided", 5)
    assert effect["reason"] == "runs failed, and nothing stands for their value"


def test_a_value_that_is_no_number_counts_as_a_failed_run() -> None:
    rows = cell("a", 0.05)
    broken = (replace(rows[0], metrics={CLEAN: math.nan}), *rows[1:])
    pairs = pairs_of(broken, cell("b", 0.0, luck=0.0), CLEAN, classes=10)
    assert pairs.dropped == (0,)
    assert pairs.guessed is not None
    assert pairs.guessed[0] == pytest.approx(0.1 - 0.7)


def test_other_test_samples_are_not_compared_sample_by_sample() -> None:
    runs = {
        f"{arm}-{seed}": Samples(np.arange(first, first + 4), np.zeros(4), {"clean": np.ones(4)})
        for arm, first in (("a", 0), ("b", 4))
        for seed in range(6)
    }
    assert sampled(cell("a", 0.0), cell("b", 0.0), "clean", runs, RULES) == {}


def test_failed_nll_is_that_of_guessing() -> None:
    a = [replace(row, metrics={"test/clean/nll": 0.5}) for row in cell("a", 0.0)]
    b = [replace(row, metrics={"test/clean/nll": 0.4}) for row in cell("b", 0.0, failed=(0,))]
    pairs = pairs_of(tuple(a), tuple(b), "test/clean/nll", classes=10)
    assert pairs.guessed is not None
    assert pairs.guessed[0] == pytest.approx(0.5 - math.log(10))


def test_redrawn_test_parts_widen_the_interval_by_nadeau_and_bengio() -> None:
    """n = 6, n_test / n_train = 1/4: the error grows by sqrt(1 + 6/4) = 1.581."""
    a, b = cell("a", 0.05), cell("b", 0.0, luck=0.0)
    plain = effects(a, b, [CLEAN], rules=RULES)[CLEAN]
    rules = replace(RULES, ratio=0.25)
    wide = effects(a, b, [CLEAN], rules=rules)[CLEAN]
    assert wide["half_width"] / plain["half_width"] == pytest.approx(math.sqrt(2.5))
    assert plain["t"] / wide["t"] == pytest.approx(math.sqrt(2.5))
    deltas = pairs_of(a, b, CLEAN, classes=10).deltas
    assert widened(deltas, rules).mean() == pytest.approx(deltas.mean())
    assert decisive(pairs_of(a, b, CLEAN, classes=10), CLEAN, rules)[0] == pytest.approx(wide["p"])


def test_details_are_for_those_who_ask() -> None:
    a, b = cell("a", 0.05), cell("b", 0.0, luck=0.0)
    brief = effects(a, b, [CLEAN], rules=RULES)[CLEAN]
    full = effects(a, b, [CLEAN], rules=RULES, detailed={CLEAN: 0.05})[CLEAN]
    assert brief["minimum_detectable"] is None
    assert full["improvement"]["probability"] == 1
    assert full["d"]["low"] < brief["d"]["value"] < full["d"]["high"]
    assert full["seeds_for_margin"] >= 2


def test_test_samples_widen_what_seeds_agree_on() -> None:
    """Four samples; the arm gets sample 3 right in every seed, nothing else differs. Over seeds the
    difference is exactly 1/4; over samples it may as well be 0.
    """
    ids, labels = np.arange(4), np.zeros(4, dtype=np.uint8)
    runs = {
        f"{arm}-{seed}": Samples(ids, labels, {"clean": np.array([1.0, 1.0, 0.0, hit])})
        for arm, hit in (("a", 1.0), ("b", 0.0))
        for seed in range(6)
    }
    found = sampled(cell("a", 0.0), cell("b", 0.0), "clean", runs, RULES)
    low, high = found["two_way"]
    assert low == 0
    assert high > 0.25
    assert (found["mcnemar"]["only_arm"], found["mcnemar"]["only_reference"]) == (1, 0)
    assert sampled(cell("a", 0.0), cell("b", 0.0), "robust", runs, RULES) == {}
