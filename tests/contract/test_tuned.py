"""What Ray Tune asks of a search and tells it, without Ray: trials, runs, when it ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cal.records import Epoch, Failure, Record, Result
from cal.running import ATTEMPTS, Job
from search_spaces import stopping, tuned
from search_spaces.arm import Arm
from search_spaces.clerk import Clerk
from search_spaces.storage import open_storage
from tests.searching import Notes, searched

EPOCHS = 6
ACCURACY = {0.0001: 0.2, 0.001: 0.4, 0.02: 0.6, 0.05: 0.9, 0.1: 0.8}  # by rate


def never(number: int, epoch: int, value: float) -> bool:
    return False


def search_of(arm: Arm, notes: Notes) -> tuned.Search:
    search = tuned.Search(arm, Clerk([arm], notes), folder="nowhere")
    search.take_over()
    return search


def following(search: tuned.Search) -> tuple[int, list[Job]] | None:
    """What the searcher does."""
    found = search.waiting()
    while found is None and search.left:
        search.adopt(search.study.ask())
        found = search.waiting()
    return found


def trained(job: Job) -> Iterator[Record]:
    """A run whose accuracy depends on its rate alone, and a little on its seed."""
    level = ACCURACY[job.config.optim.lr] + 0.001 * (job.config.seed % 10)
    for epoch in range(1, EPOCHS + 1):
        yield Epoch(epoch, EPOCHS, epoch, {"val/accuracy": level * epoch / EPOCHS})
    yield Result({"select/clean/accuracy": level})


def drive(search: tuned.Search, stops: tuned.Stops = never) -> None:
    """One trial after another."""
    while (given := following(search)) is not None:
        number, jobs = given
        said = ((job.key, record) for job in jobs for record in trained(job))
        while search.take(number, *next(said), stops):
            pass


def test_every_trial_is_told_and_contenders_alone_get_seeds() -> None:
    arm, notes = searched([0.02, 0.05, 0.1, 0.0001], seeds=3), Notes()
    drive(search_of(arm, notes))
    assert {t.number: len(t.runs) for t in arm.trials.values()} == {0: 3, 1: 3, 2: 2, 3: 1}
    assert arm.trials[3].reason == "clearly behind the leader"
    assert [t.state.name for t in arm.study.study.get_trials()] == ["COMPLETE"] * 4
    assert arm.study.study.best_value == pytest.approx(0.901)
    assert notes.ended == [(n, "complete") for n in range(4)]


def test_a_stop_is_told_with_the_values_so_far_and_an_evaluation_is_never_stopped() -> None:
    arm, notes = searched([0.05, 0.0001]), Notes()
    asked: list[tuple[int, int]] = []

    def stops(number: int, epoch: int, value: float) -> bool:
        asked.append((number, epoch))
        return number == 1 and epoch == 2

    drive(search_of(arm, notes), stops)
    assert asked == [(0, e) for e in range(1, EPOCHS)] + [(1, 1), (1, 2)]
    stopped = arm.study.study.get_trials()[1]
    assert stopped.state.name == "PRUNED"
    assert stopped.intermediate_values == pytest.approx({1: 0.2 / 6, 2: 0.4 / 6})
    assert arm.trials[1].reason == "stopped at epoch 2: 2 of 2 there"
    assert arm.trials[1].runs[0].status == "stopped"


def test_only_first_seeds_are_judged() -> None:
    arm, judged = searched([0.05], seeds=2), list[int]()

    def stops(number: int, epoch: int, value: float) -> bool:
        judged.append(epoch)
        return False

    drive(search_of(arm, Notes()), stops)
    assert len(arm.trials[0].line) == 2
    assert judged == [1, 2, 3, 4, 5]


def test_a_worker_that_dies_is_no_failure_until_it_has_died_four_times() -> None:
    arm, notes = searched([0.05, 0.1]), Notes()
    search = search_of(arm, notes)
    for attempt in range(ATTEMPTS):
        given = following(search)
        assert given is not None
        assert given[0] == 0, attempt
        assert search.busy
        search.take(0, given[1][0].key, Epoch(1, EPOCHS, 1, {"val/accuracy": 0.5}), never)
        search.lost(0, "it died\nkilled by signal 9")
    assert notes.ended == [(0, "failed")]
    assert arm.trials[0].reason == "the worker died 4 times: killed by signal 9"
    assert arm.study.study.get_trials()[0].value == pytest.approx(0.1)  # a guess among ten
    assert not search.busy
    drive(search)
    assert notes.ended[1:] == [(1, "complete")]


def test_a_trial_that_is_given_out_again_begins_with_the_seed_it_was_at() -> None:
    arm, notes = searched([0.05], seeds=3), Notes()
    search = search_of(arm, notes)
    given = following(search)
    assert given is not None
    number, jobs = given
    for record in trained(jobs[0]):
        assert search.take(number, jobs[0].key, record, never)
    search.lost(number, "gone")
    again = search.waiting()
    assert again == (number, jobs[1:])
    assert notes.begun == [(0, 1000), (0, 1001)]


def test_what_an_earlier_driver_finished_is_not_trained_again() -> None:
    """It died between the ledger and the storage."""
    arm = searched([0.05], seeds=3)
    trial = arm.ask()
    before = {trial.run_of(s).hash: {"select/clean/accuracy": 0.5} for s in (1000, 1002)}
    notes = Notes(before)
    search = search_of(arm, notes)
    given = search.waiting()
    assert given is not None
    assert [job.config.seed for job in given[1]] == [1001]
    said = trained(given[1][0])
    while search.take(0, given[1][0].key, next(said), never):
        pass
    assert notes.begun == [(0, 1001)]
    assert [run.scores["clean"] for run in trial.line] == pytest.approx([0.5, 0.901, 0.5])
    assert following(search) is None


def test_a_trial_that_is_known_as_a_whole_is_told_without_a_run() -> None:
    arm = searched([0.05, 0.1])
    trial = arm.ask()
    notes = Notes({trial.run_of(1000).hash: {"select/clean/accuracy": 0.5}})
    drive(search_of(arm, notes))
    assert notes.ended == [(0, "complete"), (1, "complete")]
    assert notes.begun == [(1, 1000)]


def test_the_same_computation_runs_once() -> None:
    arm, notes = searched([0.05, 0.05, 0.1]), Notes()
    drive(search_of(arm, notes))
    assert notes.begun == [(0, 1000), (2, 1000)]
    assert arm.trials[1].reason == "the same computation as main 0"
    values = [t.value for t in arm.study.study.get_trials()]
    assert values == pytest.approx([0.9, 0.9, 0.8])


def test_a_point_at_which_an_earlier_driver_let_it_go_on_is_not_judged_again() -> None:
    arm, notes = searched([0.05]), Notes()
    trial = arm.ask()
    trial.goes_on = 3
    told: list[int] = []

    def stops(number: int, epoch: int, value: float) -> bool:
        told.append(epoch)
        return epoch <= 3

    drive(search_of(arm, notes), stops)
    assert told == [1, 2, 3, 4, 5]  # the rule learns of all
    assert notes.ended == [(0, "complete")]


def test_records_that_come_again_after_a_resume_are_judged_once() -> None:
    arm, judged = searched([0.05]), list[int]()

    def stops(number: int, epoch: int, value: float) -> bool:
        judged.append(epoch)
        return False

    search = search_of(arm, Notes())
    given = following(search)
    assert given is not None
    records = list(trained(given[1][0]))
    for record in [*records[:3], *records]:
        search.take(0, given[1][0].key, record, stops)
    assert judged == [1, 2, 3, 4, 5]
    assert [epoch for epoch, _ in arm.trials[0].runs[0].curve] == [1, 2, 3, 4, 5, 6]


def test_a_failed_run_ends_its_trial_and_the_search_goes_on() -> None:
    arm, notes = searched([0.05, 0.1], seeds=2), Notes()
    search = search_of(arm, notes)
    given = following(search)
    assert given is not None
    assert not search.take(0, given[1][0].key, Failure("a long story\nValueError: why"), never)
    assert not search.take(0, given[1][0].key, Epoch(1, EPOCHS, 1, {}), never), "late words"
    assert arm.trials[0].reason == "ValueError: why"
    drive(search)
    assert notes.ended == [(0, "failed"), (1, "complete")]


def test_the_rule_is_told_what_ran_before() -> None:
    arm = searched([0.05, 0.1])
    drive(search_of(arm, Notes()))
    past = list(search_of(arm, Notes()).past())
    assert [(number, epoch) for number, epoch, _ in past] == [
        (number, epoch) for number in (0, 1) for epoch in range(1, EPOCHS)
    ]


def test_a_run_that_two_arms_share_is_trained_once() -> None:
    arms, notes = [searched([0.05], name=name) for name in ("main", "other")], Notes()
    clerk = Clerk(arms, notes)
    for arm in arms:
        drive(tuned.Search(arm, clerk, folder="nowhere"))
    assert notes.begun == [(0, 1000)]
    assert [arm.study.study.best_value for arm in arms] == pytest.approx([0.9, 0.9])


def test_the_default_configuration_is_never_stopped() -> None:
    arm, notes = searched([], trials=1), Notes()
    arm.study.suggest_first({"optim.lr": 0.0001}, origin="default")
    drive(search_of(arm, notes), lambda number, epoch, value: True)
    assert notes.ended == [(0, "complete")]


def test_a_trial_that_was_in_its_race_goes_on_with_its_next_seed(tmp_path: Path) -> None:
    """The storage has the seeds that an earlier driver finished."""
    place = str(tmp_path / "search.log")
    first = searched([0.05], seeds=3, storage=open_storage(place))
    search, notes = search_of(first, Notes()), Notes()
    given = following(search)
    assert given is not None
    number, jobs = given
    for record in trained(jobs[0]):
        assert search.take(number, jobs[0].key, record, never)

    second = searched([0.05], seeds=3, storage=open_storage(place))
    drive(search_of(second, notes))
    assert notes.begun == [(0, 1001), (0, 1002)]
    assert len(second.trials[0].line) == 3


@pytest.mark.parametrize("name", stopping.NAMES)
def test_words_name_the_rule_of_ray(name: stopping.Name) -> None:
    words = tuned.words(stopping.Scheduler(name, 27, 1))
    if name == "none":
        assert words == "no early stopping"
    else:
        assert "Ray Tune's" in words
        assert words.endswith("; from epoch 5 of 27" if name == "median" else "from epoch 7 of 27")


def test_nothing_is_left_where_everything_was_told() -> None:
    arm = searched([0.05])
    drive(search_of(arm, Notes()))
    again = search_of(arm, Notes())
    assert again.left == 0
    assert following(again) is None
