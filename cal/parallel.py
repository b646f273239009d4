"""What data-parallel workers share: who they are, means over all of them, the first one's word."""

from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from cal.config import LARGE, Config, ConfigError

T = TypeVar("T")


def check_workers(config: Config, *, samples: int, workers: int, gpus: float = 0.0) -> None:
    """Can ``workers``, with ``gpus`` GPUs each, compute the run that one worker would?

    Raises ``ConfigError`` unless ``samples`` make a batch and shares of it, and of the probe, are
    equal. Batch normalisation needs the whole batch: over workers only GPUs can do that.
    """
    batch = config.train.batch
    if batch > samples:
        raise ConfigError(
            f"train.batch: given {batch}; allowed: at most the {samples} training samples"
        )
    shared = {"train.batch": batch}
    metric = config.cal.contribution if config.cal is not None else None
    if metric is not None and metric.enabled:
        probe = config.data.probe
        shared["the probe of an update"] = min(metric.probe_batch or probe, probe)
    for name, size in shared.items():
        if size % workers:
            raise ConfigError(f"--workers: given {workers}; allowed: a divisor of {name}={size}")
    if workers > 1 and config.method == "mmpareto":
        raise ConfigError(
            f"--workers: given {workers}; allowed: 1 for method=mmpareto, which compares gradients "
            "of single losses before workers add theirs up"
        )
    if (batch // workers) % config.train.accumulate:
        raise ConfigError(
            f"--workers: given {workers}; allowed: so many that train.accumulate="
            f"{config.train.accumulate} divides their share of train.batch={batch}"
        )
    if workers > 1 and not gpus and config.model.encoder in LARGE:
        raise ConfigError(
            f"--workers: given {workers}; allowed: 1 for model.encoder={config.model.encoder} "
            "without GPUs, "
            "whose batch normalisation needs the whole batch"
        )


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
