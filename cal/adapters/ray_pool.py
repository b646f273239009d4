"""Runs at work on Ray, in packs: given in, resumed, halved; what happens comes out as plain events.

A run whose worker dies is submitted anew and resumes from its checkpoint; a pack that runs out of
memory or raises goes on as two halves, until the member that cannot go on is alone and failed.
"""

import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cal.adapters import ray_train
from cal.adapters.ray_backend import Backend, data_parallel, places, run_limit
from cal.adapters.ray_workers import Workers
from cal.packed import halves
from cal.records import Epoch, Failure, Record
from cal.running import ATTEMPTS, Job
from cal.units import Network, network_of

import ray  # isort: skip  authentication (ray_cluster) comes before Ray

AHEAD = 2  # units queued beyond those that fit, so that no worker waits for the driver
LOST: tuple[type[Exception], ...] = (
    ray.exceptions.WorkerCrashedError,
    ray.exceptions.RayActorError,
    ray.exceptions.NodeDiedError,
    ray.exceptions.ObjectLostError,
)
FULL: tuple[type[Exception], ...] = (MemoryError, ray.exceptions.OutOfMemoryError)


@dataclass(frozen=True)
class Said:
    """A run's next record. After a ``Result``, a ``Failure`` (whose error may have many lines) or
    the epoch at which its job pauses, nothing more comes of it.
    """

    key: str
    record: Record


@dataclass(frozen=True)
class Note:
    """Something else the user should know, one line."""

    line: str


Event = Said | Note


@dataclass
class Unit:
    """A pack under way: its stream, and the jobs that have not ended."""

    stream: Any
    left: dict[str, Job]  # by key
    attempt: int = 1


class Pool:
    """Workers of a backend. Give in while there is ``room``, take ``events`` until it is idle.

    ``workers``: that keep a GPU; left out, those of a backend with GPUs.
    """

    def __init__(self, backend: Backend, *, workers: Workers | None = None) -> None:
        self.backend = backend
        self._workers = workers
        if backend.gpus and backend.name != "ray-train":
            self._workers = workers or Workers(places(backend), gpus=backend.gpus)
        self._units: dict[Any, Unit] = {}  # by stream
        self._largest: dict[Network, int] = {}  # of packs, once one was too large
        self._room = int(min(places(backend) + AHEAD, run_limit(backend)))

    @property
    def room(self) -> int:
        """How many more units to give in now."""
        return max(0, self._room - len(self._units))

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._units

    def submit(self, jobs: Sequence[Job]) -> None:
        """Train a pack, in parts if one as large ran out of memory before."""
        most = self._largest.get(network_of(jobs[0].config), len(jobs))
        for start in range(0, len(jobs), most):
            self._begin(jobs[start : start + most])

    def events(self, *, timeout: float = 1.0) -> list[Event]:
        """What happened since; waits at most ``timeout`` seconds for something."""
        ready, _ = ray.wait(list(self._units), num_returns=1, timeout=timeout)
        return [event for stream in ready for event in self._advance(stream)]

    def close(self) -> None:
        """End the workers' tasks. Whatever they have not said is in checkpoints."""
        if self._workers is not None:
            self._workers.close()
        else:
            for stream in self._units:
                ray.cancel(stream, force=True)
        self._units.clear()

    def _begin(self, jobs: Sequence[Job], *, attempt: int = 1) -> None:
        gpus = self.backend.gpus or 0.0
        if self.backend.name == "ray-train":
            (job,) = jobs
            stream = ray_train.stream_train(job, workers=data_parallel(self.backend), gpus=gpus)
        elif self._workers is not None:
            stream = self._workers.stream(jobs)
        else:
            stream = ray_train.stream(jobs)
        self._units[stream] = Unit(stream, {job.key: job for job in jobs}, attempt)

    def _advance(self, stream: Any) -> Iterator[Event]:
        """Take what one unit has to say; what is left of it goes on."""
        unit = self._units.pop(stream)
        try:
            for key, record in ray.get(next(stream)):
                yield from _said(unit, key, record)
        except StopIteration:
            yield from self._lost(unit, "the stream ended without a result")
        except LOST as error:
            yield from self._lost(unit, str(error))
        except FULL as error:
            yield from self._smaller(unit, str(error), full=True)
        except ray.exceptions.RayError as error:
            yield from self._smaller(unit, "".join(traceback.format_exception(error)))
        else:
            if unit.left:
                self._units[stream] = unit
                return
        if self._workers is not None:
            self._workers.ended(stream)

    def _lost(self, unit: Unit, reason: str) -> Iterator[Event]:
        """Submit anew what a dead worker left; it resumes from its checkpoints. A pack that dies
        twice may be too large: the system ends what takes too much memory without a word.
        """
        jobs = list(unit.left.values())
        if len(jobs) > 1 and unit.attempt > 1:
            for part in halves(jobs):
                self._begin(part)
        elif jobs and unit.attempt < ATTEMPTS:
            self._begin(jobs, attempt=unit.attempt + 1)
        elif jobs:
            text = f"the worker died {ATTEMPTS} times\n{reason.strip().splitlines()[0]}"
            yield from (Said(job.key, Failure(text)) for job in jobs)

    def _smaller(self, unit: Unit, error: str, *, full: bool = False) -> Iterator[Event]:
        """Two halves of a pack that raised; a run alone failed. ``full``: of no memory, and later
        packs are as small.
        """
        jobs = list(unit.left.values())
        if len(jobs) == 1:
            yield Said(jobs[0].key, Failure(error))
            return
        parts = halves(jobs)
        if full:
            network, most = network_of(jobs[0].config), len(parts[0])
            self._largest[network] = min(most, self._largest.get(network, most))
            yield Note(
                f"a pack of {len(jobs)} runs is out of memory: at most {most} together from here on"
            )
        else:
            last = error.strip().splitlines()[-1]
            yield Note(f"a pack of {len(jobs)} runs raised, each half goes on: {last}")
        for part in parts:
            self._begin(part)


def _said(unit: Unit, key: str, record: Record) -> Iterator[Said]:
    job = unit.left[key]
    if not isinstance(record, Epoch) or record.epoch == job.until:
        del unit.left[key]
    yield Said(key, record)
