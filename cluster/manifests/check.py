"""Everything that is wrong with a file of manifests, a line each."""

import re
from collections.abc import Iterator

from cluster.manifests import builtin, operator_rules, policy, references, structural
from cluster.manifests.reading import Manifest, documents, title

# Values that only the owner of a cluster knows: words, and addresses that RFC 5737 and 2606 reserve
# for documents, so that a file with them is sound and reaches nobody.
PLACEHOLDER = re.compile(r"REPLACE-ME|192\.0\.2\.\d+|registry\.example\b|\.example\b")


def _one(manifest: Manifest) -> Iterator[str]:
    if not isinstance(manifest.get("apiVersion"), str):
        yield "apiVersion: required"
        return
    schema = structural.schemas().get((manifest["apiVersion"], str(manifest.get("kind"))))
    if schema is None:
        found = builtin.problems(manifest)
    else:
        found = structural.problems(manifest, schema)
        found = found or [*builtin.pod_problems(manifest), *operator_rules.problems(manifest)]
    yield from found
    yield from builtin.quantities(manifest)
    if not found:  # the rules read what has the shape it should have
        yield from policy.problems(manifest)


def problems(text: str) -> list[str]:
    """What is wrong with a rendered file."""
    try:
        return together(documents(text))
    except ValueError as error:
        return [str(error)]


def together(manifests: list[Manifest]) -> list[str]:
    """What is wrong with manifests: with each, and if nothing is, with all of them together."""
    if not manifests:
        return ["given no manifest; allowed: one or more"]
    found = [f"{title(one)} {line}" for one in manifests for line in _one(one)]
    return found or list(references.problems(manifests))


def placeholders(text: str) -> list[str]:
    """Lines that hold a value still to be replaced, with their numbers (from 1)."""
    lines = enumerate(text.splitlines(), 1)
    return [f"line {at}: {line.strip()}" for at, line in lines if PLACEHOLDER.search(line)]
