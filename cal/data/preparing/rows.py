"""Arrays on disk that are written row by row, without being held or mapped in memory."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np

from cal.data.layouts.index import Array
from cal.data.preparing.shards import Forms


def file_of(name: str) -> str:
    """``shape/image`` -> ``shape.image.npy``."""
    return f"{name.replace('/', '.')}.npy"


class Rows:
    """``NAME.npy`` files of [count, ...] for writing; rows that are never written are 0.

    Written by ``pwrite``: pages of a mapping would count as this process's memory.
    """

    def __init__(self, folder: Path, forms: Forms, count: int) -> None:
        """Opens the files, and makes those that are not there."""
        self._files: dict[str, tuple[int, int]] = {}
        for name, (kind, shape) in forms.items():
            path = folder / file_of(name)
            if not path.exists():
                _empty(path, kind, (count, *shape))
            with path.open("rb") as file:
                np.lib.format.read_magic(file)
                np.lib.format.read_array_header_1_0(file)
                start = file.tell()
            self._files[name] = (os.open(path, os.O_WRONLY), start)

    def write(self, first: int, arrays: Mapping[str, Array]) -> None:
        """Rows from ``first`` on, to the disk before it returns."""
        for name, array in arrays.items():
            descriptor, start = self._files[name]
            content = memoryview(array.tobytes())
            at = start + first * (array.nbytes // len(array))
            while content:
                written = os.pwrite(descriptor, content, at)
                content, at = content[written:], at + written
        for descriptor, _ in self._files.values():
            os.fdatasync(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for descriptor, _ in self._files.values():
            os.close(descriptor)


def _empty(path: Path, kind: str, shape: tuple[int, ...]) -> None:
    """A file of zeros, whole or not at all."""
    part = path.with_suffix(".part")
    header = {"descr": kind, "fortran_order": False, "shape": shape}
    with part.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize)
    part.replace(path)
