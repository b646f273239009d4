import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from cal.data import lazy
from cal.data.lazy import Lazy
from cal.data.reading import Mapped, Remote

ARRAY = np.arange(60, dtype=np.int16).reshape(10, 3, 2)
CPU = torch.device("cpu")


class Counted:
    """A remote file that counts what is asked of it."""

    def __init__(self, content: bytes) -> None:
        self.file, self.asked = pa.BufferReader(content), 0

    def size(self) -> int:
        return int(self.file.size())

    def read_at(self, count: int, offset: int) -> bytes:
        self.asked += 1
        return bytes(self.file.read_at(count, offset))


def remote(array: np.ndarray = ARRAY) -> tuple[Remote, Counted]:
    file = io.BytesIO()
    np.save(file, array)
    counted = Counted(file.getvalue())
    return Remote(counted), counted


@pytest.mark.parametrize("rows", [[0], [9, 0, 3], [2, 3, 4, 2], [7, 6, 5], []])
def test_rows_are_those_of_the_array(rows: list[int], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", ARRAY)
    for reader in (Mapped.open(f"{tmp_path}/x.npy"), remote()[0]):
        assert (reader.shape, reader.dtype) == (ARRAY.shape, ARRAY.dtype)
        out = np.empty((len(rows), 3, 2), np.int16)
        reader.take(np.array(rows, dtype=np.int64), out)
        assert np.array_equal(out, ARRAY[rows])


def test_neighbours_are_one_request() -> None:
    reader, file = remote()
    before = file.asked
    reader.take(np.array([4, 3, 8, 5]), np.empty((4, 3, 2), np.int16))
    assert file.asked - before == 2


def test_an_array_of_objects_is_refused() -> None:
    file = io.BytesIO()
    np.save(file, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="plain numbers"):
        Remote(Counted(file.getvalue()))


class Plain:
    """A view that shows what is stored, and in which epoch."""

    shape = (3, 2)

    def sent(self, stored: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(stored)

    def seen(self, x: torch.Tensor, ids: np.ndarray, epoch: int | None) -> torch.Tensor:
        return x + (epoch or 0)


def part(ids: list[int], rows: Any = None) -> Lazy:
    return Lazy(rows or Mapped(ARRAY), np.array(ids), Plain())


def test_a_part_reads_its_own_rows() -> None:
    own = part([4, 2, 9])
    assert own.shape == (3, 3, 2)
    assert np.array_equal(own.batch(torch.tensor([2, 0]), device=CPU), ARRAY[[9, 4]])
    changed = own.batch(torch.tensor([1]), device=CPU, change=lambda x, ids: x + ids)
    assert np.array_equal(changed, ARRAY[[2]] + 2)


def test_batches_come_in_order_whoever_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    indices = [torch.tensor([i, 9 - i]) for i in range(10)]
    for readers, ahead in ((1, 0), (1, 3), (4, 8)):
        monkeypatch.setattr(lazy, "READERS", readers)
        monkeypatch.setattr(lazy, "AHEAD", ahead)
        found = list(lazy.batches([part(list(range(10)))], indices, device=CPU, epoch=1))
        assert len(found) == 10
        for index, (x,) in zip(indices, found, strict=True):
            assert np.array_equal(x, ARRAY[index.numpy()] + 1)


def test_what_a_reader_raises_comes_out() -> None:
    class Broken(Mapped):
        def take(self, rows: np.ndarray, out: np.ndarray) -> None:
            raise OSError("the disk is gone")

    read = lazy.batches([part([0], Broken(ARRAY))], [torch.tensor([0])], device=CPU, epoch=None)
    with pytest.raises(OSError, match="the disk is gone"):
        next(read)


def test_only_a_few_batches_are_read_ahead() -> None:
    taken = []

    class Watched(Mapped):
        def take(self, rows: np.ndarray, out: np.ndarray) -> None:
            taken.append(len(rows))
            super().take(rows, out)

    def endless() -> Iterator[torch.Tensor]:
        while True:
            yield torch.tensor([0])

    read = lazy.batches([part([0], Watched(ARRAY))], endless(), device=CPU, epoch=None)
    next(read)
    read.close()
    assert len(taken) <= lazy.AHEAD + 1
