"""TMC, trusted multi-view classification (Han et al. 2021): evidence instead of probabilities.

Each view gives alpha_m = softplus(f_m) + 1, Dempster's rule the combined alpha
(``cal.model.late.evidence``). The loss of an alpha with S = sum alpha is digamma(S) -
digamma(alpha_y) + lambda_t KL(Dir(alpha~) || Dir(1)), where alpha~ has 1 in the true class's place
and lambda_t rises from 0 to 1 over 50 epochs. L: its sum over the combined opinion and all views.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from cal.config import Config
from cal.methods.joint import Batch, Joint, Mean
from cal.methods.sections import column


def divergence(alpha: Tensor) -> Tensor:
    """KL(Dir(alpha) || Dir(1)) over the last axis, nats."""
    total = alpha.sum(-1, keepdim=True)
    constant = total[..., 0].lgamma() - alpha.lgamma().sum(-1)
    constant = constant - torch.tensor(float(alpha.shape[-1])).lgamma()
    return constant + ((alpha - 1) * (alpha.digamma() - total.digamma())).sum(-1)


def evidential(alpha: Tensor, hot: Tensor, *, strength: Tensor) -> Tensor:
    """Loss [...] of alpha [..., K] against one-hot labels; ``strength``: lambda_t, broadcasts."""
    expected = (hot * (alpha.sum(-1, keepdim=True).digamma() - alpha.digamma())).sum(-1)
    return expected + strength * divergence(alpha * (1 - hot) + hot)


class Tmc(Joint):
    """Needs ``model.fusion=evidence``, whose logits are log alpha."""

    def __init__(self, configs: Sequence[Config]) -> None:
        """Raises ``ValueError`` unless every configuration has its ``tmc`` section."""
        super().__init__(configs)
        self.annealing = column(configs, "tmc", "annealing")
        self._doubt = torch.ones(self.replicas, self.modalities)

    def objective(self, batch: Batch, step: int, steps: int, mean: Mean) -> Tensor:
        """The evidential loss of the combined opinion and of every view."""
        outputs = batch.outputs
        views = functional.softplus(outputs.unimodal) + 1
        alpha = torch.cat([outputs.fused.exp()[:, None], views], 1)  # [R, 1 + M, B, K]
        hot = functional.one_hot(batch.labels, alpha.shape[-1]).to(alpha.dtype)[:, None]
        epoch = step / steps * self.configs[0].train.epochs
        strength = (epoch / self.annealing).clamp(max=1).to(alpha.device).view(-1, 1, 1)
        self._doubt = mean((alpha.shape[-1] / views.detach().sum(-1)).mean(-1)).cpu()
        return evidential(alpha, hot, strength=strength).mean(-1).sum(-1)

    def reports(self) -> list[dict[str, Tensor]]:
        """The mean uncertainty K / S of each view in the last batch."""
        return [{"modulation/{}/uncertainty": row} for row in self._doubt]
