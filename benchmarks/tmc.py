"""TMC on Handwritten with all labels, against what was published: 98.51 +- .15 %, by the released
code run again 98.25 % (shared/design/benchmarks.md).

    python -m benchmarks.tmc

Recipe: one linear layer a view, Adam 3e-4, weight decay 1e-5, batch 200, 500 epochs, KL annealed
over 50. What differs: our split has 1,580 samples to train on (the probe and the select part are
not spent) beside 400 to report on, the scaler is fitted on training samples, and the last epoch
counts.
"""

import json
import statistics
from collections import deque
from typing import Any

import torch
from scipy import stats

from cal.config import parse
from cal.records import Result
from cal.trainer import Trainer

SEEDS = 5
RECIPE: dict[str, Any] = {
    "method": "tmc",
    "model": {"encoder": "linear", "hidden": [16], "d_z": 16, "fusion": "evidence"},
    "data": {"labels_per_class": None, "probe": 10, "select": 10},
    "optim": {"name": "adam", "lr": 3e-4, "weight_decay": 1e-5, "clip": None}
    | {"schedule": "constant"},
    "train": {"epochs": 500, "batch": 200, "validate_every": 500},
    "evaluate": {"noise": "none"},
}


def measure() -> dict[str, Any]:
    """Accuracy of each seed, their mean and half width of the 95 % t interval."""
    trainer = Trainer([parse({**RECIPE, "seed": seed}) for seed in range(SEEDS)])
    (last,) = deque(trainer.records(), maxlen=1)
    values = [r.metrics["test/clean/accuracy"] for r in last if isinstance(r, Result)]
    mean, half = statistics.fmean(values), stats.t.ppf(0.975, SEEDS - 1) * stats.sem(values)
    return {"accuracy": values, "mean": mean, "half_width": half, "samples": trainer.samples}


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(measure(), indent=1))
