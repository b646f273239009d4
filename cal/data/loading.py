"""``load(config.data, seed=...)`` gives a run's ``Parts``, made in memory or prepared on disk."""

import hashlib
import json
from functools import lru_cache

from cal import own
from cal.config import Data
from cal.data import disk, memory
from cal.data.parts import Parts
from cal.data.splits import Split


@lru_cache(maxsize=1024)
def ids_of(data: Data, *, seed: int) -> Split:
    """Which samples train, probe, select and report: from labels alone, no input is made.

    Raises ``ConfigError`` for a damaged data file or too few samples.
    """
    room = memory if own.in_memory(data.name) else disk
    return room.ids_of(data, seed=seed)


def fingerprint(data: Data, *, seed: int) -> str:
    """SHA-256 of content, options and sample ids of every part, as in ``Parts``; the folder that
    holds them is not part of it.
    """
    content = memory.content(data.name) if own.in_memory(data.name) else disk.content(data)
    digest = hashlib.sha256(content.encode())
    options = data.model_dump(mode="json", exclude={"root", "tokenizer"})
    digest.update(json.dumps(options, sort_keys=True).encode())
    ids = ids_of(data, seed=seed)
    for part in (ids.train, ids.probe, ids.select, ids.report):
        digest.update(part.astype("<i8").tobytes() + b"|")
    return digest.hexdigest()


def load(data: Data, *, seed: int, evaluated: str = "report") -> Parts:
    """The parts of one run.

    ``evaluated``: report, or select for a tuning run, whose parts hold no report sample. Raises
    ``ConfigError`` for a damaged data file or too few samples. Kept per process.
    """
    return loaded(data, seed, evaluated)


@lru_cache(maxsize=32)
def loaded(data: Data, seed: int, evaluated: str) -> Parts:
    """The memory of ``load``."""
    room = memory if own.in_memory(data.name) else disk
    return room.parts(
        data, seed=seed, evaluated=evaluated, fingerprint=fingerprint(data, seed=seed)
    )
