"""What a configuration points at, by content: the same run wherever its files lie.

Opens torch only for data that are not shipped with the package.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

from cal import own
from cal.config import Config, ConfigError
from cal.digests import SHA256

PLACES = {"data": ("root", "tokenizer"), "model": ("pretrained", "bert")}
"""Fields that say where something lies; ``digests`` says what."""


def digests(config: Config) -> tuple[str, ...]:
    """SHA-256 of the data, of a user's own code, and of weights to begin with.

    Raises ``ConfigError`` for what is not there.
    """
    name = config.data.name
    if name in SHA256:
        found = tuple(SHA256[name].values())
    else:
        from cal.data import disk, memory

        content = memory.content(name) if own.in_memory(name) else disk.content(config.data)
        found = (content, own.code(name))
    weights = [("model.pretrained", config.model.pretrained), ("model.bert", config.model.bert)]
    return (*found, *(of_files(path, field=field) for field, path in weights if path is not None))


@lru_cache(maxsize=64)
def of_files(path: str, *, field: str) -> str:
    """SHA-256 of a file, or of all files of a folder by name; torchvision's ``imagenet`` is its
    own name.
    """
    place = Path(path).expanduser()
    if path == "imagenet":
        return path
    if not place.exists():
        raise ConfigError(f"{field}: given {path}; there is no such file or folder")
    files = sorted(p for p in place.rglob("*") if p.is_file()) if place.is_dir() else [place]
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(f"{file.name} ".encode() + hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
