"""Inputs of prepared data, made when they are asked for: read on the CPU, seen on the device.

    rows of the disk --read--> [B, ...] as stored --to device--> --seen--> [B, ...] for the network

Reading may happen in any thread, ahead of the training step. What is random about a batch is a
function of (seed, epoch, sample), so batches are the same for any order, number of workers or
resume. Legend: N samples of a part, B of a batch.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from cal.data.reading import Array, Rows
from cal.data.splits import Ids

READERS = 4  # threads: storage answers them side by side
AHEAD = 4  # batches read before they are needed
Change = Callable[[Array, Ids], Array]
"""What a condition does to stored values [B, ...] of samples [B]: a new array of that shape."""


class View(Protocol):
    """How the network sees one modality."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample."""

    def sent(self, stored: Array) -> Tensor:
        """Stored values [B, ...] -> what goes to the device; on the CPU."""

    def seen(self, x: Tensor, ids: Ids, epoch: int | None) -> Tensor:
        """[B, ...] for the network; ``epoch`` None: as evaluated, without augmentation."""


@dataclass(frozen=True, eq=False)
class Lazy:
    """One modality of one part. ``ids`` [N]: rows of the stored array, and names of the samples."""

    rows: Rows
    ids: Ids
    view: View

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, ...] as the network sees it."""
        return (len(self.ids), *self.view.shape)

    def read(self, index: Tensor, change: Change | None = None) -> Tensor:
        """Samples ``index`` [B] of the part, ready to be sent."""
        ids = self.ids[index.numpy()]
        stored = np.empty((len(ids), *self.rows.shape[1:]), self.rows.dtype)
        self.rows.take(ids, stored)
        return self.view.sent(stored if change is None else change(stored, ids))

    def seen(self, x: Tensor, index: Tensor, epoch: int | None) -> Tensor:
        """What was read of ``index``, as the network sees it, on the device that ``x`` is on."""
        return self.view.seen(x, self.ids[index.numpy()], epoch)

    def batch(
        self,
        index: Tensor,
        *,
        device: torch.device,
        epoch: int | None = None,
        change: Change | None = None,
    ) -> Tensor:
        """Both at once: [B, ...] on ``device``."""
        return self.seen(self.read(index, change).to(device), index, epoch)


def batches(
    inputs: Sequence[Lazy], indices: Iterable[Tensor], *, device: torch.device, epoch: int | None
) -> Iterator[list[Tensor]]:
    """For every index [B] the inputs M x [B, ...]; the next ones are read meanwhile."""
    pinned = device.type == "cuda"

    def read(index: Tensor) -> list[Tensor]:
        found = [lazy.read(index) for lazy in inputs]
        return [x.pin_memory() for x in found] if pinned else found

    waiting: deque[tuple[Tensor, Future[list[Tensor]]]] = deque()
    with ThreadPoolExecutor(READERS, thread_name_prefix="read") as readers:
        try:
            for index in indices:
                waiting.append((index, readers.submit(read, index)))
                if len(waiting) > AHEAD:
                    yield _ready(inputs, *waiting.popleft(), device, epoch)
            while waiting:
                yield _ready(inputs, *waiting.popleft(), device, epoch)
        finally:
            readers.shutdown(wait=True, cancel_futures=True)


def _ready(
    inputs: Sequence[Lazy],
    index: Tensor,
    read: "Future[list[Tensor]]",
    device: torch.device,
    epoch: int | None,
) -> list[Tensor]:
    sent = [x.to(device, non_blocking=True) for x in read.result()]
    return [lazy.seen(x, index, epoch) for lazy, x in zip(inputs, sent, strict=True)]
