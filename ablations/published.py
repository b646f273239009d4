"""May a published number stand beside our own? Only if both were measured alike. Pure.

Method names mean little: the same method on the same data set differs by up to 14 points between
papers, as classes, split, pre-training, frames, labels and the choice of the epoch differ.
"""

from collections.abc import Iterator
from typing import Any

from ablations.plan import Plan
from ablations.study import Published
from cal.config import Config

# Of each data set what ``cal.data`` holds: classes, samples. Here, since a plan opens no data.
HELD = {"handwritten": (10, 2000), "keypad": (10, 1797)}
REPORT_PART = 0.2  # as in cal/data/splits.py
SELECTIONS = {"last": "last-epoch", "test-best": "test-best"}  # evaluate.selection
PRETRAINING = "none"  # every network starts from random values
SCALER = "train"  # inputs are standardised by the training samples


def comparable(entry: Published, config: Config) -> list[str]:
    """In what a published number and a run of this configuration differ; empty: comparable."""
    return [f"{what}: {there} there, {here} here" for what, there, here in _facts(entry, config)]


def judged(plan: Plan) -> list[dict[str, Any]]:
    """Every published number with its verdict: comparable with a regime of the plan or not.

    ``regime`` is the one that differs in least, ``differences`` are to its first arm.
    """
    configs: dict[str, Config] = {}
    for run in plan.runs:
        configs.setdefault(run.regime, run.config)
    found = []
    for entry in plan.published:
        each = {regime: comparable(entry, config) for regime, config in configs.items()}
        nearest = min(each, key=lambda regime: len(each[regime]))
        found.append(
            {
                "method": entry.method,
                "data": entry.data,
                "accuracy": entry.accuracy,
                "source": entry.source,
                "regime": nearest,
                "comparable": not each[nearest],
                "differences": each[nearest],
            }
        )
    return found


def _facts(entry: Published, config: Config) -> Iterator[tuple[str, str, str]]:
    """What differs, as it is there and here."""
    classes, _ = HELD[config.data.name]
    labels = config.data.labels_per_class or "all"
    both = {
        "data": (entry.data.lower(), config.data.name),
        "classes": (entry.classes, classes),
        "split (training/test samples)": (entry.split, _split(config)),
        "labels per class": (entry.labels_per_class, labels),
        "pre-training": (entry.pretraining, PRETRAINING),
        "video frames": (entry.frames or "none", "none"),
        "selection": (entry.selection, SELECTIONS[config.evaluate.selection]),
        "inputs standardised on": (entry.scaler, SCALER),
    }
    for what, (there, here) in both.items():
        if there != here:
            yield what, str(there), str(here)
    if config.data.corrupt_views:
        views = ", ".join(config.data.corrupt_views)
        noise = f"{views} drowned in noise (sigma {config.data.corrupt_sigma:g})"
        yield "inputs", "as published", noise


def _split(config: Config) -> str:
    data = config.data
    classes, samples = HELD[data.name]
    report = round(REPORT_PART * samples)
    rest = samples - report - data.probe - data.select
    train = rest if data.labels_per_class is None else data.labels_per_class * classes
    return f"{train + data.probe * data.probe_in_training}/{report}"
