"""Packs against the bare loop, a core: milliseconds a step and run of full CAL.

    python -m benchmarks.packing [--device cuda]

The bare loop (``benchmarks.bare``) trains one run with fused SGD and logs nothing. On a GPU packs
stand against one run at a time there, by the clock: who waits for a GPU uses its processor or not.
"""

import argparse
from typing import Any

import torch

from benchmarks.bare import Loop
from benchmarks.cases import regime
from benchmarks.timing import Step, Timing, interleaved, plain, ratio, stepper
from cal.allocator import keep_freed_memory
from cal.data import load
from cal.trainer import Trainer

SIZES = {"cpu": (1, 8, 24, 96), "cuda": (1, 24, 96, 512)}
CLOCK = {"cpu": "cpu", "cuda": "wall"}  # which time of a step is told
SEEDS = {"cpu": 1000, "cuda": 24}  # data sets of a pack at most: 512 would take long to read


def bare(name: str) -> Step:
    """The bare loop in the middle of its training."""
    config = regime(name)
    loop = Loop(config, load(config.data, seed=config.seed))
    loop.step_number = loop.steps // 2

    def step() -> None:
        loop.step()

    for _ in range(10):
        step()
    return step


def pack(name: str, size: int, *, device: str = "cpu", first: int = 0) -> Trainer:
    """Runs of as many seeds, from ``first``."""
    configs = [regime(name, seed=first + r) for r in range(size)]
    parts = [load(config.data, seed=config.seed) for config in configs[: SEEDS[device]]]
    return Trainer(configs, data=[parts[r % len(parts)] for r in range(size)], device=device)


def measure(name: str, *, device: str = "cpu", rounds: int = 8) -> dict[str, Any]:
    """Times of the bare loop (on a GPU: of one run at a time) and of packs, and their ratios."""
    steps: dict[str, tuple[Step, int]] = {"bare": (bare(name), 1)} if device == "cpu" else {}
    for size in SIZES[device]:
        trainer = pack(name, size, device=device)
        steps[f"R={size}"] = (stepper(trainer), size)
    timings = interleaved(steps, rounds=rounds, seconds=0.4)
    against: Timing = timings["bare" if device == "cpu" else "R=1"]
    return {
        "times": plain(timings),
        "ratio": {key: ratio(against, t) for key, t in timings.items() if t is not against},
    }


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--device", default="cpu", choices=tuple(SIZES))
    options = p.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    clock = CLOCK[options.device]
    of = "of CPU " if clock == "cpu" else ""
    for name in ("hw20", "keypad"):
        found = measure(name, device=options.device)
        for key, times in found["times"].items():
            faster = found["ratio"].get(key, {}).get(clock, 1.0)
            print(f"{name} {key}: {times[f'{clock}_ms']:.3f} ms {of}a step and run, {faster:.2f} x")


if __name__ == "__main__":
    main()
