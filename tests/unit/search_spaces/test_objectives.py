"""Objectives by hand: values, rates of exchange, what a failed run counts as."""

import math
from typing import Any

import pytest

from cal.config import Config, ConfigError, parse
from cal.data.corruptions import conditions
from search_spaces.objectives import (
    OBJECTIVES,
    area,
    guesses,
    intermediate,
    read_objectives,
    scalar,
    scores_of,
    words,
)

METRICS = {
    "select/clean/accuracy": 0.9,
    "select/robust/accuracy": 0.7,
    "select/clean/nll": 0.4,
    "time/step_ms": 2.0,
    "parameters": 4096.0,
}


def aims(*names: str) -> Any:
    return read_objectives(names)


def test_the_area_by_hand() -> None:
    """Trapezia over severity 0, .5, 2: gaussian on fac .9, .8, .4 -> .5 (.85) + 1.5 (.6) = 1.325
    of 2 = .6625; salt and pepper on all 0, .5: .9, .5 -> .35 of .5 = .7; their mean .68125.
    """
    noisy = {
        "select/gaussian-fac-2/accuracy": 0.4,
        "select/gaussian-fac-0.5/accuracy": 0.8,
        "select/salt_pepper-all-0.5/accuracy": 0.5,
        "select/missing-fac/accuracy": 0.0,
        "select/gaussian-fac-2/nll": 9.0,
        "test/gaussian-fac-2/accuracy": 0.0,
    }
    assert area({**METRICS, **noisy}) == pytest.approx(0.68125)
    assert area(METRICS) is None
    assert area(noisy) is None
    assert area({**METRICS, **noisy, "select/gaussian-fac-2/accuracy": math.nan}) is None


@pytest.mark.parametrize("name", ["handwritten", "keypad"])
def test_the_area_reads_every_severity_that_runs_are_evaluated_under(name: str) -> None:
    """A constant accuracy has itself as its area, whatever the conditions are called."""
    encoder = "mlp" if name == "handwritten" else "cnn"
    config: Config = parse({"data": {"name": name}, "model": {"encoder": encoder}})
    noisy = [c.name for c in conditions(config) if c.kind in ("gaussian", "salt_pepper")]
    assert len(noisy) >= 8
    metrics = {f"select/{condition}/accuracy": 0.6 for condition in ("clean", *noisy)}
    assert area(metrics) == pytest.approx(0.6)
    dark = metrics | {f"select/{noisy[-1]}/accuracy": 0.0}
    assert area(dark) < 0.6  # type: ignore[operator]


def test_scores_are_all_or_none() -> None:
    found = scores_of(aims("clean", "robust", "nll", "step_time", "parameters"), METRICS)
    assert found == {"clean": 0.9, "robust": 0.7, "nll": 0.4, "step_time": 2, "parameters": 4096}
    for bad in (math.nan, math.inf):
        assert scores_of(aims("clean", "nll"), METRICS | {"select/clean/nll": bad}) is None
    assert scores_of(aims("area"), METRICS) is None


def test_a_single_objective_is_its_value_with_its_sign() -> None:
    assert scalar(aims("clean"), {"clean": 0.9}) == 0.9
    assert scalar(aims("nll"), {"nll": 0.4}) == -0.4


def test_the_scalar_of_several_in_points() -> None:
    """.9 is 90 points, .4 nats are -8 at .05 a point, 2 ms and 4096 parameters are 1 and 12
    doublings.
    """
    scores = {"clean": 0.9, "nll": 0.4, "step_time": 2.0, "parameters": 4096.0}
    assert scalar(aims(*scores), scores) == pytest.approx(90 - 8 - 1 - 12)
    text = words(aims(*scores))
    assert text is not None
    assert "0.05 nats" in text
    assert text.endswith("early stopping does not see time of a step nor parameters")
    assert words(aims("clean")) is None


def test_before_the_end_an_objective_is_what_stands_for_it() -> None:
    epoch = {"val/accuracy": 0.5, "val/nll": 1.0, "train/loss": 2.0}
    assert intermediate(aims("robust"), epoch) == 0.5
    assert intermediate(aims("nll"), epoch) == -1.0
    assert intermediate(aims("clean", "nll"), epoch) == pytest.approx(50 - 20)
    assert intermediate(aims("clean", "parameters"), epoch) == 0.5, "one that has a curve is alone"
    assert intermediate(aims("parameters"), epoch) is None
    assert intermediate(aims("clean"), {"train/loss": 2.0}) is None
    assert intermediate(aims("clean"), {"val/accuracy": math.nan}) is None


def test_a_failed_run_guesses_and_is_neither_fast_nor_small() -> None:
    """Among 10 classes: a tenth, ln 10 nats. Of the default its time; not known: worse than any."""
    names = aims("clean", "area", "nll", "step_time", "parameters")
    known = guesses(names, classes=10, default={"step_time": 3.0, "parameters": 50.0})
    assert known == {
        **{"clean": 0.1, "area": 0.1, "nll": math.log(10)},
        **{"step_time": 3.0, "parameters": 50.0},
    }
    blind = guesses(names, classes=10, default=None)
    assert blind["step_time"] > 1e6
    assert blind["parameters"] > 1e6


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["claen"], "--objective: given 'claen'; allowed: each once of clean, robust"),
        (["clean", "clean"], "--objective: given 'clean'; allowed: each once"),
        ([], "--objective: given none; allowed: clean"),
    ],
)
def test_bad_names_in_one_line(names: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_objectives(names)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_every_objective_says_how_it_is_read() -> None:
    for name, objective in OBJECTIVES.items():
        assert objective.name == name
        assert objective.sign == (1 if objective.better == "higher" else -1)
        assert objective.worth(2.0) != objective.worth(1.0)
        better = objective.worth(2.0) > objective.worth(1.0)
        assert better == (objective.better == "higher"), "worth agrees with the direction"
        assert objective.noise == (name in ("robust", "area"))
