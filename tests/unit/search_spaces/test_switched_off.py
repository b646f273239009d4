"""Whether the search would switch a mechanism off: planted truths, and none where there is none."""

import math
from typing import Any

import numpy as np
import pytest

from search_spaces import switched_off
from search_spaces.space import Dimension, read_space
from tests.unit.search_spaces.search_trees import CLEAN

KNOWN = {d.name: d for d in read_space("nuisance").dimensions}
BETA, ALPHA = KNOWN["cal.bottleneck.beta"], KNOWN["cal.acceleration.alpha"]
SWITCH = Dimension(
    name="cal.acceleration.enabled",
    field="cal.acceleration.enabled",
    label="scientific",
    kind="categorical",
    choices=(True, False),
    default=True,
)


def arm(dimension: Dimension, values: Any, scores: Any, *, stopped: int = 0) -> dict[str, Any]:
    """Trials of one field; the worst are stopped."""
    order = sorted(range(len(values)), key=lambda i: scores[i])
    weak = set(order[:stopped])
    trials = [
        {
            "number": i,
            "status": "stopped" if i in weak else "complete",
            "values": {dimension.field: value},
            "scores": {"clean": None if i in weak else float(scores[i])},
            "scalar": None,
        }
        for i, value in enumerate(values)
    ]
    return {"dimensions": [dimension.model_dump(mode="json")], "config": {}, "trials": trials}


def judged(*given: Any, **more: Any) -> dict[str, Any]:
    (found,) = switched_off.off(arm(*given, **more), CLEAN, base={})
    return found


def evenly(count: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).random(count)


@pytest.mark.parametrize("stopped", [0, 100])
def test_a_bottleneck_that_costs_is_switched_off(stopped: int) -> None:
    """Score falls with log beta: the best lie where beta is smallest. So with most stopped."""
    u = evenly(200)
    low, high = BETA.range
    found = judged(BETA, low * (high / low) ** u, 0.9 - 0.1 * u, stopped=stopped)
    assert found["verdict"] == "off"
    assert found["low"] > 0.5
    assert found["share"] == 1.0
    assert found["text"].startswith("bottleneck (cal.bottleneck.beta): the search would switch it")
    assert "100 % (" in found["text"]
    assert (found["best"], found["trials"]) == (30, 200)


def test_a_mechanism_that_helps_is_kept() -> None:
    u = evenly(200)
    found = judged(ALPHA, 0.25 + 2.75 * u, 0.8 + 0.1 * u)
    assert found["verdict"] == "kept"
    assert found["share"] == 0.0
    assert 0 < found["high"] < 0.2  # an interval although none is nearly off


def test_a_switch_counts_as_off_by_its_choice() -> None:
    on = evenly(100) < 0.5
    found = judged(SWITCH, [bool(v) for v in on], 0.8 - 0.1 * on + 0.01 * evenly(100, 1))
    assert (found["verdict"], found["chance"]) == ("off", 0.5)
    assert "have it off" in found["text"]


def test_no_effect_is_undecided_in_at_least_95_of_100() -> None:
    """Binomial with rate .04, the figure of docs/search.md: more than 8 of 60 has probability
    .001.
    """
    told = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        near = generator.random(60) < 0.5
        found = switched_off.shares(generator.normal(size=60), near, seed=seed)
        told += switched_off.verdict(found, 0.5) != "undecided"
    assert told <= 8


def test_few_trials_say_nothing() -> None:
    found = judged(ALPHA, 0.25 + 2.75 * evenly(19), evenly(19))
    assert found["verdict"] == "undecided"
    assert found["share"] is None
    assert "too few trials (19 trials, 19 complete; at least 20" in found["text"]


def test_the_best_must_have_scores() -> None:
    """Of 40 trials the best 6 are asked for, and only 4 are complete."""
    found = judged(ALPHA, 0.25 + 2.75 * evenly(40), evenly(40), stopped=36)
    assert found["share"] is None
    assert "40 trials, 4 complete" in found["text"]


def test_the_interval_of_a_share_by_hand() -> None:
    """Wilson: 0 of 10 is 0 to z2 / (10 + z2) = 3.8415 / 13.8415 = .2775."""
    low, high = switched_off.wilson(0.0, 10)
    assert low == 0.0
    assert math.isclose(high, 0.27753, abs_tol=1e-5)


def test_the_same_trials_give_the_same_answer() -> None:
    assert judged(ALPHA, 0.25 + 2.75 * evenly(50), evenly(50, 1)) == judged(
        ALPHA, 0.25 + 2.75 * evenly(50), evenly(50, 1)
    )
