"""The leader board: from rows to numbers, sentences, a figure and tables."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ablations import tuning
from ablations.charts import leaders as charts
from ablations.pages import leaders as pages
from ablations.plan import Plan, make_plan
from ablations.rows import Row, rows_of
from ablations.study import Study
from ablations.summary import summarise
from ablations.wording import cited
from ablations.wording.leaders import cautions, not_apart, standings
from cal.config import parse_as
from evidence.charts.frame import shifts
from evidence.charts.interactive import figure
from evidence.charts.spec import Chart
from tests.unit.ablations.boards import leader_board, standing
from tests.unit.ablations.test_schema import faults, search

LUCK = np.array([-0.005, 0.01, 0.02, -0.01, -0.02, 0.015, -0.015, 0.005])  # of a seed
OWN = {  # of a method in a seed, in thousandths: means are 0
    "a": (1, -1, 1, -1, 1, -1, 1, -1),
    "b": (-1, 1, 1, -1, -1, 1, 1, -1),
    "c": (1, 1, -1, -1, 1, 1, -1, -1),
    "d": (1, -1, -1, 1, 1, -1, -1, 1),
}
ACCURACY = {"a": 0.90, "b": 0.90, "c": 0.86, "d": 0.80}


def planned(regimes: int = 2, *, tuned: bool = False, **analysis: Any) -> Plan:
    study = {
        "name": "board",
        "base": {"data": {"labels_per_class": 20}, "method": "joint"},
        "regimes": {f"r{i}": {"seeds": 8} for i in range(regimes)},
        "arms": {m: {"config": {"optim": {"lr": 0.01 + 0.01 * i}}} for i, m in enumerate(OWN)},
        "analysis": {"leader_board": True} | analysis,
    }
    found = parse_as(Study, study)
    plan = make_plan(found)
    if not tuned:
        return plan
    arms = tuple(search(regime, arm) for regime in plan.regimes for arm in ("a", "c"))
    outcome = tuning.Outcome("board", "nuisance", "ladder", 2, (1000,), "clean", arms)
    return make_plan(found, arms=tuning.tuned_arms(plan, outcome))


def measured(plan: Plan, *, robust: bool = True) -> list[Row]:
    rows = []
    for row in rows_of(plan, []):
        method = row.arm.removesuffix(":tuned")
        value = ACCURACY[method] + LUCK[row.seed] + 0.001 * OWN[method][row.seed]
        metrics = {"test/clean/accuracy": value}
        metrics |= {"test/robust/accuracy": value - 0.2} if robust else {}
        rows.append(replace(row, status="FINISHED", metrics=metrics))
    return rows


def summary_of(plan: Plan, rows: list[Row] | None = None) -> dict[str, Any]:
    return summarise(plan, measured(plan) if rows is None else rows, provenance={})


def column(summary: Mapping[str, Any], *, board: int = 0, place: str = "clean") -> dict[str, Any]:
    found: dict[str, Any] = summary["leader_board"]["boards"][board]["regimes"]["r0"][place]
    return found


# --- numbers


def test_a_column_has_means_ranks_and_groups() -> None:
    """Luck is shared, so 4 points are told apart and a and b, equal in the mean, are not."""
    found = column(summary_of(planned()))
    assert [row["method"] for row in found["rows"]] == ["a", "b", "c", "d"]
    assert [row["mean"] for row in found["rows"]] == pytest.approx(list(ACCURACY.values()))
    table = np.array([[LUCK[s] + ACCURACY[m] + 0.001 * OWN[m][s] for m in OWN] for s in range(8)])
    expected = stats.rankdata(-table.round(9), axis=1).mean(0)
    assert [row["rank"] for row in found["rows"]] == pytest.approx(list(expected))
    assert found["groups"] == [["a", "b"], ["c"], ["d"]]
    assert found["blocks"] == list(range(8))
    assert found["friedman"]["chi2"] == pytest.approx(stats.friedmanchisquare(*table.T).statistic)


def test_pairs_are_judged_as_contrasts_are_and_corrected_by_holm() -> None:
    found = column(summary_of(planned()))
    table = {m: [ACCURACY[m] + LUCK[s] + 0.001 * OWN[m][s] for s in range(8)] for m in OWN}
    pairs = list(combinations(OWN, 2))
    assert [(p["method"], p["other"]) for p in found["pairs"]] == pairs
    plain = [stats.ttest_rel(table[x], table[y]).pvalue for x, y in pairs]
    assert [p["p"] for p in found["pairs"]] == pytest.approx(plain, rel=1e-6)
    holm = multipletests(plain, method="holm")[1]
    assert [p["p_adjusted"] for p in found["pairs"]] == pytest.approx(holm, rel=1e-6)


def test_a_study_that_does_not_ask_has_none() -> None:
    summary = summary_of(planned(leader_board=False))
    assert summary["leader_board"] is None
    assert charts.standings(summary) == ()
    assert pages.boards(summary) == []
    assert not faults(summary_of(planned()) | {"provenance": {"timings": {}}})


def test_tuned_arms_have_a_board_of_their_own() -> None:
    summary = summary_of(planned(tuned=True))
    same, tuned = summary["leader_board"]["boards"]
    assert same["arms"] == {m: m for m in OWN}
    assert tuned["arms"] == {"a": "a:tuned", "c": "c:tuned"}
    assert [row["method"] for row in column(summary, board=1)["rows"]] == ["a", "c"]
    assert any("each at its best" in text.lower() for text in summary["leader_board"]["limits"])


def test_arms_of_one_computation_share_rank_and_group() -> None:
    plan = planned()
    cells = plan.cells | {(r, "b"): plan.cells[r, "a"] for r in plan.regimes}
    rows = [row for row in measured(plan) if row.arm != "b"]
    rows += [replace(row, arm="b") for row in rows if row.arm == "a"]
    found = column(summary_of(replace(plan, cells=cells), rows))
    assert [row["rank"] for row in found["rows"][:2]] == [1.5, 1.5]
    assert found["pairs"][0] | {"difference": 0.0} == found["pairs"][0]
    assert (found["pairs"][0]["p"], found["pairs"][0]["p_adjusted"]) == (None, 1.0)
    assert found["groups"][0] == ["a", "b"]


def test_a_failed_run_ranks_as_a_guess_and_must_be_told_apart_both_ways() -> None:
    """a fails once of 8: its mean is of 7 seeds, its rank there is the last, and beside c it is
    better by 4 points without that seed and not settled with it.
    """
    plan = planned()
    rows = [
        replace(row, status="FAILED", metrics={}) if (row.arm, row.seed) == ("a", 0) else row
        for row in measured(plan)
    ]
    summary = summary_of(plan, rows)
    found = column(summary)
    whole = column(summary_of(plan))
    row = next(row for row in found["rows"] if row["method"] == "a")
    before = next(row for row in whole["rows"] if row["method"] == "a")
    assert row["n"] == 7
    assert row["rank"] > before["rank"]
    assert len(found["blocks"]) == 8
    pair = next(p for p in found["pairs"] if {p["method"], p["other"]} == {"a", "c"})
    assert pair["p"] > 0.05
    assert "c" in not_apart(found, "a")
    assert any("ranks as a guess" in text for text in summary["leader_board"]["limits"])


def test_seeds_that_one_has_not_finished_are_no_blocks_and_who_has_none_is_left_out() -> None:
    plan = planned()
    rows = []
    for row in measured(plan):
        gone = row.arm == "d" or (row.arm, row.seed) == ("b", 3)
        rows.append(replace(row, status="MISSING", metrics={}) if gone else row)
    summary = summary_of(plan, rows)
    found = column(summary)
    assert found["left_out"] == ["d"]
    assert found["blocks"] == [0, 1, 2, 4, 5, 6, 7]
    limits = " ".join(summary["leader_board"]["limits"])
    assert "Not measured, so not ranked: d in r0 and d in r1." in limits
    assert "no blocks: r0 3 and r1 3." in limits


@pytest.mark.parametrize("kept", ["nothing", "one seed", "one arm", "no noise"])
def test_what_cannot_be_ranked_is_null(kept: str) -> None:
    plan = planned()
    rows = []
    for row in measured(plan, robust=kept != "no noise"):
        gone = kept == "nothing" or (kept == "one seed" and row.seed > 0)
        gone = gone or (kept == "one arm" and row.arm != "a")
        rows.append(replace(row, status="MISSING", metrics={}) if gone else row)
    summary = summary_of(plan, rows)
    assert column(summary, place="robust") is None
    assert (column(summary) is None) == (kept != "no noise")
    over = summary["leader_board"]["boards"][0]["over_regimes"]
    assert over["robust"] is None
    assert not faults(summary | {"provenance": {"timings": {}}})
    if kept != "no noise":
        assert summary["leader_board"]["limits"] == ["Nothing was measured that could be ranked."]
        assert charts.standings(summary) == ()


def test_over_few_regimes_there_are_ranks_and_no_test() -> None:
    over = summary_of(planned(2))["leader_board"]["boards"][0]["over_regimes"]["clean"]
    assert [(row["method"], row["rank"]) for row in over["ranks"]][2:] == [("c", 3.0), ("d", 4.0)]
    assert over["refused"] == ("2 regimes cannot carry a test over data sets: it takes 5 at least")
    assert "groups" not in over


def test_over_five_regimes_demsars_test_has_regimes_as_blocks() -> None:
    """The order is the same in all: chi2 is its largest but for the tie of a and b, and ranks that
    are 2 apart do not reach the critical difference of 4 methods in 5 blocks, 2.1.
    """
    summary = summary_of(planned(5))
    board = summary["leader_board"]["boards"][0]
    over = board["over_regimes"]["clean"]
    assert over["critical_difference"] == pytest.approx(2.1, abs=0.01)
    assert over["groups"] == [["a", "b", "c"], ["c", "d"]]
    assert "refused" not in over
    assert not faults(summary | {"provenance": {"timings": {}}})
    assert "Demsar 2006" in cited(summary["methods"])
    table = pages.tests(summary, board)
    assert table is not None
    assert table.rows[-1][0].text == "over regimes, under noise"


# --- words


def test_the_first_and_who_is_not_told_apart_from_it() -> None:
    summary = summary_of(planned())
    (board,) = summary["leader_board"]["boards"]
    first, second, over = board["answer"]
    assert first == (
        "r0: on clean data a is first (90.0 %), not told apart from b; under noise a is first "
        "(70.0 %), not told apart from b."
    )
    assert second.startswith("r1: ")
    assert over.startswith("Over r0 and r1 the lowest mean rank is that of ")
    assert over.endswith("2 regimes cannot carry a test over data sets: it takes 5 at least.")


def told(groups: list[list[str]], **more: Any) -> str:
    tree = leader_board(("views",))["boards"][0]
    tree["regimes"]["views"] = {"clean": standing() | {"groups": groups} | more, "robust": None}
    return standings({"regime_order": ["views"]}, tree)[0]


def test_sentences_for_few_and_many() -> None:
    assert told([["cal"], ["symmetric"], ["joint"]]).endswith("told apart from all others.")
    assert told([["cal", "symmetric", "joint"]]).endswith("not told apart from any other.")
    many = [f"m{i}" for i in range(7)]
    rows = [{"method": m, "mean": 0.5, "rank": 1.0} for m in many]
    said = told([many[:6], many[6:]], rows=rows)
    assert said.endswith("m0 is first (50.0 %), not told apart from 5 of the 6 others.")


def test_what_a_board_cannot_say_is_said() -> None:
    summary = summary_of(planned())
    said = " ".join(summary["leader_board"]["limits"])
    assert "never of other data sets" in said
    assert "on these test samples" in said
    assert "over all pairs of a column (6)" in said
    assert "at most 5 %, and there are 4 columns" in said
    assert "never that they are equally good" in said
    assert "looks" not in said
    assert "Signed ranks" not in said  # of 8 seeds 2 / 256, times 6 is .047
    columns = [c for b in summary["leader_board"]["boards"] for c in b["regimes"]["r0"].values()]
    columns[0]["blocks"] = columns[0]["blocks"][:7]
    assert "of 7 seeds their smallest p is 2 / 2^7, and Holm multiplies it by 6 pairs" in " ".join(
        cautions(summary, summary["leader_board"]["boards"])
    )
    boards = summary["leader_board"]["boards"]
    looked = cautions(summary | {"sequential": {"block": 4}}, boards)
    assert any("do not know of the looks" in text for text in looked)
    drawn = cautions(summary | {"split": {"kind": "resampled"}}, boards)[0]
    assert "a seed draws its test part" in drawn
    assert "on these test samples" not in drawn


def test_what_was_published_stands_beside_the_method_with_its_verdict() -> None:
    summary = summary_of(planned())
    said = summary["leader_board"]["limits"][-1]
    assert said.startswith(
        "Published numbers, on handwritten 1 number: none of them compares with a regime here"
    )
    board = summary["leader_board"]["boards"][0]
    table = pages.standings(summary, board)
    assert table is not None
    assert "published, %" not in [c.title for c in table.columns]  # no arm of that method
    (entry,) = summary["published"]
    entry |= {"arm": "b", "regime": "r1", "noise": "eps 5"}
    table = pages.standings(summary, board)
    assert table is not None
    cells = {row[0].text: row[-1] for row in table.rows[6:10]}
    assert cells["b"].text == "98.5 (eps 5), not comparable"
    assert "split (training/test samples): 1600/400 there" in cells["b"].hover
    assert cells["a"].text == ""


def test_where_nothing_is_known_it_is_said_plainly() -> None:
    summary = summary_of(planned())
    summary["published"] = []
    for regime in summary["regimes"].values():
        regime["data"] = "keypad"
    said = cautions(summary, summary["leader_board"]["boards"])[-1]
    assert said == "Nothing published compares: on keypad no number known to us."
    summary["published"] = [{"comparable": True, "data": "keypad"}] * 2
    said = cautions(summary, summary["leader_board"]["boards"])[-1]
    assert said.startswith("Published numbers, on keypad 2 numbers: 2 of them compare")


def test_a_paper_names_what_was_used() -> None:
    summary = summary_of(planned())
    names = cited(summary["methods"])
    assert {"Friedman 1937", "Iman and Davenport 1980", "Nemenyi 1963", "Holm 1979"} <= set(names)
    assert "Demsar 2006" not in names
    assert "Friedman 1937" not in cited(summary_of(planned(leader_board=False))["methods"])


# --- figure and tables


def chart_of(summary: Mapping[str, Any]) -> Chart:
    return charts.standings(summary)[0]


def test_the_figure_has_ranks_with_half_a_critical_difference_and_a_line_for_each_group() -> None:
    summary = summary_of(planned())
    chart, found = chart_of(summary), column(summary)
    assert chart.name == "ranks-same-r0"
    assert [row.text for row in chart.rows][2:] == ["c", "d"]
    marks, *lines = chart.panels[0].series
    best = next(p for p in marks.points if p.at == 2)
    assert best.value == 3.0
    half = found["critical_difference"] / 2
    assert (best.low, best.high) == pytest.approx((3.0 - half, 3.0 + half))
    assert best.cell == "r0|c"
    assert len(lines) == 1  # groups of one need no line
    assert [p.at for p in lines[0].points] == [0, 1]
    assert lines[0].link
    assert min(p.value for p in lines[0].points) > max(p.high or 0 for p in marks.points)


def test_links_lie_in_the_middle_of_their_rows_and_are_drawn_as_lines() -> None:
    chart = chart_of(summary_of(planned()))
    assert shifts(chart.panels[0]) == [0.0, 0.0]
    marks, line = figure(chart)["data"][:2]
    assert marks["mode"] == "markers"
    assert (line["mode"], line["y"]) == ("lines+markers", [0.0, 1.0])
    assert "error_x" not in line
    names = [trace["name"] for trace in figure(chart)["data"] if trace["showlegend"]]
    assert names == ["mean rank", "not told apart"]


def test_the_table_has_a_band_for_each_regime_and_one_over_all() -> None:
    summary = summary_of(planned())
    table = pages.standings(summary, summary["leader_board"]["boards"][0])
    assert table is not None
    assert [row[0].text for row in table.rows if len(row) == 1] == ["r0", "r1", "all regimes"]
    assert [c.title for c in table.columns] == [
        *("method", "clean, %", "rank", "group", "robust, %", "rank", "group"),
    ]
    first, last = table.rows[1], table.rows[4]
    assert first[1].text.startswith("90.00 \u00b1 ")
    assert [cell.text for cell in (first[3], last[3])] == ["a", "c"]
    assert first[1].key == "r0|a"
    assert table.rows[-1][1].text == ""
    assert table.rows[-1][2].text == "4.0"


def test_a_method_in_two_groups_has_two_letters() -> None:
    found = standing() | {"groups": [["cal", "symmetric"], ["symmetric", "joint"]]}
    assert [pages.letters(found, m) for m in ("cal", "symmetric", "joint")] == ["a", "ab", "b"]


def test_an_arm_that_sees_one_modality_says_which() -> None:
    summary = summary_of(planned())
    seen = {"data": {"modalities": ["pix"]}}
    summary["regimes"]["r0"]["variants"]["a"] |= {"overrides": seen, "title": "alone"}
    table = pages.standings(summary, summary["leader_board"]["boards"][0])
    assert table is not None
    assert table.rows[1][0].hover == "alone (pix)"


def test_the_tests_of_every_column_are_listed() -> None:
    summary = summary_of(planned())
    table = pages.tests(summary, summary["leader_board"]["boards"][0])
    assert table is not None
    assert [row[0].text for row in table.rows][:2] == ["r0, on clean data", "r0, under noise"]
    assert table.rows[0][-1].text == "5 of 6"
    tied = summary["leader_board"]["boards"][0]
    tied["regimes"]["r0"]["clean"]["friedman"] = None
    again = pages.tests(summary, tied)
    assert again is not None
    assert again.rows[0][2].text == "all tied"
