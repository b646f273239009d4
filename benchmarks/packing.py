"""Packs against the bare loop, a core: milliseconds a step and run of full CAL.

    python -m benchmarks.packing [--device cuda]

The bare loop (``benchmarks.bare``) trains one run with fused SGD and logs nothing.

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
from cal.data import load
from cal.trainer import Trainer
from search_spaces.fields import tree_of
from search_spaces.space import read_space

SIZES = (1, 8, 24, 96)


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


def measure(name: str, *, device: str = "cpu", rounds: int = 8) -> dict[str, Any]:
    """Times of the bare loop (on a GPU: of one run at a time) and of packs, and their ratios."""
    steps: dict[str, tuple[Step, int]] = {"bare": (bare(name), 1)} if device == "cpu" else {}
    for size in SIZES:
        trainer = Trainer([regime(name, seed=r) for r in range(size)], device=device)
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
    p.add_argument("--device", default="cpu")
    p.add_argument("--unlike", type=int, default=0, help="packs of 8 unlike runs; nothing else")
    options = p.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    for name in ("hw20", "keypad"):
        if options.unlike:
            one = unlike(name, packs=options.unlike, device=options.device)
            times = f"{one['together_s']:.2f} s a run, alone {one['alone_s']:.2f} s"
            print(f"{name}, 8 unlike: {times}, {one['ratio']:.2f} x", flush=True)
            continue
        found = measure(name, device=options.device)
        for key, times in found["times"].items():
            faster = found["ratio"].get(key, {}).get("cpu", 1.0)
            print(f"{name} {key}: {times['cpu_ms']:.2f} ms of CPU a step and run, {faster:.2f} x")


if __name__ == "__main__":
    main()
