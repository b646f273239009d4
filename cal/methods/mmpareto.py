"""MMPareto (Wei and Hu 2024): fused and unimodal losses as two goals of each encoder.

For encoder m, g_f is the gradient of the fused loss, g_m of its own head's. If cos(g_f, g_m) > 0,
a = b = 1/2, else a g_f + b g_m is the shortest convex combination. Then g = 2a g_f + 2b g_m, each
tensor scaled by gamma max(1, ||g_f + g_m|| / ||g||), gamma = 1.5. Heads and fusion have the sum of
all losses. Deviation: the shortest combination of two vectors is taken in closed form, not by the
released solver's iterations.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cal.config import Config
from cal.losses import cross_entropies
from cal.methods.gradients import placed, shaped, sums
from cal.methods.joint import Batch, Joint, Mean, Owned
from cal.methods.sections import column


def shares(fused: Tensor, own: Tensor, dot: Tensor) -> Tensor:
    """a of ||g_f||^2, ||g_m||^2 and <g_f, g_m>, of any shape; b = 1 - a."""
    apart = (fused + own - 2 * dot).clamp(min=1e-20)
    return torch.where(dot > 0, 0.5, ((own - dot) / apart).clamp(0, 1))


class MMPareto(Joint):
    """Weighs two gradients of each encoder."""

    def __init__(self, configs: Sequence[Config]) -> None:
        """Raises ``ValueError`` unless every configuration has its ``mmpareto`` section."""
        super().__init__(configs)
        self.gamma = column(configs, "mmpareto", "scale")
        self._terms = torch.zeros(0)
        self._share = torch.full((self.replicas, self.modalities), 0.5)

    def objective(self, batch: Batch, step: int, steps: int, mean: Mean) -> Tensor:
        """CE + sum_m CE_m, kept apart as well."""
        outputs = batch.outputs
        self._terms = cross_entropies(outputs.fused, outputs.unimodal, batch.labels)
        return self._terms.sum(-1)

    def backward(self, loss: Tensor, owners: Mapping[str, Owned]) -> None:
        """Two gradients of what belongs to modalities, and the sum's of everything."""
        parameters = [owner.parameter for owner in owners.values()]
        terms = (self._terms[:, 0].sum(), self._terms[:, 1:].sum())
        self._terms = torch.zeros(0)
        found = (torch.autograd.grad(term, parameters, retain_graph=True) for term in terms)
        pairs = list(zip(*found, owners.values(), strict=True))
        loss.sum().backward()
        products = torch.stack([self._products(*pair) for pair in pairs]).sum(0)
        share = shares(*products).float()
        self._share = share.cpu()
        for fused, own, owner in pairs:
            a = shaped(share, owner)
            new = 2 * a * fused + 2 * (1 - a) * own
            before, after = (sums(g.square(), owner).sqrt().float() for g in (fused + own, new))
            longer = (before / after.clamp(min=1e-20)).clamp(min=1)
            owner.parameter.grad = new * shaped(self.gamma.to(new.device)[:, None] * longer, owner)

    def _products(self, fused: Tensor, own: Tensor, owner: Owned) -> Tensor:
        """||g_f||^2, ||g_m||^2, <g_f, g_m> of one parameter [3, R, M]."""
        values = (fused.square(), own.square(), fused * own)
        found = torch.stack([sums(value, owner) for value in values])
        return placed(found, owner, self.modalities)

    def reports(self) -> list[dict[str, Tensor]]:
        """The last a."""
        return [{"modulation/{}/fused_share": row} for row in self._share]
