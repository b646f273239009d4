"""What interrupted the runs of a study, from their rows to the page."""

from dataclasses import replace
from typing import Any

from ablations.pages import arms
from ablations.summary import comparable
from cal.interruptions import Interruptions
from tests.unit.ablations.test_leaders import measured, planned, summary_of
from tests.unit.ablations.test_schema import faults


def interrupted() -> dict[str, Any]:
    """Two runs of arm a in regime r0: one preempted twice, one whose worker died."""
    rows = measured(planned())
    first, second = [i for i, row in enumerate(rows) if (row.regime, row.arm) == ("r0", "a")][:2]
    rows[first] = replace(rows[first], interruptions=Interruptions(2, 2, 4.5))
    rows[second] = replace(rows[second], interruptions=Interruptions(1, 0, 0.25))
    return summary_of(planned(), rows)


def test_seconds_are_summed_in_each_arm_and_nobody_failed() -> None:
    summary = interrupted()
    expected = {"runs": 2, "resumed": 3, "preempted": 2, "lost_s": 4.75}
    assert summary["provenance"]["interruptions"] == {"r0": {"a": expected}}
    assert summary["failed"] == []
    provenance = {"timings": {}, "interruptions": summary["provenance"]["interruptions"]}
    assert not faults(summary | {"provenance": provenance})


def test_an_interrupted_study_says_the_same_as_an_undisturbed_one() -> None:
    assert comparable(interrupted()) == comparable(summary_of(planned()))


def test_the_page_has_them_only_where_there_were_some() -> None:
    assert arms.interruptions(summary_of(planned())) is None
    table = arms.interruptions(interrupted())
    assert table is not None
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["r0"],
        ["a", "2", "3", "2", "4.8"],
    ]
