"""Images a second of two ResNet-18 at 224 px: a bare PyTorch loop, joint training and CAL.

    python -m benchmarks.images                     batch 4, a few steps, on this CPU
    python -m benchmarks.images --device cuda       batch 64, float32 and bfloat16 encoders

The three alternate in blocks. The images are noise of CREMA-D's size that lies in memory, on a GPU
in its own, so reading them is not measured: ``benchmarks.loading`` does that.
"""

import argparse
import json
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torchvision.models import resnet18

from benchmarks.cases import resnet
from benchmarks.timing import Step, interleaved, plain, stepper
from cal import footprint
from cal.data.parts import Parts
from cal.trainer import Trainer

BATCH = {"cpu": 4, "cuda": 64}
SECONDS = {"cpu": 4.0, "cuda": 2.0}  # of a block
PRECISIONS = {"cpu": ("float32",), "cuda": ("float32", "bfloat16")}


class Bare(nn.Module):
    """An encoder for each modality and one linear head on what they say together."""

    def __init__(self, modalities: int, classes: int) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(resnet18(weights=None) for _ in range(modalities))
        for encoder in self.encoders:
            encoder.fc = nn.Identity()
        self.head = nn.Linear(512 * modalities, classes)

    def forward(self, inputs: list[torch.Tensor], precision: torch.dtype) -> torch.Tensor:
        """Images [B, 3, Y, X] of each modality -> logits [B, K] in float32."""
        enabled = precision is not torch.float32
        with torch.autocast(inputs[0].device.type, dtype=torch.bfloat16, enabled=enabled):
            features = [net(x) for net, x in zip(self.encoders, inputs, strict=True)]
        logits: torch.Tensor = self.head(torch.cat(features, -1).float())
        return logits


def bare(parts: Parts, *, batch: int, device: str, precision: str) -> Step:
    """A training step as a PyTorch tutorial writes it, with fused SGD."""
    network = Bare(len(parts.train.inputs), parts.classes).to(device)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, fused=True)
    inputs = [x.to(device) for x in parts.train.tensors]
    labels = parts.train.labels.to(device)
    kind = getattr(torch, precision)

    def step() -> None:
        index = torch.randint(len(labels), (batch,), device=device)
        logits = network([x.index_select(0, index) for x in inputs], kind)
        loss = functional.cross_entropy(logits, labels.index_select(0, index))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if device == "cuda":
            torch.cuda.synchronize()

    for _ in range(3):
        step()
    return step


def ours(method: str, *, batch: int, device: str, precision: str) -> Step:
    """A step of the trainer; CAL with the metric every 10 steps."""
    config, parts = resnet(method, batch=batch, precision=precision)
    return stepper(Trainer([config], data=[parts], device=device))


def measure(*, device: str = "cpu", rounds: int = 3) -> dict[str, Any]:
    """Images a second, the ratios, and on a GPU the greatest MiB of tensors of each alone."""
    return {precision: _measured(device, precision, rounds) for precision in PRECISIONS[device]}


def _measured(device: str, precision: str, rounds: int) -> dict[str, Any]:
    given: dict[str, Any] = {"batch": BATCH[device], "device": device, "precision": precision}
    _, parts = resnet("joint", batch=BATCH[device])
    kinds: dict[str, Callable[[], Step]] = {
        "bare": lambda: bare(parts, **given),
        "joint": lambda: ours("joint", **given),
        "cal": lambda: ours("cal", **given),
    }
    memory = {name: _mebibytes(make) for name, make in kinds.items()} if device == "cuda" else {}
    steps = {name: (make(), 1) for name, make in kinds.items()}
    found = interleaved(steps, rounds=rounds, seconds=SECONDS[device])
    images = len(parts.train.inputs) * BATCH[device]
    wall = {name: timing.wall_median_ms for name, timing in found.items()}
    return {
        "times": plain(found),
        "images_per_s": {name: 1000 * images / ms for name, ms in wall.items()},
        "over_bare": {name: ms / wall["bare"] for name, ms in wall.items()},
        "cal_over_joint": wall["cal"] / wall["joint"],
        "memory_mib": memory,
    }


def _mebibytes(make: Callable[[], Step]) -> float:
    before = footprint.used("cuda")
    footprint.reset_peak("cuda")
    step = make()
    for _ in range(3):
        step()
    return (footprint.peak("cuda") - before) / 2**20


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--device", choices=tuple(BATCH), default="cpu")
    p.add_argument("--rounds", type=int, default=3)
    print(json.dumps(measure(**vars(p.parse_args())), indent=1))


if __name__ == "__main__":
    main()
