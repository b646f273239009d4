"""python -m cluster.cloud FILE...: what is wrong with files for `ray up`. Exit 1 if anything.

``--filled`` refuses placeholders too: for a file that is about to be used.
"""

import argparse
import sys
from pathlib import Path

import yaml

from cluster.cloud import launcher, rays
from cluster.manifests.check import placeholders


def problems(text: str) -> list[str]:
    """What is wrong with one launcher file: by Ray's schema, the vendor's model, our rules."""
    config = yaml.safe_load(text)
    found = rays.schema_problems(config)
    return found or [*launcher.problems(config), *rays.azure_problems(config)]


def main(words: list[str] | None = None) -> int:
    """Check every file, say all that is wrong; 0 if nothing is."""
    parser = argparse.ArgumentParser(prog="python -m cluster.cloud", description=__doc__)
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
            print(f"{path}: sound")
        wrong += bool(found)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
