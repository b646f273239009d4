"""Packs against the bare loop, a core: milliseconds a step and run of full CAL.

    python -m benchmarks.packing [--device cuda]

The bare loop (``benchmarks.bare``) trains one run with fused SGD and logs nothing. On a GPU packs
stand against one run at a time there, by the clock: who waits for a GPU uses its processor or not.

    python -m benchmarks.packing --unlike 3 [--device cuda]

Whole trainings of 3 x 8 random configurations of the acceleration space, which all measure W at
other steps and most by another formula: in packs of 8, and alone.
"""

import argparse
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.bare import Loop
from benchmarks.cases import REGIMES, regime
from benchmarks.regret_points import drawn
from benchmarks.timing import Step, Timing, interleaved, plain, ratio, stepper
from cal.allocator import keep_freed_memory
from cal.config import Config, merge, parse
from cal.data.loading import load
from cal.trainer import Trainer
from search_spaces.fields import tree_of
from search_spaces.space import read_space

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


def acceleration(name: str, count: int) -> list[Config]:
    """Random points of the space, each with a seed of its own."""
    dimensions, base = read_space("acceleration").dimensions, regime(name)
    points = [drawn(dimensions, base, np.random.default_rng([0, i])) for i in range(count)]
    return [parse(merge(REGIMES[name], tree_of(p) | {"seed": i})) for i, p in enumerate(points)]


def trained(configs: Sequence[Config], *, device: str) -> float:
    """Seconds of all training steps: of the CPU, or by the clock beside a GPU."""
    trainer = Trainer(configs, device=device)
    clock = time.process_time if device == "cpu" else time.perf_counter
    begin = clock()
    for _ in range(trainer.config.train.epochs):
        for _ in trainer.epoch_steps():
            pass
    if device != "cpu":
        torch.cuda.synchronize()
    return clock() - begin


def unlike(name: str, *, packs: int, device: str = "cpu", size: int = 8) -> dict[str, float]:
    """Seconds a run, together and alone, in turns."""
    configs = acceleration(name, packs * size)
    together, alone = 0.0, 0.0
    for start in range(0, len(configs), size):
        pack = configs[start : start + size]
        together += trained(pack, device=device)
        alone += sum(trained([config], device=device) for config in pack)
    runs = len(configs)
    return {"together_s": together / runs, "alone_s": alone / runs, "ratio": alone / together}


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--device", default="cpu", choices=tuple(SIZES))
    p.add_argument("--unlike", type=int, default=0, help="packs of 8 unlike runs; nothing else")
    options = p.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    clock = CLOCK[options.device]
    of = "of CPU " if clock == "cpu" else ""
    for name in ("hw20", "keypad"):
        if options.unlike:
            one = unlike(name, packs=options.unlike, device=options.device)
            times = f"{one['together_s']:.2f} s a run, alone {one['alone_s']:.2f} s"
            print(f"{name}, 8 unlike: {times}, {one['ratio']:.2f} x", flush=True)
            continue
        found = measure(name, device=options.device)
        for key, times in found["times"].items():
            faster = found["ratio"].get(key, {}).get(clock, 1.0)
            print(f"{name} {key}: {times[f'{clock}_ms']:.3f} ms {of}a step and run, {faster:.2f} x")


if __name__ == "__main__":
    main()
