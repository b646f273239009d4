"""The report of a made-up search in every state: pages, figures, tables, files."""

import base64
import csv
import io
import json
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cal.config import ConfigError
from evidence.charts import still
from evidence.pages.html import LARGEST
from search_spaces import writing
from search_spaces.charts import gallery
from search_spaces.pages import tables
from tests.unit.ablations.pages import Page
from tests.unit.search_spaces import search_trees as made
from tests.unit.search_spaces.search_trees import CLEAN, NLL, TIME

SECTIONS = ["answer", "confirmed", "progress", "fields", "trials", "arms", "failed", "method"]


@pytest.fixture(scope="module", autouse=True)
def _without_optuna() -> Iterator[None]:
    """Also where another test has imported its pictures before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "optuna", None)
        patch.delitem(sys.modules, "search_spaces.pictures", raising=False)
        yield


@pytest.fixture(scope="module")
def search() -> dict[str, Any]:
    return made.search()


@pytest.fixture(scope="module")
def written(search: dict[str, Any]) -> dict[str, bytes]:
    return writing.files_of(search)


def page_of(files: dict[str, bytes]) -> Page:
    return Page(files["report.html"].decode())


def test_the_page_needs_nothing_but_itself(written: dict[str, bytes]) -> None:
    text = written["report.html"].decode()
    page = Page(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert all(link.startswith(("#", "data:image/svg+xml,")) for link in page.links)
    assert not re.search(r"@import|<link", text)
    assert len(text.encode()) < LARGEST


def test_every_section_is_there_and_can_be_reached(written: dict[str, bytes]) -> None:
    page = page_of(written)
    assert [name for name in page.ids if name in SECTIONS] == SECTIONS
    assert {f"#{name}" for name in SECTIONS} <= set(page.links)


def test_the_first_screen_is_the_verdict(written: dict[str, bytes]) -> None:
    verdict = json.loads(written["search.json"])["verdict"]
    text = page_of(written).text.replace("\u00a0", " ")
    markdown = written["report.md"].decode().replace("&lt;", "<")
    assert len(verdict) > 8
    for sentence in verdict:
        assert sentence in text
        assert sentence in markdown
    assert text.index(verdict[-1]) < text.index("Confirmed on fresh seeds")


def test_a_verdict_that_is_given_is_kept(search: dict[str, Any]) -> None:
    files = writing.files_of(made.bare(made.search()) | {"verdict": ["Found: a given sentence."]})
    assert "a given sentence" in page_of(files).text
    assert json.loads(files["search.json"])["verdict"] == ["Found: a given sentence."]


def test_every_figure_has_data_and_stands_without_a_script(written: dict[str, bytes]) -> None:
    page = page_of(written)
    data = json.loads(zlib.decompress(base64.b64decode(page.scripts["figures-data"])))
    assert set(data) == set(page.figures)
    assert len(page.images) == len(page.figures) == 7
    assert {"fig-contrasts", "fig-best-so-far", "fig-importance", "fig-trials"} <= set(data)


def test_further_figures_have_a_place(search: dict[str, Any]) -> None:
    """Those of Optuna, which units do not have; one of them has a twin for a telephone."""
    one = {"data": [], "layout": {}, "narrow": {}, "width": 900}
    names = ("fig-slice", "fig-contour", "fig-parallel", "fig-parallel-narrow")
    bare = made.bare(made.search())
    found = writing.faces(
        dict(bare) | {"verdict": ["x"]},
        writing.drawing(gallery(bare), over=map),
        dict.fromkeys(names, one),
    )
    page = page_of(found)
    assert page.open == []
    assert page.figures == list(names)
    assert "#shapes" in page.links


def test_a_click_leads_to_values_and_runs(written: dict[str, bytes], search: Any) -> None:
    page = page_of(written)
    behind = json.loads(page.scripts["behind-data"])
    assert len(page.cells) >= 20 + 6
    for cell in page.cells:
        regime, arm = cell.split("|")
        assert behind["stats"][cell]
        assert behind["runs"][regime][arm]
    best = search["arms"][0]["best"]
    trial = search["arms"][0]["trials"][best]
    assert [r[2] for r in behind["runs"]["cal"][f"#{best}"]] == [s["hash"] for s in trial["seeds"]]


def test_the_pages_say_what_must_be_said(written: dict[str, bytes], search: Any) -> None:
    markdown = written["report.md"].decode()
    for text in (page_of(written).text.replace("\u00a0", " "), markdown):
        for said in (
            "loss is nan at step 12",
            "A failed trial counts as a guess among 10 classes",
            "8 trials of pilot",
            "Hutter 2014",
            "Undecided never says that there is no difference",
            "nearly off among the best",
        ):
            assert said in text
    for link in re.findall(r"\]\(([^)]*)\)", markdown):
        assert link in written


STATES = {
    "nothing ran": lambda: made.bare(made.search()),
    "all failed": lambda: made.failing(made.search()),
    "one trial": lambda: made.search(trials=1) | {"confirmed": None},
    "a few trials": lambda: made.search(trials=7) | {"confirmed": None},
    "two objectives": lambda: made.search(objectives=(CLEAN, TIME)),
    "three objectives": lambda: made.search(trials=30, objectives=(CLEAN, NLL, TIME)),
    "the lower is better": lambda: made.search(trials=30, objectives=(NLL,)) | {"confirmed": None},
}


@pytest.mark.parametrize("state", STATES)
def test_a_search_in_any_state_has_a_report(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(still, "files", lambda chart: {"svg": b"<svg/>", "png": b"", "pdf": b""})
    files = writing.files_of(STATES[state]())
    page = page_of(files)
    assert page.open == []
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert files["report.md"].decode().startswith("# CAL on Handwritten")
    assert set(writing.FILES) <= set(files)
    for said in (page.text, files["report.md"].decode()):
        assert "None" not in said
        assert not re.search(r"\bnan\b(?!$)", said.replace("loss is nan", ""))


def test_running_trials_and_lost_fresh_runs_are_drawn_around(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(still, "files", lambda chart: {"svg": b"<svg/>", "png": b"", "pdf": b""})
    search = made.search(trials=30)
    for trial in search["arms"][0]["trials"][-3:]:
        trial |= {"status": "running", "scores": {}, "errors": {}, "curve": [], "seeds": []}
    arm = search["confirmed"]["arms"][1]
    nothing = {"mean": None, "low": None, "high": None, "values": [None] * 8}
    arm |= {"fresh": {"clean": nothing, "robust": nothing}, "optimism": None, "failed": 8}
    lost = dict.fromkeys(search["confirmed"]["contrasts"][3]["clean"])
    lost |= {"n": 0, "verdict": "not_measured"}
    search["confirmed"]["contrasts"][3] |= {"clean": lost, "robust": lost}
    values = search["confirmed"]["arms"][0]["fresh"]["clean"]["values"]
    values[2] = None
    files = writing.files_of(search)
    text = page_of(files).text
    assert "not measured" in text
    assert "3 trials without an end" in text
    fresh = [row for row in rows_of(files, "runs.csv") if row["phase"] == "confirm"]
    assert [row["fresh_clean"] for row in fresh[2:4]] == ["", str(values[3])]


def test_two_reports_are_equal_byte_for_byte(
    search: dict[str, Any], written: dict[str, bytes]
) -> None:
    assert writing.files_of(json.loads(json.dumps(search))) == written


def test_the_report_is_written_whole_or_not_at_all(
    search: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(still, "files", lambda chart: {"svg": b"<svg/>", "png": b"", "pdf": b""})
    names = writing.write_report(search, out=tmp_path / "out")
    assert names[-1] == "search.json"
    assert all((tmp_path / "out" / name).is_file() for name in names)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--out: given"):
        writing.write_report(search, out=tmp_path / "file")


def rows_of(written: dict[str, bytes], name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(written[name].decode())))


def test_every_trial_and_run_is_in_a_table(written: dict[str, bytes], search: Any) -> None:
    trials, runs = rows_of(written, "trials.csv"), rows_of(written, "runs.csv")
    assert len(trials) == 180
    first = search["arms"][0]["trials"][0]
    assert float(trials[0]["clean"]) == first["scores"]["clean"]
    assert float(trials[0]["optim.lr"]) == 0.05
    assert trials[0]["ogm_ge.alpha"] == ""
    assert {row["status"] for row in trials} == {"complete", "stopped", "failed"}
    fresh = [row for row in runs if row["phase"] == "confirm"]
    assert len(fresh) == 6 * 8
    assert len(runs) - len(fresh) == search["budget"]["runs"]
    assert (
        float(fresh[0]["fresh_clean"])
        == search["confirmed"]["arms"][0]["fresh"]["clean"]["values"][0]
    )
    assert runs[0]["fresh_clean"] == ""


def test_text_of_a_search_is_text_in_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(still, "files", lambda chart: {"svg": b"<svg/>", "png": b"", "pdf": b""})
    search = made.search(trials=12) | {"confirmed": None}
    search["title"] = search["failure_rule"] = '</script><b>"&'
    search["arms"][0]["trials"][5]["reason"] = "<i>a | b\nc"
    files = writing.files_of(search)
    text = files["report.html"].decode()
    assert "</script><b>" not in text
    assert "<i>a" not in text
    assert "a \\| b c" in files["report.md"].decode()


def test_the_best_trials_are_in_their_order(search: dict[str, Any]) -> None:
    found = tables.top(search)
    assert found is not None
    scores = [float(row[1].text.split()[0]) for row in found.rows]
    assert len(scores) == 20
    assert scores == sorted(scores, reverse=True)
    assert found.rows[0][0].text == f"#{search['arms'][0]['best']}"


def test_many_failures_are_counted_not_listed() -> None:
    found = tables.failed(made.failing(made.search()))
    assert found is not None
    assert len(found.rows) == tables.REASONS
    assert "150 more stand in trials.csv" in found.note
