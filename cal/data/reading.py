"""Rows of a stored array, wherever it lies: memory-mapped from a file, or by ranges of bytes."""

import io
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Rows(Protocol):
    """An array [N, ...] whose rows are read when they are asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, ...]."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of its values."""

    def take(self, rows: Array, out: Array) -> None:
        """Copy ``rows`` [B] into ``out`` [B, ...]."""


@dataclass(frozen=True, eq=False)
class Mapped:
    """A ``.npy`` file, memory-mapped: the system keeps what is read often."""

    array: Array

    @classmethod
    def open(cls, path: str) -> "Mapped":
        """Raises ``OSError`` or ``ValueError`` for what is no array of numbers."""
        return cls(np.load(path, mmap_mode="r", allow_pickle=False))

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, ...]."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of its values."""
        return self.array.dtype

    def take(self, rows: Array, out: Array) -> None:
        """``np.take`` lets other threads run, indexing does not."""
        np.take(self.array, rows, axis=0, out=out, mode="clip")


class Remote:
    """A ``.npy`` object in storage that gives ranges of bytes (S3 and the like): runs of rows that
    are neighbours are one request.
    """

    def __init__(self, file: Any) -> None:
        """``file``: an open ``pyarrow.NativeFile`` with random access."""
        head = io.BytesIO(file.read_at(min(file.size(), 4096), 0))
        version = np.lib.format.read_magic(head)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        self.shape, fortran, self.dtype = read(head)
        if fortran or self.dtype.hasobject:
            raise ValueError("an array in C order of plain numbers")
        self._file, self._start = file, head.tell()
        self._size = int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize

    def take(self, rows: Array, out: Array) -> None:
        """By runs of neighbours in sorted order."""
        order = np.argsort(rows, kind="stable")
        ends = np.flatnonzero(np.diff(rows[order]) > 1) + 1
        for run in np.split(order, ends) if len(rows) else ():
            first, last = int(rows[run[0]]), int(rows[run[-1]])
            content = self._file.read_at((last - first + 1) * self._size, self._position(first))
            found = np.frombuffer(content, self.dtype).reshape(-1, *self.shape[1:])
            out[run] = found[rows[run] - first]

    def _position(self, row: int) -> int:
        return self._start + row * self._size
