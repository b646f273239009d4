"""Fusion heads: latents of all modalities -> logits, for the batch and for every coalition.

Legend: R replicas, M modalities, S coalitions, B samples, Z latent features, K classes.
A coalition masks the latents of absent modalities with 0, the prior mean of the bottleneck.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cal.model.initial import uniform
from cal.model.rows import ALL, Rows


def _contributions(z: Tensor, weight: Tensor) -> Tensor:
    """z^m W_m of each modality, features before samples: [R, M, B, Z] -> [R, M, O, B]."""
    return torch.matmul(weight.transpose(-1, -2), z.transpose(-1, -2))


def _masked_sums(contributions: Tensor, masks: Tensor) -> Tensor:
    """Sums over the members of each coalition: [R, M, O, B], [S, M] -> [R, S, O, B]."""
    sums = torch.matmul(masks, contributions.flatten(2))
    return sums.reshape(*sums.shape[:2], *contributions.shape[2:])


class Fusion(nn.Module):
    """What every fusion head offers."""

    def forward(self, z: Tensor) -> Tensor:
        """[R, M, B, Z] -> logits [R, B, K]."""
        raise NotImplementedError

    def coalitions(self, z: Tensor, masks: Tensor, rows: Rows = ALL) -> Tensor:
        """Logits [R, S, K, B] of every coalition of ``masks`` [S, M], in one batched call; z is of
        ``rows`` of the pack.
        """
        raise NotImplementedError

    def alone(self, z: Tensor) -> Tensor:
        """Each modality's own part of the logits [R, M, B, K]."""
        raise NotImplementedError


class LinearFusion(Fusion):
    """One linear layer on the concatenated latents."""

    def __init__(
        self, *, modalities: int, latent: int, classes: int, draws: Sequence[torch.Generator]
    ) -> None:
        super().__init__()
        fan_in = modalities * latent
        self.weight = nn.Parameter(uniform((modalities, latent, classes), fan_in, draws))
        self.bias = nn.Parameter(uniform((1, classes), fan_in, draws))

    def forward(self, z: Tensor) -> Tensor:
        """[R, M, B, Z] -> logits [R, B, K]."""
        parts = torch.bmm(z.flatten(0, 1), self.weight.flatten(0, 1))
        return parts.unflatten(0, z.shape[:2]).sum(1) + self.bias

    def coalitions(self, z: Tensor, masks: Tensor, rows: Rows = ALL) -> Tensor:
        """Logits [R, S, K, B] of every coalition of ``masks`` [S, M], z of ``rows``."""
        sums = _masked_sums(_contributions(z, self.weight[rows]), masks)
        return sums + self.bias[rows, :, :, None]

    def alone(self, z: Tensor) -> Tensor:
        """W_m z^m + b/M [R, M, B, K]: the parts that add up to the fused logits."""
        parts = _contributions(z, self.weight).transpose(-1, -2)
        return parts + self.bias[:, None] / z.shape[1]


class MLPFusion(Fusion):
    """One hidden layer with ReLU on the concatenated latents."""

    def __init__(
        self,
        *,
        modalities: int,
        latent: int,
        hidden: int,
        classes: int,
        draws: Sequence[torch.Generator],
    ) -> None:
        super().__init__()
        fan_in = modalities * latent
        self.weight = nn.Parameter(uniform((modalities, latent, hidden), fan_in, draws))
        self.bias = nn.Parameter(uniform((1, hidden), fan_in, draws))
        self.out_weight = nn.Parameter(uniform((hidden, classes), hidden, draws))
        self.out_bias = nn.Parameter(uniform((1, classes), hidden, draws))

    def forward(self, z: Tensor) -> Tensor:
        """[R, M, B, Z] -> logits [R, B, K]."""
        parts = torch.bmm(z.flatten(0, 1), self.weight.flatten(0, 1))
        hidden = (parts.unflatten(0, z.shape[:2]).sum(1) + self.bias).relu()
        return torch.baddbmm(self.out_bias, hidden, self.out_weight)

    def coalitions(self, z: Tensor, masks: Tensor, rows: Rows = ALL) -> Tensor:
        """Logits [R, S, K, B] of every coalition of ``masks`` [S, M], z of ``rows``."""
        sums = _masked_sums(_contributions(z, self.weight[rows]), masks)
        hidden = (sums + self.bias[rows, :, :, None]).relu()
        weight = self.out_weight[rows].transpose(-1, -2)[:, None]
        return torch.matmul(weight, hidden) + self.out_bias[rows, :, :, None]

    def alone(self, z: Tensor) -> Tensor:
        """Logits [R, M, B, K] with every other modality masked."""
        masks = torch.eye(z.shape[1], device=z.device)
        return self.coalitions(z, masks).transpose(-1, -2)
