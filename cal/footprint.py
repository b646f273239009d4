"""How large a pack should be: measured on the very configuration, never guessed.

One run and two give the memory of each further one; packs of 4, 8, ... train a few steps, until
larger ones no longer train faster a run, or would not fit. Legend: R replicas.
"""

import resource
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from cal.allocator import give_back_memory
from cal.config import Config
from cal.data.corruptions import conditions
from cal.data.loading import load
from cal.data.parts import Parts
from cal.evaluate import evaluate, score
from cal.trainer import Trainer

PART = 0.5  # of the free memory of a place that packs may take
GAIN = 0.93  # twice the runs must train in less than this part of the time a run
LARGEST = {"cuda": 1024, "cpu": 16}  # replicas
"""Cores share a cache: on one machine 24 CNN runs a pack trained 5 % slower a run than 12 with one
core at work and 28 % slower with two. ``benchmarks.cores`` measures it.
"""
STEPS = 8  # timed at least; one goes before


@dataclass(frozen=True)
class Measured:
    """Packs as they were measured, and the memory of the first two."""

    replicas: tuple[int, ...]  # R of each pack, from 1
    step_s: tuple[float, ...]  # seconds of a step for each run
    memory: tuple[int, int]  # most bytes of packs of 1 and 2, beyond what the process had before
    evaluate_s: float = 0.0  # seconds of an evaluation for each run, in the pack of 2

    def bytes(self, replicas: int) -> int:
        """What a pack of R takes, by the line through one and two."""
        one, two = self.memory
        return one + max(0, two - one) * (replicas - 1)


@dataclass(frozen=True)
class Size:
    """What packs should have: between ``target`` and ``largest`` runs, and why in one line.

    Both were measured: a pack that leaves the processor's caches can train far slower.
    """

    target: int
    largest: int
    step_s: float  # of each run in a pack of ``target``
    why: str
    evaluate_s: float = 0.0  # of each run


def choose(found: Measured, *, free: float) -> Size:
    """The size of packs, given what was measured and the bytes that are ``free``."""
    room = PART * free
    best = min(found.step_s)
    fast = [i for i, step_s in enumerate(found.step_s) if step_s <= best / GAIN]
    target, step_s = found.replicas[fast[0]], found.step_s[fast[0]]
    fitting = max(1, sum(found.bytes(r) <= room for r in range(1, found.replicas[-1] + 1)))
    largest = min(found.replicas[fast[-1]], fitting)
    fits = found.bytes(2 * found.replicas[-1]) <= room
    bound = "more does not pay" if fits or target < found.replicas[-1] else "more does not fit"
    why = (
        f"{1000 * step_s:.2f} ms a step and run, alone {1000 * found.step_s[0]:.2f}; "
        f"{found.bytes(largest) / 2**20:.0f} of {room / 2**20:.0f} MiB; {bound}"
    )
    return Size(min(target, largest), largest, step_s, why, found.evaluate_s)


def pays(step_s: Sequence[float]) -> bool:
    """May a larger pack pay off? Unless the last two did not: one of them may have been disturbed.

    ``step_s``: seconds of a step and run, of packs of 1, 2, 4, ...
    """
    return len(step_s) < 3 or min(step_s[-2:]) < GAIN * min(step_s[:-2])


def measure(config: Config, *, device: str, free: float) -> Measured:
    """Packs of this configuration in this process, until the next would not pay or not fit."""
    part = config.evaluate.part
    parts = [load(config.data, seed=config.seed + r, evaluated=part) for r in range(2)]
    give_back_memory()
    before = used(device)
    (one, first, _), (two, second, evaluate_s) = (
        _looked_at(config, parts, size, device) for size in (1, 2)
    )
    memory = (max(0, one - before), max(0, two - before))
    found = Measured((1, 2), (first, second), memory, evaluate_s)
    while pays(found.step_s):
        size = 2 * found.replicas[-1]
        if size > LARGEST[torch.device(device).type] or found.bytes(size) > PART * free:
            break
        try:
            seconds = _seconds(_trainer(config, parts, size, device))
        except torch.OutOfMemoryError:  # of a GPU: the line was too low, so no larger ones
            break
        found = replace(found, replicas=(*found.replicas, size), step_s=(*found.step_s, seconds))
    return found


