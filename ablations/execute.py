"""Run what the ledger lacks, in any order, resumable. Records flow to this driver, which writes.

Workers know nothing of MLflow. A run that raises is recorded as failed and the rest goes on; one
whose worker dies is submitted anew and resumes from its checkpoint; a pack that runs out of memory
or raises goes on as two halves, until the member that cannot go on is alone.
"""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ablations.backend import Backend, data_parallel, places, run_limit
from ablations.plan import Plan, Run
from ablations.units import Network, Unit, network_of
from cal import data, home
from cal.adapters import ray_train
from cal.adapters.tracking import Data, Seed
from cal.packed import halves
from cal.records import Epoch, Failure, Record
from cal.running import Job

import ray  # isort: skip  authentication (ray_cluster) comes before Ray

if TYPE_CHECKING:
    from cal.adapters.tracking_ledger import Ledger

ATTEMPTS = 4  # of a run whose worker died
AHEAD = 2  # units queued beyond those that fit, so that no worker waits for the driver
LOST: tuple[type[Exception], ...] = (
    ray.exceptions.WorkerCrashedError,
    ray.exceptions.ActorDiedError,
    ray.exceptions.NodeDiedError,
    ray.exceptions.ObjectLostError,
)
FULL: tuple[type[Exception], ...] = (MemoryError, ray.exceptions.OutOfMemoryError)


class Listener(Protocol):
    """Who is told how it goes."""

    def started(self, run: Run, *, beside: int) -> None:
        """A run was handed to a worker, one of a pack of ``beside`` runs."""

    def epoch(self, run: Run, record: Epoch) -> None:
        """An epoch was trained."""

    def ended(self, run: Run, error: str) -> None:
        """A run is in the ledger; ``error`` is empty if it finished."""

    def note(self, line: str) -> None:
        """Something else the user should know."""


@dataclass
class Active:
    """A unit under way: its stream, and the runs that have not ended."""

    stream: Any
    left: dict[str, Run]  # by hash
    attempt: int = 1


@dataclass
class Study:
    """What all units of a command share."""

    ledger: "Ledger"
    backend: Backend
    listener: Listener
    ids: dict[str, str] = field(default_factory=dict)  # hash -> row of the ledger
    failed: list[str] = field(default_factory=list)
    largest: dict[Network, int] = field(default_factory=dict)  # of packs, once one was too large


def missing(plan: Plan, ledger: "Ledger") -> list[Run]:
    """The runs that are not FINISHED in the ledger."""
    known = {regime: ledger.entries(regime) for regime in plan.regimes}

    def done(run: Run) -> bool:
        entry = known[run.regime].get(run.hash)
        return entry is not None and entry.status == "FINISHED"

    return [run for run in plan.runs if not done(run)]


def execute(
    units: Sequence[Unit], ledger: "Ledger", *, backend: Backend, listener: Listener
) -> list[str]:
    """Run them all; the hashes of those that failed. Ctrl-C ends the workers and is passed on."""
    study = Study(ledger, backend, listener)
    waiting = list(reversed(units))
    active: dict[Any, Active] = {}
    room = min(places(backend) + AHEAD, run_limit(backend))
    try:
        while waiting or active:
            while waiting and len(active) < room:
                unit, *rest = _fitting(waiting.pop(), study)
                waiting += reversed(rest)
                item = _begin(unit, study)
                active[item.stream] = item
            ready, _ = ray.wait(list(active), num_returns=1, timeout=1.0)
            for stream in ready:
                for item in _advance(active.pop(stream), study):
                    active[item.stream] = item
    finally:
        for stream in active:
            ray.cancel(stream, force=True)
    return study.failed


def _fitting(unit: Unit, study: Study) -> list[Unit]:
    """The unit, in parts if one as large ran out of memory before."""
    most = study.largest.get(network_of(unit[0].config), len(unit))
    return [unit[i : i + most] for i in range(0, len(unit), most)]


def _begin(unit: Unit, study: Study) -> Active:
    for run in unit:
        fingerprint = data.fingerprint(run.config.data, seed=run.seed)
        digest = Data(run.config.data.name, fingerprint, "packaged with cal-lab")
        seed = Seed(run.hash, run.regime, run.config, run.arms, digest)
        study.ids[run.hash] = study.ledger.start(seed)
        study.listener.started(run, beside=len(unit))
    return _submit(unit, study)


def _submit(unit: Sequence[Run], study: Study, *, attempt: int = 1) -> Active:
    backend, folder = study.backend, home.checkpoints()
    jobs = [Job(run.config, run.hash, folder, backend.checkpoint_s) for run in unit]
    gpus = backend.gpus or 0.0
    if backend.name == "ray-train":
        (job,) = jobs
        stream = ray_train.stream_train(job, workers=data_parallel(backend), gpus=gpus)
    else:
        stream = ray_train.stream(jobs, gpus=gpus)
    return Active(stream, {run.hash: run for run in unit}, attempt)


def _advance(item: Active, study: Study) -> list[Active]:
    """Take what one unit has to say; what goes on of it."""
    try:
        for key, record in ray.get(next(item.stream)):
            _take(item, key, record, study)
    except StopIteration:
        return _lost(item, "the stream ended without a result", study) if item.left else []
    except LOST as error:
        return _lost(item, str(error), study)
    except FULL as error:
        return _smaller(item, str(error), study, full=True)
    except ray.exceptions.RayError as error:
        return _smaller(item, "".join(traceback.format_exception(error)), study)
    return [item] if item.left else []


def _take(item: Active, key: str, record: Record, study: Study) -> None:
    run = item.left[key]
    if isinstance(record, Epoch):
        study.ledger.log(study.ids[key], [record])
        study.listener.epoch(run, record)
        return
    del item.left[key]
    if isinstance(record, Failure):
        _fail(run, record.error, study)
        return
    study.ledger.finish(study.ids[key], record, checkpoint=f"{home.checkpoints()}/{key}.pt")
    study.listener.ended(run, "")


def _lost(item: Active, reason: str, study: Study) -> list[Active]:
    """Submit anew what a dead worker left; it resumes from its checkpoints. A pack that dies twice
    may be too large: the system ends what takes too much memory without a word.
    """
    runs = list(item.left.values())
    if len(runs) > 1 and item.attempt > 1:
        return [_submit(part, study) for part in halves(runs)]
    if item.attempt < ATTEMPTS:
        return [_submit(runs, study, attempt=item.attempt + 1)]
    text = f"the worker died {ATTEMPTS} times\n{reason.strip().splitlines()[0]}"
    for run in runs:
        _fail(run, text, study)
    return []


def _smaller(item: Active, error: str, study: Study, *, full: bool = False) -> list[Active]:
    """Two halves of a pack that raised; a run alone failed. ``full``: of no memory, and later packs
    are as small.
    """
    runs = list(item.left.values())
    if len(runs) == 1:
        _fail(runs[0], error, study)
        return []
    parts = halves(runs)
    if full:
        network, most = network_of(runs[0].config), len(parts[0])
        study.largest[network] = min(most, study.largest.get(network, most))
        study.listener.note(
            f"a pack of {len(runs)} runs is out of memory: at most {most} together from here on"
        )
    else:
        last = error.strip().splitlines()[-1]
        study.listener.note(f"a pack of {len(runs)} runs raised, each half goes on: {last}")
    return [_submit(part, study) for part in parts]


def _fail(run: Run, error: str, study: Study) -> None:
    study.ledger.fail(study.ids[run.hash], error)
    study.failed.append(run.hash)
    study.listener.ended(run, error.strip().splitlines()[-1])
