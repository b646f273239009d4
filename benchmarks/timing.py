"""Alternating measurements in one process: the only ones that a shared machine allows."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass

import torch

from cal.trainer import Trainer

Step = Callable[[], None]


@dataclass(frozen=True)
class Timing:
    """Milliseconds a call and run: the least and the median over all rounds."""

    cpu_ms: float
    cpu_median_ms: float
    wall_ms: float
    wall_median_ms: float


def interleaved(
    steps: Mapping[str, tuple[Step, int]], *, rounds: int, seconds: float
) -> dict[str, Timing]:
    """Each step and how many runs it trains; ``rounds`` blocks of about ``seconds`` each."""
    calls = {name: _calls(step, seconds) for name, (step, _) in steps.items()}
    cpu: dict[str, list[float]] = {name: [] for name in steps}
    wall: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, (step, runs) in steps.items():
            began = time.process_time(), time.perf_counter()
            for _ in range(calls[name]):
                step()
            share = 1000 / calls[name] / runs
            cpu[name].append((time.process_time() - began[0]) * share)
            wall[name].append((time.perf_counter() - began[1]) * share)
    return {
        name: Timing(
            min(cpu[name]),
            statistics.median(cpu[name]),
            min(wall[name]),
            statistics.median(wall[name]),
        )
        for name in steps
    }


def _calls(step: Step, seconds: float) -> int:
    begin = time.perf_counter()
    step()
    return max(1, round(seconds / (time.perf_counter() - begin)))


def ratio(slow: Timing, fast: Timing) -> dict[str, float]:
    """How many times faster: by CPU time, by wall time, and by the medians of CPU time."""
    return {
        "cpu": slow.cpu_ms / fast.cpu_ms,
        "wall": slow.wall_ms / fast.wall_ms,
        "cpu_of_medians": slow.cpu_median_ms / fast.cpu_median_ms,
    }


def plain(timings: Mapping[str, Timing]) -> dict[str, dict[str, float]]:
    """For JSON."""
    return {name: asdict(timing) for name, timing in timings.items()}


def stepper(trainer: Trainer) -> Step:
    """One optimiser step a call, over as many epochs as it takes, from the middle of training:
    there the metric is at work.
    """

    def endless() -> Iterator[int]:
        while True:
            yield from trainer.epoch_steps()

    trainer.step = trainer.steps // 2
    steps = endless()

    def step() -> None:
        next(steps)
        if trainer.device.type == "cuda":
            torch.cuda.synchronize()

    for _ in range(10):
        step()
    return step