def _looked_at(
    config: Config, parts: Sequence[Parts], size: int, device: str
) -> tuple[int, float, float]:
    """Most bytes held while a pack trains and is evaluated, seconds of its step and evaluation.

    The pack ends here: beside the next one it would count for that one's memory.
    """
    reset_peak(device)
    trainer = _trainer(config, parts, size, device)
    step_s = _seconds(trainer)
    evaluate(trainer.network, trainer.configs, trainer.data, trainer.device)
    most = peak(device)
    # The test inputs are made by now, for all runs of a seed.
    return most, step_s, _evaluate_seconds(trainer)


def measure_alone(config: Config, *, device: str, seconds: float) -> Size:
    """A network that cannot be packed: its fastest step within about ``seconds``; the evaluation
    by one pass over the select part, times the passes and samples that it will have.
    """
    trainer = Trainer([config], device=device)
    gpu = trainer.device.type == "cuda"
    times, begin = list[float](), time.perf_counter()
    last = begin
    for _ in trainer.epoch_steps():
        if gpu:
            torch.cuda.synchronize()
        now = time.perf_counter()
        times.append(now - last)
        last = now
        if now - begin > seconds:
            break
    begin = time.perf_counter()
    score(trainer.network, trainer.select_part)
    passed = time.perf_counter() - begin
    samples = len(trainer.data[0].report.labels) / trainer.select_part.labels.shape[1]
    return Size(1, 1, min(times), "goes alone", passed * samples * _passes(config))


def _passes(config: Config) -> int:
    """How often an evaluation runs the encoders: once for each version of a modality's inputs."""
    targets = [condition.target for condition in conditions(config)]
    return 1 + max(
        sum(target in (name, "half", "all") for target in targets) for name in config.modalities
    )


def _trainer(config: Config, parts: Sequence[Parts], replicas: int, device: str) -> Trainer:
    data = [parts[r % len(parts)] for r in range(replicas)]
    return Trainer([config] * replicas, data=data, device=device)


def _seconds(trainer: Trainer) -> float:
    """Seconds of a step and run in the second half of training, where every mechanism acts.

    On the CPU of this process: others may be busy beside it.
    """
    gpu = trainer.device.type == "cuda"
    clock = time.perf_counter if gpu else time.process_time
    trainer.step = trainer.steps // 2
    times: list[float] = []
    while len(times) <= STEPS:
        begin = clock()
        for _ in trainer.epoch_steps():
            if gpu:
                torch.cuda.synchronize()
            times.append(clock() - begin)
            begin = clock()
    return min(times[1:]) / len(trainer.configs)


def _evaluate_seconds(trainer: Trainer) -> float:
    """Seconds of an evaluation for each run, on the CPU of this process or by a GPU's clock."""
    clock = time.perf_counter if trainer.device.type == "cuda" else time.process_time
    begin = clock()
    evaluate(trainer.network, trainer.configs, trainer.data, trainer.device)
    return (clock() - begin) / len(trainer.configs)


def used(device: str) -> int:
    """Bytes held now: of the GPU by tensors, else by this process.

    Not what torch keeps of the GPU: blocks of 2 and 20 MiB, in which a second small run is free.
    """
    if device != "cpu":
        return torch.cuda.memory_allocated()
    return _status("VmRSS") or peak(device)


def peak(device: str) -> int:
    """Most bytes held since ``reset_peak``."""
    if device != "cpu":
        return torch.cuda.max_memory_allocated()
    unit = 1 if sys.platform == "darwin" else 1024
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def reset_peak(device: str) -> None:
    """Begin to look for the most bytes held. Where the system has no such thing (no Linux) they
    are those since the process began.
    """
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        return
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _status(name: str) -> int:
    """A line of Linux's account of this process, in bytes; 0 elsewhere."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return 0


def free_bytes() -> float:
    """Free memory of the GPU."""
    return float(torch.cuda.mem_get_info()[0])


_counted: dict[tuple[object, ...], int] = {}


def parameters(config: Config) -> int:
    """How many numbers a run of this configuration learns; counted once for each network."""
    key = (config.data.name, config.modalities, config.model, config.mechanisms.bottleneck.enabled)
    if key not in _counted:
        network = Trainer([config]).network
        _counted[key] = sum(p.numel() for p in network.parameters())
    return _counted[key]
