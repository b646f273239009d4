"""Run what the ledger lacks, in any order, resumable. Records flow to this driver, which writes.

Workers know nothing of MLflow. A run that raises is recorded as failed and the rest goes on; one
whose worker dies is submitted anew and resumes from its checkpoint.
"""

import math
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ablations.plan import Plan, Run
from cal import data, home
from cal.adapters import ray_cluster, ray_train
from cal.adapters.tracking import Data, Seed
from cal.records import Epoch, Result
from cal.running import Job

import ray  # isort: skip  authentication (ray_cluster) comes before Ray

if TYPE_CHECKING:
    from cal.adapters.tracking_ledger import Ledger

T = TypeVar("T")
LARGE = ("resnet18",)  # encoders that fill a device of their own
ATTEMPTS = 4  # of a run whose worker died
AHEAD = 2  # runs queued beyond those that fit, so that no worker waits for the driver
LOST: tuple[type[Exception], ...] = (
    ray.exceptions.WorkerCrashedError,
    ray.exceptions.ActorDiedError,
    ray.exceptions.NodeDiedError,
    ray.exceptions.ObjectLostError,
)


@dataclass(frozen=True)
class Backend:
    """How runs are executed, or what was asked for; ``why`` says who chose it."""

    name: str  # worker or ray-train; auto: left to ``choose``
    workers: int | None  # worker: runs at a time; ray-train: data-parallel workers of a run
    gpus: float | None  # of each worker; None: left to ``choose``
    why: str = "as asked"
    checkpoint_s: float = 5.0


class Listener(Protocol):
    """Who is told how it goes."""

    def started(self, run: Run) -> None:
        """A run was handed to a worker."""

    def epoch(self, run: Run, record: Epoch) -> None:
        """An epoch was trained."""

    def ended(self, run: Run, error: str) -> None:
        """A run is in the ledger; ``error`` is empty if it finished."""


@dataclass
class Active:
    """A run under way."""

    run: Run
    run_id: str
    stream: Any
    attempt: int = 1


def choose(plan: Plan, asked: Backend, *, devices: float) -> Backend:
    """Resolve what was left open by network size and ``devices``, the GPUs there are."""
    large = any(run.config.model.encoder in LARGE for run in plan.runs)
    chosen = asked
    if asked.name == "auto" and large:
        chosen = replace(asked, name="ray-train", why="auto: large networks")
    elif asked.name == "auto":
        chosen = replace(asked, name="worker", why="auto: small networks share warm workers")
    if asked.gpus is None:
        chosen = replace(chosen, gpus=1.0 if large and devices >= 1 else 0.0)
    return chosen


def data_parallel(backend: Backend) -> int:
    """Workers of each run."""
    return (backend.workers or 1) if backend.name == "ray-train" else 1


def each(function: Callable[[str], T], items: Iterable[str]) -> Iterator[T]:
    """``map`` by tasks of the cluster."""
    task: Any = ray.remote(num_cpus=1)(_apply)
    for reference in [task.remote(function, item) for item in items]:
        yield ray.get(reference)


def _apply(function: Callable[[str], T], item: str) -> T:
    return function(item)


def places(backend: Backend) -> int:
    """How many runs the cluster holds at a time, at least 1."""
    workers = data_parallel(backend)
    fit = ray_cluster.slots() / workers
    if backend.gpus:
        fit = min(fit, ray_cluster.slots("GPU") / (backend.gpus * workers))
    return max(1, int(min(fit, _limit(backend))))


def _limit(backend: Backend) -> float:
    """Runs at a time that the user allows."""
    return backend.workers if backend.name == "worker" and backend.workers else math.inf


def missing(plan: Plan, ledger: "Ledger") -> list[Run]:
    """The runs that are not FINISHED in the ledger."""
    known = {regime: ledger.entries(regime) for regime in plan.regimes}

    def done(run: Run) -> bool:
        entry = known[run.regime].get(run.hash)
        return entry is not None and entry.status == "FINISHED"

    return [run for run in plan.runs if not done(run)]


