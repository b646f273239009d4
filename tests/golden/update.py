"""Train the golden runs and write their losses: ``python -m tests.golden.update [NAME ...]``."""

import json
import sys
from pathlib import Path
from typing import Any

import torch

from cal.config import merge, parse
from cal.records import Epoch
from cal.trainer import train

FOLDER = Path(__file__).parent
BASE: dict[str, Any] = {
    "data": {"labels_per_class": 20},
    "train": {"epochs": 8, "validate_every": 8},
    "evaluate": {"noise": "none"},
    "seed": 0,
}
ADAM: dict[str, Any] = {"optim": {"name": "adam", "lr": 1e-3}}
RUNS: dict[str, dict[str, Any]] = {
    "joint": {"method": "joint", "gamma": 0},
    "ogm_ge": {"method": "ogm_ge", "gamma": 0},
    "pmr": {"method": "pmr"},
    "mmpareto": {"method": "mmpareto"},
    "arl": {"method": "arl"},
    "qmf": {"method": "qmf", "model": {"fusion": "energy"}},
    "tmc": {"method": "tmc", "model": {"fusion": "evidence"}},
    "cal": {"method": "cal"},
    "cal_adam": {"method": "cal", **ADAM},
    "cal_mlp_fusion": {"method": "cal", "model": {"fusion": "mlp"}},
}
"""One run of every method at its defaults, and CAL where k and the coalitions go other ways."""


def losses(name: str) -> list[float]:
    """Mean training loss of each epoch, nats."""
    torch.set_num_threads(1)  # sums over several threads are added in another order
    records = train(parse(merge(BASE, RUNS[name])))
    return [r.metrics["train/loss"] for r in records if isinstance(r, Epoch)]


def file(name: str) -> Path:
    """Where the losses of a run are kept."""
    return FOLDER / f"{name}.json"


if __name__ == "__main__":
    for chosen in sys.argv[1:] or RUNS:
        file(chosen).write_text(json.dumps(losses(chosen), indent=1) + "\n", encoding="utf-8")
        print(file(chosen))
