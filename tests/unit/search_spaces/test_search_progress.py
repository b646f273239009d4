"""What a looker-on is told."""

import pytest

from cal.config import parse
from cal.records import Epoch
from search_spaces.objectives import read_objectives
from search_spaces.progress import Progress
from search_spaces.racing import Score
from search_spaces.trials import Status, Trial

CONFIG = parse({"data": {"labels_per_class": 20}})


def progress(**done: int) -> Progress:
    return Progress(read_objectives(["nll"]), {"cal": 10, "joint": 10}, done=done)


def ended(number: int, status: Status = "complete", *, arm: str = "cal") -> Trial:
    return Trial(arm, number, {}, CONFIG, status=status, reason="diverged [here]")


def scores(nll: float, seeds: int = 1) -> dict[str, Score]:
    return {"nll": Score(nll, None, seeds)}


def test_the_headline_counts_and_names_the_best() -> None:
    one = progress(cal=3)
    assert one.headline() == "3 of 20 trials, - left"
    one.told(ended(3), scores(0.5))
    one.told(ended(4, "stopped"), {})
    one.told(ended(5), scores(0.4))
    one.told(ended(6), scores(0.6))
    line = one.headline()
    assert line.startswith("7 of 20 trials, 1 stopped early, best of cal: nll 0.4 (trial 5), ")
    run = ended(7).add_run(1000, until=None)
    one.epoch(run, Epoch(1, 9, 1, {}))
    assert "1 runs under way" in one.headline()


def test_the_best_has_as_many_seeds_as_any() -> None:
    one = progress()
    one.told(ended(0), scores(0.5, seeds=3))
    one.told(ended(1), scores(0.1, seeds=1))
    assert "(trial 0)" in one.headline()
    one.told(ended(2), scores(0.4, seeds=3))
    assert "(trial 2)" in one.headline()


def test_a_failure_is_said_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Once: a twin of it says nothing."""
    with progress() as one:
        failed = ended(0, "failed")
        one.told(failed, {})
        twin = ended(1, "failed")
        twin.twin = failed
        one.told(twin, {})
        one.note("a pack of 8 raised [OOM]")
    text = capsys.readouterr().err
    assert text.count("failed: cal 0: diverged [here]") == 1
    assert "cal 1" not in text
    assert "a pack of 8 raised [OOM]" in text
    assert "2 failed" in one.headline()
