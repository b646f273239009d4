"""How faults are judged and told; ``tests/integration/test_chaos.py`` has real ones."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cal.config import ConfigError
from cluster import chaos, faults
from cluster.chaos import Outcome
from cluster.faults import FAULTS, Trial
from cluster.studies import FULL, SMALL, STUDY

GOOD = Outcome("node", 1, at_s=3.0, seconds=40.0, submissions=1, resumed=2, again_s=1.5, same=True)


def test_a_repetition_is_good_if_nothing_was_lost_doubled_or_changed() -> None:
    assert GOOD.good
    for change in ({"lost": 1}, {"doubled": 1}, {"same": False}, {"problem": "not done in 900 s"}):
        assert not replace(GOOD, **change).good  # type: ignore[arg-type]


def test_the_table_has_a_row_a_fault_with_medians_and_the_greatest() -> None:
    outcomes = [
        replace(GOOD, recovery_s=4.0),
        replace(GOOD, repetition=2, recovery_s=20.0, again_s=0.5),
        replace(GOOD, repetition=3, recovery_s=None, again_s=1.0, lost=1, same=False),
        replace(GOOD, fault="driver", recovery_s=12.0),
    ]
    assert chaos.table(outcomes).splitlines() == [
        "| fault | times | lost | doubled | same summary | recovered after, s | trained again, s |",
        "|---|---|---|---|---|---|---|",
        "| kill -9 of a node | 3 | 1 | 0 | 2 | 12.0 (at most 20.0) | 1.0 (at most 1.5) |",
        "| kill -9 of the driver | 1 | 0 | 0 | 1 | 12.0 (at most 12.0) | 1.5 (at most 1.5) |",
    ]


def test_a_bad_repetition_says_why_in_one_line() -> None:
    bad = replace(GOOD, lost=1, same=False, problem="6 submissions ended badly")
    line = chaos.line(bad)
    assert line.startswith("node 1: BAD 6 submissions ended badly; at 3 of 40 s")
    assert "lost 1, doubled 0, OTHER summary" in line


def test_what_a_file_holds_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of four repetitions one is there: an interrupted chaos goes on with the three others."""
    asked: list[tuple[str, int]] = []

    def trials(wanted: Any, *_: Any, redis: bool) -> Any:
        for fault, number in wanted:
            asked.append((fault.name, number))
            yield replace(GOOD, fault=fault.name, repetition=number, runs=6)

    monkeypatch.setattr(chaos, "trials", trials)
    file = tmp_path / "chaos.json"
    words = ["--small", "--repetitions", "2", "--out", str(file), "--faults"]
    assert chaos.main([*words[:2], "1", *words[3:], "node"]) == 0
    assert chaos.main([*words, "node,driver"]) == 0
    assert asked == [("node", 1), ("node", 2), ("driver", 1), ("driver", 2)]
    assert "| kill -9 of the driver | 2 | 0 | 0 | 2 |" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="holds studies of 6 runs, these have 30: give another"):
        chaos.kept(file, FULL)
    file.write_text("[{}]")
    with pytest.raises(ConfigError, match="^--out: given .*chaos.json; no file of this command"):
        chaos.main([*words, "node"])


def test_an_unknown_fault_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="^--faults: given flood; allowed: worker, pack, node, "):
        chaos.main(["--faults", "flood"])


def test_the_study_has_thirty_runs_and_the_small_one_six() -> None:
    assert (FULL.runs, SMALL.runs) == (30, 6)
    text = STUDY.format(name="chaos", epochs=FULL.epochs, seeds=FULL.seeds)
    assert "seeds: 10" in text
    assert "epochs: 200" in text


class Node:
    """A service of a lab that notes what is done to it."""

    def __init__(self, name: str, pids: set[int]) -> None:
        self.name, self.pids, self.alive, self.done = name, pids, True, list[str]()

    def members(self) -> set[int]:
        return self.pids

    def __getattr__(self, name: str) -> Any:
        return lambda: self.done.append(name)


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    """Two nodes, of which the first has the driver."""
    monkeypatch.setattr(faults.time, "sleep", lambda seconds: None)
    nodes = {name: Node(name, pids) for name, pids in (("a", {1, 2}), ("b", {3}))}
    place = type("Place", (), {"nodes": nodes, "mlflow": Node("mlflow", set())})()
    return Trial(place, random.Random(0), lambda: 2, lambda: True, tmp_path)


def done(trial: Trial) -> dict[str, list[str]]:
    nodes: dict[str, Any] = dict(trial.place.nodes)
    return {name: node.done for name, node in nodes.items()}


def test_a_lost_node_is_never_the_drivers_and_is_replaced(trial: Trial) -> None:
    FAULTS["node"].inject(trial)
    assert done(trial) == {"a": [], "b": ["kill", "start"]}


def test_a_spot_node_has_its_notice_first(trial: Trial) -> None:
    FAULTS["spot"].inject(trial)
    assert done(trial) == {"a": [], "b": ["terminate", "kill", "start"]}


def test_the_drivers_node_is_the_one_that_has_it(trial: Trial) -> None:
    FAULTS["driver-node"].inject(trial)
    assert done(trial) == {"a": ["kill", "start"], "b": []}


def test_a_server_that_is_slow_is_never_killed(trial: Trial) -> None:
    FAULTS["mlflow-slow"].inject(trial)
    server: Any = trial.place.mlflow
    assert server.done == ["pause", "resume"] * 6


def test_a_clock_jumps_by_hours(trial: Trial) -> None:
    FAULTS["clock"].inject(trial)
    assert abs(int((trial.home / "clock").read_text())) == 3 * 3600
