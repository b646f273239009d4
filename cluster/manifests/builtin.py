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
SUFFIXES = {"": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3}
SUFFIXES |= {letter: 1e3**power for power, letter in enumerate("kMGTPE", 1)}
SUFFIXES |= {f"{letter}i": 1024.0**power for power, letter in enumerate("KMGTPE", 1)}
AMOUNTS = ("requests", "limits", "capacity", "hard")


def amount(text: str) -> float:
    """A quantity as a number. Raises ``ValueError`` for what is none."""
    found = re.fullmatch(r"([+-]?[\d.]+(?:[eE][+-]?\d+)?)([a-zA-Z]*)", str(text))
    if found is None or found[2] not in SUFFIXES:
        raise ValueError(f"quantity: given {text}; allowed: a number and one of {[*SUFFIXES]}")
    return float(found[1]) * SUFFIXES[found[2]]


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
