"""How runs are executed: the choice between backends, and how many units run at a time."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from cal import cli
from cal.adapters import ray_cluster
from cal.config import LARGE, Config
from cal.packed import alone


@dataclass(frozen=True)
class Backend:
    """How runs are executed, or what was asked for; ``why`` says who chose it."""

    name: str  # packed, worker or ray-train; auto: left to ``choose``
    workers: int | None  # ray-train: data-parallel workers of a run; else units at a time
    gpus: float | None  # of each worker; None: left to ``choose``
    why: str = "as asked"
    checkpoint_s: float = 5.0


def choose(configs: Iterable[Config], asked: Backend, *, devices: float) -> Backend:
    """Resolve what was left open by network size and ``devices``, the GPUs there are.

    Small networks that cannot share a pack (a user's encoders, prepared data) have warm workers: a
    worker group of Ray Train for each would take longer to start than they train.
    """
    networks = {(config.model.encoder, alone(config) is not None) for config in configs}
    large = any(name in LARGE for name, _ in networks)
    lonely = any(single for _, single in networks)
    chosen = asked
    if asked.name == "auto" and large:
        chosen = replace(asked, name="ray-train", why="auto: large networks")
    elif asked.name == "auto" and lonely:
        chosen = replace(asked, name="worker", why="auto: small networks that go alone")
    elif asked.name == "auto":
        chosen = replace(asked, name="packed", why="auto: small networks train many at once")
    if asked.gpus is None:
        gpus = 1.0 if (lonely or chosen.name == "packed") and devices >= 1 else 0.0
        chosen = replace(chosen, gpus=gpus)
    return chosen


def connected(
    configs: Iterable[Config], asked: Backend, *, settled: Callable[[Backend], Backend]
) -> Backend:
    """Connect to the cluster, choose, and tell the user. ``settled``: a last word on the choice.

    Raises ``ConfigError`` for what the cluster can never hold.
    """
    cli.say(ray_cluster.connect(cpus=asked.workers))
    chosen = settled(choose(configs, asked, devices=ray_cluster.slots("GPU")))
    parallel, gpus = data_parallel(chosen), chosen.gpus or 0.0
    for line in ray_cluster.room(workers=parallel, gpus=gpus, field="--gpus-per-run"):
        cli.say(line)
    cli.say(f"backend {chosen.name} ({chosen.why}), {gpus:g} GPUs a worker")
    return chosen


def data_parallel(backend: Backend) -> int:
    """Workers of each run."""
    return (backend.workers or 1) if backend.name == "ray-train" else 1


def places(backend: Backend) -> int:
    """How many units the cluster holds at a time, at least 1. One that may grow is taken to hold as
    many as the user asks for.
    """
    asked = run_limit(backend)
    if not ray_cluster.ours() and asked < math.inf:
        return int(asked)
    workers = data_parallel(backend)
    fit = ray_cluster.slots() / workers
    if backend.gpus:
        fit = min(fit, ray_cluster.slots("GPU") / (backend.gpus * workers))
    return max(1, int(min(fit, asked)))


def run_limit(backend: Backend) -> float:
    """Units at a time that the user allows."""
    return backend.workers if backend.name != "ray-train" and backend.workers else math.inf
