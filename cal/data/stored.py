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
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cal.config import ConfigError

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

    folder: Path
    manifest: Mapping[str, Any]

    def array(self, name: str) -> Array:
        """``NAME.npy``, memory-mapped and read-only."""
        return np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)

    @property
    def digest(self) -> str:
        """What the data are, whatever folder they are in."""
        return str(self.manifest["digest"])

    @property
    def classes(self) -> tuple[str, ...]:
        """By label."""
        return tuple(self.manifest["classes"])


@lru_cache(maxsize=32)
def open_stored(folder: Path) -> Stored:
    """A prepared folder. Raises ``ConfigError`` where it is none, or not of this format."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"data.root: given {folder}; no prepared data there ({error.strerror}); make them with "
            "python -m cal.data prepare NAME --source DIR --out DIR"
        ) from None
    except ValueError:
        raise ConfigError(f"data.root: given {folder}; its {MANIFEST} is no JSON") from None
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if found != FORMAT:
        raise ConfigError(
            f"data.root: given {folder}; its format is {found}; allowed: {FORMAT}; prepare it again"
        )
    return Stored(folder, manifest)
