"""Memory of packs of 1, 8, 24 and 96 runs, and what the probe of one and two predicts.

    python -m benchmarks.memory [--device cuda]

Each pack trains an epoch and is evaluated: in a process of its own, whose growth is looked at; on a
GPU in this process, since torch counts there what tensors take.
"""

import argparse
import json
import subprocess
import sys
from typing import Any

import torch

from benchmarks.cases import regime
from benchmarks.packing import SIZES, pack
from cal.evaluate import evaluate
from cal.footprint import measure as probe
from cal.footprint import peak, reset_peak, used


def taken(name: str, size: int, device: str) -> int:
    """Most bytes of a pack in this process, beyond what a first run of another seed left."""
    torch.set_num_threads(1)
    _train(name, 1, device, first=1000)
    before = used(device)
    reset_peak(device)
    _train(name, size, device, first=0)
    return peak(device) - before


def _train(name: str, size: int, device: str, *, first: int) -> None:
    trainer = pack(name, size, device=device, first=first)
    list(trainer.epoch_steps())
    evaluate(trainer.network, trainer.configs, trainer.data, trainer.device)


def predicted(name: str, device: str) -> list[int]:
    """Bytes of each size by the probe, in this process."""
    torch.set_num_threads(1)
    _train(name, 1, device, first=1000)
    found = probe(regime(name), device=device, free=0.0)
    return [found.bytes(size) for size in SIZES[device]]


def measure(name: str, *, device: str = "cpu") -> dict[str, Any]:
    """MiB by size, measured and predicted."""
    if device == "cpu":
        guess = _in_process(f"predicted({name!r}, 'cpu')")
        found = [_in_process(f"taken({name!r}, {size}, 'cpu')") for size in SIZES["cpu"]]
    else:
        guess = predicted(name, device)
        found = [taken(name, size, device) for size in SIZES[device]]
    return {
        f"R={size}": {"measured_mib": most / 2**20, "predicted_mib": expected / 2**20}
        for size, most, expected in zip(SIZES[device], found, guess, strict=True)
    }


def _in_process(call: str) -> Any:
    code = f"import json; from benchmarks.memory import *; print(json.dumps({call}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--device", default="cpu", choices=tuple(SIZES))
    options = p.parse_args()
    for name in ("hw20", "keypad"):
        for key, sizes in measure(name, device=options.device).items():
            print(name, key, {what: round(mib) for what, mib in sizes.items()}, flush=True)


if __name__ == "__main__":
    main()
