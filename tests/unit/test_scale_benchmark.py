"""The benchmark of many runs, with few."""

import json

import pytest

from benchmarks import scale


def test_a_plan_is_made_written_and_read() -> None:
    found = scale.plan(80)
    assert found["runs"] == 78, "two seeds of the default study"
    assert {"make, s", "make, CPU s", "to JSON, s", "from JSON, s"} <= found.keys()
    assert found["JSON, MB"] > 0


def test_made_up_rows_are_those_of_the_plan_and_finished() -> None:
    made = scale.planned(80)
    entries = [scale.entry(run, scale.random.Random(0)) for run in made.runs]
    rows = scale.rows_of(made, entries)
    assert {row.status for row in rows} == {"FINISHED"}
    assert len(rows) == len(made.arms) * len(made.regimes) * 2
    assert len(entries[0].metrics) == len(scale.CONDITIONS) * len(scale.KINDS) + 2


def test_each_part_is_a_process_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    found = scale.alone("plan", 80)
    assert found["runs"] == 78
    assert 0 < found["peak, GB"] < 4
    with pytest.raises(SystemExit, match="nothing at 80 runs"):
        scale.alone("nothing", 80)


def test_the_figures_are_json() -> None:
    json.dumps(scale.plan(80), allow_nan=False)
