"""Hostile texts as names, titles and values: refused in one line before anything is written, or
kept as they are. How they are shown is in ``test_hostile_pages.py``.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ablations.plan import from_json, make_plan, to_json
from ablations.study import read_study
from cal.config import ConfigError, assignments, parse, read_yaml
from cal.data.loading import load
from cal.fields import JOINERS
from search_spaces.searched import read_search
from search_spaces.sections import read_sections
from search_spaces.space import read_space
from tests.hostile import STRINGS, lines_of

Tree = dict[str, Any]
TREE: Tree = {
    "name": "small",
    "regimes": {"views": {"title": "t", "seeds": 2}},
    "arms": {"one": {"title": "t"}, "two": {"config": {"method": "joint"}}},
    "contrasts": [{"arm": "one", "reference": "two"}],
}
PUBLISHED = {"method": "m", "data": "handwritten", "accuracy": 0.9, "source": "s"}
STUDY_PLACES: dict[str, Callable[[str], Tree]] = {
    "name of the study": lambda text: {"name": text},
    "title of the study": lambda text: {"title": text},
    "name of a regime": lambda text: {"regimes": {text: {}}},
    "title of a regime": lambda text: {"regimes": {"views": {"title": text}}},
    "name of an arm": lambda text: {"arms": {text: {}, **TREE["arms"]}},
    "title of an arm": lambda text: {"arms": {**TREE["arms"], "one": {"title": text}}},
    "name of a factor": lambda text: {"factors": {text: {"neutral": {"gamma": 0}}}},
    "name of a cell": lambda text: {
        "factors": {"g": {"neutral": {"gamma": 0}}},
        "cells": {"g": text},
    },
    "name of a sweep": lambda text: {
        "sweeps": {text: {"field": "gamma", "levels": [0, 1], "reference": 1}}
    },
    "level of a sweep": lambda text: {
        "sweeps": {"s": {"levels": {text: {"gamma": 0}, "one": {}}, "reference": "one"}}
    },
    "arm of a contrast": lambda text: {"contrasts": [{"arm": text, "reference": "two"}]},
    "published method": lambda text: {"published": [{**PUBLISHED, "method": text}]},
    "published source": lambda text: {"published": [{**PUBLISHED, "source": text}]},
    "data set": lambda text: {"base": {"data": {"name": text}}},
    "module of a data set": lambda text: {"base": {"data": {"name": f"{text}:Data"}}},
    "a key of the configuration": lambda text: {"base": {text: 1}},
    "a modality": lambda text: {"base": {"data": {"modalities": [text]}}},
}
TITLES = ("title", "published")


def refusal(done: Callable[[], object]) -> str | None:
    """The lines of what is refused, None if it is not; anything but ``ConfigError`` is a fault."""
    try:
        done()
    except ConfigError as error:
        return str(error)
    return None


def told_well(message: str, *, at_most: int = 3) -> bool:
    """A few lines that show on a terminal what they are, each with a field and what is allowed."""
    lines = lines_of(message)
    return (
        0 < len(lines) <= at_most
        and all(c.isprintable() or c in JOINERS for line in lines for c in line)
        and all(":" in line for line in lines)
    )


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of the test, in which nobody may leave anything."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_there_are_at_least_fifty_and_each_is_another() -> None:
    assert len(STRINGS) >= 50
    assert len(set(STRINGS.values())) == len(STRINGS)


@pytest.mark.parametrize("place", STUDY_PLACES)
def test_a_study_refuses_it_in_one_line_or_keeps_it_as_it_is(
    place: str, alone: Path, tmp_path: Path
) -> None:
    """What is not refused goes through YAML, plan and JSON without a change."""
    taken = []
    for what, text in STRINGS.items():
        path = tmp_path / "study.yaml"
        path.write_text(json.dumps({**TREE, **STUDY_PLACES[place](text)}), encoding="utf-8")

        def read(path: Path = path) -> object:
            plan = make_plan(read_study(str(path)))
            assert from_json(to_json(plan)) == plan
            taken.append(to_json(plan))
            return plan

        message = refusal(read)
        if message is not None:
            assert told_well(message), f"{what}: {message!r}"
        elif text.strip() and "key" not in place:
            kept = json.dumps(" ".join(text.split()))[1:-1]
            assert kept in taken[-1], what
    assert list(alone.iterdir()) == []
    if any(word in place for word in TITLES):
        assert len(taken) > 35, "titles are free texts"
    assert len(taken) < len(STRINGS), "some cannot be shown anywhere"


NAMES = [place for place in STUDY_PLACES if place.startswith("name of a")]


@pytest.mark.parametrize(
    "text", ["../x", "a/b", ".", "..", "-x", "=x", "+x", "@x", " x", "a,b", "x\n"]
)
@pytest.mark.parametrize("place", NAMES)
def test_what_would_leave_a_folder_or_be_an_option_or_a_formula_is_no_name(
    place: str, text: str, tmp_path: Path
) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps({**TREE, **STUDY_PLACES[place](text)}), encoding="utf-8")
    assert refusal(lambda: make_plan(read_study(str(path))))


SPACE: Tree = {
    "name": "own",
    "fields": {
        "optim.lr": {"label": "nuisance", "kind": "float", "low": 0.01, "high": 0.1}
        | {"default": 0.05, "log": True}
    },
}
ROW = SPACE["fields"]["optim.lr"]
SPACE_PLACES: dict[str, Callable[[str], Tree]] = {
    "name": lambda text: {"name": text},
    "title": lambda text: {"title": text},
    "dimension": lambda text: {"fields": {text: {**ROW, "field": "optim.lr"}}},
    "key of a dimension": lambda text: {"fields": {"optim.lr": {**ROW, text: 1}}},
    "section": lambda text: {"sections": {text: {"fields": SPACE["fields"]}}},
    "source": lambda text: {"published": [{"source": text, "values": {"optim.lr": 0.05}}]},
    "include": lambda text: {"include": [text]},
}


@pytest.mark.parametrize("place", SPACE_PLACES)
def test_a_space_refuses_it_in_one_line_or_keeps_it_as_it_is(
    place: str, alone: Path, tmp_path: Path
) -> None:
    for what, text in STRINGS.items():
        path = tmp_path / "own.yaml"
        path.write_text(json.dumps({**SPACE, **SPACE_PLACES[place](text)}), encoding="utf-8")
        found: list[Any] = []

        def read(path: Path = path, found: list[Any] = found) -> object:
            return found.extend([read_space(str(path)), read_sections(str(path))])

        message = refusal(read)
        if message is not None:
            assert told_well(message), f"{what}: {message!r}"
        elif place in ("name", "dimension", "section"):
            assert re.fullmatch(r"\w[\w.:+ -]*", text, re.ASCII)
            assert len(text) <= 100
    assert list(alone.iterdir()) == []


SEARCHED: dict[str, Callable[[str], Tree]] = {
    "name": lambda text: {"name": text},
    "against": lambda text: {"against": [text]},
    "space": lambda text: {"space": text},
    "config": lambda text: {"config": text},
    "objective": lambda text: {"objectives": [text]},
    "scheduler": lambda text: {"scheduler": text},
}


@pytest.mark.parametrize("place", SEARCHED)
def test_a_search_refuses_it_in_one_line(place: str, alone: Path) -> None:
    usual: Tree = {"space": "acceleration", "config": "hw20", "changes": {}, "name": "own"}
    usual |= {"against": ["none"], "objectives": ["clean"], "scheduler": "asha", "sampler": "tpe"}
    for what, text in STRINGS.items():
        given = usual | {"seeds": 1, "trials": 1} | SEARCHED[place](text)
        message = refusal(lambda given=given: read_search(**given))  # type: ignore[misc]
        if message is None:  # no name at all is the usual one
            assert place == "name"
            assert text in ("", "CON", "__proto__", "b" * 100)
        else:
            assert told_well(message), f"{what}: {message!r}"
    assert list(alone.iterdir()) == []


FIELDS = ("data.name", "data.root", "data.tokenizer", "model.pretrained", "method", "optim.name")


@pytest.mark.parametrize("field", FIELDS)
def test_a_configuration_refuses_it_in_one_line(field: str, alone: Path) -> None:
    """Paths are tried: what names no file there is refused when the data are loaded."""
    section, _, leaf = field.partition(".")
    for what, text in STRINGS.items():
        tree: Tree = {section: {leaf: text}} if leaf else {section: text}
        if leaf == "root":
            tree = {"data": {"name": "crema-d", "root": text}, "model": {"encoder": "resnet18"}}
        if leaf == "tokenizer":
            text = text or "."
            tree = {"data": {"name": "mvsa-single", "root": ".", "tokenizer": text}}
            tree["model"] = {"encoder": "resnet18", "bert": text}
        message = refusal(lambda tree=tree: load(parse(tree).data, seed=0))  # type: ignore[misc]
        assert leaf == "pretrained" or message is not None, what
        assert message is None or told_well(message), f"{what}: {message!r}"
    assert list(alone.iterdir()) == []


def test_an_argument_is_data(alone: Path) -> None:
    """A text that YAML reads as something else is that, and none is run."""
    for what, text in STRINGS.items():
        message = refusal(lambda text=text: parse(assignments([f"data.root={text}"])))  # type: ignore[misc]
        assert message is None or told_well(message), f"{what}: {message!r}"
    assert list(alone.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    ["sys:exit", "os:abort", "os:fork", "builtins:breakpoint", "builtins:input", "this:nobody"],
)
def test_a_function_is_no_data_set_and_is_not_called(name: str) -> None:
    message = refusal(lambda: load(parse({"data": {"name": name}}).data, seed=0))
    assert message is not None
    assert f"data.name: given '{name}'; cannot be used" in message


BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (BOMB, "values, those behind aliases counted each time"),
        ("a: &a [*a]", "values, those behind aliases counted each time"),
        ("[" * 5000, "nested too deep"),
        ("a: " + "{b: " * 3000 + "1" + "}" * 3000, "nested too deep"),
        ("a: !!python/object/apply:os.system ['touch canary']", "not plain YAML"),
        ("a: !!python/name:os.system", "not plain YAML"),
        ("a: !!python/object/new:os.system [touch canary]", "not plain YAML"),
        ("a: 2026-99-99", "not plain YAML"),
        ("a: \x00", "not plain YAML"),
        ("- a", "allowed: a YAML mapping of field names"),
        ("1: a", "allowed: a YAML mapping of field names"),
        ("!!binary aGVsbG8=", "allowed: a YAML mapping"),
    ],
)
def test_yaml_is_plain_and_of_bounded_size(
    text: str, line: str, alone: Path, tmp_path: Path
) -> None:
    path = tmp_path / "given.yaml"
    path.write_text(text, encoding="utf-8")
    message = refusal(lambda: read_yaml(path))
    assert message is not None
    assert line in message
    assert told_well(message, at_most=1)
    assert list(alone.iterdir()) == []
