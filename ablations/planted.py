"""A synthetic method with a known truth, in place of training: what the selfcheck runs.

Each run's accuracy is a base, a seed's luck that all arms share, the truth, and a little luck of
its own; its samples are right in the order of a difficulty that all arms of a seed share. So runs
are paired as real ones are, and the report has to find the truth.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from cal.data.corruptions import Condition, conditions
from cal.evaluate import calibration_error, macro_f1, robust_metrics
from cal.records import Epoch, Failure, Predictions, Record, Result
from cal.runs import Run

SAMPLES, CLASSES = 2000, 10
BASE = 0.80
SEED_SD, OWN_SD = 0.02, 0.0015
FAILING = (1, 4, 6, 9)  # seeds on which the bottleneck fails in the regime of that name
LOSS = {"gaussian": 0.06, "salt_pepper": 0.3, "missing": 0.08}  # accuracy for each unit of severity
Switches = Mapping[str, bool]


def effect(regime: str, switches: Switches, *, noisy: bool) -> float:
    """The truth: what switches add to accuracy, as a share."""
    accelerated, compressed = switches["acceleration"], switches["bottleneck"]
    if regime in ("known-effect", "failing"):
        return 0.03 * compressed
    if regime == "interaction":
        return 0.04 * (accelerated and compressed)
    if regime == "noise-only":
        return 0.04 * (compressed and noisy)
    return 0.0


def train(run: Run) -> Iterator[Record]:
    """The records of a run, as training would give them."""
    switches = switches_of(run)
    if run.regime == "failing" and switches["bottleneck"] and run.seed in FAILING:
        yield Failure("train/loss is nan at epoch 1: planted")
        return
    epochs = run.config.train.epochs
    yield Epoch(epochs, epochs, epochs, {"train/loss": 0.5, "val/accuracy": BASE})
    kept = {"clean": _predictions(run, switches, None)}
    kept |= {c.name: _predictions(run, switches, c) for c in conditions(run.config)}
    metrics = {
        f"test/{name}/{kind}": value
        for name, predictions in kept.items()
        for kind, value in _scores(predictions).items()
    }
    metrics |= robust_metrics(metrics, run.config.data.every)
    yield Result(metrics | {"time/train_s": 0.0, "time/step_ms": 0.0}, kept)


def switches_of(run: Run) -> Switches:
    """Which factors act in a run."""
    mechanisms = run.config.mechanisms
    return {
        "acceleration": mechanisms.acceleration.enabled,
        "bottleneck": mechanisms.bottleneck.enabled,
    }


def _predictions(run: Run, switches: Switches, condition: Condition | None) -> Predictions:
    shared = np.random.default_rng(run.seed)
    luck = SEED_SD * shared.standard_normal()
    difficulty = shared.standard_normal(SAMPLES)
    own = np.random.default_rng([run.seed, *map(int, switches.values()), *run.regime.encode()])
    loss = 0.0 if condition is None else LOSS[condition.kind] * condition.severity
    accuracy = BASE + luck + OWN_SD * own.standard_normal() - loss
    accuracy += effect(run.regime, switches, noisy=condition is not None)
    right = np.zeros(SAMPLES, dtype=bool)
    right[np.argsort(difficulty)[: round(accuracy * SAMPLES)]] = True
    return _made(right)


def _made(right: npt.NDArray[np.bool_]) -> Predictions:
    labels = (np.arange(SAMPLES) % CLASSES).astype(np.uint8)
    predicted = np.where(right, labels, (labels + 1) % CLASSES).astype(np.uint8)
    confidence = np.where(right, 0.9, 0.4).astype(np.float32)
    nll = -np.log(np.where(right, confidence, (1 - confidence) / 2)).astype(np.float32)
    return Predictions(np.arange(SAMPLES), labels, predicted, confidence, nll)


def _scores(kept: Predictions) -> dict[str, Any]:
    right = kept.predicted == kept.labels
    return {
        "accuracy": float(np.asarray(right).mean()),
        "macro_f1": macro_f1(kept.predicted, kept.labels),
        "nll": float(np.asarray(kept.nll, dtype=np.float64).mean()),
        "ece": calibration_error(np.asarray(kept.confidence, dtype=np.float64), right),
    }
