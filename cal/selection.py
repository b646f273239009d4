"""Which epoch a run's result is of: the last one; or, for comparison, the best on the test set.

``test-best`` is what much released code does: the clean accuracy on the report part is measured
after every epoch and the best epoch is reported. That is optimistic, so it is a labelled
compatibility mode, for setting own figures beside such published ones, and never the default.

Legend: R replicas.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from cal.batches import samples_of
from cal.config import Config
from cal.data.parts import Parts
from cal.evaluate import score
from cal.members import row, stacked
from cal.model.network import Network

Without = Sequence[Sequence[str]]
"""For each replica the parameters it has only because of its company in the pack."""


class Last:
    """The neutral element: looks at nothing, keeps nothing, the last epoch is the result."""

    def look(self, network: Network, epoch: int, without: Without) -> list[dict[str, float]]:
        """After an epoch: metrics of each replica for its record."""
        return [{} for _ in without]

    @contextmanager
    def chosen(self, network: Network) -> Iterator[None]:
        """Within, the network has the parameters that the result is of."""
        yield

    def states(self) -> list[dict[str, Any]]:
        """Everything that a resumed run needs, for each replica."""
        return []

    def load_states(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Nothing to load."""


class TestBest(Last):
    """The epoch of the highest clean accuracy on the report part, the first of equal ones."""

    __test__ = False  # no test class of pytest's

    def __init__(self, data: Sequence[Parts], device: torch.device) -> None:
        """Raises ``SealedError`` for the data of a tuning run."""
        self.part = samples_of([parts.report for parts in data], device)
        self.best: list[dict[str, Any]] = [{"epoch": 0, "accuracy": -1.0} for _ in data]

    def look(self, network: Network, epoch: int, without: Without) -> list[dict[str, float]]:
        """Measure; keep the parameters of replicas that were never better."""
        found = [numbers["accuracy"] for numbers in score(network, self.part)]
        size = len(found)
        for r, accuracy in enumerate(found):
            if accuracy > self.best[r]["accuracy"]:
                kept = row(network.state_dict(), r, replicas=size, without=without[r])
                self.best[r] = {"epoch": epoch, "accuracy": accuracy, "network": kept}
        return [
            {"selection/accuracy": accuracy, "selection/epoch": float(best["epoch"])}
            for accuracy, best in zip(found, self.best, strict=True)
        ]

    @contextmanager
    def chosen(self, network: Network) -> Iterator[None]:
        """The best epoch's parameters; afterwards the network is as it was."""
        last = {name: value.clone() for name, value in network.state_dict().items()}
        # A replica that diverged at once was never kept; it has no result either.
        now = [row(last, r, replicas=len(self.best)) for r in range(len(self.best))]
        rows = [best.get("network", own) for best, own in zip(self.best, now, strict=True)]
        network.load_state_dict(stacked(rows, otherwise=last))
        try:
            yield
        finally:
            network.load_state_dict(last)

    def states(self) -> list[dict[str, Any]]:
        """The best epoch so far of each replica, with its parameters."""
        return [dict(best) for best in self.best]

    def load_states(self, states: Sequence[Mapping[str, Any]]) -> None:
        """The states of ``states``, from whatever pack they were in."""
        self.best = [dict(state) for state in states]


def build(configs: Sequence[Config], data: Sequence[Parts], device: torch.device) -> Last:
    """As the runs of a pack are configured (they share ``evaluate``)."""
    return TestBest(data, device) if configs[0].evaluate.selection == "test-best" else Last()
