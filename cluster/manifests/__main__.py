"""python -m cluster.manifests FILE...: what is wrong with rendered manifests. Exit 1 if anything.

``--filled`` refuses placeholders too: for a file that is about to be applied.
"""

import argparse
import sys
from pathlib import Path

from cluster.manifests.check import placeholders, problems
from cluster.manifests.reading import documents
from cluster.manifests.references import secrets


def main(words: list[str] | None = None) -> int:
    """Check every file, say all that is wrong; 0 if nothing is."""
    parser = argparse.ArgumentParser(prog="python -m cluster.manifests", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--filled", action="store_true", help="refuse placeholders too")
    given = parser.parse_args(words)
    wrong = 0
    for path in given.files:
        text = path.read_text(encoding="utf-8")
        found = problems(text) + (placeholders(text) if given.filled else [])
        for line in found:
            print(f"{path}: {line}", file=sys.stderr)
        if not found:
            count, names = len(documents(text)), ", ".join(sorted(secrets(documents(text))))
            print(f"{path}: {count} manifests are sound; Secrets to make: {names or 'none'}")
        wrong += bool(found)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
