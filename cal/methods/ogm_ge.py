"""OGM-GE, on-the-fly gradient modulation with generalisation enhancement (Peng et al. 2022).

s_m = sum over the batch of the true class's probability from modality m's own part of the fused
logits; rho_m = s_m / mean of the others (for M = 2 the paper's ratio; the mean is our declared
extension to M > 2); k_m = 1 - tanh(alpha rho_m) where rho_m > 1, else 1; g <- k g + N(0, std(g)^2).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from cal.config import Config
from cal.methods.joint import Batch, Joint, Mean
from cal.methods.sections import column, sections


def coefficients(scores_RM: Tensor, *, alpha: Tensor) -> Tensor:
    """k [R, M] in (0, 1] from scores [R, M] > 0 and alpha [R] >= 0."""
    modalities = scores_RM.shape[1]
    if modalities == 1:
        return torch.ones_like(scores_RM)
    others = (scores_RM.sum(-1, keepdim=True) - scores_RM) / (modalities - 1)
    rho = scores_RM / others.clamp(min=1e-12)
    # In float64: tanh of a float32 differs in its last bit between vector lanes and their tail,
    # and so between a run alone and the same run in a pack.
    slower = 1 - torch.tanh((alpha[:, None] * rho).double()).float()
    return torch.where(rho > 1, slower, torch.ones_like(rho))


class OgmGe(Joint):
    """Slows the modality that leads, and adds noise to the encoders' gradients."""

    def __init__(self, configs: Sequence[Config]) -> None:
        """Raises ``ValueError`` unless every configuration has its ``ogm_ge`` section."""
        super().__init__(configs)
        self.alpha = column(configs, "ogm_ge", "alpha")
        self.noise = sections(configs, "ogm_ge")[0].noise
        self._total = torch.zeros(self.replicas, self.modalities)
        self._calls = 0

    def scale(self, batch: Batch, mean: Mean) -> Tensor:
        """k of the current batch."""
        probability = batch.alone.softmax(-1)
        index = batch.labels[:, None, :, None].expand(*probability.shape[:3], 1)
        scores = mean(probability.gather(-1, index).squeeze(-1).sum(-1))
        k = coefficients(scores, alpha=self.alpha.to(scores.device))
        self._total = self._total + k.cpu()
        self._calls += 1
        return k

    def reports(self) -> list[dict[str, Tensor]]:
        """Mean k of the epoch."""
        calls, total = max(self._calls, 1), self._total
        self._total, self._calls = torch.zeros_like(total), 0
        return [{"modulation/{}/k": row / calls} for row in total]
