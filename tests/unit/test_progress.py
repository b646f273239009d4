"""Progress: what is told, once, and the time left from the runs of each regime."""

import pytest

from cal import progress
from cal.config import parse
from cal.progress import Progress
from cal.records import Epoch, news
from cal.runs import Run


def run(name: str, regime: str = "hw20") -> Run:
    return Run(name, regime, 0, parse({}), ("cal",))


def epoch(number: int, *warnings: str) -> Epoch:
    return Epoch(number, 4, number, {"val/accuracy": 0.5}, warnings)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that ``progress`` sees, in its only element."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_time_left_counts_each_regime_by_its_own_runs(clock: list[float]) -> None:
    """2 places; hw20: 10 s a run, 3 left; junk: 30 s, 1 left. (3 x 10 + 30) / 2 = 30 s."""
    runs = [run(f"h{i}") for i in range(4)] + [run(f"j{i}", "junk") for i in range(2)]
    told = Progress(runs, done=6, places=2)
    assert told.headline() == "6 of 12 runs, - left"
    for item, seconds in ((runs[0], 10), (runs[4], 30)):
        told.started(item, beside=1)
        told.epoch(item, epoch(1))
        clock[0] += seconds
        told.ended(item, "")
    assert told.headline() == "8 of 12 runs, 0 min 30 s left"


def test_runs_of_a_pack_share_its_time(clock: list[float]) -> None:
    """4 runs together take 20 s, 5 s each; 2 places: the other 4 take 4 x 5 / 2 = 10 s."""
    runs = [run(f"h{i}") for i in range(8)]
    told = Progress(runs, done=0, places=2)
    for item in runs[:4]:
        told.started(item, beside=4)
        told.epoch(item, epoch(1))
    assert told.headline() == "0 of 8 runs, 4 under way (25%), - left"  # epoch 1 of 4
    clock[0] += 20
    for item in runs[:4]:
        told.ended(item, "")
    assert told.headline() == "4 of 8 runs, 0 min 10 s left"


def test_a_failed_run_is_told_and_measures_nothing(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    told = Progress([run("a"), run("b")], done=0, places=1)
    told.epoch(run("a"), epoch(1))
    told.ended(run("a"), "RuntimeError: [/gloo/pair.cc:534] Connection [closed]")
    assert told.headline() == "0 of 2 runs, 1 failed, - left"
    error = "RuntimeError: [/gloo/pair.cc:534] Connection [closed]"  # no markup of rich's
    assert f"failed: hw20 cal seed 0: {error}" in capsys.readouterr().err


def test_a_warning_is_told_once_a_run_and_modality(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    told = Progress([run("a"), run("b")], done=0, places=1)
    for number in (1, 2, 3):
        told.epoch(run("a"), epoch(number, f"kar: KL {number / 100}"))
    told.epoch(run("a"), epoch(4, "fac: KL 0.05", "kar: KL 0.04"))
    told.epoch(run("b"), epoch(1, "kar: KL 0.01"))
    lines = capsys.readouterr().err.splitlines()
    assert [line.rpartition("0: ")[2] for line in lines] == [
        "kar: KL 0.01",
        "fac: KL 0.05",
        "kar: KL 0.01",
    ]


def test_news_are_what_was_not_told() -> None:
    told = {"kar"}
    assert news(epoch(1, "kar: again", "fac: new"), told) == ["fac: new"]
    assert told == {"kar", "fac"}
