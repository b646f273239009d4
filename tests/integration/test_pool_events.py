"""What the pool makes of what workers say: who was resumed, from where, and what is trained again.

Streams are lists here; ``test_packs.py`` and chaos have real ones.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from cal import cli
from cal.adapters import ray_cluster, ray_pool
from cal.adapters.ray_backend import Backend
from cal.adapters.ray_pool import Event, Pool, Resumed, Said
from cal.cli import StoppedError
from cal.config import parse
from cal.records import Epoch, Failure, Record, Result
from cal.running import Job

import ray  # isort: skip  authentication (ray_cluster) comes before Ray

JOB = Job(parse({}), "run0", "nowhere")
DIED = ray.exceptions.WorkerCrashedError()
GONE = ray.exceptions.NodeDiedError("gone")
END = Result({})


def trained(*epochs: int, replayed: bool = False) -> list[Record]:
    """Epochs of 2 s each."""
    return [Epoch(e, 9, e, {}, seconds=2.0 * e, replayed=replayed) for e in epochs]


def read(*epochs: int) -> list[Record]:
    """Epochs from a checkpoint."""
    return trained(*epochs, replayed=True)


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs of the pool over what each worker in turn says, until its error."""

    def found(*workers: Sequence[Record | Exception]) -> list[Event]:
        waiting = [iter(list(said)) for said in workers]
        monkeypatch.setattr(ray_pool.ray_train, "stream", lambda jobs: waiting.pop(0))
        monkeypatch.setattr(ray_pool, "places", lambda backend: 1)
        monkeypatch.setattr(ray_pool.ray, "wait", lambda streams, **given: (streams, []))
        monkeypatch.setattr(ray_pool.ray, "get", got)
        pool = Pool(Backend("packed", None, 0.0))
        pool.submit([JOB])
        heard: list[Event] = []
        while not pool.idle:
            heard += pool.events()
        return heard

    def got(said: Record | Exception) -> list[tuple[str, Record]]:
        if isinstance(said, Exception):
            raise said
        return [("run0", said)]

    return found


def resumed(heard: Sequence[Event]) -> list[Resumed]:
    return [event for event in heard if isinstance(event, Resumed)]


def test_undisturbed_nothing_is_resumed(events: Any) -> None:
    heard = events([*trained(1, 2, 3), END])
    assert [event.record for event in heard] == [*trained(1, 2, 3), END]


def test_what_came_after_the_checkpoint_is_trained_again(events: Any) -> None:
    """Of epochs 1 to 7 the checkpoint has 4: three of 2 s each."""
    heard = events([*trained(*range(1, 8)), DIED], [*read(1, 2, 3, 4), *trained(5, 6, 7, 8), END])
    assert resumed(heard) == [Resumed("run0", 4, 8.0, 6.0, preempted=False)]
    where = next(i for i, event in enumerate(heard) if isinstance(event, Resumed))
    after = heard[where + 1]
    assert isinstance(after, Said)
    assert after.record == trained(5)[0]  # told before the first epoch that is trained again


def test_without_a_checkpoint_it_begins_anew(events: Any) -> None:
    heard = events([*trained(1, 2, 3), GONE], [*trained(1, 2, 3, 4), END])
    assert resumed(heard) == [Resumed("run0", 0, 0.0, 6.0, preempted=True)]


def test_whoever_died_before_its_first_epoch_was_interrupted_too(events: Any) -> None:
    assert resumed(events([GONE], [*trained(1), END])) == [Resumed("run0", 0, 0.0, None, True)]


def test_what_an_earlier_driver_saw_is_not_known_here(events: Any) -> None:
    heard = events([*read(1, 2), *trained(3), END])
    assert resumed(heard) == [Resumed("run0", 2, 4.0, None, preempted=False)]


def test_a_run_whose_end_alone_was_lost_repeats_its_evaluation(events: Any) -> None:
    heard = events([*trained(1, 2), DIED], [*read(1, 2), END])
    assert resumed(heard) == [Resumed("run0", 2, 4.0, 0.0, preempted=False)]


def test_four_deaths_at_one_place_are_a_failure(events: Any) -> None:
    again = [*read(1, 2), *trained(3), DIED]
    heard = events([*trained(1, 2, 3), DIED], *[again] * 4)
    last = heard[-1]
    assert isinstance(last, Said)
    assert isinstance(last.record, Failure)
    assert last.record.error.startswith("the worker died 4 times at one place")


def test_deaths_with_progress_between_them_are_none(events: Any) -> None:
    deaths = [[*read(*range(1, e)), *trained(e), DIED] for e in range(1, 9)]
    heard = events(*deaths, [*read(*range(1, 9)), *trained(9), END])
    assert isinstance(heard[-1], Said)
    assert heard[-1].record == END
    assert len(resumed(heard)) == 8


def test_to_lose_a_node_is_never_a_failure(events: Any) -> None:
    heard = events(*[[GONE]] * 20, [*trained(1), END])
    assert heard[-1].record == END
    assert all(event.preempted for event in resumed(heard))


def test_more_is_given_in_on_a_cluster_that_may_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_pool, "places", lambda backend: 8)
    monkeypatch.setattr(ray_cluster, "ours", lambda: True)
    assert Pool(Backend("packed", None, 0.0)).room == 10
    monkeypatch.setattr(ray_cluster, "ours", lambda: False)
    assert Pool(Backend("packed", None, 0.0)).room == 16
    assert Pool(replace(Backend("packed", None, 0.0), workers=3)).room == 3


def test_a_dead_raylet_of_this_node_is_no_failure_of_runs(events: Any) -> None:
    """The runs are not told as failed: they go on when the command is given again."""
    with pytest.raises(StoppedError, match="give the command again"):
        events([*trained(1, 2), ray.exceptions.LocalRayletDiedError()])


def test_a_signal_that_a_library_swallowed_ends_the_study(
    events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "_signals", [2])
    with pytest.raises(KeyboardInterrupt):
        events([*trained(1), END])
