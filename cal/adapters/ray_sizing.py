"""Before packs are formed: how large they pay off and fit, measured by tasks of the cluster."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import torch

from cal import footprint
from cal.adapters import ray_cluster, ray_train
from cal.adapters.ray_backend import Backend, data_parallel, places
from cal.allocator import keep_freed_memory
from cal.config import Config
from cal.footprint import Size
from cal.runs import Run
from cal.units import Network, representatives, unpacked

PARTS = (1.0, 1 / 2, 1 / 3, 1 / 4)  # of a GPU for a run that goes alone
TRIED_S = 10.0  # of training, to see what a run needs


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


def shared(config: Config, backend: Backend) -> tuple[Backend, str]:
    """Runs that go alone share a GPU where there is room: measured on one run like the others; and
    a line to tell. Two workers of one run cannot share one (NCCL).
    """
    if backend.name == "packed" or backend.gpus != 1 or data_parallel(backend) > 1:
        return backend, ""
    (need, whole), *_ = ray_cluster.each(_needed, [config], gpus=1.0)
    part = part_of_gpu(need, whole)
    gib = f"{need / 2**30:.1f} of {whole / 2**30:.1f} GiB"
    many = f"{round(1 / part)} share one" if part < 1 else "each has its own"
    return replace(backend, gpus=part), f"a run needs {gib} of a GPU: {many}"


def part_of_gpu(need: float, whole: float) -> float:
    """The smallest part of a GPU of ``whole`` bytes that holds a run and has as much to spare."""
    return min((part for part in PARTS if 2 * need <= part * whole), default=1.0)


def _needed(config: Config) -> tuple[int, int]:
    """Bytes of the GPU that a run takes, and that there are."""
    device = ray_train.device_of(1.0)
    footprint.reset_peak(device)
    footprint.measure_alone(config, device=device, seconds=TRIED_S)
    return footprint.peak(device), int(torch.cuda.mem_get_info()[1])
