"""PMR, prototypical modal rebalance (Fan et al. 2023).

Prototypes c_{m,k} are the class means of z^m over an epoch, with an EMA from epoch to epoch;
similarities of a sample are -||z^m - c_{m,k}||. With s_m = sum over the batch of the true class's
softmax similarity and rho_m = s_m / mean of the others' (for M = 2 the paper's ratio), a weaker
modality has beta_m = clip(1 / rho_m - 1, 0, 1) > 0, and L += alpha sum_m beta_m CE(similarities).

Deviations: class means are gathered while the epoch trains, not by a pass over a part of the data;
the leading modality's entropy penalty of the first epochs is left out. The first epoch has none.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from cal.config import Config
from cal.methods.joint import Batch, Joint, Mean
from cal.methods.sections import column, of_rows, rows_of

FAR = 1e4  # distance to a prototype that there is not


def similarities(z: Tensor, prototypes: Tensor) -> Tensor:
    """-distance [R, M, B, K] of z [R, M, B, Z] to prototypes [R, M, K, Z]; NaN: there is none."""
    missing = prototypes[:, :, None, :, 0].isnan()
    apart = (z[:, :, :, None] - prototypes.nan_to_num()[:, :, None]).square().sum(-1)
    return -(apart + 1e-12).sqrt().masked_fill(missing, FAR)


def lagging(scores_RM: Tensor) -> Tensor:
    """beta [R, M] in [0, 1] from scores [R, M] > 0: 0 for whoever leads."""
    others = (scores_RM.sum(-1, keepdim=True) - scores_RM) / max(1, scores_RM.shape[1] - 1)
    return (others / scores_RM.clamp(min=1e-12) - 1).clamp(0, 1)


class Pmr(Joint):
    """Draws the weaker modalities' latents to their class prototypes."""

    def __init__(self, configs: Sequence[Config]) -> None:
        """Raises ``ValueError`` unless every configuration has its ``pmr`` section."""
        super().__init__(configs)
        self.alpha = column(configs, "pmr", "alpha")
        self.momentum = column(configs, "pmr", "momentum")
        self.prototypes = torch.zeros(0)  # [R, M, K, Z]
        self._sums = self._counts = torch.zeros(())  # of this epoch: [R, M, K, Z] and [R, K]
        self._beta = torch.zeros(self.replicas, self.modalities)

    def objective(self, batch: Batch, step: int, steps: int, mean: Mean) -> Tensor:
        """Joint training's, and CE of the similarities of whoever lags."""
        loss, z = super().objective(batch, step, steps, mean), batch.outputs.z
        hot = functional.one_hot(batch.labels, batch.outputs.fused.shape[-1]).to(z.dtype)
        self._sums = self._sums + mean(torch.einsum("rbk,rmbz->rmkz", hot, z.detach()))
        self._counts = self._counts + mean(hot.sum(1))
        if not len(self.prototypes):
            return loss
        near = similarities(z, self.prototypes.to(z.device)).log_softmax(-1)
        log_p = (near * hot[:, None]).sum(-1)  # of the true class [R, M, B]
        self._beta = lagging(mean(log_p.detach().exp().sum(-1))).cpu()
        strength = (self.alpha[:, None] * self._beta).to(z.device)
        return loss - (strength * log_p.mean(-1)).sum(-1)

    def epoch_ended(self) -> None:
        """New prototypes; 0 / 0 is none."""
        means = (self._sums / self._counts[:, None, :, None]).cpu()
        if len(self.prototypes):
            keep, old = self.momentum.view(-1, 1, 1, 1), self.prototypes
            means = torch.where(means.isnan(), old, means)
            means = keep * torch.where(old.isnan(), means, old) + (1 - keep) * means
        self.prototypes = means
        self._sums = self._counts = torch.zeros(())

    def reports(self) -> list[dict[str, Tensor]]:
        """The last beta."""
        return [{"modulation/{}/beta": row} for row in self._beta]

    def states(self) -> list[dict[str, Any]]:
        """The prototypes, between epochs."""
        return rows_of("prototypes", self.prototypes, replicas=self.replicas)

    def load_states(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Of the same epoch."""
        self.prototypes = of_rows("prototypes", states)
