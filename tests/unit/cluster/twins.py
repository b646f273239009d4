"""Rendered manifests with one thing changed."""

import copy
from functools import cache
from pathlib import Path
from typing import Any

from cluster.manifests.reading import documents, title

RENDERED = Path(__file__).resolve().parents[3] / "cluster" / "kubernetes" / "rendered"
GONE = object()  # as a value: the field is removed
HEAD = "spec.headGroupSpec.template.spec"
WORKER = "spec.workerGroupSpecs.0.template.spec"
POD = "spec.template.spec"


@cache
def text_of(overlay: str) -> str:
    """A rendered file."""
    return (RENDERED / f"{overlay}.yaml").read_text(encoding="utf-8")


@cache
def _manifests(overlay: str) -> list[dict[str, Any]]:
    return documents(text_of(overlay))


def edit(tree: Any, path: str, value: Any) -> Any:
    """A copy of ``tree`` with ``value`` at a dotted path, whose last step may be new."""
    found = copy.deepcopy(tree)
    *steps, last = path.split("/") if "/" in path else path.split(".")
    place = found
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if value is GONE:
        del place[int(last) if isinstance(place, list) else last]
    elif isinstance(place, list):
        place.insert(int(last), value)
    else:
        place[last] = value
    return found


def twin(overlay: str, name: str, path: str, value: Any) -> list[dict[str, Any]]:
    """The file's manifests, one field of the one named ``Kind/name`` changed; "" is the whole."""
    manifests = []
    for one in _manifests(overlay):
        if title(one) != name:
            manifests.append(one)
        elif path:
            manifests.append(edit(one, path, value))
        elif value is not GONE:
            manifests.append(value)
    return manifests
