"""A search's state in real storages: asked, taken over, told, refused, known."""

import math
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import TrialState

from cal.config import Config, ConfigError
from search_spaces.branches import completed
from search_spaces.objectives import read_objectives
from search_spaces.samplers import make_sampler
from search_spaces.storage import Study, open_storage
from tests.contract.synthetic import ENDS, RATE, SPACE, base, dimensions

KINDS = ["memory", "journal", "sqlite"]
BRANCHES: dict[str, Any] = {
    "optim.name": {
        **{"label": "scientific", "kind": "categorical", "choices": ["sgd", "adam"]},
        "default": "sgd",
    },
    "sgd rate": RATE | {"field": "optim.lr", "when": {"optim.name": "sgd"}, "low": 0.01},
    "adam rate": {
        **RATE,
        **{"field": "optim.lr", "when": {"optim.name": "adam"}, "ends": ENDS},
        **{"low": 1e-5, "high": 1e-3, "default": 1e-4},
    },
}
"""Two ranges of one field, of which one acts."""


class Place:
    """One storage, opened as often as asked: each time as another driver would."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.memory = InMemoryStorage()
        self.where = {
            "journal": str(folder / "deep" / "study.log"),
            "sqlite": f"sqlite:///{folder / 'study.db'}",
        }.get(kind, "")

    def opened(self) -> BaseStorage:
        return open_storage(self.where) if self.where else self.memory

    def study(self, **changes: Any) -> Study:
        return study(self.opened(), **changes)


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite storage: its tables take seconds."""
    path = tmp_path_factory.mktemp("schema") / "study.db"
    open_storage(f"sqlite:///{path}")
    return path


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path, schema: Path) -> Place:
    if request.param == "sqlite":
        shutil.copy(schema, tmp_path / "study.db")
    return Place(request.param, tmp_path)


@pytest.fixture
def memory(tmp_path: Path) -> Place:
    return Place("memory", tmp_path)


def study(
    storage: BaseStorage | None = None,
    *,
    space: dict[str, Any] = SPACE,
    aims: Sequence[str] = ("clean",),
    config: Config | None = None,
    sampler: str = "random",
    **declared: Any,
) -> Study:
    return Study(
        storage,
        "search/cal",
        sampler=lambda asked: make_sampler(sampler, seed=asked, objectives=len(aims)),
        objectives=read_objectives(aims),
        dimensions=dimensions(space),
        config=config or base(),
        declared=declared,
    )


def test_what_was_asked_and_told_comes_back(place: Place) -> None:
    first = place.study()
    asked = [first.ask() for _ in range(6)]
    for one in asked[:4]:
        first.keep(one.number, f"end of {one.number}")
        first.tell(one.number, {"clean": 0.5})
    first.goes_on(4, 3)
    first.keep(4, "a seed")
    again = place.study().stored()
    assert [s.values for s in again] == [s.values for s in asked]
    assert [s.number for s in again] == list(range(6))
    assert [s.told for s in again] == [True] * 4 + [False] * 2
    assert [s.kept for s in again] == [f"end of {n}" for n in range(4)] + ["a seed", ""]
    assert [s.goes_on for s in again] == [0, 0, 0, 0, 3, 0]


def test_only_what_acts_has_a_value(place: Place) -> None:
    """A cyclical schedule has cycles, another has not; they come back so."""
    first = place.study()
    asked = [first.ask() for _ in range(12)]
    for one in asked:
        cyclical = one.values["cal.bottleneck.schedule"] == "cyclical"
        assert ("cal.bottleneck.cycles" in one.values) == cyclical
    assert {"cal.bottleneck.cycles" in one.values for one in asked} == {True, False}
    assert [s.values for s in place.study().stored()] == [s.values for s in asked]


def test_a_half_asked_trial_gets_the_values_it_lacks(place: Place) -> None:
    """The driver died after the first value of trial 0, and before any of trial 1."""
    first = place.study()
    half = first.study.ask()
    rate = half.suggest_float("optim.lr", 0.001, 1.0, log=True)
    first.study.ask()
    again = place.study()
    found = again.stored()
    assert [s.number for s in found] == [0, 1]
    assert found[0].values["optim.lr"] == rate
    assert all("cal.bottleneck.schedule" in s.values for s in found)
    again.keep(0, "end")
    again.tell(0, {"clean": 0.7})
    once_more = place.study().stored()
    assert [s.values for s in once_more] == [s.values for s in found]
    assert [s.told for s in once_more] == [True, False]


