"""ARL, asymmetric representation learning (Wei et al. 2025), by the paper's formula.

d_m = mean |logits of head m|, q_m proportional to 1 / max(.3, H_m / sum H) with H_m the mean
entropy of head m, both normalised over m; w = softmax(T d_other q): for two modalities
T [d_v q_a, d_a q_v]; for more, d_other is the mean of the others (our extension). The gradient at
the output of encoder m becomes (1 + w_m) g, which for everything below is k_m = 1 + w_m.
L = CE + gamma sum_m CE_m.

Deviations from the released code: it never assigns the weights that it computes (as_released: 1/M);
it scales before clipping, here k acts after it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from cal.config import Config
from cal.losses import cross_entropies
from cal.methods.joint import Batch, Joint, Mean
from cal.methods.sections import column

LEAST = 0.3  # of an entropy's share


def weights(size_RM: Tensor, entropy_RM: Tensor, *, temperature: Tensor) -> Tensor:
    """w [R, M], rows sum to 1, of mean |logits| and mean entropies [R, M]; ``temperature`` [R]."""
    modalities = size_RM.shape[1]
    d = size_RM / size_RM.sum(-1, keepdim=True).clamp(min=1e-12)
    share = entropy_RM / entropy_RM.sum(-1, keepdim=True).clamp(min=1e-12)
    q = 1 / share.clamp(min=LEAST)
    q = q / q.sum(-1, keepdim=True)
    others = (1 - d) / max(1, modalities - 1)
    # In float64, as in ogm_ge: the last bit must not depend on the pack.
    return (temperature[:, None] * others * q).double().softmax(-1).float()


class Arl(Joint):
    """Scales encoders by who is certain beside strong others."""

    def __init__(self, configs: Sequence[Config]) -> None:
        """Raises ``ValueError`` unless every configuration has its ``arl`` section."""
        super().__init__(configs)
        self.temperature = column(configs, "arl", "temperature")
        self.unimodal = column(configs, "arl", "unimodal")
        self.begins = column(configs, "arl", "start")
        self.released = column(configs, "arl", "as_released") > 0
        self._on = torch.zeros(self.replicas, 1, dtype=torch.bool)
        self._k = torch.ones(self.replicas, self.modalities)

    def objective(self, batch: Batch, step: int, steps: int, mean: Mean) -> Tensor:
        """CE + gamma sum_m CE_m."""
        self._on = (step >= self.begins * steps)[:, None]
        outputs = batch.outputs
        terms = cross_entropies(outputs.fused, outputs.unimodal, batch.labels)
        return terms[:, 0] + self.unimodal.to(terms.device) * terms[:, 1:].sum(-1)

    def scale(self, batch: Batch, mean: Mean) -> Tensor:
        """1 + w, once it has begun."""
        logits = batch.outputs.unimodal.detach()
        log_p = logits.log_softmax(-1)
        entropy = mean(-(log_p.exp() * log_p).sum(-1).mean(-1)).cpu()
        size = mean(logits.abs().mean(-1).mean(-1)).cpu()
        found = weights(size, entropy, temperature=self.temperature)
        found = torch.where(self.released[:, None], 1 / self.modalities, found)
        self._k = torch.where(self._on, 1 + found, 1.0)
        return self._k.to(self.device)

    def reports(self) -> list[dict[str, Tensor]]:
        """The last k."""
        return [{"modulation/{}/k": row} for row in self._k]
