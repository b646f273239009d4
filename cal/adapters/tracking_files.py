"""The files beside a run: predictions of all conditions in one npz, curves as JSON. No mlflow."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cal.adapters.tracking_rows import Curves
from cal.records import Predictions

PREDICTIONS = "predictions.npz"
CURVES = "curves.json"


def write_predictions(path: Path, predictions: Mapping[str, Predictions]) -> None:
    """Conditions C over the same samples N: ``conditions`` [C], ``ids`` and ``labels`` [N],
    ``predicted``, ``confidence`` and ``nll`` [C, N]. Readable without pickle; not compressed, which
    took 7 ms a run for a quarter of its 180 kB.

    Raises ``ValueError`` where conditions differ in their samples.
    """
    rows = list(predictions.values())
    first = rows[0]
    for name, row in predictions.items():
        same = np.array_equal(row.ids, first.ids) and np.array_equal(row.labels, first.labels)
        if not same:
            raise ValueError(f"predictions under {name}: other samples than the first condition")
    np.savez(
        path,
        conditions=np.array(list(predictions), dtype=np.str_),
        ids=first.ids,
        labels=first.labels,
        predicted=np.stack([row.predicted for row in rows]),
        confidence=np.stack([row.confidence for row in rows]),
        nll=np.stack([row.nll for row in rows]),
    )


def read_predictions(path: Path) -> dict[str, Predictions]:
    """What ``write_predictions`` wrote."""
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
        table = {name: file[name] for name in file.files}
    return {
        str(name): Predictions(
            ids=table["ids"],
            labels=table["labels"],
            predicted=table["predicted"][i],
            confidence=table["confidence"][i],
            nll=table["nll"][i],
        )
        for i, name in enumerate(table["conditions"])
    }


def write_curves(path: Path, curves: Curves) -> None:
    """Metric -> [[epoch, value], ...]; NaN is written as JSON's extension ``NaN``."""
    path.write_text(json.dumps(curves), encoding="utf-8")


def read_curves(path: Path) -> Curves:
    """What ``write_curves`` wrote."""
    tree = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: [(int(epoch), float(value)) for epoch, value in line] for name, line in tree.items()
    }
