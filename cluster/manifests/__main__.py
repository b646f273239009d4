"""python -m cluster.manifests FILE...: what is wrong with rendered manifests. Exit 1 if anything.

``--filled`` refuses placeholders too: for a file that is about to be applied.
"""

from collections.abc import Sequence

from cal import cli
from cluster.checking import checked
from cluster.manifests.check import problems
from cluster.manifests.reading import documents
from cluster.manifests.references import secrets


def sound(text: str) -> str:
    """How many manifests there are, and the Secrets that they name."""
    found = documents(text)
    names = ", ".join(sorted(secrets(found)))
    return f"{len(found)} manifests are sound; Secrets to make: {names or 'none'}"


def main(words: Sequence[str] | None = None) -> int:
    """Check every file, say all that is wrong; 0 if nothing is."""
    return checked("cluster.manifests", __doc__, words, problems=problems, sound=sound)


if __name__ == "__main__":
    cli.run(main, module="cluster.manifests")