def test_a_trial_that_was_kept_but_not_told_is_told_by_the_next(place: Place) -> None:
    first = place.study()
    number = first.ask().number
    first.keep(number, "end")
    again = place.study()
    (found,) = again.stored()
    assert (found.kept, found.told) == ("end", False)
    again.tell(number, {"clean": 0.7})
    (done,) = place.study().stored()
    assert done.told


@pytest.mark.parametrize("aims", [("clean",), ("nll",), ("clean", "nll")])
def test_objectives_are_told_in_their_own_units_and_directions(
    place: Place, aims: tuple[str, ...]
) -> None:
    """Of nll .3 is better than .5; the values at rungs are turned back as well."""
    one = place.study(aims=aims)
    for value in (0.3, 0.5):
        number = one.ask().number
        one.report(number, 3, value if aims == ("clean",) else -value)
        one.keep(number, "end")
        one.tell(number, dict.fromkeys(aims, value))
    trials = place.study(aims=aims).study.get_trials()
    assert [t.values for t in trials] == [[0.3] * len(aims), [0.5] * len(aims)]
    found = [t.intermediate_values for t in trials]
    assert found == ([{3: 0.3}, {3: 0.5}] if len(aims) == 1 else [{}, {}])
    best = [t.number for t in one.study.best_trials]
    assert best == {("clean",): [1], ("nll",): [0]}.get(aims, [0, 1])


def test_a_stopped_trial_has_its_last_value_and_is_pruned(place: Place) -> None:
    one = place.study()
    number = one.ask().number
    one.report(number, 1, 0.2)
    one.report(number, 3, 0.4)
    one.keep(number, "end")
    one.tell(number, None)
    (trial,) = place.study().study.get_trials()
    assert trial.state == TrialState.PRUNED
    assert trial.values == [0.4]
    several = study(aims=("clean", "nll"))
    number = several.ask().number
    several.report(number, 1, 0.2)
    several.tell(number, None)
    assert several.study.trials[0].state == TrialState.PRUNED
    assert several.study.trials[0].values is None


def test_a_rung_is_reported_once_also_by_a_later_driver(place: Place) -> None:
    """Optuna would warn, and warnings are errors here."""
    first = place.study()
    number = first.ask().number
    first.report(number, 1, 0.2)
    first.report(number, 1, 0.3)
    again = place.study()
    again.stored()
    again.report(number, 1, 0.9)
    again.report(number, 3, 0.4)
    assert again.study.trials[0].intermediate_values == {1: 0.2, 3: 0.4}


def test_the_first_suggestion_is_asked_first_and_enqueued_once(place: Place) -> None:
    values = completed(dimensions(), base(), {})
    for _ in range(3):
        assert place.study().suggest_first(values, origin="default")
    other = {"optim.lr": 0.1, "cal.bottleneck.schedule": "cyclical", "cal.bottleneck.cycles": 2}
    assert place.study().suggest_first(other, origin="published: A 2025")
    first = place.study()
    one, two, three = (first.ask() for _ in range(3))
    assert (one.values, one.origin) == (values, "default")
    assert (two.values, two.origin) == (other, "published: A 2025")
    assert three.origin == "sampler"
    again = place.study()
    again.stored()
    assert again.suggest_first(values, origin="default")
    assert again.ask().origin == "sampler", "it was asked before"
    assert [s.origin for s in place.study().stored()][:2] == ["default", "published: A 2025"]


def test_a_suggestion_out_of_range_is_refused(memory: Place) -> None:
    one = memory.study()
    assert not one.suggest_first({"optim.lr": 2.0}, origin="default")
    assert not one.suggest_first({"cal.bottleneck.schedule": "cosine"}, origin="default")
    assert not one.study.trials


