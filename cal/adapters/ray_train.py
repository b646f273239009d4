"""The trainer's generator behind Ray: a warm worker, or Ray Train workers with DDP.

Both give lists of (hash, record), the same as in this process; checkpoints are ours, by the hash.
"""

import os
import secrets
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

# Reports are polled at this interval; the default of 2 s makes short epochs wait (Ray 2.60).
os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.2")

from cal.adapters import ray_cluster  # noqa: E402, F401, I001  authentication comes before Ray

import ray  # noqa: E402
import torch  # noqa: E402
from ray.util.queue import Empty, Queue  # noqa: E402
from torch import nn  # noqa: E402

from cal import checkpoint  # noqa: E402
from cal.allocator import keep_freed_memory  # noqa: E402
from cal.parallel import Group  # noqa: E402
from cal.records import Epoch  # noqa: E402
from cal.running import Job, Keyed, resumable  # noqa: E402
from cal.trainer import Trainer  # noqa: E402

if TYPE_CHECKING:
    from ray.train import RunConfig
    from ray.train.torch import TorchTrainer

# Ray Train is imported where it is used: .7 s in every process, and packed runs do without.
FLUSH_S = 0.25  # records of fast epochs travel together
MAX_FAILURES = 3
ABORT_S = 30.0  # for a worker group to give back its places; 12 s on a cluster of our own


def flushed(records: Iterator[Keyed]) -> Iterator[list[Keyed]]:
    """Records in lists, at most ``FLUSH_S`` late: one transfer costs about 2 ms."""
    batch: list[Keyed] = []
    last = time.monotonic()
    for keyed in records:
        batch.append(keyed)
        if time.monotonic() - last >= FLUSH_S:
            yield batch
            batch, last = [], time.monotonic()
    if batch:
        yield batch


def device_of(gpus: float) -> str:
    """Where a task computes. Of a part of a GPU it can take no more memory than its part: Ray
    itself limits none.
    """
    if not ray.get_gpu_ids():
        return "cpu"
    _keep_to(gpus)
    return "cuda"


def _keep_to(gpus: float) -> None:
    if 0 < gpus < 1:
        torch.cuda.set_per_process_memory_fraction(gpus)


def in_worker(jobs: Sequence[Job], gpus: float) -> Iterator[list[Keyed]]:
    """A pack of runs in this process, a worker of Ray: one core, or its GPU. Raises
    ``MemoryError`` for any lack of memory.
    """
    torch.set_num_threads(1)
    keep_freed_memory()
    try:
        yield from flushed(resumable(jobs, partial(Trainer, device=device_of(gpus))))
    except RuntimeError as error:
        if "out of memory" in str(error) or "allocate memory" in str(error):  # CUDA, CPU
            raise MemoryError(str(error).splitlines()[0]) from error
        raise


def stream(jobs: Sequence[Job]) -> Any:
    """A streaming generator task in a warm worker with a core (``next`` gives references to lists).

    ``max_retries=0``: a repeated generator would start from its first record; the caller submits
    the runs anew and they resume from their checkpoints.
    """
    task = ray.remote(max_retries=0, num_cpus=1)(in_worker)
    return task.remote(jobs, 0.0)


def stream_train(job: Job, *, workers: int, gpus: float = 0.0) -> Any:
    """One run in a Ray Train worker group of its own."""
    task = ray.remote(max_retries=0, num_cpus=0)(_from_train)
    return task.remote(job, workers, gpus)


def _from_train(job: Job, workers: int, gpus: float) -> Iterator[list[Keyed]]:
    yield from train_records(job, workers=workers, gpus=gpus)


