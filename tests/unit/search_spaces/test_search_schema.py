"""docs/search.schema.json describes what the report is made of, all of it and nothing else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.unit.search_spaces import search_trees as made
from tests.unit.search_spaces.search_trees import CLEAN, NLL, TIME

DOCS = Path(__file__).resolve().parents[3] / "docs"
SCHEMA = json.loads((DOCS / "search.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)


def faults(search: Any) -> list[str]:
    """Places that the schema refuses, as a reader of the file would find them."""
    tree = json.loads(json.dumps(search, allow_nan=False))
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(tree)]


def places(tree: Any, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every mapping of the schema with its path."""
    if isinstance(tree, dict):
        yield path, tree
        for key, value in tree.items():
            yield from places(value, f"{path}/{key}")
    elif isinstance(tree, list):
        for i, value in enumerate(tree):
            yield from places(value, f"{path}/{i}")


def owners() -> list[tuple[str, dict[str, Any]]]:
    """Objects that have keys of their own."""
    return [(path, tree) for path, tree in places(SCHEMA) if {"properties", "required"} <= {*tree}]


def test_the_schema_is_one_of_its_draft() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema_version"]["const"] == 1


def test_every_key_is_described_and_required() -> None:
    assert len(owners()) > 20
    for path, tree in owners():
        assert not [k for k, v in tree["properties"].items() if "description" not in v], path
        assert tree["required"] == list(tree["properties"]), path


def test_every_object_is_closed() -> None:
    """But for a contrast, which beside its own keys has an effect for each condition."""
    found = [path for path, tree in owners() if tree.get("additionalProperties") is not False]
    assert found == ["#/$defs/confirmed/properties/contrasts/items"]


def test_the_page_of_the_schema_names_every_key_of_the_file() -> None:
    text = (DOCS / "search.md").read_text(encoding="utf-8")
    named = [*SCHEMA["properties"], *SCHEMA["$defs"]["arm"]["properties"]]
    assert not [key for key in named if f"`{key}`" not in text]


@pytest.mark.parametrize(
    "search",
    [
        made.search(),
        made.search(trials=5) | {"confirmed": None},
        made.search(trials=30, objectives=(CLEAN, NLL, TIME)),
        made.bare(made.search()),
        made.failing(made.search()),
    ],
    ids=["full", "few", "three objectives", "bare", "failing"],
)
def test_a_search_in_any_state_is_valid(search: Any) -> None:
    assert not faults(search)


def test_what_is_wrong_is_refused() -> None:
    for change, place in (
        ({"budget": {}}, "$.budget"),
        ({"kind": "summary"}, "$.kind"),
        ({"surplus": 1}, "$"),
        ({"arms": []}, "$.arms"),
    ):
        assert any(f.startswith(f"{place}:") for f in faults(made.search(trials=3) | change))
    search = made.search(trials=30)
    search["arms"][0]["trials"][3]["status"] = "done"
    search["confirmed"]["contrasts"][0]["clean"]["p"] = 2
    assert len(faults(search)) == 2
