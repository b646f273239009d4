"""Every sampler in batches, with conditions, stopped and failed trials, one aim and two."""

import math

import pytest

from cal.config import ConfigError
from search_spaces.samplers import SAMPLERS, STARTUP, make_sampler
from search_spaces.storage import Study
from tests.contract.synthetic import World
from tests.contract.test_search_storage import study

SEVERAL = [name for name, choice in SAMPLERS.items() if choice.several]


def score(values: dict[str, object]) -> float:
    """A hill over the logarithm of the rate, its top at .05."""
    return 0.9 - 0.02 * math.log(float(str(values["optim.lr"])) / 0.05) ** 2


def searched(one: Study, batches: int, *, batch: int = 4) -> list[float]:
    """Asked in batches; of each the last trial is stopped, and now and then one is a guess."""
    rates = []
    for turn in range(batches):
        asked = [one.ask() for _ in range(batch)]
        rates += [stored.values["optim.lr"] for stored in asked]
        for i, stored in enumerate(asked):
            value = score(stored.values)
            one.report(stored.number, 1, value / 2)
            scores = {o.name: value if o.better == "higher" else 1 - value for o in one.objectives}
            if turn % 3 == 2 and i == 1:
                scores = {o.name: 0.1 if o.better == "higher" else 2.3 for o in one.objectives}
            one.tell(stored.number, None if i == batch - 1 else scores)
    return rates


@pytest.mark.parametrize("name", SAMPLERS)
def test_one_aim_over_a_space_with_conditions(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Warnings are errors, and none of them writes a line for each trial."""
    one = study(sampler="tpe")
    rates = searched(one, 4)
    assert all(0.001 <= rate <= 1 for rate in rates)
    assert len(set(rates)) == len(rates), "no draw is repeated"
    cycles = [t.params["cal.bottleneck.cycles"] for t in one.study.trials if len(t.params) == 3]
    assert cycles
    assert all(1 <= value <= 8 for value in cycles)
    lines = [line for line in caplog.messages if "greenlet" not in line]
    assert not lines


@pytest.mark.parametrize("name", SEVERAL)
def test_two_aims_over_a_space_with_conditions(name: str) -> None:
    one = study(sampler=name, aims=("clean", "nll"))
    rates = searched(one, 4)
    assert len(set(rates)) == len(rates)
    assert len(one.study.best_trials) >= 1


@pytest.mark.parametrize("name", ["tpe", "cmaes"])  # gp takes seconds a trial
def test_those_that_learn_come_nearer_the_top(name: str) -> None:
    """Squared distance to it, of the last 12 against the first 12 of 32: less than half."""
    rates = searched(study(sampler=name), 8)
    far = [math.log(rate / 0.05) ** 2 for rate in rates]
    assert sum(far[-12:]) < sum(far[:12]) / 2


@pytest.mark.parametrize("name", SAMPLERS)
def test_equal_seeds_give_equal_questions(name: str) -> None:
    one, other = study(sampler=name), study(sampler=name)
    assert searched(one, 4) == searched(other, 4)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_search_goes_on_from_its_storage_without_a_repeated_draw(name: str) -> None:
    world = World()
    for trials in (6, STARTUP + 4, STARTUP + 8):
        (arm,) = world.drive({"cal": {"trials": trials}}, sampler=name, scheduler="none").arms
    rates = [trial.values["optim.lr"] for trial in arm.trials.values()]
    assert len(rates) == STARTUP + 8
    assert len(set(rates)) == len(rates)
    assert {t.status for t in arm.trials.values()} == {"complete"}


def test_batches_that_are_under_way_are_spread() -> None:
    """Eight asked at once after the start: the constant liar keeps them apart."""
    one = study(sampler="tpe")
    searched(one, 5)
    rates = [math.log(one.ask().values["optim.lr"]) for _ in range(8)]
    assert max(rates) - min(rates) > 0.5


@pytest.mark.parametrize(
    ("name", "objectives", "message"),
    [
        ("tpee", 1, "--sampler: given 'tpee'; allowed: tpe, gp, cmaes, random, qmc, nsga2"),
        ("cmaes", 2, "--sampler: given cmaes with 2 objectives; allowed: tpe, gp, random"),
    ],
)
def test_bad_choices_in_one_line(name: str, objectives: int, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        make_sampler(name, seed=0, objectives=objectives)
    assert str(error.value).startswith(message)


def test_every_sampler_has_words_for_a_report() -> None:
    assert all(len(choice.words) > 5 for choice in SAMPLERS.values())
