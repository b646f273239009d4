"""What each run got right, sample by sample, from its predictions. Pure; numpy only.

Legend: N test samples, in the order of their ids.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ablations.conditions import robust_weights

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Samples:
    """One run on the report part. ``right``: clean is 0 or 1, robust the share of noise conditions
    under which the sample was right, weighted as in robust accuracy; its mean is the accuracy.
    """

    ids: Array  # [N] int64
    labels: Array  # [N]
    right: Mapping[str, Array] = field(default_factory=dict)  # clean, robust -> [N] in [0, 1]
    confidence: Array | None = None  # [N] in [0, 1], clean


def samples_of(predictions: Mapping[str, Any]) -> Samples | None:
    """From ``cal.records.Predictions`` by condition; None where a run kept none."""
    clean = predictions.get("clean")
    if clean is None:
        return None
    hits = {name: _hits(kept) for name, kept in predictions.items()}
    right = {"clean": hits["clean"]}
    weights = robust_weights(predictions)
    if weights:
        right["robust"] = np.sum([w * hits[name] for name, w in weights.items()], axis=0)
    return Samples(clean.ids, clean.labels, right, clean.confidence)


def _hits(kept: Any) -> Array:
    return np.asarray(kept.predicted == kept.labels, dtype=np.float64)


def same_samples(runs: Iterable[Samples]) -> bool:
    """Whether all runs were tested on the same samples: the report part does not follow seeds."""
    found = iter(runs)
    first = next(found, None)
    return first is None or all(np.array_equal(first.ids, other.ids) for other in found)


def reliability(runs: Mapping[str, Samples], *, bins: int = 10) -> list[dict[str, float]]:
    """Confidence against accuracy on clean data, samples of all runs together: equal bins that hold
    any sample, with their share of all.
    """
    kept = [run for run in runs.values() if run.confidence is not None]
    if not kept:
        return []
    confidence = np.concatenate([run.confidence for run in kept]).astype(np.float64)
    right = np.concatenate([run.right["clean"] for run in kept])
    known = np.isfinite(confidence)
    confidence, right = confidence[known], right[known]
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        {
            "confidence": float(confidence[index == b].mean()),
            "accuracy": float(right[index == b].mean()),
            "share": float((index == b).mean()),
        }
        for b in np.unique(index)
    ]


def recalls(run: Samples) -> dict[int, float]:
    """Class -> share of its samples that were right on clean data."""
    return {
        int(c): float(run.right["clean"][run.labels == c].mean()) for c in np.unique(run.labels)
    }
