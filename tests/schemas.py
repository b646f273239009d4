"""Documented JSON schemas, and what a reader of a file would find against one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

DOCS = Path(__file__).resolve().parents[1] / "docs"


def schema_of(name: str) -> dict[str, Any]:
    """docs/NAME.schema.json."""
    tree: dict[str, Any] = json.loads((DOCS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return tree


def refused(schema: dict[str, Any], written: Any) -> list[str]:
    """Places that the schema refuses."""
    tree = json.loads(json.dumps(written, allow_nan=False))
    errors = Draft202012Validator(schema).iter_errors(tree)
    return [f"{error.json_path}: {error.message}" for error in errors]


def places(tree: Any, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every mapping of a schema with its path."""
    if isinstance(tree, dict):
        yield path, tree
        for key, value in tree.items():
            yield from places(value, f"{path}/{key}")
    elif isinstance(tree, list):
        for i, value in enumerate(tree):
            yield from places(value, f"{path}/{i}")


def owners(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Objects that have keys of their own."""
    return [(path, tree) for path, tree in places(schema) if {"properties", "required"} <= {*tree}]
