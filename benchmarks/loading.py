"""Does training wait for prepared data? Two ResNet-18 on random CREMA-D-sized samples.

    python -m benchmarks.loading                          batch 16, a few steps, on this CPU
    python -m benchmarks.loading --device cuda --batch 64 --precision bfloat16

Prints the share of a step that training waits for data, the same step from memory (alternating, in
one run), how many samples a second reading alone delivers, and the profiler's table of the step.
The samples are a picture of 256 x 256 pixels and 3 s of sound at 22050 Hz, as ``prepare`` stores
them; they are made in a folder that is removed.
"""

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from cal.config import Config, parse
from cal.data.loading import load
from cal.data.parts import Part, Parts
from cal.data.stored import FORMAT
from cal.trainer import Trainer

SAMPLES, SIZE, LENGTH = 512, 256, 66150
CHECKED = 10  # steps of each kind


def make(folder: Path) -> None:
    """Random samples in the format of prepared data, six classes."""
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (SAMPLES, 1, SIZE, SIZE, 3), dtype=np.uint8)
    waves = draw.integers(-9000, 9000, (SAMPLES, LENGTH), dtype=np.int16)
    arrays = {
        "image": pixels,
        "audio": waves,
        "labels": np.arange(SAMPLES) % 6,
        "splits": np.where(np.arange(SAMPLES) % 8 == 0, 2, 0).astype(np.uint8),
        "groups": np.full(SAMPLES, b""),
        "shape.image": np.tile(np.int32([360, 480]), (SAMPLES, 1)),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    about = {
        "audio": {"kind": "sound", "dtype": "int16", "shape": [*waves.shape], "rate": 22050},
        "image": {"kind": "image", "dtype": "uint8", "shape": [*pixels.shape]},
    }
    classes = ["NEU", "HAP", "SAD", "FEA", "DIS", "ANG"]
    told = {"format": FORMAT, "data_set": "crema-d", "modalities": about, "classes": classes}
    (folder / "manifest.json").write_text(json.dumps({**told, "digest": "random"}))


def configured(folder: Path, *, batch: int, precision: str, method: str) -> Config:
    """The recipe of OGM-GE with this batch."""
    return parse(
        {
            "method": method,
            "data": {"name": "crema-d", "root": str(folder), "probe": 64, "select": 64},
            "model": {"encoder": "resnet18", "d_z": 64},
            "cal": {"contribution": {"interval": 10, "probe_batch": 32}},
            "train": {"epochs": 1000, "batch": batch, "precision": precision},
        }
    )


def in_memory(parts: Parts, *, batch: int) -> Parts:
    """The same network's inputs as tensors: what is left when nothing is read."""
    index = torch.arange(4 * batch)
    lazies = parts.train.lazies
    inputs = tuple(x.batch(index, device=torch.device("cpu"), epoch=0) for x in lazies)
    train = Part(inputs, parts.train.labels[index], parts.train.ids[index])
    few = Part(tuple(x[:8] for x in inputs), train.labels[:8], train.ids[:8])
    return Parts(
        **{**vars(parts), "train": train, "probe": parts.probe, "select": few, "evaluated": few}
    )


def endless(trainer: Trainer) -> Iterator[None]:
    """A step of training at a time."""
    wait = torch.cuda.synchronize if trainer.device.type == "cuda" else (lambda: None)
    while True:
        for _ in trainer.epoch_steps():
            wait()
            yield


def timed(steps: Iterator[None], count: int) -> float:
    begin = time.perf_counter()
    for _ in range(count):
        next(steps)
    return (time.perf_counter() - begin) / count


def measure(
    *, device: str = "cpu", batch: int = 16, precision: str = "float32", rounds: int = 3
) -> dict[str, Any]:
    """Seconds of a step from disk and from memory, the waiting share, reading alone."""
    with tempfile.TemporaryDirectory() as name:
        make(Path(name))
        config = configured(Path(name), batch=batch, precision=precision, method="cal")
        parts = load(config.data, seed=0)
        trainers = {
            "disk": Trainer([config], data=[parts], device=device),
            "memory": Trainer([config], data=[in_memory(parts, batch=batch)], device=device),
        }
        steps = {kind: endless(trainer) for kind, trainer in trainers.items()}
        for each in steps.values():
            next(each)
        begun, waited = time.perf_counter(), trainers["disk"].waited
        spent = {kind: list[float]() for kind in steps}
        for _ in range(rounds):
            for kind, each in steps.items():
                spent[kind].append(timed(each, CHECKED))
        disk = sum(spent["disk"]) * CHECKED
        share = (trainers["disk"].waited - waited) / disk
        found = {kind: min(values) for kind, values in spent.items()}
        return {
            "step_s": found,
            "ratio": found["disk"] / found["memory"],
            "waiting_share": share,
            "samples_per_s": reading(parts, batch=batch),
            "seconds": time.perf_counter() - begun,
            "table": table(steps["disk"], device),
        }


def reading(parts: Parts, *, batch: int) -> float:
    """Samples a second that the readers deliver when nobody trains: two passes."""
    from cal.data import lazy

    rows = torch.arange(len(parts.train.labels)).repeat(2).split(batch)
    begin = time.perf_counter()
    cpu = torch.device("cpu")
    views = [lazy.Lazy(x.rows, x.ids, Stored(x.view.shape)) for x in parts.train.lazies]
    count = sum(len(found[0]) for found in lazy.batches(views, rows, device=cpu, epoch=None))
    return count / (time.perf_counter() - begin)


class Stored:
    """What a reader does, without what the device does afterwards."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def sent(self, stored: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(stored)

    def seen(self, x: torch.Tensor, ids: np.ndarray, epoch: int | None) -> torch.Tensor:
        return x


def table(steps: Iterator[None], device: str) -> str:
    """Where three steps go."""
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
    with profile(activities=kinds, acc_events=True) as seen:
        for _ in itertools.islice(steps, 3):
            pass
    order = "self_cuda_time_total" if device == "cuda" else "self_cpu_time_total"
    return str(seen.key_averages().table(sort_by=order, row_limit=14))


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    p.add_argument("--rounds", type=int, default=3)
    found = measure(**vars(p.parse_args()))
    print(found.pop("table"))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
