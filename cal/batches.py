"""Batches of R replicas, and what methods are shown of them and of the probe.

Legend: R replicas, M modalities, B samples, Z latent features, K classes, S coalitions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cal.data import lazy
from cal.data.lazy import Lazy
from cal.data.parts import Part
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


def joined(views: Sequence[BatchView]) -> BatchView:
    """The parts of one batch as one, without gradient; one part as it is."""
    if len(views) == 1:
        return views[0]
    first = views[0]
    outputs = Outputs(
        z=torch.cat([v.outputs.z.detach() for v in views], 2),
        fused=torch.cat([v.outputs.fused.detach() for v in views], 1),
        unimodal=torch.cat([v.outputs.unimodal.detach() for v in views], 2),
        kl=torch.stack([v.outputs.kl.detach() for v in views]).mean(0),
    )
    labels, index = (torch.cat([getattr(v, n) for v in views], 1) for n in ("labels", "index"))
    return BatchView(first.fusion, outputs, labels, index, first.samples)


@dataclass(frozen=True)
class Stacked:
    """One part of the data, replicas stacked: inputs M x [R, N, ...], labels [R, N]."""

    inputs: tuple[Tensor, ...]
    labels: Tensor

    @classmethod
    def of(cls, parts: Sequence[Part], device: torch.device) -> "Stacked":
        """Stack the same part of every replica."""
        columns = zip(*(part.tensors for part in parts), strict=True)
        inputs = tuple(torch.stack(column).to(device) for column in columns)
        return cls(inputs, torch.stack([part.labels for part in parts]).to(device))

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of one sample of each modality."""
        return [tuple(x.shape[2:]) for x in self.inputs]

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

    def batches(self, indices: Sequence[Tensor], epoch: int) -> Iterator[tuple[Tensor, "Stacked"]]:
        """For every index [R, B] itself, on the device, and its samples."""
        for index in indices:
            there = index.to(self.labels.device)
            yield there, self.batch(there)

    def chunks(self, size: int) -> Iterator[list[Tensor]]:
        """M tensors [R, n, ...] of at most ``size`` samples each, in their order."""
        for start in range(0, self.labels.shape[1], size):
            yield [x[:, start : start + size] for x in self.inputs]


@dataclass(frozen=True)
class Streamed:
    """The same of one run (R = 1) whose data are read when they are asked for."""

    inputs: tuple[Lazy, ...]
    labels: Tensor  # [1, N]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of one sample of each modality."""
        return [x.shape[1:] for x in self.inputs]

    def batches(self, indices: Sequence[Tensor], epoch: int) -> Iterator[tuple[Tensor, Stacked]]:
        """For every index [1, B] itself and its samples, augmented; the next are read meanwhile."""
        device = self.labels.device
        read = lazy.batches(self.inputs, [i[0] for i in indices], device=device, epoch=epoch)
        for index, found in zip(indices, read, strict=True):
            there = index.to(device)
            labels = self.labels[0].index_select(0, there[0])[None]
            yield there, Stacked(tuple(x[None] for x in found), labels)

    def chunks(self, size: int) -> Iterator[list[Tensor]]:
        """M tensors [1, n, ...] of at most ``size`` samples each, in their order, as evaluated."""
        indices = torch.arange(self.labels.shape[1]).split(size)
        device = self.labels.device
        for found in lazy.batches(self.inputs, indices, device=device, epoch=None):
            yield [x[None] for x in found]


def samples_of(parts: Sequence[Part], device: torch.device) -> Stacked | Streamed:
    """The same part of every replica. Raises ``ValueError`` for several replicas of lazy ones."""
    if not parts[0].lazies:
        return Stacked.of(parts, device)
    if len(parts) != 1:
        raise ValueError(f"{len(parts)} runs in one pack: prepared data are read for one")
    return Streamed(parts[0].lazies, parts[0].labels[None].to(device))


def in_parts(
    index: Tensor, batch: Stacked, noise: Tensor | None, *, parts: int
) -> Iterator[tuple[Tensor, Stacked, Tensor | None]]:
    """A batch as ``parts`` equal ones: index [R, B], samples, noise [R, M, B, Z]."""
    if parts == 1:
        yield index, batch, noise
        return
    size = index.shape[1] // parts
    for start in range(0, parts * size, size):
        own = slice(start, start + size)
        inputs = tuple(x[:, own] for x in batch.inputs)
        eps = None if noise is None else noise[:, :, own]
        yield index[:, own], Stacked(inputs, batch.labels[:, own]), eps
