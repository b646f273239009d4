"""May a published number stand beside our own? Only if both were measured alike. Pure.

Method names mean little: the same method on the same data set differs by up to 14 points between
papers, as classes, split, pre-training, epochs, frames, labels and the choice of the epoch differ.
What is known of papers stands in published.yaml.
"""

from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.study import Published
from cal.config import Config, Model, parse_as, read_yaml
from cal.fields import Count, Section

if TYPE_CHECKING:
    from ablations.plan import Plan

# Of each embedded data set what ``cal.data`` holds: classes, samples. Here, since a plan opens no
# data.
HELD = {"handwritten": (10, 2000), "keypad": (10, 1797)}
REPORT_PART = 0.2  # as in cal/data/splits.py
SELECTIONS = {"last": "last-epoch", "test-best": "test-best"}  # evaluate.selection
PRETRAINING = "none"  # every network starts from random values
SCALER = "train"  # inputs are standardised by the training samples
NETWORKS = {"linear": "linear", "resnet18": "ResNet-18"}  # model.encoder, as papers name them
UNKNOWN = "unknown"  # agrees with nothing
TABLE = Path(__file__).with_name("published.yaml")


class DataSet(Section):
    """A data set on disk, as published. ``val``: whether it has a validation split of its own."""

    classes: Count
    train: Count
    test: Count
    val: bool


class Numbers(Section):
    """published.yaml."""

    data_sets: dict[str, DataSet]
    numbers: tuple[Published, ...]


@cache
def numbers() -> Numbers:
    """What is known of papers."""
    return parse_as(Numbers, read_yaml(TABLE, option="published.yaml"))


def printed(names: Collection[str]) -> tuple[Published, ...]:
    """The numbers on these data sets. One that exists in several versions is named by them all:
    kinetics-sounds brings kinetics-sounds-arl, whose verdict says what differs.
    """
    return tuple(
        entry
        for entry in numbers().numbers
        if any(_kin(entry.data, name) or _kin(name, entry.data) for name in names)
    )


def _kin(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}-")


def comparable(entry: Published, config: Config) -> list[str]:
    """In what a published number and a run of this configuration differ; empty: comparable."""
    return [f"{what}: {there} there, {here} here" for what, there, here in _facts(entry, config)]


def judged(plan: "Plan") -> list[dict[str, Any]]:
    """Every published number with its verdict: comparable with a regime of the plan or not.

    ``regime`` is the one that differs in least; ``differences`` are to the arm of the method there,
    to the first one where the plan lacks it (``arm`` is empty then).
    """
    names = [arm.name for arm in plan.arms]
    by_hash = {(run.regime, run.hash): run.config for run in plan.runs}
    found = []
    for entry in plan.published:
        arm = entry.arm if entry.arm in names else names[0]
        each = {
            regime: comparable(entry, by_hash[regime, plan.arm_hashes(regime, arm)[0]])
            for regime in plan.regimes
        }
        nearest = min(each, key=lambda regime: len(each[regime]))
        found.append(
            {
                "method": entry.method,
                "arm": entry.arm if entry.arm in names else "",
                "data": entry.data,
                "noise": entry.noise,
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
    both = {
        "data": (entry.data.lower(), config.data.name),
        "classes": (entry.classes, _classes(config.data.name)),
        "split (training/test samples)": (entry.split, _split(config)),
        "labels per class": (entry.labels_per_class, config.data.labels_per_class or "all"),
        "pre-training": (entry.pretraining, PRETRAINING),
        "backbone": (entry.backbone, _backbone(config.model)),
        "epochs": (entry.epochs, config.train.epochs),
        "video frames": (entry.frames or "none", "none"),
        "selection": (entry.selection, SELECTIONS[config.evaluate.selection]),
        "inputs standardised on": (entry.scaler, SCALER),
        "test inputs": (entry.noise, "clean"),
    }
    for what, (there, here) in both.items():
        if there != here or there == UNKNOWN:
            yield what, str(there), str(here)
    if config.data.corrupt_views:
        views = ", ".join(config.data.corrupt_views)
        noise = f"{views} drowned in noise (sigma {config.data.corrupt_sigma:g})"
        yield "inputs", "as published", noise
    if config.data.modalities:  # in the effective form: fewer than there are
        yield "modalities", "all", ", ".join(config.data.modalities)


def _backbone(model: Model) -> str:
    """As papers name it; of our own small ones kind and widths."""
    widths = model.channels if model.encoder == "cnn" else model.hidden
    small = f"{model.encoder.upper()} {'-'.join(map(str, widths))}"
    return NETWORKS.get(model.encoder, small)


def _classes(name: str) -> int | str:
    if name in HELD:
        return HELD[name][0]
    known = numbers().data_sets.get(name)
    return UNKNOWN if known is None else known.classes


def _split(config: Config) -> str:
    """Training and test samples; on disk the probe, and select where no validation split is, are
    cut from the published training part.
    """
    data, classes = config.data, _classes(config.data.name)
    known = numbers().data_sets.get(data.name)
    if data.name in HELD:
        samples = HELD[data.name][1]
        report = round(REPORT_PART * samples)
        train = samples - report - data.probe - data.select
    elif known is not None:
        report, train = known.test, known.train - data.probe - (0 if known.val else data.select)
    else:
        return UNKNOWN
    if data.labels_per_class is not None and isinstance(classes, int):
        train = data.labels_per_class * classes
    return f"{train + data.probe * data.probe_in_training}/{report}"