def execute(
    runs: Sequence[Run], ledger: "Ledger", *, backend: Backend, listener: Listener
) -> list[str]:
    """Run them all; the hashes of those that failed. Ctrl-C ends the workers and is passed on."""
    waiting, failed = list(reversed(runs)), list[str]()
    active: dict[Any, Active] = {}
    room = min(places(backend) + AHEAD, _limit(backend))
    try:
        while waiting or active:
            while waiting and len(active) < room:
                item = _begin(waiting.pop(), ledger, backend, listener)
                active[item.stream] = item
            ready, _ = ray.wait(list(active), num_returns=1, timeout=1.0)
            for stream in ready:
                item = active.pop(stream)
                again = _advance(item, ledger, backend, listener, failed)
                if again is not None:
                    active[again.stream] = again
    finally:
        for stream in active:
            ray.cancel(stream, force=True)
    return failed


def _begin(run: Run, ledger: "Ledger", backend: Backend, listener: Listener) -> Active:
    source = data.load(run.config.data, seed=run.seed)
    digest = Data(run.config.data.name, source.fingerprint, "packaged with cal-lab")
    run_id = ledger.start(Seed(run.hash, run.regime, run.config, run.arms, digest))
    listener.started(run)
    return Active(run, run_id, _submit(run, backend))


def _submit(run: Run, backend: Backend) -> Any:
    job = Job(run.config, run.hash, home.checkpoints(), backend.checkpoint_s)
    if backend.name == "ray-train":
        return ray_train.stream_train(job, workers=data_parallel(backend), gpus=backend.gpus or 0.0)
    return ray_train.stream(job, gpus=backend.gpus or 0.0)


def _advance(
    item: Active, ledger: "Ledger", backend: Backend, listener: Listener, failed: list[str]
) -> Active | None:
    """Take what one run has to say; the run as it goes on, or None at its end."""
    try:
        for record in ray.get(next(item.stream)):
            if isinstance(record, Result):
                ledger.finish(item.run_id, record, checkpoint=_checkpoint(item.run))
                listener.ended(item.run, "")
                return None
            ledger.log(item.run_id, [record])
            listener.epoch(item.run, record)
    except StopIteration:
        return _lost(item, "the stream ended without a result", ledger, backend, listener, failed)
    except LOST as error:
        return _lost(item, str(error), ledger, backend, listener, failed)
    except ray.exceptions.RayError as error:
        _fail(item, "".join(traceback.format_exception(error)), ledger, listener, failed)
        return None
    return item


def _lost(
    item: Active,
    reason: str,
    ledger: "Ledger",
    backend: Backend,
    listener: Listener,
    failed: list[str],
) -> Active | None:
    """Submit a run anew whose worker died; it resumes from its checkpoint."""
    if item.attempt >= ATTEMPTS:
        text = f"the worker died {ATTEMPTS} times\n{reason.strip().splitlines()[0]}"
        _fail(item, text, ledger, listener, failed)
        return None
    return Active(item.run, item.run_id, _submit(item.run, backend), item.attempt + 1)


def _fail(
    item: Active, error: str, ledger: "Ledger", listener: Listener, failed: list[str]
) -> None:
    ledger.fail(item.run_id, error)
    failed.append(item.run.hash)
    listener.ended(item.run, error.strip().splitlines()[-1])


def _checkpoint(run: Run) -> str:
    return f"{home.checkpoints()}/{run.hash}.pt"


def aggregate(plan: Plan, ledger: "Ledger") -> Iterator[str]:
    """Write each variant's aggregates over seeds; yields its name."""
    for regime in plan.regimes:
        for arm in plan.arms:
            ledger.aggregate(regime, arm.name, hashes=plan.arm_hashes(regime, arm.name))
            yield f"{regime} {arm.name}"
