"""A search as a user runs it: killed, resumed, extended, refused twice; then its answer used."""

import json
import random
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from ablations.study import read_study
from cal.config import parse, read_yaml
from tests.integration.studies import begun, kill_after, run

SEARCH = ("search_spaces.explore", "--space", "bottleneck", "--name", "small")
QUICK = ("--against", "none", "--seeds", "2", "--confirm", "2", "--confirm-seeds", "2")
SHORT = ("train.epochs=10", "train.validate_every=1", "data.labels_per_class=20")


def words(trials: int, out: Path) -> tuple[str, ...]:
    return (*SEARCH, *QUICK, "--trials", str(trials), "--out", str(out), *SHORT)


def searched(out: Path) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads((out / "search.json").read_text(encoding="utf-8"))
    return tree


def states(home: Path) -> Counter[TrialState]:
    """What the storage says became of the trials."""
    storage = JournalStorage(JournalFileBackend(str(home / "search" / "small.log")))
    study = optuna.load_study(study_name="small/bottleneck", storage=storage)
    return Counter(t.state for t in study.get_trials() if t.state != TrialState.WAITING)


def rows(home: Path) -> tuple[list[Any], list[Any]]:
    """Trials and their runs in the ledger."""
    from cal.adapters.tracking import open_ledger

    with open_ledger(f"sqlite:///{home}/mlflow.db", artifacts=str(home)) as ledger:
        own = ledger.experiments("search/small")[""]
        return list(ledger.variant_runs(own).values()), list(ledger.seed_runs(own).values())


def check_agreement(home: Path, tree: dict[str, Any], *, trials: int) -> None:
    """Storage, ledger and report have the same trials, each once; every run was trained once."""
    (arm,) = tree["arms"]
    assert len(arm["trials"]) == trials
    assert sum(states(home).values()) == trials
    assert set(states(home)) <= {TrialState.COMPLETE, TrialState.PRUNED}
    variants, seeds = rows(home)
    names = [run.data.tags["cal.variant"] for run in variants]
    assert sorted(names) == sorted(f"bottleneck {t['number']}" for t in arm["trials"])
    hashes = [run.data.tags["cal.hash"] for run in seeds]
    assert len(hashes) == len(set(hashes))
    told = {s["hash"]: s["status"] for t in arm["trials"] for s in t["seeds"]}
    assert set(told) == set(hashes)
    names_of = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
    for run_ in seeds:
        assert run_.info.status == names_of[told[run_.data.tags["cal.hash"]]]


def test_killed_resumed_extended_and_used(home: Path, tmp_path: Path) -> None:
    """Kill -9 of the driver at random, twice; then to the end; then more trials; then best.yaml."""
    out = tmp_path / "out"
    draw = random.Random(0)
    for _ in range(2):
        kill_after(*words(8, out), home=home, seconds=12 + 12 * draw.random())
    done = run(*words(8, out), home=home)
    assert done.returncode == 0, done.stderr[-3000:]
    first = searched(out)
    check_agreement(home, first, trials=8)
    again = run(*words(8, out), home=home)
    assert again.returncode == 0, again.stderr[-3000:]
    assert searched(out)["arms"] == first["arms"]
    more = run(*words(12, out), home=home)
    assert more.returncode == 0, more.stderr[-3000:]
    extended = searched(out)
    check_agreement(home, extended, trials=12)
    assert extended["arms"][0]["trials"][:8] != []
    numbers = {t["number"]: t["values"] for t in extended["arms"][0]["trials"]}
    for trial in first["arms"][0]["trials"]:
        assert numbers[trial["number"]] == trial["values"]
    config = parse(read_yaml(out / "best.yaml"))
    assert config.evaluate.part == "report"
    assert read_study(str(out / "best.yaml")).name == "best"
    assert "python -m search_spaces.explore" in (out / "best.yaml").read_text(encoding="utf-8")
    assert (out / "report.html").stat().st_size > 100_000
    changed = run(*words(12, out), "--scheduler", "median", home=home)
    assert changed.returncode == 2
    assert "begun with another scheduler" in changed.stderr


def test_a_second_driver_is_refused_in_one_line(home: Path, tmp_path: Path) -> None:
    one, two = words(40, tmp_path / "one"), words(40, tmp_path / "two")
    with begun(*one, home=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as first:
        assert first.stdout is not None
        while "Ray on this machine" not in (said := first.stdout.readline()):  # it has the lease
            assert said, "the first driver ended"
        for _ in range(20):  # a busy first driver may keep the store locked
            second = run(*two, home=home)
            if "locked" not in second.stderr:
                break
        assert second.returncode == 2, second.stderr[-2000:]
        assert "another driver is at work on it" in second.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--space", "acceleratoin"), "--space: given acceleratoin"),
        (("--sampler", "tep"), "--sampler: given 'tep'"),
        (("--objective", "clean,fast"), "--objective: given 'fast'"),
        (("--against", "jiont"), "--against: given 'jiont'"),
        (("optim.lr=-1",), "optim.lr: given -1"),
        (("--warm-start", "nothing"), "--warm-start: given 'nothing'"),
    ],
)
def test_bad_input_is_one_line(
    given: tuple[str, ...], message: str, home: Path, tmp_path: Path
) -> None:
    done = run("search_spaces.explore", "--out", str(tmp_path / "o"), *given, home=home)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
