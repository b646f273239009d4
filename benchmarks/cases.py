"""What is measured: the regimes of the default study, and two ResNet-18 on random images."""

from typing import Any

import torch

from cal.config import Config, merge, parse
from cal.data.parts import Part, Parts

REGIMES: dict[str, dict[str, Any]] = {
    "hw20": {"gamma": 1, "data": {"labels_per_class": 20}},
    "keypad": {
        "gamma": 0,
        "data": {"name": "keypad", "labels_per_class": 30, "snr_db": -14, "image_sigma": 1},
        "model": {"encoder": "cnn"},
        "cal": {"bottleneck": {"beta": 0.01}},
        "train": {"epochs": 60},
    },
}


def regime(name: str, *, method: str = "cal", seed: int = 0) -> Config:
    """A run of hw20 or av-junk; ``joint``: joint training alone, gamma 0."""
    changes: dict[str, Any] = {"method": method, "seed": seed}
    return parse(merge(REGIMES[name], changes | ({"gamma": 0} if method == "joint" else {})))


def resnet(method: str, *, batch: int = 16, precision: str = "float32") -> tuple[Config, Parts]:
    """Images of noise in memory: the time of a step does not depend on what they show."""
    tree = {
        "method": method,
        "gamma": 1 if method == "cal" else 0,
        "data": {"name": "keypad"},
        "model": {"encoder": "resnet18"},
        "cal": {"contribution": {"interval": 10, "probe_batch": 32}, "bottleneck": {"beta": 3e-3}},
        "train": {"batch": batch, "epochs": 1000, "precision": precision},
    }
    draw = torch.Generator().manual_seed(0)

    def part(size: int) -> Part:
        images = tuple(torch.randn(size, 3, 224, 224, generator=draw) for _ in range(2))
        return Part(images, torch.randint(0, 10, (size,), generator=draw), torch.arange(size))

    zero = (torch.zeros(()),) * 2
    train, probe, rest = part(max(160, 4 * batch)), part(128), part(16)
    parts = Parts(train, probe, rest, rest, zero, zero, 10, ("audio", "image"), "")
    return parse(tree), parts
