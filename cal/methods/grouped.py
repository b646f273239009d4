"""The metric of a pack whose runs measure W in unlike ways: one ``Metric`` for each kind.

Each looks at its own steps, with its own coalitions. Those that are due at one step look together:
one pass through their rows of the network (``cal.model.looking``), of which each is handed its own.
What they find is put back in the order of the replicas.

Legend: R replicas, M modalities.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar

import torch
from torch import Tensor

from cal.config import Config
from cal.methods.joint import Look, Mean
from cal.methods.metric import Metric, UniformMetric, kind

T = TypeVar("T")


def metric_of(configs: Sequence[Config]) -> "UniformMetric | Grouped":
    """For runs of one kind the metric itself, which looks at the whole pack."""
    return _alike(configs) if len(set(map(kind, configs))) == 1 else Grouped(configs)


def _alike(configs: Sequence[Config]) -> UniformMetric:
    return UniformMetric(configs) if kind(configs[0]) is None else Metric(configs)


class Grouped:
    """What ``UniformMetric`` offers, by several of them."""

    def __init__(self, configs: Sequence[Config]) -> None:
        """``configs``: one per replica."""
        self.replicas = len(configs)
        kinds = [kind(config) for config in configs]
        self.rows = [[r for r, k in enumerate(kinds) if k == own] for own in dict.fromkeys(kinds)]
        self.metrics = [_alike([configs[r] for r in rows]) for rows in self.rows]
        self.weights = self._stacked(metric.weights for metric in self.metrics)

    def _ordered(self, parts: Iterable[Iterable[T]]) -> list[T]:
        """What each metric has of its replicas, in the order of the pack."""
        found = dict(zip(chain(*self.rows), chain.from_iterable(parts), strict=True))
        return [found[r] for r in range(self.replicas)]

    def _stacked(self, parts: Iterable[Tensor]) -> Tensor:
        return torch.stack(self._ordered(parts))

    def observe(self, step: int, steps: int, look: Look, mean: Mean) -> None:
        """Each as it is due; W is another tensor only after one of them looked."""
        asked: dict[tuple[int | None, int], list[int]] = defaultdict(list)
        for i, metric in enumerate(self.metrics):
            if metric.due(step, steps):
                asked[metric.asks()].append(i)
        for (samples, turn), due in asked.items():
            rows = sorted(r for i in due for r in self.rows[i])
            probe = look(samples, turn, rows if len(rows) < self.replicas else None)
            for i in due:
                self.metrics[i].learn(probe.only(self.rows[i]), mean)
        if asked:
            self.weights = self._stacked(metric.weights for metric in self.metrics)

    def falling(self) -> Tensor:
        """Whether each modality's probe accuracy falls [R, M]."""
        return self._stacked(metric.falling() for metric in self.metrics)

    def reports(self) -> list[dict[str, Tensor]]:
        """Of each replica what its metric reports."""
        return self._ordered(metric.reports() for metric in self.metrics)

    def states(self) -> list[dict[str, Any]]:
        """Of each replica the state that it would have alone."""
        return self._ordered(metric.states() for metric in self.metrics)

    def load_states(self, states: Sequence[Mapping[str, Any]]) -> None:
        """One state for each replica."""
        for rows, metric in zip(self.rows, self.metrics, strict=True):
            metric.load_states([states[r] for r in rows])
        self.weights = self._stacked(metric.weights for metric in self.metrics)
