"""TMC on Handwritten with all labels, against what was published: 98.51 +- .15 %, by the released
code run again 98.25 % (Han et al. 2021).

    python -m benchmarks.tmc

Recipe: one linear layer a view, Adam 3e-4, weight decay 1e-5, batch 200, 500 epochs, KL annealed
over 50, the last epoch counts.

Two questions. What does it reach on our report part, which is the same for all seeds? There it
trains on 1,580 samples (probe and select part are not spent). And how much of that is the test
samples? On 1,600/400 cut anew by each seed, inputs scaled by the training samples, to mean 0 and
deviation 1 as everywhere here, or to [0, 1] as the released code does (which fits its scaler on the
test samples as well). The published split is one of these cuts, and +- .15 is over seeds on it.
"""

import json
import statistics
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import stats

from cal.config import parse
from cal.data import handwritten
from cal.data.parts import Part, Parts
from cal.data.splits import stratified
from cal.records import Result
from cal.trainer import Trainer

SEEDS, SPLITS, TEST = 5, 20, 400
SCALINGS = ("standard", "minmax")
RECIPE: dict[str, Any] = {
    "method": "tmc",
    "model": {"encoder": "linear", "hidden": [16], "d_z": 16, "fusion": "evidence"},
    "data": {"labels_per_class": None, "probe": 10, "select": 10},
    "optim": {"name": "adam", "lr": 3e-4, "weight_decay": 1e-5, "clip": None}
    | {"schedule": "constant"},
    "train": {"epochs": 500, "batch": 200, "validate_every": 500},
    "evaluate": {"noise": "none"},
}


def scaled(x: npt.NDArray[Any], train: npt.NDArray[np.int64], scaling: str) -> torch.Tensor:
    """A view [N, D] by statistics of the training samples alone; a constant feature is 0."""
    fit = x[train].astype(np.float64)
    if scaling == "minmax":
        start, width = fit.min(0), np.ptp(fit, axis=0)
    else:
        start, width = fit.mean(0), fit.std(0)
    return torch.from_numpy((x - start) / np.where(width > 0, width, 1.0)).float()


def cut(seed: int, *, scaling: str) -> Parts:
    """1,600 samples to train on, 400 to test, classes in proportion. Of probe and select part,
    which nothing looks at here, there are ten training samples.
    """
    raw = handwritten.load()
    everything = np.arange(len(raw.labels))
    test = stratified(raw.labels, everything, TEST, seed=seed)
    train = np.setdiff1d(everything, test)
    views = tuple(scaled(x, train, scaling) for x in raw.inputs)
    labels = torch.from_numpy(raw.labels.astype(np.int64))

    def part(ids: npt.NDArray[np.int64]) -> Part:
        index = torch.from_numpy(ids)
        return Part(tuple(x[index] for x in views), labels[index], index)

    few, whole = part(train[:10]), part(train)
    low, high = (tuple(bound(x) for x in whole.inputs) for bound in (_least, _most))
    return Parts(whole, few, few, part(test), low, high, 10, handwritten.NAMES, f"cut {seed}")


def _least(x: torch.Tensor) -> torch.Tensor:
    return x.amin(0)


def _most(x: torch.Tensor) -> torch.Tensor:
    return x.amax(0)


def accuracies(seeds: Sequence[int], data: Sequence[Parts] | None = None) -> list[float]:
    """Clean accuracy of each seed, trained as one pack; on our parts unless others are given."""
    trainer = Trainer([parse({**RECIPE, "seed": seed}) for seed in seeds], data=data)
    (last,) = deque(trainer.records(), maxlen=1)
    return [r.metrics["test/clean/accuracy"] for r in last if isinstance(r, Result)]


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Mean, half width of its 95 % t interval, standard deviation."""
    half = float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
    mean, sd = statistics.fmean(values), statistics.stdev(values)
    return {"accuracy": list(values), "mean": mean, "half_width": half, "sd": sd}


def measure(*, seeds: int = SEEDS, splits: int = SPLITS) -> dict[str, Any]:
    """On the report part over seeds, and for each scaling over cuts."""
    found = summary(accuracies(range(seeds)))
    cuts = {
        scaling: summary(
            accuracies(range(splits), [cut(s, scaling=scaling) for s in range(splits)])
        )
        for scaling in SCALINGS
    }
    return {**found, "samples": 2000 - TEST - 20, "splits": cuts}


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(measure(), indent=1))