@pytest.mark.parametrize(("name", "rate"), [("sgd", 0.05), ("adam", 0.0003)])
def test_of_two_ranges_of_one_field_the_one_that_acts_counts(
    memory: Place, name: str, rate: float
) -> None:
    values = {"optim.name": name, "optim.lr": rate}
    one = memory.study(space=BRANCHES)
    assert one.suggest_first(values, origin="default")
    assert one.ask().values == values
    assert one.study.trials[0].params == {"optim.name": name, f"{name} rate": rate}
    assert one.know(values, {"clean": 0.9}, origin="earlier")
    assert one.study.trials[1].params == {"optim.name": name, f"{name} rate": rate}
    wrong = {"optim.name": "adam", "optim.lr": 0.05}
    assert not one.suggest_first(wrong, origin="default")
    assert not one.know(wrong, {"clean": 0.9}, origin="earlier")


def test_what_is_known_from_elsewhere_is_no_trial_and_told_once(place: Place) -> None:
    values = {"optim.lr": 0.1, "cal.bottleneck.schedule": "cyclical", "cal.bottleneck.cycles": 2}
    assert place.study().know(values, {"clean": 0.8}, origin="earlier")
    assert not place.study().know(values, {"clean": 0.8}, origin="earlier")
    assert not place.study().know(values | {"optim.lr": 3.0}, {"clean": 0.8}, origin="earlier")
    one = place.study()
    assert not one.stored()
    assert one.study.best_value == 0.8
    assert one.ask().number == 1
    assert [s.number for s in place.study().stored()] == [1]


def test_a_fixed_field_must_have_its_value_to_be_known(memory: Place) -> None:
    fixed = {"gamma": {"label": "fixed", "kind": "float", "default": 0.5}}
    one = memory.study(space={"optim.lr": RATE, **fixed})
    assert one.know({"optim.lr": 0.1, "gamma": 0.5}, {"clean": 0.8}, origin="earlier")
    assert not one.know({"optim.lr": 0.2, "gamma": 1.0}, {"clean": 0.8}, origin="earlier")
    assert one.ask().values["gamma"] == 0.5


def test_what_a_search_is_may_not_change(place: Place) -> None:
    declared: dict[str, Any] = {"fields": [{"low": 0.1}], "objective": ["clean"], "seeds": 3}
    place.study(**declared)
    place.study(**declared)
    for changes in ({"seeds": 2}, {"fields": [{"low": 0.2}]}, {"more": 1}):
        with pytest.raises(ConfigError) as error:
            place.study(**{**declared, **changes})
        line = str(error.value)
        assert line == (
            f"--name: given search/cal, which was begun with another {next(iter(changes))}; "
            "allowed: the same, or another name"
        )
    with pytest.raises(ConfigError, match="another objective"):
        place.study(**declared | {"objective": ["nll"]}, aims=("nll",))


def test_the_dashboard_has_names_and_units(place: Place) -> None:
    place.study(aims=("clean", "nll"))
    found = place.study(aims=("clean", "nll")).study
    assert found.metric_names == ["clean accuracy, share", "negative log-likelihood, nats"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from optuna_dashboard import wsgi

        assert wsgi(place.opened()) is not None


def test_a_sampler_is_seeded_by_what_was_asked(place: Place) -> None:
    """So a search that goes on does not draw the same again, killed or not."""
    drawn = []
    for _ in range(3):
        one = place.study()
        one.stored()
        drawn += [one.ask().values["optim.lr"] for _ in range(3)]
    assert len(set(drawn)) == 9


@pytest.mark.parametrize(
    "where",
    ["nosuch://u:secret@host/db", "sqlite:////nowhere/at/all/study.db"],
)
def test_a_storage_that_cannot_be_opened_is_refused_in_one_line(where: str) -> None:
    with pytest.raises(ConfigError) as error:
        open_storage(where)
    assert str(error.value).startswith("--storage: given ")
    assert "cannot be opened" in str(error.value)
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)


def test_no_value_that_is_no_number_reaches_a_sampler() -> None:
    one = study()
    number = one.ask().number
    with pytest.warns(UserWarning, match="nan"):
        one.tell(number, {"clean": math.nan})
    assert one.study.trials[0].state == TrialState.FAIL
    assert not one.stored()
