"""The plain records a run yields, the same from every backend. No torch, ray or mlflow."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Epoch:
    """What one epoch did.

    ``metrics``: MLflow names to numbers, for example ``train/loss`` (nats), ``val/accuracy``,
    ``contribution/audio/W``, ``acceleration/audio/k``, ``bottleneck/audio/kl_nats``.
    ``warnings``: one line each, for example a modality's collapse. Two are equal however long they
    took, and whether they were trained or read.
    """

    epoch: int  # 1 is the first
    epochs: int
    step: int  # optimiser steps so far
    metrics: Mapping[str, float]
    warnings: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)  # of training so far, this run's share
    replayed: bool = field(default=False, compare=False)  # read from a checkpoint


def plain(record: Epoch) -> dict[str, object]:
    """An epoch as plain data, which ``epoch_of`` reads."""
    return {**vars(record), "metrics": dict(record.metrics)}


def epoch_of(tree: Mapping[str, object]) -> Epoch:
    """What ``plain`` wrote, now or before it knew all of these keys."""
    return Epoch(**{**tree, "warnings": tuple(tree["warnings"])})  # type: ignore[arg-type]


def news(record: Epoch, told: set[str]) -> list[str]:
    """Those warnings whose subject (before the colon) is not in ``told`` yet, where it is put."""
    fresh = [line for line in record.warnings if line.partition(":")[0] not in told]
    told.update(line.partition(":")[0] for line in fresh)
    return fresh


@dataclass(frozen=True)
class Predictions:
    """One condition's per-sample outcome on the report part, in the order of the sample ids."""

    ids: Array  # [N] int64, sample ids
    labels: Array  # [N] uint8 (over 256 classes: uint16), true class
    predicted: Array  # [N] likewise, most probable class
    confidence: Array  # [N] float32 in [0, 1], probability of the predicted class
    nll: Array  # [N] float32, nats, -log probability of the true class


@dataclass(frozen=True)
class Result:
    """The end of a run: test metrics (``test/CONDITION/accuracy``) and per-sample predictions.

    Of a tuning run ``select/CONDITION/accuracy``, and no predictions.
    """

    metrics: Mapping[str, float]
    predictions: Mapping[str, Predictions] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """A run that ended without a result: ``error`` is one line, what happened and what to do."""

    error: str


Record = Epoch | Result | Failure
