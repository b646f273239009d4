"""Runs at work on Ray, in packs: given in, resumed, halved; what happens comes out as plain events.

A run whose worker or node dies is submitted anew and resumes from its checkpoint; a pack that runs
out of memory or raises goes on as two halves, until the member that cannot go on is alone and
failed. To lose a node is no failure, however often; nor is a worker's death that came after
progress.
"""

import math
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cal.adapters import ray_cluster, ray_train
from cal.adapters.ray_backend import Backend, data_parallel, places, run_limit
from cal.adapters.ray_workers import Workers
from cal.cli import heed
from cal.packed import halves
from cal.records import Epoch, Failure, Record
from cal.running import ATTEMPTS, Job
from cal.units import Network, network_of

import ray  # isort: skip  authentication (ray_cluster) comes before Ray

LOOK_S = 5.0  # between looks at how large the cluster is, and at this driver's node
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
class Resumed:
    """A run goes on after ``epoch`` (0: anew), with ``trained`` seconds of training behind it.

    ``again``: seconds that are trained once more, the run's own share of its pack, to a whole
    epoch; None where an earlier driver saw them.
    """

    key: str
    epoch: int
    trained: float
    again: float | None
    preempted: bool  # its node was lost, not its process alone


@dataclass(frozen=True)
class Note:
    """Something else the user should know, one line."""

    line: str


Event = Said | Resumed | Note


@dataclass
class Unit:
    """A pack under way: its stream, and the jobs that have not ended."""

    stream: Any
    left: dict[str, Job]  # by key
    attempt: int = 1  # without progress since the first


@dataclass
class Course:
    """How far a run came, through all its workers."""

    furthest: Epoch | None = None  # that this driver saw trained
    said: int = 0  # the last epoch told
    base: Epoch | None = None  # the last one read from a checkpoint, while it is read
    lost: int = 0  # epoch that was furthest when a worker was lost
    interrupted: bool = False  # its worker was lost, and nothing was said since
    node: str = ""  # where its worker was lost
    preempted: bool = False


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
        self._courses: dict[str, Course] = {}
        self._largest: dict[Network, int] = {}  # of packs, once one was too large
        self._room, self._looked = 0, -math.inf
        self._checked = -math.inf

    @property
    def room(self) -> int:
        """How many more units to give in now; more once the cluster has grown."""
        if time.monotonic() - self._looked > LOOK_S:
            fit = places(self.backend)
            # One that scales grows with what waits.
            ahead = AHEAD if ray_cluster.ours() else max(AHEAD, fit)
            self._room = int(min(fit + ahead, run_limit(self.backend)))
            self._looked = time.monotonic()
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
        """What happened since; waits at most ``timeout`` seconds for something. Raises
        ``StoppedError`` once this driver's own node is dead, ``KeyboardInterrupt`` if a callback of
        a library (SQLAlchemy has some) swallowed a signal.
        """
        heed()
        ready, _ = ray.wait(list(self._units), num_returns=1, timeout=timeout)
        if not ready and time.monotonic() - self._checked > LOOK_S:
            ray_cluster.check_own()
            self._checked = time.monotonic()
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
                yield from self._said(unit, key, record)
        except StopIteration:
            yield from self._lost(unit, "the stream ended without a result")
        except LOST as error:
            self._note_loss(unit, stream, error)
            yield from self._lost(unit, str(error))
        except ray.exceptions.LocalRayletDiedError:
            raise ray_cluster.own_lost() from None
        except FULL as error:
            yield from self._smaller(unit, str(error), full=True)
        except ray.exceptions.RayError as error:
            if group_lost(error):
                yield from self._lost(unit, str(error))
            else:
                yield from self._smaller(unit, "".join(traceback.format_exception(error)))
        else:
            if unit.left:
                self._units[stream] = unit
                return
        if self._workers is not None:
            self._workers.ended(stream)

    def _said(self, unit: Unit, key: str, record: Record) -> Iterator[Said | Resumed]:
        course = self._courses.setdefault(key, Course())
        if isinstance(record, Epoch) and record.replayed:
            course.base = record
        else:
            yield from self._resumed(key, course, record)
        if isinstance(record, Epoch):
            course.said, far = record.epoch, course.furthest
            if not record.replayed and (far is None or record.epoch > far.epoch):
                course.furthest = record
        job = unit.left[key]
        if not isinstance(record, Epoch) or record.epoch == job.until:
            del unit.left[key]
        yield Said(key, record)

    def _resumed(self, key: str, course: Course, record: Record) -> Iterator[Resumed]:
        """What the first news after a checkpoint was read, or after epochs went back, tell."""
        base, course.base = course.base, None
        again = isinstance(record, Epoch) and record.epoch <= course.said
        if base is None and not (again or course.interrupted):
            return
        epoch, trained = (base.epoch, base.seconds) if base else (0, 0.0)
        far = course.furthest
        lost = None if far is None else max(0.0, far.seconds - trained)
        gone = course.preempted or bool(course.node and not ray_cluster.alive(course.node))
        course.interrupted, course.node, course.preempted = False, "", False
        yield Resumed(key, epoch, trained, lost, gone)

    def _note_loss(self, unit: Unit, stream: Any, error: Exception) -> None:
        """Of a task Ray says whether its node is dead; of a worker that keeps a GPU not at once."""
        node = self._workers.lost(stream) if self._workers is not None else ""
        for key in unit.left:
            course = self._courses.setdefault(key, Course())
            course.node = node
            told = isinstance(error, ray.exceptions.NodeDiedError)
            course.preempted = told or bool(getattr(error, "preempted", False))

    def _progress(self, unit: Unit) -> bool:
        """Whether every run came further than when a worker of it was lost before."""
        courses = [self._courses.setdefault(key, Course()) for key in unit.left]
        reached = [0 if c.furthest is None else c.furthest.epoch for c in courses]
        further = [epoch > c.lost for epoch, c in zip(reached, courses, strict=True)]
        for epoch, course in zip(reached, courses, strict=True):
            course.lost, course.interrupted = epoch, True
        return all(further) or any(course.preempted for course in courses)

    def _lost(self, unit: Unit, reason: str) -> Iterator[Event]:
        """Submit anew what a dead worker left; it resumes from its checkpoints. A pack that dies
        twice without progress may be too large: the system ends what takes too much memory
        without a word.
        """
        jobs = list(unit.left.values())
        if self._progress(unit):
            unit.attempt = 0
        if len(jobs) > 1 and unit.attempt > 1:
            for part in halves(jobs):
                self._begin(part)
        elif jobs and unit.attempt < ATTEMPTS:
            self._begin(jobs, attempt=unit.attempt + 1)
        elif jobs:
            first = reason.strip().splitlines()[0]
            text = f"the worker died {ATTEMPTS} times at one place\n{first}"
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


def group_lost(error: BaseException) -> bool:
    """Whether a worker group of Ray Train ended of lost workers alone, not of what they raised."""
    failures = getattr(error, "worker_failures", None) or {}
    causes = [getattr(one, "health_check_failure", one) for one in failures.values()]
    return bool(causes) and all(isinstance(cause, LOST) for cause in causes)
