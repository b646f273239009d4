"""Custom resources as an API server checks them: defaults, unknown fields, types, CEL rules.

A schema is the ``openAPIV3Schema`` of a resource definition, shortened by ``derive.py``.
"""

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
from cel import Context, evaluate

from cluster.manifests.reading import Manifest

SCHEMAS = Path(__file__).parent / "schemas"
INTEGERS = {"int32": 2**31, "int64": 2**63}
METADATA = {
    "type": "object",
    "anyOf": [{"required": ["name"]}, {"required": ["generateName"]}],
}
Schema = dict[str, Any]


@cache
def schemas() -> dict[tuple[str, str], Schema]:
    """{(apiVersion, kind): schema} of every file of the folder."""
    found = {}
    for path in sorted(SCHEMAS.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        found[content["apiVersion"], content["kind"]] = content["schema"]
    return found


def filled(schema: Schema, value: Any) -> Any:
    """A copy of ``value`` with the schema's defaults, as the API server stores it."""
    if isinstance(value, dict):
        fields = schema.get("properties", {})
        others = schema.get("additionalProperties")
        given = {k: copy.deepcopy(s["default"]) for k, s in fields.items() if "default" in s}
        found = {}
        for key, inner in {**given, **value}.items():
            rule = fields.get(key, others if isinstance(others, dict) else {})
            found[key] = filled(rule, inner)
        return found
    if isinstance(value, list):
        return [filled(schema.get("items", {}), inner) for inner in value]
    return value


def strict(schema: Schema, *, top: bool = False) -> Schema:
    """The schema as JSON Schema that refuses unknown fields and numbers out of their format."""
    found = dict(schema)
    bound = INTEGERS.get(found.get("format", ""))
    if bound:
        found = {"minimum": -bound, "maximum": bound - 1, **found}
    for key in ("items", "additionalProperties"):
        if isinstance(found.get(key), dict):
            found[key] = strict(found[key])
    if "properties" in found:
        found["properties"] = {k: strict(v) for k, v in found["properties"].items()}
    loose = "additionalProperties" in found or found.get("x-kubernetes-preserve-unknown-fields")
    if found.get("type") == "object" and not top and not loose:
        found["additionalProperties"] = False
    if found.get("x-kubernetes-int-or-string"):
        found["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    return found


def rules(schema: Schema, value: Any, path: str = "") -> Iterator[str]:
    """What the schema's CEL rules refuse; rules about a change (``oldSelf``) have no say here."""
    for rule in schema.get("x-kubernetes-validations", ()):
        text = rule["rule"]
        if "oldSelf" not in text and evaluate(text, Context({"self": value})) is not True:
            yield f"{path.lstrip('.')}: {rule.get('message', text)}"
    if isinstance(value, dict):
        fields, others = schema.get("properties", {}), schema.get("additionalProperties")
        for key, inner in value.items():
            below = fields.get(key, others if isinstance(others, dict) else {})
            yield from rules(below, inner, f"{path}.{key}")
    if isinstance(value, list):
        for at, inner in enumerate(value):
            yield from rules(schema.get("items", {}), inner, f"{path}.{at}")


def problems(manifest: Manifest, schema: Schema) -> list[str]:
    """What an API server would refuse of a custom resource, a line each with its field."""
    whole = strict(schema, top=True)
    fields = {**whole.get("properties", {}), "metadata": METADATA}
    fields |= {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
    whole |= {"properties": fields, "additionalProperties": False}
    whole["required"] = sorted({"metadata", "spec", *whole.get("required", ())})
    value = filled(schema, manifest)
    errors = jsonschema.Draft202012Validator(whole).iter_errors(value)
    found = [f"{'.'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in errors]
    return sorted(found) or sorted(rules(schema, value))
