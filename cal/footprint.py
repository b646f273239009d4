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
from cal.data import Parts, load
from cal.evaluate import evaluate
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
    return Size(min(target, largest), largest, step_s, why)


def pays(step_s: Sequence[float]) -> bool:
    """May a larger pack pay off? Unless the last two did not: one of them may have been disturbed.

    ``step_s``: seconds of a step and run, of packs of 1, 2, 4, ...
    """
    return len(step_s) < 3 or min(step_s[-2:]) < GAIN * min(step_s[:-2])


def measure(config: Config, *, device: str, free: float) -> Measured:
    """Packs of this configuration in this process, until the next would not pay or not fit."""
    part = config.evaluate.part
    parts = [load(config.data, seed=config.seed + r, evaluated=part) for r in range(2)]
    memory, step_s = list[int](), list[float]()
    give_back_memory()
    before = used(device)
    for size in (1, 2):
        reset_peak(device)
        trainer = _trainer(config, parts, size, device)
        step_s.append(_seconds(trainer))
        evaluate(trainer.network, trainer.configs, trainer.data, trainer.device)
        memory.append(max(0, peak(device) - before))
    found = Measured((1, 2), tuple(step_s), (memory[0], memory[1]))
    while pays(found.step_s):
        size = 2 * found.replicas[-1]
        if size > LARGEST[torch.device(device).type] or found.bytes(size) > PART * free:
            break
        seconds = _seconds(_trainer(config, parts, size, device))
        found = replace(found, replicas=(*found.replicas, size), step_s=(*found.step_s, seconds))
    return found


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


def used(device: str) -> int:
    """Bytes held now: of the GPU by torch, else by this process."""
    if device != "cpu":
        return torch.cuda.memory_reserved()
    return _status("VmRSS") or peak(device)


def peak(device: str) -> int:
    """Most bytes held since ``reset_peak``."""
    if device != "cpu":
        return torch.cuda.max_memory_reserved()
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
