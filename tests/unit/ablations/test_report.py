import csv
import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ablations import report
from ablations.rows import Row
from ablations.summary import analyse, summarise
from ablations.terminal import answer_table
from ablations.writing import drawn, write_report
from cal.config import ConfigError
from evidence.writing import check_out, provenance_of
from tests.unit.ablations.pages import Page


def written(study: Any, out: Path, **provenance: Any) -> dict[str, Any]:
    summary, effects = analyse(study.plan, study.rows, provenance=provenance)
    figures = drawn(summary, study.curves, over=map)
    write_report(summary, effects, study.rows, figures, out=out)
    return summary


def test_every_file_of_a_report(study: Any, tmp_path: Path) -> None:
    summary = written(study, tmp_path / "new" / "out", date="today")
    found = {str(p.relative_to(tmp_path / "new/out")) for p in tmp_path.rglob("*.*")}
    charts = ["effects"]
    for name in ("views", "sound"):
        charts += [f"accuracy-{name}", f"training-{name}-cal", f"learning-{name}"]
        # Its cells tell neither interactions nor main effects: effects are those of contrasts.
        charts += [f"robustness-{name}", f"severity-{name}"]
    tables = ["contrasts", "means-views", "means-sound"]
    assert found == {
        *(f"figures/{name}.{kind}" for name in charts for kind in ("png", "svg", "pdf")),
        *(f"tables/{name}.tex" for name in tables),
        *("report.html", "report.md", "runs.csv", "effects.csv", "summary.json"),
    }
    text = (tmp_path / "new/out/summary.json").read_text()
    assert json.loads(text) == summary
    assert text == json.dumps(summary, sort_keys=True, indent=1) + "\n"
    rows = list(csv.DictReader((tmp_path / "new/out/runs.csv").read_text().splitlines()))
    assert len(rows) == len(study.rows) * 11


def test_page_and_markdown_tell_the_answer_and_its_limits(study: Any, tmp_path: Path) -> None:
    summary = written(study, tmp_path)
    html = Page((tmp_path / "report.html").read_text()).text
    markdown = (tmp_path / "report.md").read_text()
    for text in (html, markdown):
        for sentence in summary["verdict"]:
            regime, _, rest = sentence.partition(": ")
            assert (rest if regime in summary["regimes"] else sentence) in text
        for said in (
            "not corrected for their number",
            "arXiv 2510.26289",
            "none = joint",
            "exploratory",
            "paired",
        ):
            assert said in text
    for link in re.findall(r"\]\(([^)]*)\)", markdown):
        assert (tmp_path / link).is_file()


def test_failed_runs_are_named_with_their_error(study: Any, tmp_path: Path) -> None:
    def fail(row: Row) -> Row:
        broken = row.hash == "views-cal-2"
        return replace(row, status="FAILED", error="a | <b>bad</b>\nloss") if broken else row

    written(study.changed(fail), tmp_path)
    html = (tmp_path / "report.html").read_text()
    assert "a | &lt;b&gt;bad&lt;/b&gt;" in html
    assert "<b>bad" not in html
    assert "| a \\| &lt;b&gt;bad&lt;/b&gt; loss |" in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize("kept", ["nothing", "one seed", "no noise", "no curves"])
def test_a_study_in_any_state_has_a_report(study: Any, tmp_path: Path, kept: str) -> None:
    def keep(row: Row) -> Row | None:
        if kept == "nothing" or (kept == "one seed" and row.seed > 0):
            return replace(row, status="MISSING", metrics={})
        if kept == "no noise":
            clean = {k: v for k, v in row.metrics.items() if k.startswith("test/clean")}
            return replace(row, metrics=clean)
        return row

    changed = study.changed(keep)
    if kept == "no curves":
        changed = replace(changed, curves={})
    written(changed, tmp_path)
    assert Page((tmp_path / "report.html").read_text()).open == []


def test_names_of_arms_are_text_everywhere(study: Any, tmp_path: Path) -> None:
    name = 'a<b>"+& $x$'
    arms = tuple(replace(a, name=name) if a.name == "none" else a for a in study.plan.arms)
    cells = {(r, name if a == "none" else a): h for (r, a), h in study.plan.cells.items()}
    plan = replace(study.plan, arms=arms, cells=cells, contrasts=study.plan.contrasts[:2])
    rows = [replace(row, arm=name) if row.arm == "none" else row for row in study.rows]
    written(replace(study, plan=plan, rows=rows), tmp_path)
    html = (tmp_path / "report.html").read_text()
    assert "a<b>" not in html
    assert name in Page(html).text


def test_two_reports_are_equal_byte_for_byte(study: Any, tmp_path: Path) -> None:
    written(study, tmp_path / "a")
    written(study, tmp_path / "b")
    for path in (tmp_path / "a").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_a_report_that_cannot_be_finished_leaves_the_old_one(
    study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(study, tmp_path, date="old")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ConfigError, match=r"--out: given .*No space left on device"):
        written(study, tmp_path, date="new")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_an_output_that_is_no_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as caught:
        check_out(tmp_path / "file" / "out")
    assert str(caught.value).startswith("--out: given ")
    assert "\n" not in str(caught.value)


def test_provenance_names_code_versions_and_date() -> None:
    found = provenance_of(command="make ablation", git=["b", "", "a", "b"], wall_s=1.5)
    assert (found["git"], found["command"], found["wall_s"]) == ("a, b", "make ablation", 1.5)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", found["date"])
    assert {"python", "numpy", "scipy"} <= found["versions"].keys()


def test_the_answer_on_the_terminal_has_plain_numbers(study: Any) -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(answer_table(summarise(study.plan, study.rows)))
    text = console.export_text()
    assert re.search(r"views.*cal - joint \*.*\+5\.00 \+- .*helps in both", text)
    assert re.search(r"none - joint .*same runs", text)


@pytest.mark.parametrize("arguments", [["--help"], [], ["--study", "x"]])
def test_the_command_answers_without_slow_libraries(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom ablations import report\nfrom cal import cli\n"
        "try: cli.run(report.main, module='ablations.report')\n"
        "finally:\n"
        "  slow = {'torch', 'ray', 'mlflow', 'matplotlib', 'jinja2', 'scipy', 'plotly'}\n"
        "  assert not slow & sys.modules.keys(), slow & sys.modules.keys()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "100"},
    )
    assert done.returncode == (0 if arguments == ["--help"] else 2)
    assert "--study" in done.stdout if done.returncode == 0 else "--out" in done.stderr
    assert done.returncode == 0 or done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_an_unwritable_out_is_told_before_the_ledger_is_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--out"):
        report.main(["--study", "small", "--out", str(tmp_path / "file")])
