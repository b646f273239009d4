"""Hostile texts on pages, in Markdown, LaTeX, CSV, JSON, YAML, commands and on the terminal."""

import csv
import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from ablations.charts import gallery
from ablations.pages import html, latex, markdown
from ablations.terminal import answer_table
from cal import cli
from cal.config import ConfigError, read_yaml
from evidence.charts.spec import Gallery
from evidence.pages.html import script_json, slug
from evidence.writing import csv_text, json_text
from tests.hostile import EVIL, STRINGS, replaced
from tests.unit.ablations.pages import Page
from tests.unit.ablations.summaries import full_summary

Tree = dict[str, Any]
NO_CHARTS: Gallery = {name: [] for name in gallery(full_summary(), {})}
OLD = "a stranger"
"""What stands in a harmless summary where the hostile text comes."""


def summary() -> Tree:
    """A full summary with a stranger's words in all its free places."""
    tree = full_summary()
    tree = {**tree, "verdict": [f"views: {OLD}", f"{OLD} again"], "methods": [OLD]}
    tree |= {"title": OLD, "headline": OLD}
    tree["provenance"] |= {"command": OLD, "user": OLD, "git": OLD}
    for regime in tree["regimes"].values():
        regime["title"] = regime["limits"] = OLD
        for variant in regime["variants"].values():
            variant["title"] = OLD
    tree["failed"][0]["error"] = tree["failed"][0]["hash"] = OLD
    tree["published"][0] |= {"method": OLD, "source": OLD, "noise": OLD, "differences": [OLD]}
    return tree


