"""The contestants of the regret benchmark that need Optuna, on a table of three points."""

import pytest

from benchmarks.regret_contestants import CONTESTANTS as THEIRS
from benchmarks.regret_course import Course
from benchmarks.regret_lookup import Table, table_of
from benchmarks.regret_ours import CONTESTANTS as OURS
from benchmarks.regret_ours import ours
from search_spaces.stopping import NAMES
from tests.regret_points import TREE


@pytest.fixture
def table() -> Table:
    """A has .7 and .9, B .9 and .6, C fails under the first seed; 6 epochs, validated every 2."""
    return table_of(TREE)


@pytest.mark.parametrize("name", [*THEIRS, *OURS])
def test_every_contestant_spends_its_budget_and_repeats_itself(table: Table, name: str) -> None:
    courses = [Course(table, budget=120) for _ in range(2)]
    for course in courses:
        (THEIRS | OURS)[name](course, 3)
    assert courses[0].picks == courses[1].picks
    assert 120 <= courses[0].spent < 120 + 6 * 16
    spent = [epochs for epochs, _ in courses[0].picks]
    assert spent == sorted(spent)
    assert spent[0] <= 4 * 6


def test_one_seed_finds_what_it_prefers_and_racing_what_is_best(table: Table) -> None:
    """B is best by the first seed, A by both: a trial that contends gets the second seed."""
    by_one, by_both = Course(table, 400), Course(table, 400)
    ours(first=False, seeds=1, scheduler="none")(by_one, 1)
    ours(first=False, seeds=2, scheduler="none")(by_both, 1)
    assert by_one.picks[-1][1] == 1
    assert by_both.picks[-1][1] == 0


def test_what_is_stopped_early_leaves_epochs_for_more_trials(table: Table) -> None:
    """Judged at epoch 2 of 6, where C leads, which fails then: that is the price."""
    tried = {}
    for scheduler in NAMES:
        course = Course(table, 120)
        ours(first=False, seeds=1, scheduler=scheduler)(course, 1)
        tried[scheduler] = course.trials
    assert tried["asha"] > 1.2 * tried["none"]


def test_the_default_comes_first(table: Table) -> None:
    """lr .05 and beta .03 are nearest to B: alone under way, it is recommended first."""
    course = Course(table, 6)
    ours(seeds=1, under_way=1)(course, 0)
    assert course.picks[0][1] == 1
