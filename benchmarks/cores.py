"""Packs while every core trains one: cores share caches and memory, so a pack that is fast alone
need not be fast in a study.

    python -m benchmarks.cores

Milliseconds of CPU a step and run of full CAL, the median over blocks: alone, and with as many
processes at work as there are cores. Sets ``cal.footprint.LARGEST``.
"""

import json
import os
import subprocess
import sys
from typing import Any

import torch

from benchmarks.cases import regime
from benchmarks.timing import interleaved, plain, stepper
from cal.allocator import keep_freed_memory
from cal.trainer import Trainer

SIZES = (8, 12, 16, 24, 32)


def block(name: str, size: int) -> dict[str, Any]:
    """The pack's time in this process."""
    torch.set_num_threads(1)
    keep_freed_memory()
    step = stepper(Trainer([regime(name, seed=r) for r in range(size)]))
    return plain(interleaved({"pack": (step, size)}, rounds=9, seconds=0.4))["pack"]


def together(name: str, size: int, *, processes: int) -> float:
    """The mean over processes that train the same at the same time."""
    code = (
        f"import json; from benchmarks.cores import *; print(json.dumps(block({name!r}, {size})))"
    )
    command = [sys.executable, "-c", code]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    found = [process.communicate()[0] for process in running]
    return sum(float(json.loads(text)["cpu_median_ms"]) for text in found) / processes


def measure(name: str) -> dict[str, Any]:
    """Milliseconds by size, alone and with every core at work."""
    return {
        f"R={size}": {
            "alone_ms": together(name, size, processes=1),
            "every_core_ms": together(name, size, processes=os.cpu_count() or 1),
        }
        for size in SIZES
    }


if __name__ == "__main__":
    for regime_name in ("hw20", "keypad"):
        for key, found in measure(regime_name).items():
            print(regime_name, key, {what: round(ms, 2) for what, ms in found.items()})
