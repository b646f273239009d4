"""Re-tuning, blocks of seeds and the report again, by the commands that a user gives."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.integration.studies import SMALL, run, small_study, summary

STUDY = SMALL.replace("seeds: 2", "seeds: 3") + "tuning: {arms: [cal, joint], seeds: 2}\n"
WORDS = ("--until-resolved", "--max-seeds", "5", "--block", "2", "--tune-trials", "3")


@pytest.fixture(scope="module")
def done(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The study, tuned and with more seeds: its folder, its second call, the report made again."""
    folder = tmp_path_factory.mktemp("phases")
    home = folder / "home"
    home.mkdir()
    (home / "mlflow.db").write_bytes(template.read_bytes())
    study = ("ablations.full", "--config", small_study(folder, STUDY), *WORDS)
    first = run(*study, "--out", folder / "out", home=home)
    second = run(*study, "--out", folder / "second", home=home)
    again = run("ablations.report", "--study", "small", "--out", folder / "again", home=home)
    for process in (first, second, again):
        assert process.returncode == 0, process.stderr
    return folder, second


def test_seeds_come_in_blocks_until_there_are_verdicts_or_the_maximum(done: Any) -> None:
    folder, _ = done
    found = summary(folder / "out")
    assert found["sequential"]["looks"] == {"hw20": [3, 5]}
    taken = found["sequential"]["taken"]["hw20"]
    words = [found["regimes"]["hw20"]["contrasts"][0][c]["verdict"] for c in ("clean", "robust")]
    assert taken == 5 or "undecided" not in words
    assert found["regimes"]["hw20"]["seeds"] == list(range(taken))


def test_both_deltas_and_the_budget_of_each_arm(done: Any) -> None:
    folder, _ = done
    tuning = summary(folder / "out")["regimes"]["hw20"]["tuning"]
    assert (tuning["trials"], tuning["seeds"]) == (3, [1000, 1001])
    assert set(tuning["arms"]) == {"cal", "joint"}
    for arm in tuning["arms"].values():
        assert arm["budget"]["trials"] == 3
        assert arm["budget"]["epochs"] == 3 * 2 * 8
        assert arm["search_score"] >= arm["default_score"]
        assert arm["optimism"] == pytest.approx(arm["search_score"] - arm["fresh_score"])
    (contrast,) = tuning["contrasts"]
    assert contrast["name"] == "cal - joint"
    assert contrast["same"]["clean"]["n"] == contrast["tuned"]["clean"]["n"]


def test_a_second_call_trains_nothing_and_says_the_same(done: Any) -> None:
    folder, second = done
    assert "preflight" not in second.stderr
    assert summary(folder / "second") == summary(folder / "out")


def test_the_report_again_is_the_same_but_for_its_date(done: Any) -> None:
    """Of the second call: its provenance is what the ledger keeps."""
    folder, _ = done
    dates = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d UTC")
    names = {p.relative_to(folder / "second") for p in (folder / "second").rglob("*.*")}
    assert {Path("report.html"), Path("effects.csv"), Path("figures/effects.png")} <= names
    assert names == {p.relative_to(folder / "again") for p in (folder / "again").rglob("*.*")}
    for name in sorted(names):
        left, right = ((folder / o / name).read_bytes() for o in ("second", "again"))
        assert dates.sub(b"", left) == dates.sub(b"", right), name


def test_more_seeds_than_the_study_has_are_asked_for_properly(tmp_path: Path) -> None:
    study = ("ablations.full", "--config", small_study(tmp_path, STUDY))
    home = tmp_path / "home"
    low = run(*study, "--until-resolved", "--max-seeds", "3", home=home)
    assert (low.returncode, low.stderr) == (
        2,
        "--max-seeds: given 3; allowed: more than the 3 seeds of the study\n",
    )
    alone = run(*study, "--max-seeds", "9", home=home)
    assert alone.stderr == "--max-seeds: given without --until-resolved; allowed: with it\n"


def test_what_is_declared_anew_after_results_is_told_on_the_first_screen(done: Any) -> None:
    """Last, since it changes the study: another margin, and no looks."""
    folder, _ = done
    changed = folder / "changed.yaml"
    changed.write_text(STUDY + "analysis: {margin: 0.02}\n", encoding="utf-8")
    taken = len(summary(folder / "out")["regimes"]["hw20"]["seeds"])
    words = ("--config", changed, "--seeds", str(taken), "--out", folder / "changed")
    again = run("ablations.full", *words, home=folder / "home")
    assert again.returncode == 0, again.stderr
    found = summary(folder / "changed")
    assert found["family"]["revisions"] == [
        "margin was 0.005 and is 0.02",
        f"hw20: the looks were planned at 3, 5 seeds and are at {taken}",
    ]
    assert any("Declared anew once results were there" in line for line in found["verdict"])
    assert found["regimes"]["hw20"]["tuning"] is None  # this plan has no tuned arms
