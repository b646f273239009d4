"""Kubernetes' own kinds against its published schemas, and pods inside other kinds as Pods."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]

from cluster.manifests.reading import Manifest, pods

VERSION = "1.33"  # of Kubernetes: the oldest still maintained when this was written
QUANTITY = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(([KMGTPE]i)|[numkMGTPE]|[eE][+-]?\d+)?")
AMOUNTS = ("requests", "limits", "capacity", "hard")


def problems(manifest: Manifest) -> list[str]:
    """What Kubernetes would refuse of one of its own kinds."""
    return list(_problems(json.dumps(manifest, sort_keys=True, default=str)))


@cache  # the schema is read anew at every call, and files share most of their manifests
def _problems(text: str) -> list[str]:
    manifest = json.loads(text)
    try:
        kubernetes_validate.validate(manifest, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{'.'.join(map(str, error.path))}: {error.message[:200]}"]
    except kubernetes_validate.SchemaNotFoundError:
        kind = f"{manifest.get('apiVersion')} {manifest.get('kind')}"
        return [f"kind: given {kind}; allowed: kinds of Kubernetes {VERSION} and of schemas/"]
    return []


def pod_problems(manifest: Manifest) -> Iterator[str]:
    """What is wrong with the pods that a custom resource makes."""
    for name, template in pods(manifest):
        pod: Manifest = {"apiVersion": "v1", "kind": "Pod", "spec": template.get("spec")}
        pod["metadata"] = {"name": "pod", **(template.get("metadata") or {})}
        yield from (f"{name}: {line}" for line in problems(pod))


def quantities(value: Any, path: str = "") -> Iterator[str]:
    """Amounts that are none: the published schemas take any string where a quantity stands."""
    if isinstance(value, list):
        for at, inner in enumerate(value):
            yield from quantities(inner, f"{path}.{at}")
    elif isinstance(value, dict):
        for key, inner in value.items():
            here = f"{path}.{key}"
            if key in AMOUNTS and isinstance(inner, dict):
                amounts = {f"{here}.{name}": amount for name, amount in inner.items()}
            else:
                amounts = {here: inner} if key in ("sizeLimit", "nominalQuota") else {}
                yield from quantities(inner, here)
            for place, amount in amounts.items():
                if not QUANTITY.fullmatch(str(amount)):
                    yield f"{place.lstrip('.')}: given {amount}; allowed: a quantity such as 500m"
