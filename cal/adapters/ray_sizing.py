"""Before packs are formed: how large they pay off and fit, measured by tasks of the cluster."""

from collections.abc import Iterator, Sequence
from functools import partial

import torch

from cal import footprint
from cal.adapters import ray_cluster, ray_train
from cal.adapters.ray_backend import Backend, places
from cal.allocator import keep_freed_memory
from cal.config import Config
from cal.footprint import Size
from cal.runs import Run
from cal.units import Network, representatives, unpacked


def sizes_of(runs: Sequence[Run], backend: Backend) -> Iterator[tuple[Network, Size]]:
    """The size of packs for each network of the runs that can be packed, being measured."""
    found = representatives(runs)
    gpus = backend.gpus or 0.0
    free = ray_cluster.memory() / places(backend)
    task = partial(_measured, gpus=gpus, free=free)
    measured = ray_cluster.each(task, [run.config for run in found.values()], gpus=gpus)
    return zip(found, measured, strict=True)


def _measured(config: Config, *, gpus: float, free: float) -> Size:
    torch.set_num_threads(1)
    keep_freed_memory()
    device = ray_train.device_of(gpus)
    if device != "cpu":
        free = footprint.free_bytes() * min(1.0, gpus)
    return footprint.choose(footprint.measure(config, device=device, free=free), free=free)


def lines(
    runs: Sequence[Run], sizes: dict[Network, Size], units: Sequence[Sequence[Run]]
) -> Iterator[str]:
    """What was chosen and why, one line a network; and what goes alone."""
    for (data, model, *_), size in sizes.items():
        yield f"{data} {model.encoder}: packs of {size.target} to {size.largest}: {size.why}"
    lengths = [len(unit) for unit in units if len(unit) > 1]
    if lengths:
        yield f"{sum(lengths)} runs in {len(lengths)} packs of {min(lengths)} to {max(lengths)}"
    for reason, count in unpacked(runs).items():
        yield f"{count} runs go alone: {reason}"
