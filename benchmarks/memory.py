"""Memory of packs of 1, 8, 24 and 96 runs, and what the probe of one and two predicts.

    python -m benchmarks.memory

Each pack trains an epoch and is evaluated in a process of its own.
"""

import json
import subprocess
import sys
from typing import Any

import torch

from benchmarks.cases import regime
from cal.evaluate import evaluate
from cal.footprint import measure as probe
from cal.footprint import peak, reset_peak, used
from cal.trainer import Trainer

SIZES = (1, 8, 24, 96)


def taken(name: str, size: int) -> int:
    """Most bytes of a pack in this process, beyond what a first run of another seed left."""
    torch.set_num_threads(1)
    _train(name, 1, first=1000)
    before = used("cpu")
    reset_peak("cpu")
    _train(name, size, first=0)
    return peak("cpu") - before


def _train(name: str, size: int, *, first: int) -> None:
    trainer = Trainer([regime(name, seed=first + r) for r in range(size)])
    list(trainer.epoch_steps())
    evaluate(trainer.network, trainer.configs, trainer.data, trainer.device)


def predicted(name: str) -> list[int]:
    """Bytes of each size by the probe, in this process."""
    torch.set_num_threads(1)
    _train(name, 1, first=1000)
    found = probe(regime(name), device="cpu", free=0.0)
    return [found.bytes(size) for size in SIZES]


def measure(name: str) -> dict[str, Any]:
    """MiB by size, measured and predicted."""
    guess = _in_process(f"predicted({name!r})")
    return {
        f"R={size}": {
            "measured_mib": _in_process(f"taken({name!r}, {size})") / 2**20,
            "predicted_mib": guess[i] / 2**20,
        }
        for i, size in enumerate(SIZES)
    }


def _in_process(call: str) -> Any:
    code = f"import json; from benchmarks.memory import *; print(json.dumps({call}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    for regime_name in ("hw20", "keypad"):
        for key, sizes in measure(regime_name).items():
            print(regime_name, key, {name: round(mib) for name, mib in sizes.items()})
