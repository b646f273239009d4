"""The faces of a full summary, of a summary of version 1 and of summaries with parts missing."""

import base64
import json
import re
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from ablations.pages import arms
from ablations.pages.latex import escape, latex
from ablations.writing import drawn, faces
from evidence.charts import still
from evidence.pages.html import LARGEST
from evidence.pages.table import Cell, Column, Table
from tests.unit.ablations.pages import Page

SECTIONS = [
    *("answer", "leaders", "accuracy", "mechanisms", "robustness", "tuning", "sweeps", "training"),
    *("calibration", "classes", "published", "aliases", "failed", "method", "provenance"),
]


@pytest.fixture
def written(summary: Any, curves: Any) -> dict[str, bytes]:
    return faces(summary, drawn(summary, curves, over=map))


def page_of(found: dict[str, bytes]) -> Page:
    return Page(found["report.html"].decode())


def test_the_page_needs_nothing_but_itself(written: dict[str, bytes]) -> None:
    text = written["report.html"].decode()
    page = Page(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    anchors = [link[1:] for link in page.links if link.startswith("#")]
    assert set(anchors) <= set(page.ids)
    assert all(link.startswith(("#", "data:image/svg+xml,")) for link in page.links)
    outside = set(re.findall(r"https?://[^\s'\"<>]*", text))
    assert all(address.startswith("http://www.w3.org/") for address in outside)
    assert not re.search(r"@import|url\(|<link", re.sub(r"url\(%23\w+\)", "", text))
    assert len(text.encode()) < LARGEST


def test_every_section_is_there_and_can_be_reached(written: dict[str, bytes]) -> None:
    page = page_of(written)
    assert [name for name in page.ids if name in SECTIONS] == SECTIONS
    assert {f"#{name}" for name in SECTIONS} <= set(page.links)


def test_the_first_screen_is_the_verdict(written: dict[str, bytes], summary: Any) -> None:
    text = page_of(written).text.replace("\u00a0", " ")
    for sentence in summary["verdict"]:
        assert sentence.removeprefix("views: ").removeprefix("sound: ") in text
    assert text.index(summary["verdict"][0]) < text.index("Declared contrasts")


def test_every_figure_stands_without_a_script(written: dict[str, bytes], summary: Any) -> None:
    page = page_of(written)
    assert all(image["alt"] and image["src"].startswith("data:") for image in page.images)
    for image in page.images:
        svg = unquote(image["src"].partition(",")[2])
        assert ElementTree.fromstring(svg).tag.endswith("svg")
    folded = 4  # training of the other arms, noise on single modalities
    assert len(page.images) == len(page.figures) - folded
    data = json.loads(zlib.decompress(base64.b64decode(page.scripts["figures-data"])))
    assert set(data) == set(page.figures)
    code = zlib.decompress(base64.b64decode(page.scripts["plotly-data"])).decode()
    assert "plotly.js" in code[:200]


def test_every_number_leads_to_its_runs(written: dict[str, bytes], summary: Any) -> None:
    page = page_of(written)
    behind = json.loads(page.scripts["behind-data"])
    assert len(page.cells) > 100
    for cell in page.cells:
        regime, arm, *_ = cell.split("|")
        # Levels of a sweep, and here tuned arms, have no runs on the page: they are in runs.csv.
        if "=" not in arm and not arm.endswith(":tuned"):
            assert behind["runs"][regime][arm]
    assert any(cell.startswith("views|cal:tuned|joint:tuned") for cell in page.cells)
    trace = summary["regimes"]["sound"]["variants"]["cal"]["traces"][3]
    run = behind["runs"]["sound"]["cal"][3]
    assert run[:4] == [3, trace["run_id"], trace["hash"], "FAILED"]
    assert (behind["code"][run[4]], behind["data"][run[5]]) == ("abc1234", "sha256:feedbeef")
    names = [name for name, _ in behind["stats"]["views|cal|joint|clean"]]
    assert names[:3] == [
        "difference, points",
        "BCa bootstrap interval",
        "two-way bootstrap, seeds and test samples",
    ]
    assert "p, adjusted for the family" in names


def test_the_pages_say_what_must_be_said(written: dict[str, bytes]) -> None:
    markdown = written["report.md"].decode().replace("&lt;", "<").replace("&gt;", ">")
    for text in (page_of(written).text.replace("\u00a0", " "), markdown):
        for said in (
            "no effect larger than 0.5 points",
            "1 of 8 (12 %)",
            "loss is <nan>",
            "200 labels per class, here 20",
            "metric = acceleration x bottleneck",
            "optim.lr at its upper edge",
            "each at its best",
            "same hyperparameters",
            "+0.90",  # optimism
            "Schuirmann 1987",
            "Holm-Shaffer step-down",
            "looking at views at 4, 8 seeds",
            "Noise is that of the protocol clean-room",
            "none within the range",
            "0.5 (0.25 to 1)",
            "Effective robustness is not given for joint-probe: 3 baseline arms",
        ):
            assert said in text


def test_the_reference_of_a_sweep_is_not_compared_with_itself(summary: Any) -> None:
    table = arms.sweeps(summary)
    assert table is not None
    own = [row[0].text for row in table.rows if any(cell.text == "itself" for cell in row)]
    assert own == ["alpha = 1", "beta = low"]


def test_pictures_of_the_markdown_are_files(written: dict[str, bytes]) -> None:
    links = re.findall(r"\]\(([^)]*)\)", written["report.md"].decode())
    assert len(links) > 10
    assert set(links) <= set(written)
    for link in links:
        for kind in ("svg", "pdf"):
            assert link.replace(".png", f".{kind}") in written


def test_two_reports_are_equal_byte_for_byte(
    summary: Any, curves: Any, fresh: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = faces(summary, drawn(summary, curves, over=map))
    monkeypatch.setattr(still, "files", fresh)
    again = json.loads(json.dumps(summary))
    assert faces(again, drawn(again, curves, over=map)) == first


@pytest.mark.parametrize(
    "key", ["factorial", "tuning", "sweeps", "robustness", "reliability", "per_class", "traces"]
)
@pytest.mark.parametrize("gone", ["missing", "none"])
def test_what_is_not_there_is_left_out(summary: Any, curves: Any, key: str, gone: str) -> None:
    for regime in summary["regimes"].values():
        for tree in (regime, *regime["variants"].values(), *regime["contrasts"]):
            if key in tree:
                tree[key] = None
                if gone == "missing":
                    del tree[key]
    page = page_of(faces(summary, drawn(summary, curves, over=map)))
    assert page.open == []
    sections = {"robustness": "robustness", "tuning": "tuning", "sweeps": "sweeps"}
    absent = sections.get(key) or {"per_class": "classes"}.get(key)
    assert absent is None or absent not in page.ids


@pytest.mark.parametrize(
    "key",
    ["design", "split", "family", "sequential", "over_regimes", "published", "margin", "verdict"]
    + ["leader_board"],
)
def test_a_part_of_the_study_that_is_not_there_is_left_out(
    summary: Any, curves: Any, key: str
) -> None:
    summary[key] = None
    assert page_of(faces(summary, drawn(summary, curves, over=map))).open == []
    del summary[key]
    assert page_of(faces(summary, drawn(summary, curves, over=map))).open == []


def test_text_of_a_study_is_text_in_the_page_and_its_data(summary: Any, curves: Any) -> None:
    name = '</script><b>"&$x$'
    summary["title"] = summary["regimes"]["views"]["title"] = name
    regime = summary["regimes"]["views"]
    regime["variants"]["cal"]["traces"][0]["run_id"] = name
    regime["contrasts"][3]["clean"]["reason"] = name
    text = faces(summary, drawn(summary, curves, over=map))["report.html"].decode()
    assert "</script><b>" not in text
    assert json.loads(Page(text).scripts["behind-data"])["runs"]["views"]["cal"][0][1] == name


def test_figures_beyond_the_room_stand_beside_the_page(
    summary: Any, curves: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evidence.pages.html.STILLS", 40_000)
    page = page_of(faces(summary, drawn(summary, curves, over=map)))
    assert 0 < len(page.images) < 4
    assert "figures/searches.svg" in page.text


TABLE = Table(
    "a b",
    "50 % of it",
    (Column("arm", "left"), Column("x_1"), Column("why", "left", wide=True)),
    ((Cell("views"),), (Cell("a+b"), Cell("\u22121 \u00b1 2"), Cell("a & b"))),
    "A note.",
)


def test_a_table_in_latex() -> None:
    assert latex(TABLE).splitlines()[5:] == [
        r"\label{tab:a_20b}",
        r"\begin{tabular}{@{}lrp{0.3\textwidth}@{}}",
        r"\toprule",
        r"arm & x\_1 & why \\",
        r"\midrule",
        r"\multicolumn{3}{@{}l}{\itshape views} \\",
        r"a+b & $-$1 $\pm$ 2 & a \& b \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\smallskip",
        r"\begin{minipage}{\linewidth}\footnotesize A note.\end{minipage}",
        r"\end{table}",
    ]


def test_the_words_of_an_equivalence_stand_in_the_note() -> None:
    chip = Cell("no effect larger than 0.5 points", "equivalent", chip=True)
    columns = (Column("arm", "left"), Column("verdict", "left"))
    text = latex(Table("t", "c", columns, ((Cell("a"), chip),), "Note."))
    assert r"a & $\approx$ \\" in text
    assert r"Note. $\approx$: no effect larger than 0.5 points.\end{minipage}" in text


def test_latex_is_ascii_and_braces_are_closed(written: dict[str, bytes]) -> None:
    names = [name for name in written if name.startswith("tables/")]
    assert {"tables/contrasts.tex", "tables/mechanisms.tex", "tables/budgets.tex"} <= set(names)
    assert {"tables/leader-board-same.tex", "tables/rank-tests-same.tex"} <= set(names)
    for name in names:
        text = written[name].decode()
        assert text.isascii()
        bare = re.sub(r"\\[{}]", "", text)
        assert bare.count("{") == bare.count("}")
        assert text.count(r"\begin{") == text.count(r"\end{")


def test_characters_that_latex_takes_for_commands_are_escaped() -> None:
    assert escape("a_b {c} 5% ~^\\ <\u00e9>") == (
        r"a\_b \{c\} 5\% \textasciitilde{}\textasciicircum{}\textbackslash{} $<$?$>$"
    )