def train_records(job: Job, *, workers: int, gpus: float = 0.0) -> Iterator[list[Keyed]]:
    """Ray Train with ``workers`` data-parallel workers, each with ``gpus`` GPUs.

    A worker that dies is replaced and goes on from the checkpoint. Raises what the training
    raised once its failures are used up.
    """
    channel = Queue(actor_options={"num_cpus": 0})
    # In a task of its own: Ray Train can be told to stop in a main thread alone. ``max_calls``: its
    # handler must not stay behind.
    fit = ray.remote(num_cpus=0, max_retries=0, max_calls=1)(_fit)
    ended = fit.remote(job, channel, workers, gpus)
    stopped = False
    last: list[list[Keyed]] = []  # said when the group has given back its places
    try:
        while not ray.wait([ended], timeout=0)[0] or not channel.empty():
            try:
                batch = channel.get(timeout=0.5)
            except Empty:
                continue
            if isinstance(batch[-1][1], Epoch):
                yield batch
            else:
                last.append(batch)
        if not last:
            ray.get(ended)
        yield from last
    except GeneratorExit:  # Ctrl-C waits for nothing
        stopped = ray.is_initialized()
        raise
    finally:
        channel.shutdown(force=True)  # which ends the fit
        if stopped and not ray.wait([ended], timeout=ABORT_S)[0]:
            ray.cancel(ended, force=True)


def _fit(job: Job, channel: Queue, workers: int, gpus: float) -> None:
    from ray import train

    # A finished name never starts fresh: each attempt has its own, the checkpoint is ours.
    name = f"{job.key[:16]}-{secrets.token_hex(4)}"
    storage = tempfile.gettempdir() if "://" not in job.folder else job.folder
    run = train.RunConfig(
        name=name,
        storage_path=storage,
        failure_config=train.FailureConfig(max_failures=MAX_FAILURES),
    )
    done = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    threading.Thread(target=_stop, args=(channel, done, before), daemon=True).start()
    try:
        _trainer(job, channel, run, workers=workers, gpus=gpus).fit()
    finally:
        done.set()
        checkpoint.remove(storage, name)


def _stop(channel: Queue, done: threading.Event, before: Any) -> None:
    """End a fit whose records nobody takes any more, by the handler of Ctrl-C that Ray Train puts
    in the place of ``before``. A process that is killed instead keeps the places of its workers
    until the driver ends, and a helper process (Ray 2.60 without a dashboard).
    """
    gone = False
    while not done.wait(0.5):
        try:
            gone = gone or channel.qsize() < 0
        except ray.exceptions.RayActorError:
            gone = True
        handler: Any = signal.getsignal(signal.SIGINT)
        if gone and handler is not before:
            with suppress(SystemExit):
                handler(signal.SIGINT, None)
            return


def _trainer(
    job: Job, channel: Queue, run: "RunConfig", *, workers: int, gpus: float
) -> "TorchTrainer":
    from ray.train import ScalingConfig
    from ray.train.torch import TorchTrainer

    resources = {"CPU": 1.0} | ({"GPU": gpus} if gpus else {})
    return TorchTrainer(
        _loop,
        train_loop_config={"job": job, "channel": channel, "gpus": gpus},
        scaling_config=ScalingConfig(
            num_workers=workers, use_gpu=gpus > 0, resources_per_worker=resources
        ),
        run_config=run,
    )


def _loop(settings: dict[str, Any]) -> None:
    """``train_loop_per_worker``: rank 0 writes checkpoints and sends records."""
    from ray import train
    from ray.train.torch import get_device

    job: Job = settings["job"]
    context = train.get_context()
    group = Group(context.get_world_rank(), context.get_world_size())
    torch.set_num_threads(1)
    device = get_device()
    _keep_to(settings["gpus"])
    wrap = _distributed if group.world > 1 else None
    build = partial(Trainer, device=str(device), group=group, wrap=wrap)
    for batch in flushed(resumable([job], build, group=group)):
        if group.rank == 0:
            _send(batch, settings["channel"])
    train.report({"epoch": job.config.train.epochs})


def _send(batch: list[Keyed], channel: Queue) -> None:
    try:
        channel.put(batch)
    except ray.exceptions.RayActorError:  # the consumer left: to fail would begin a new group
        time.sleep(ABORT_S)
        raise


def _distributed(network: nn.Module) -> nn.Module:
    """DDP; after backward the gradient is the mean over workers, the same bits on each. Batch
    normalisation is over the whole batch (on GPUs; ``check_workers`` refuses it elsewhere).
    """
    return nn.parallel.DistributedDataParallel(nn.SyncBatchNorm.convert_sync_batchnorm(network))
