"""What a vendor's API would refuse of a machine, from the models in its Python client; no network.

Ray's schema leaves ``provider`` and ``node_config`` open: a typo there is found by the bill.
"""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema  # type: ignore[import-untyped]
from botocore.session import get_session  # type: ignore[import-untyped]
from botocore.validate import ParamValidator  # type: ignore[import-untyped]

Tree = dict[str, Any]

EC2 = "2016-11-15"
COMPUTE = "discovery_cache/documents/compute.v1.json"
# Read by Ray itself and taken out before the call (autoscaler/_private/aws/node_provider.py).
RAYS = {"SubnetIds"}
NUMBERS = ("int64", "uint64")  # Google's APIs take these as text too


def machines(cloud: str, config: Tree) -> list[str]:
    """What is wrong with one ``node_config`` of ``cloud`` (aws or gcp), a line each."""
    return {"aws": _aws, "gcp": _gcp}[cloud](config)


@cache
def _amazon() -> Any:
    service = get_session().get_service_model("ec2", EC2)
    return service.operation_model("RunInstances").input_shape


def _aws(config: Tree) -> list[str]:
    shape = _amazon()
    call = {key: value for key, value in config.items() if key not in RAYS}
    report = ParamValidator().validate({"MinCount": 1, "MaxCount": 1, **call}, shape)
    if report.has_errors():
        return [line for line in report.generate_report().split("\n") if line]
    return list(_enumerated(shape, call))


def _enumerated(shape: Any, value: Any, path: str = "") -> Iterator[str]:
    """Values that the model lists and ours is none of: botocore itself does not look."""
    allowed = getattr(shape, "enum", None)
    if allowed and value not in allowed:
        few = ", ".join(sorted(allowed)[:6])
        yield f"{path.lstrip('.')}: given {value}; allowed: {few}{', ...' * (len(allowed) > 6)}"
    if shape.type_name == "structure":
        for key, inner in value.items():
            yield from _enumerated(shape.members[key], inner, f"{path}.{key}")
    if shape.type_name == "list":
        for at, inner in enumerate(value):
            yield from _enumerated(shape.member, inner, f"{path}.{at}")


@cache
def _google() -> Tree:
    text = files("googleapiclient").joinpath(COMPUTE).read_text(encoding="utf-8")
    schemas = json.loads(text)["schemas"]
    wanted = {"$ref": "#/$defs/Instance"}
    return {**wanted, "$defs": {name: _strict(one) for name, one in schemas.items()}}


def _strict(schema: Tree) -> Tree:
    """A discovery document's schema as JSON Schema that refuses unknown fields."""
    if "$ref" in schema:
        return {"$ref": f"#/$defs/{schema['$ref']}"}
    kind = schema.get("type")
    found: Tree = {"enum": schema["enum"]} if "enum" in schema else {}
    if kind == "array":
        return {"type": kind, "items": _strict(schema["items"])}
    if kind == "object":
        others = schema.get("additionalProperties")
        inner = {name: _strict(one) for name, one in schema.get("properties", {}).items()}
        closed = _strict(others) if others else False
        return {"type": kind, "properties": inner, "additionalProperties": closed}
    if kind != "any":
        found["type"] = [kind, "integer"] if schema.get("format") in NUMBERS else kind
    return found


def _gcp(config: Tree) -> list[str]:
    errors = jsonschema.Draft202012Validator(_google()).iter_errors(config)
    return sorted(f"{'.'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in errors)
