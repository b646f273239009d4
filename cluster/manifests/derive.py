"""python -m cluster.manifests.derive FOLDER: schemas/ from KubeRay's resource definitions.

Descriptions, status and pod templates are left out (templates are checked as Pods), types,
defaults, enumerations, formats and CEL rules stay.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from cluster.manifests.structural import SCHEMAS, Schema

KINDS = {"ray.io_rayclusters.yaml": "raycluster.json", "ray.io_rayjobs.yaml": "rayjob.json"}
VERSION = "v1"
TEMPLATES = ("template", "submitterPodTemplate")
FREE: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
TEXTS = ("description", "x-kubernetes-list-type", "x-kubernetes-map-type") + (
    "x-kubernetes-list-map-keys",
)


def short(value: Any) -> Any:
    """A schema without what no check reads."""
    if isinstance(value, list):
        return [short(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, inner in value.items():
        if key == "properties":
            found[key] = {
                name: FREE if name in TEMPLATES else short(field) for name, field in inner.items()
            }
        elif key not in TEXTS:
            found[key] = short(inner)
    return found


def derive(definition: dict[str, Any]) -> dict[str, Any]:
    """A resource definition -> {"apiVersion", "kind", "schema"} of its version v1."""
    spec = definition["spec"]
    (version,) = [one for one in spec["versions"] if one["name"] == VERSION]
    schema = short(version["schema"]["openAPIV3Schema"])
    schema["properties"].pop("status", None)
    kind = spec["names"]["kind"]
    return {"apiVersion": f"{spec['group']}/{VERSION}", "kind": kind, "schema": schema}


def main(folder: str) -> None:
    """Write one small file for each definition in ``folder``."""
    for source, target in KINDS.items():
        definition = yaml.safe_load((Path(folder) / source).read_text(encoding="utf-8"))
        text = json.dumps(derive(definition), separators=(",", ":"), sort_keys=True)
        (SCHEMAS / target).write_text(f"{text}\n", encoding="utf-8")
        print(f"{target}: {len(text)} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
