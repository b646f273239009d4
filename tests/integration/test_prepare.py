"""``python -m cal.data prepare`` on real Ray, its driver killed in mid-way."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cal.cli import StoppedError
from cal.data.layouts.index import Damaged, Fault
from cal.data.stored import open_stored
from tests.integration.gated import COUNT
from tests.integration.studies import begun, run

PATIENCE_S = 120.0  # far more than is needed: a failure, not a tolerance


def test_a_driver_killed_in_mid_way_is_gone_on_with(tmp_path: Path) -> None:
    """The first shard is in the journal when the driver dies; no sample is lost or there twice."""
    source, out, home = tmp_path / "source", tmp_path / "out", tmp_path / "home"
    source.mkdir()
    words = ("cal.data", "prepare", "tests.integration.gated:Gated", "--source", source)
    words += ("--out", out)
    journal = tmp_path / "out.partial" / "journal.jsonl"
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with begun(*words, "--workers", "2", home=home, **streams) as driver:
        deadline = time.monotonic() + PATIENCE_S
        while not (journal.exists() and journal.read_bytes()):
            assert driver.poll() is None, driver.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert not out.exists()
    assert journal.read_bytes().count(b"\n") == 1
    (source / "go").touch()
    done = run(*words, "--workers", "1", home=home)  # whoever goes on, in this process too
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == f"prepared: gated in {out}"
    values = open_stored(out).array("value")
    assert np.array_equal(values[:, 0], np.arange(COUNT, dtype=np.float32))
    assert not journal.parent.exists()


@pytest.fixture(scope="module")
def _ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    from cal.adapters import ray_cluster

    ray_cluster.connect(cpus=2)
    yield
    ray_cluster.disconnect()


@pytest.mark.usefixtures("_ray")
class TestFlow:
    """The bounded parallel map."""

    def test_every_item_comes_once(self) -> None:
        from cal.adapters.ray_cluster import flow

        assert sorted(flow(lambda x: x * x, range(7), ahead=3)) == [x * x for x in range(7)]
        assert [*flow(lambda x: x, [], ahead=3)] == []

    def test_no_more_are_begun_than_it_may_be_ahead(self) -> None:
        """Three at first, and one more for each that was taken."""
        from cal.adapters.ray_cluster import flow

        asked: list[int] = []

        def items() -> Iterator[int]:
            for i in range(10):
                asked.append(i)
                yield i

        results = flow(lambda x: x, items(), ahead=3)
        assert asked == []
        next(results)
        assert asked == [0, 1, 2, 3]
        next(results)
        assert asked == [0, 1, 2, 3, 4]
        results.close()

    def test_what_the_function_raises_comes_as_it_is(self) -> None:
        """Not wrapped by Ray: a command tells it in one line."""
        from cal.adapters.ray_cluster import flow

        def fail(x: int) -> int:
            raise Damaged(Fault("a.jpg", "empty"))

        with pytest.raises(Damaged) as caught:
            next(flow(fail, [1], ahead=1))
        assert str(caught.value) == "a.jpg: empty"

    def test_a_worker_that_dies_is_told(self) -> None:
        """As a decoder in C may make it: Ray tries anew, then gives up."""
        from cal.adapters.ray_cluster import flow

        def die(x: int) -> int:
            import os

            os._exit(1)

        with pytest.raises(StoppedError, match="a worker died .*; give the command again"):
            next(flow(die, [1], ahead=1))
