"""Batches of R replicas, and what methods are shown of them and of the probe.

Legend: R replicas, M modalities, B samples, Z latent features, K classes, S coalitions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cal.data import Part
from cal.model.fusion import Fusion
from cal.model.network import Outputs
from cal.model.rows import ALL, Rows, indexed


@dataclass
class ProbeView:
    """The probe as methods see it, of the replicas ``rows`` of a pack (None: of all)."""

    fusion: Fusion
    z: Tensor  # [R, M, B, Z]
    heads: Tensor  # [R, M, B, K] logits
    labels: Tensor  # [R, B]
    rows: Sequence[int] | None = None

    @property
    def unimodal(self) -> Tensor:
        """[R, M, K, B]."""
        return self.heads.transpose(-1, -2)

    @torch.no_grad()
    def coalitions(self, masks: Tensor) -> Tensor:
        """[R, S, K, B] of masks [S, M]."""
        rows = ALL if self.rows is None else indexed(self.rows, self.z.device)
        return self.fusion.coalitions(self.z, masks, rows)

    def only(self, rows: Sequence[int]) -> "ProbeView":
        """Of fewer replicas of the pack."""
        places = rows if self.rows is None else [self.rows.index(r) for r in rows]
        own = indexed(places, self.z.device)
        return ProbeView(self.fusion, self.z[own], self.heads[own], self.labels[own], rows)


@dataclass
class BatchView:
    """The training batch as methods see it; ``alone`` is computed only for who asks."""

    fusion: Fusion
    outputs: Outputs
    labels: Tensor  # [R, B]
    index: Tensor  # [R, B], of training samples
    samples: int

    @property
    def alone(self) -> Tensor:
        """[R, M, B, K], without gradient."""
        with torch.no_grad():
            return self.fusion.alone(self.outputs.z.detach())


@dataclass(frozen=True)
class Stacked:
    """One part of the data, replicas stacked: inputs M x [R, N, ...], labels [R, N]."""

    inputs: tuple[Tensor, ...]
    labels: Tensor

    @classmethod
    def of(cls, parts: Sequence[Part], device: torch.device) -> "Stacked":
        """Stack the same part of every replica."""
        columns = zip(*(part.inputs for part in parts), strict=True)
        inputs = tuple(torch.stack(column).to(device) for column in columns)
        return cls(inputs, torch.stack([part.labels for part in parts]).to(device))

    def only(self, rows: Rows) -> "Stacked":
        """Some replicas alone."""
        return Stacked(tuple(x[rows] for x in self.inputs), self.labels[rows])

    def batch(self, index: Tensor) -> "Stacked":
        """Samples ``index`` [R, B] of each replica."""
        if len(index) == 1:
            inputs = tuple(x[0].index_select(0, index[0])[None] for x in self.inputs)
            return Stacked(inputs, self.labels[0].index_select(0, index[0])[None])
        rows = torch.arange(len(index), device=index.device)[:, None]
        return Stacked(tuple(x[rows, index] for x in self.inputs), self.labels[rows, index])
