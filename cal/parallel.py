"""What data-parallel workers share: who they are, means over all of them, the first one's word."""

from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from cal.config import ConfigError

T = TypeVar("T")


def check_batch(batch: int, *, samples: int, workers: int) -> None:
    """Raises ``ConfigError`` unless ``samples`` make a batch, and it divides among workers."""
    if batch > samples:
        raise ConfigError(
            f"train.batch: given {batch}; allowed: at most the {samples} training samples"
        )
    if batch % workers:
        raise ConfigError(f"--workers: given {workers}; allowed: a divisor of train.batch={batch}")


@dataclass(frozen=True)
class Group:
    """This worker's place; the default is a run of one worker."""

    rank: int = 0
    world: int = 1

    def mean(self, tensor: Tensor) -> Tensor:
        """The mean over workers, the same bits on each; ``tensor`` itself for one worker."""
        if self.world == 1:
            return tensor
        total = tensor.clone()
        torch.distributed.all_reduce(total)
        return total / self.world

    def from_first(self, value: T) -> T:
        """The value of worker 0, on every worker (what the others gave is not looked at)."""
        if self.world == 1:
            return value
        box = [value]
        torch.distributed.broadcast_object_list(box)
        return box[0]

    def shard(self, tensor: Tensor, *, axis: int) -> Tensor:
        """This worker's equal part of an axis that every worker drew alike."""
        if self.world == 1:
            return tensor
        size = tensor.shape[axis] // self.world
        return tensor.narrow(axis, self.rank * size, size)
