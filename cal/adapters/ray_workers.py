"""Workers that keep their GPU, one process for each place, as long as they are needed.

A task with GPUs gets a new process each time (Ray's ``max_calls`` is 1 there), and to open a GPU
takes 4 to 8 s (H100); a search gives in hundreds of packs.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from cal.adapters.ray_train import in_worker
from cal.running import Job, Keyed

import ray  # isort: skip  authentication (ray_cluster) comes before Ray


class Worker:
    """One process. What it is given while it is at work waits."""

    def train(self, jobs: Sequence[Job], gpus: float) -> Iterator[list[Keyed]]:
        """A pack of runs; the next finds the GPU's memory as it was."""
        try:
            yield from in_worker(jobs, gpus)
        finally:
            torch.cuda.empty_cache()


class Workers:
    """``count`` processes, each with a core and ``gpus`` GPUs. One that dies is replaced, and its
    packs raise ``RayActorError``.
    """

    def __init__(self, count: int, *, gpus: float) -> None:
        worker: Any = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=-1)(Worker)
        self._gpus = gpus
        self._workers = [worker.remote() for _ in range(count)]
        self._given: dict[Any, int] = {}  # stream -> index of its worker

    def stream(self, jobs: Sequence[Job]) -> Any:
        """As ``ray_train.stream``, by the worker that has the fewest packs."""
        packs = Counter(self._given.values())
        index = min(range(len(self._workers)), key=packs.__getitem__)
        found = self._workers[index].train.options(num_returns="streaming").remote(jobs, self._gpus)
        self._given[found] = index
        return found

    def ended(self, stream: Any) -> None:
        """No more comes of it."""
        self._given.pop(stream, None)

    def close(self) -> None:
        """End the processes, whatever they do."""
        for worker in self._workers:
            ray.kill(worker)
