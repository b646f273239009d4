"""docs/search.schema.json describes what the report is made of, all of it and nothing else."""

from functools import partial
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.schemas import DOCS, owners, refused, schema_of
from tests.unit.search_spaces import search_trees as made
from tests.unit.search_spaces.search_trees import CLEAN, NLL, TIME

SCHEMA = schema_of("search")
faults = partial(refused, SCHEMA)


def test_the_schema_is_one_of_its_draft() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema_version"]["const"] == 1


def test_every_key_is_described_and_required() -> None:
    assert len(owners(SCHEMA)) > 20
    for path, tree in owners(SCHEMA):
        assert not [k for k, v in tree["properties"].items() if "description" not in v], path
        assert tree["required"] == list(tree["properties"]), path


def test_every_object_is_closed() -> None:
    """But for a contrast, which beside its own keys has an effect for each condition."""
    found = [path for path, tree in owners(SCHEMA) if tree.get("additionalProperties") is not False]
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
