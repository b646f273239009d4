"""The engine's own tree, with a pool that knows the truth: valid, understood, reported."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cal.config import Config
from cal.records import Epoch, Failure, Record, Result
from cal.running import Job
from evidence.charts import still
from evidence.writing import provenance_of
from search_spaces.confirm import CONDITIONS, confirmed, finalists
from search_spaces.engine import Engine, Packing
from search_spaces.opened import open_arms
from search_spaces.searched import read_search
from search_spaces.tree import tree_of
from search_spaces.understanding import understood
from search_spaces.wording import note, verdict
from search_spaces.writing import FILES, write_report
from tests.schemas import refused, schema_of
from tests.unit.ablations.pages import Page


def accuracy(config: Config, epoch: int) -> float:
    """CAL is better than joint training by .02, and falls with alpha."""
    found = 0.9
    if config.method == "cal":
        found += 0.02 - 0.02 * config.mechanisms.acceleration.alpha
    return (found + 0.002 * math.sin(config.seed)) * (1 - math.exp(-epoch / 8))


@dataclass
class Event:
    key: str
    record: Record


class Pool:
    """Trains at once; an alpha above 2.8 diverges."""

    room, idle = 4, True

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._epochs: dict[str, int] = {}

    def submit(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._events += [Event(job.key, record) for record in self._trained(job)]

    def _trained(self, job: Job) -> list[Record]:
        config, total = job.config, job.config.train.epochs
        if config.mechanisms.acceleration.alpha > 2.8:
            return [Failure("loss is nan at step 3")]
        start, end = self._epochs.get(job.key, 0), job.until or total
        self._epochs[job.key] = end
        records: list[Record] = []
        for epoch in range(start + 1, end + 1):
            value = accuracy(config, epoch)
            metrics = {"val/accuracy": value, "val/nll": 1 - value}
            records.append(Epoch(epoch, total, epoch, metrics))
        if end == total:
            value = accuracy(config, total)
            scored = {f"select/{name}/accuracy": value for name in CONDITIONS}
            times = {"time/train_s": 1.0, "time/evaluate_s": 0.1, "time/step_ms": 3 + value}
            records.append(Result({**scored, "select/clean/nll": 1 - value, **times}))
        return records

    def events(self) -> list[Event]:
        found, self._events = self._events, []
        return found

    def close(self) -> None:
        pass


class Book:
    """Keeps nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *given, **more: None


def searched(tmp_path: Path, objectives: Sequence[str], *, trials: int = 30) -> dict[str, Any]:
    """A search of CAL's acceleration against joint training, as search.json before it is told."""
    search = read_search(
        space="acceleration",
        config="hw20",
        changes={"train": {"epochs": 30}},
        name="planted",
        against=["joint"],
        objectives=objectives,
        scheduler="asha",
        sampler="tpe",
        seeds=3,
        trials=trials,
    )
    arms, warm = open_arms(search, str(tmp_path / "study.log"), None)  # type: ignore[arg-type]
    packing = Packing(target=4, largest=4, trials=8, folder=str(tmp_path))
    Engine(arms, Pool(), Book(), packing).run()
    found = finalists(search, arms, most=2)
    seeds = (2000, 2001, 2002, 2003)
    generator = np.random.default_rng(0)
    fresh = {
        one.name: {
            c: {s: accuracy(one.config, 30) + 0.002 * float(generator.normal()) for s in seeds}
            for c in CONDITIONS
        }
        for one in found
    }
    fresh[found[0].name]["clean"][2000] = None  # type: ignore[assignment]
    return tree_of(
        search,
        arms,
        confirmed=confirmed(found, seeds, fresh, classes=10),
        warm=warm,
        warnings=[],
        rows={},
        provenance=provenance_of(command="explore"),
        wall_s=12.0,
        stopping="as tested",
    )


@pytest.mark.parametrize("objectives", [["clean"], ["nll"], ["clean", "step_time"]])
def test_the_engine_s_tree_is_valid_and_has_a_report(
    objectives: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(still, "files", lambda chart: {"svg": b"<svg/>", "png": b"", "pdf": b""})
    tree = understood(searched(tmp_path, objectives))
    tree["verdict"] = verdict(tree)
    assert not refused(schema_of("search"), tree)
    names = write_report(tree, out=tmp_path / "out")
    assert set(FILES) <= set(names)
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert {"fig-best-so-far", "fig-trials", "fig-slice"} <= set(page.figures)
    assert "None" not in page.text.replace("\u00a0", " ")
    assert note(tree).startswith("- Found: trial ")


def test_what_was_planted_is_told(tmp_path: Path) -> None:
    """CAL without acceleration is better by .02; alpha makes the rest, and is best at its end."""
    tree = understood(searched(tmp_path, ["clean"]))
    sentences = verdict(tree)
    answer = tree["confirmed"]["arms"][0]["name"]
    (against,) = [s for s in sentences if s.startswith(f"{answer} against joint #")]
    assert "undecided on clean data, +" in against
    assert "not settled with failed runs counted as guesses; better under noise, +2." in against
    statuses = {t["status"] for arm in tree["arms"] for t in arm["trials"]}
    assert {"complete", "stopped"} <= statuses
    assert [s for s in sentences if s.startswith("Fields that matter: cal.acceleration.alpha")]
    assert [s for s in sentences if s.startswith("At the edge: cal.acceleration.alpha = 0.0")]
    # Two ranges of the learning rate: only the one that acts has an edge.
    assert not [text for arm in tree["arms"] for text in arm["edges"] if "beyond" in text]
