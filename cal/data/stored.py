"""Prepared data: a folder of memory-mapped arrays and a manifest, written once by ``prepare``.

    manifest.json        what it is, how it was decoded, SHA-256 of every file
    labels.npy           [N] int64
    splits.npy           [N] uint8: 0 train, 1 validation, 2 test, 255 skipped (its rows are 0)
    ids.npy              [N] bytes, the ids of the source (UTF-8)
    groups.npy           [N] bytes, speakers and the like; empty where there are none
    NAME.npy             one row a sample: image uint8 [N, frames, size, size, 3]; sound int16
                         [N, rate * seconds], or float32 [N, F, T] where a spectrogram is what was
                         published; text uint8 [N, bytes], UTF-8 filled up with 0; table float32
                         [N, D]
    shape.NAME.npy       [N, 2] int32: height and width of an image before it was stored
    sources.txt          SHA-256 of each file of the source: ``sha256sum -c`` there reads it

An image is squeezed to a square as a whole; with its true shape kept, every crop of the original
can be taken from it (``cal.data.augment``).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pyarrow import fs

from cal.config import ConfigError
from cal.data.reading import Mapped, Remote, Rows

FORMAT = 1
MANIFEST = "manifest.json"
SKIPPED = 255
Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Stored:
    """An opened folder. ``manifest`` keys: format, data_set, modalities (name -> kind, file,
    dtype, shape, and for sound rate and form: waveform or spectrogram), classes, settings, counts
    (by split, and skipped), files (name -> SHA-256), skipped (file, reason, sample of each: those
    without a row are of rows of a list), notes, index (SHA-256 of the lists as read), digest
    (SHA-256 of all of that).
    """

    place: str  # a folder, or a URI such as s3://bucket/path
    manifest: Mapping[str, Any]

    def rows(self, name: str) -> Rows:
        """``NAME.npy``, read by rows: memory-mapped, or by ranges of a remote object."""
        if "://" not in self.place:
            return Mapped.open(f"{self.place}/{name}.npy")
        return Remote(_opened(self.place, f"{name}.npy"))

    @property
    def folder(self) -> Path:
        """Where the files lie, if on this machine."""
        return Path(self.place)

    def array(self, name: str) -> Array:
        """``NAME.npy`` on this machine, memory-mapped and read-only."""
        return np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)

    def all(self, name: str) -> Array:
        """``NAME.npy``, whole."""
        content = np.load(BytesIO(_content(self.place, f"{name}.npy")), allow_pickle=False)
        return np.asarray(content)

    @property
    def digest(self) -> str:
        """What the data are, whatever folder they are in."""
        return str(self.manifest["digest"])

    @property
    def classes(self) -> tuple[str, ...]:
        """By label."""
        return tuple(self.manifest["classes"])


def _opened(place: str, name: str) -> Any:
    system, root = fs.FileSystem.from_uri(place)
    return system.open_input_file(f"{root.rstrip('/')}/{name}")


def _content(place: str, name: str) -> bytes:
    if "://" not in place:
        return (Path(place) / name).read_bytes()
    with _opened(place, name) as file:
        return bytes(file.read())


@lru_cache(maxsize=32)
def open_stored(place: str | Path) -> Stored:
    """Prepared data in a folder, or under a URI that pyarrow opens. Raises ``ConfigError`` where
    there are none, or of another format.
    """
    place = str(place)
    try:
        manifest = json.loads(_content(place, MANIFEST))
    except OSError as error:
        reason = " ".join((error.strerror or str(error)).split())
        raise ConfigError(
            f"data.root: given {place}; no prepared data there ({reason}); make them with "
            "python -m cal.data prepare NAME --source DIR --out DIR"
        ) from None
    except (ValueError, RecursionError):
        raise ConfigError(f"data.root: given {place}; its {MANIFEST} is no JSON") from None
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if found != FORMAT:
        raise ConfigError(
            f"data.root: given {place}; its format is {found}; allowed: {FORMAT}; prepare it again"
        )
    return Stored(place, manifest)
