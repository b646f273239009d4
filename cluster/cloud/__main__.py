"""python -m cluster.cloud FILE...: what is wrong with files for `ray up`. Exit 1 if anything.

``--filled`` refuses placeholders too: for a file that is about to be used.
"""

from collections.abc import Sequence

import yaml

from cal import cli
from cluster.checking import checked
from cluster.cloud import launcher, rays


def problems(text: str) -> list[str]:
    """What is wrong with one launcher file: by Ray's schema, the vendor's model, our rules."""
    config = yaml.safe_load(text)
    found = rays.schema_problems(config)
    return found or [*launcher.problems(config), *rays.azure_problems(config)]


def main(words: Sequence[str] | None = None) -> int:
    """Check every file, say all that is wrong; 0 if nothing is."""
    return checked("cluster.cloud", __doc__, words, problems=problems, sound=lambda text: "sound")


if __name__ == "__main__":
    cli.run(main, module="cluster.cloud")
