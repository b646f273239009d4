"""Workers that keep their GPU, one process for each place, as long as they are needed.

A task with GPUs gets a new process each time (Ray's ``max_calls`` is 1 there), and to open a GPU
takes 4 to 8 s (H100); a search gives in hundreds of packs.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch

from cal.adapters.ray_train import in_worker
from cal.running import Job, Keyed

import ray  # isort: skip  authentication (ray_cluster) comes before Ray


class Worker:
    """One process. What it is given while it is at work waits."""

    def node(self) -> str:
        """Id of the node it runs on."""
        return str(ray.get_runtime_context().get_node_id())

    def train(self, jobs: Sequence[Job], gpus: float) -> Iterator[list[Keyed]]:
        """A pack of runs; the next finds the GPU's memory as it was."""
        try:
            yield from in_worker(jobs, gpus)
        finally:
            torch.cuda.empty_cache()


@dataclass(eq=False)
class Place:
    """A worker, and the reference that gives its node once it runs."""

    worker: Any
    node: Any

    @property
    def ready(self) -> bool:
        """Whether it runs; of one that died it is not known before it is asked."""
        return bool(ray.wait([self.node], timeout=0)[0])


class Workers:
    """``count`` processes, each with a core and ``gpus`` GPUs. One that dies is replaced, on
    another node if its own is gone, and its packs raise ``RayActorError``.
    """

    def __init__(self, count: int, *, gpus: float) -> None:
        self._gpus = gpus
        self._places = [self._begun() for _ in range(count)]
        self._given: dict[Any, Place] = {}  # stream -> its worker

    def _begun(self) -> Place:
        worker: Any = ray.remote(num_cpus=1, num_gpus=self._gpus)(Worker)
        actor = worker.remote()
        return Place(actor, actor.node.remote())

    def stream(self, jobs: Sequence[Job]) -> Any:
        """As ``ray_train.stream``, by the worker that has the fewest packs; one that waits for a
        node to run on gets none while others run.
        """
        packs = Counter(id(place) for place in self._given.values())
        place = min(self._places, key=lambda place: (not place.ready, packs[id(place)]))
        found = place.worker.train.options(num_returns="streaming").remote(jobs, self._gpus)
        self._given[found] = place
        return found

    def lost(self, stream: Any) -> str:
        """The worker of a stream is gone: another takes its place -> the node that it ran on."""
        place = self._given[stream]
        if place in self._places:
            ray.kill(place.worker)
            self._places[self._places.index(place)] = self._begun()
        with suppress(ray.exceptions.RayError):
            return str(ray.get(place.node, timeout=0))
        return ""

    def ended(self, stream: Any) -> None:
        """No more comes of it."""
        self._given.pop(stream, None)

    def close(self) -> None:
        """End the processes, whatever they do."""
        for place in self._places:
            ray.kill(place.worker)
