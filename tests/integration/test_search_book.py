"""A search in a real ledger: what a killed driver left is put right by the next."""

from collections import Counter
from pathlib import Path
from typing import Any

from cal.adapters.tracking import open_ledger
from search_spaces.book import METRIC, OWN, STATUS, Book
from search_spaces.objectives import read_objectives
from search_spaces.progress import Progress
from tests.contract.synthetic import FEW, SEEDS, Driver, World

STUDY = "search/played"
SPECS: dict[str, Any] = {"cal": {"trials": 5}, "few": {"trials": 3, "space": FEW}}


def driven(home: Path, world: World, *, die_at: int | None = None) -> Driver:
    """A driver with a ledger of its own; its lease ends with it, as a dead one's does in time."""
    with open_ledger(f"sqlite:///{home}/mlflow.db", artifacts=f"{home}/artifacts") as ledger:
        ledger.begin(STUDY, regimes={OWN: ""}, title="played back")
        most = {name: spec["trials"] for name, spec in SPECS.items()}
        progress = Progress(read_objectives(["clean"]), most, done={})
        book = Book(ledger, progress, folder=str(home / "checkpoints"))
        return world.drive(SPECS, die_at=die_at, book=book)


def test_killed_drivers_leave_a_whole_ledger(home: Path) -> None:
    """Three die at different writes, the fourth ends. Second seeds fail under one schedule."""
    folder = home / "checkpoints"
    folder.mkdir()
    world = World(
        fails=lambda c: c.mechanisms.bottleneck.schedule == "cyclical" and c.seed == SEEDS[1],
        folder=folder,
    )
    for die_at in (6, 21, 34):
        assert driven(home, world, die_at=die_at).died
    last = driven(home, world)
    assert not last.died
    with open_ledger(f"sqlite:///{home}/mlflow.db", artifacts=f"{home}/artifacts") as ledger:
        own = ledger.experiments(STUDY)[OWN]
        trials, rows = ledger.variant_runs(own), list(ledger.seed_runs(own).values())
    expected = {trial.name: trial for arm in last.arms for trial in arm.trials.values()}
    assert set(trials) == set(expected)
    assert len(expected) == 8
    for name, trial in expected.items():
        run = trials[name]
        assert run.info.status == STATUS[trial.status], name
        assert run.data.tags["cal.arm"] == trial.arm
        assert run.data.tags["cal.origin"] == trial.origin
        assert set(run.data.params) == set(trial.values)
        assert (METRIC["clean"] in run.data.metrics) == (trial.status == "complete")
    counts = Counter(row.data.tags["cal.hash"] for row in rows)
    runs = {run.hash: run for trial in expected.values() for run in trial.runs}
    assert set(counts) == set(runs)
    assert set(counts.values()) == {1}
    ends = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
    for row in rows:
        hash = row.data.tags["cal.hash"]
        status = {ends[r.status] for t in expected.values() for r in t.runs if r.hash == hash}
        assert row.info.status in status
        assert row.data.tags["cal.stage"] == "tune"
    assert not list(folder.iterdir())