class Elements(Page):
    """A page whose elements and their attributes are counted, but for breaks and bold heads."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        if not hasattr(self, "elements"):
            self.elements: list[tuple[str, ...]] = []
        if tag not in ("wbr", "b"):
            self.elements.append((tag, *(name for name, _ in attrs)))


def page_of(tree: Tree) -> Elements:
    return Elements(html.page(tree, NO_CHARTS, {}))


def words(text: str) -> str:
    return " ".join(text.replace("\u00a0", " ").split())


SHOWN = {what: text for what, text in STRINGS.items() if text.strip() and len(text) < 1000}
SHOWN.pop("half a surrogate pair")  # no text of a file can hold it


@pytest.mark.parametrize("what", SHOWN)
def test_on_the_page_it_is_text_and_makes_no_element(what: str) -> None:
    """Even what no name may be: rows of the ledger may be written by others."""
    text, plain = SHOWN[what], page_of(summary())
    for old in (OLD, "views", "cal"):
        found = page_of(replaced(summary(), old, text))
        assert found.open == []
        if old == OLD:
            assert found.elements == page_of(replaced(summary(), old, "another")).elements
            assert words(text) in words(found.text)
        assert not [e for e in found.elements if any(a.startswith("on") for a in e[1:])]
        assert [e for e in found.elements if e[0] == "script"] == [
            e for e in plain.elements if e[0] == "script"
        ]
        assert set(found.scripts) == set(plain.scripts)
        assert json.loads(found.scripts["behind-data"])["runs"]


def test_json_in_a_script_cannot_end_it() -> None:
    found = script_json({text: text for text in SHOWN.values()})
    assert not re.search(r"[<>&]", found)
    assert json.loads(found) == {text: text for text in SHOWN.values()}


@pytest.mark.parametrize("what", SHOWN)
def test_in_markdown_it_is_text(what: str) -> None:
    """No link, picture, code, emphasis or element of it, and tables keep their columns."""
    text = SHOWN[what]
    plain = markdown.markdown(summary(), NO_CHARTS)
    found = markdown.markdown(replaced(summary(), OLD, text), NO_CHARTS)
    assert len(found.splitlines()) == len(plain.splitlines())
    assert "](javascript:" not in re.sub(r"\\.", "", found)
    assert "<" not in found.replace("&lt;", "")
    assert columns(found) == columns(plain)
    read = re.sub(r"\\([\\`*_~|\[\]])", r"\1", found)
    for entity, sign in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        read = read.replace(entity, sign)
    assert words(text) in words(read)


def columns(text: str) -> list[int]:
    """Of each line of a table its bars that part cells."""
    rows = (line for line in text.splitlines() if line.startswith("|"))
    return [re.sub(r"\\.", "", row).count("|") for row in rows]


@pytest.mark.parametrize("what", SHOWN)
def test_in_latex_it_is_text(what: str) -> None:
    """No command that was not in the harmless tables, and braces and columns as they were."""
    found = latex.files(replaced(summary(), "cal", SHOWN[what]))
    plain = latex.files(replaced(summary(), "cal", "another"))
    ours = {r"\textbackslash", r"\textasciitilde", r"\textasciicircum"}
    assert commands(found.values()) - commands(plain.values()) <= ours
    for name, text in found.items():
        assert text.isascii()
        assert all(line.isprintable() for line in text.splitlines())
        assert not re.search(r"\\\\\s*[\[*]", text), "an option of a line break"
        assert "/" not in name
        assert len(name.encode()) < 240
    assert [t.count("&") - t.count(r"\&") for t in found.values()] == [
        t.count("&") for t in plain.values()
    ]


def commands(texts: Any) -> set[str]:
    return {command for text in texts for command in re.findall(r"\\[A-Za-z]+", text)}


def test_a_name_makes_a_file_within_its_folder(tmp_path: Path) -> None:
    names = {text: slug(text) for text in STRINGS.values() if text}
    assert len(set(names.values())) == len(names), "no two share a file"
    for text, name in names.items():
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,200}", name), text
        (tmp_path / f"{name}.svg").touch()
    assert len(list(tmp_path.iterdir())) == len(names)


def test_tables_for_spreadsheets_hold_no_formula() -> None:
    texts = list(SHOWN.values())
    rows = list(csv.DictReader(io.StringIO(csv_text([{"name": t, "n": -1} for t in texts]), "")))
    assert [row["n"] for row in rows] == ["-1"] * len(texts)
    for row, text in zip(rows, texts, strict=True):
        assert row["name"].removeprefix("'") == text.replace("\r", " ").removeprefix("'")
        assert not row["name"].startswith(("=", "+", "-", "@", "\t", "\r"))


def test_json_keeps_every_text() -> None:
    tree = {what: text for what, text in STRINGS.items()}
    assert json.loads(json_text(tree)) == tree
    assert json_text(tree).isascii()


@pytest.mark.parametrize("what", SHOWN)
def test_on_a_terminal_it_is_text(what: str) -> None:
    """Neither markup of rich, nor a link of it, nor a colour."""
    text = SHOWN[what]
    console = Console(file=io.StringIO(), width=500, force_terminal=True, color_system="truecolor")
    console.print(answer_table(replaced(summary(), "views", text)))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b]8;" not in shown, "a link"
    if text.isprintable():
        assert text in re.sub(r"\x1b\[[0-9;]*m", "", shown)


@pytest.mark.parametrize("what", STRINGS)
def test_a_command_that_we_print_is_one_that_a_shell_reads_back(what: str) -> None:
    given = ["--study", STRINGS[what], f"data.root={STRINGS[what]}"]
    assert shlex.split(cli.command("ablations.full", given))[3:] == given


def test_a_message_does_not_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> int:
        raise ConfigError("\n".join(f"name: given {text[:50]}" for text in STRINGS.values()))

    with pytest.raises(SystemExit) as caught:
        cli.run(main, module="ablations.full")
    assert caught.value.code == cli.BAD_INPUT
    told = capsys.readouterr().err.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    assert re.sub(r"\n", "", told).isprintable()


@pytest.mark.parametrize("what", STRINGS)
def test_yaml_that_we_write_is_read_back(what: str, tmp_path: Path) -> None:
    if what == "half a surrogate pair":
        pytest.skip("YAML has no such character")
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"title": STRINGS[what]}), encoding="utf-8")
    assert read_yaml(path) == {"title": STRINGS[what]}


def test_the_table_itself_tries_a_script() -> None:
    assert sum(EVIL in text for text in STRINGS.values()) >= 7
