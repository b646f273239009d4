"""Finished runs that the store has not got yet, as files by hash under the home folder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from hashlib import sha256
from typing import Any

import numpy as np
import torch

from cal import checkpoint
from cal.adapters.tracking_rows import Data, Seed
from cal.config import ConfigError, parse
from cal.records import Epoch, Failure, Predictions, Result, epoch_of, plain

Tree = dict[str, Any]


@dataclass
class Row:
    """A row of the ledger to be: all that its run said."""

    seed: Seed
    epochs: list[Epoch] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    result: Result | None = None
    failure: Failure | None = None  # is kept in memory alone: the next driver tries the run again
    checkpoint: str = ""  # where its weights are
    id: str = ""  # in the ledger; empty: not begun there by this driver
    told: int = 0  # epochs that the ledger took
    filed: bool = False  # whether it is a file too

    @property
    def key(self) -> str:
        """Name of its file: two regimes may share a hash."""
        return f"{self.seed.hash}-{sha256(self.seed.regime.encode()).hexdigest()[:8]}"

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.result is not None or self.failure is not None


def keep(row: Row, folder: str) -> None:
    """Write a finished row, at once or not at all; ``folder``: local or a URI. Raises ``OSError``
    where nothing can be written.
    """
    if row.result is None:
        raise ValueError(f"row {row.seed.hash}: given without a result; allowed: with one")
    tree = vars(row.seed) | {"config": row.seed.config.model_dump(mode="json")}
    tree["data"] = row.seed.data and vars(row.seed.data)
    epochs = [plain(epoch) for epoch in row.epochs]
    metrics, predictions = dict(row.result.metrics), row.result.predictions
    state = {
        "seed": tree,
        "epochs": epochs,
        "tags": row.tags,
        "metrics": metrics,
        "predictions": {name: _tensors(found) for name, found in predictions.items()},
        "checkpoint": row.checkpoint,
    }
    checkpoint.save(state, folder, row.key)


def kept(folder: str, *, tell: Callable[[str], None]) -> Iterator[Row]:
    """All rows in a folder; none where there is no folder. ``tell``: of a file that is none of
    ours, or damaged, which is skipped.
    """
    for key in checkpoint.keys(folder):
        try:
            state = checkpoint.load(folder, key)
            row = None if state is None else _row(state)
        except (checkpoint.DamagedError, ConfigError, KeyError, TypeError, AttributeError) as error:
            first = " ".join(str(error).split())[:200]
            file = checkpoint.location(folder, key)
            tell(f"{file}: skipped, no end of a run ({first}); its run ends again; remove the file")
            continue
        if row is not None:
            yield row


def forget(row: Row, folder: str) -> None:
    """The store has it."""
    checkpoint.remove(folder, f"{row.key}.pt")


def _row(state: Tree) -> Row:
    tree = state["seed"]
    data = Data(**tree["data"]) if tree["data"] else None
    given = {"config": parse(tree["config"]), "variants": tuple(tree["variants"]), "data": data}
    epochs = [epoch_of(epoch) for epoch in state["epochs"]]
    predictions = {name: _arrays(found) for name, found in state["predictions"].items()}
    result = Result(state["metrics"], predictions)
    seed, tags = Seed(**{**tree, **given}), state["tags"]
    return Row(seed, epochs, tags, result, checkpoint=state["checkpoint"], filed=True)


def _tensors(found: Predictions) -> Tree:
    arrays = {f.name: np.ascontiguousarray(getattr(found, f.name)) for f in fields(found)}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _arrays(found: Tree) -> Predictions:
    return Predictions(**{name: tensor.numpy() for name, tensor in found.items()})
