"""Our own Ray on a machine so busy that its parts miss Ray's fixed 30 s.

Ray's answer is made here; with a dashboard agent that really slept for 22 s it was the same.
"""

import inspect
from typing import Any

import pytest

from cal.adapters import ray_cluster
from cal.cli import StoppedError

import ray  # isort: skip  authentication (ray_cluster) comes before Ray
from ray._private import node  # isort: skip

LATE = Exception(f"The current node {ray_cluster.SLOW}. This could happen because ...")


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[Exception | None]:
    """What the next calls of ``ray.init`` end with."""
    found: list[Exception | None] = []

    def init(**given: Any) -> None:
        if error := found.pop(0):
            raise error

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray_cluster, "slots", lambda what="CPU": 2.0)
    return found


def test_ray_gets_a_second_try(
    starts: list[Exception | None], capsys: pytest.CaptureFixture[str]
) -> None:
    starts += [LATE, None]
    assert ray_cluster.connect() == "Ray on this machine with 2 CPUs"
    assert starts == []
    assert capsys.readouterr().err == "Ray did not come up in its 30 s; once more\n"


def test_after_two_the_command_ends_and_says_where_to_look(
    starts: list[Exception | None],
) -> None:
    starts += [LATE, LATE]
    with pytest.raises(StoppedError, match=r"^Ray did not come up .* 2 x 30 s .*/logs\)[^\n]*$"):
        ray_cluster.connect()


def test_another_error_of_ray_is_passed_on_at_once(starts: list[Exception | None]) -> None:
    starts += [ValueError("no such thing"), None]
    with pytest.raises(ValueError, match="no such thing"):
        ray_cluster.connect()
    assert starts == [None]


def test_ray_says_so_still() -> None:
    assert ray_cluster.SLOW in inspect.getsource(node)
