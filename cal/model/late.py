"""Late fusion: the unimodal heads' logits are combined by a rule, without parameters of its own.

* ``average``: the mean over the modalities that are there;
* ``energy``: sum_m w_m f_m, w_m = logsumexp(f_m) / 10 (QMF, Zhang et al. 2023; the released code
  for text stops the gradient at w, that for depth does not, as here);
* ``evidence``: evidence e_m = softplus(f_m) as opinions, combined by Dempster's rule (TMC, Han et
  al. 2021); logits are log alpha, whose softmax is the expected probability alpha / S.

A modality that is not there adds nothing: no term of a sum, a vacuous opinion. Legend: R replicas,
M modalities, S coalitions, B samples, Z latent features, K classes.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from cal.model.fusion import Fusion
from cal.model.rows import ALL, Rows

TEN = 10.0  # QMF divides the energy by it


def average(logits: Tensor, there: Tensor) -> Tensor:
    """[R, M, B, K], [M] of 0 and 1 -> [R, B, K]; 0 where nothing is there."""
    return (logits * there.view(-1, 1, 1)).sum(1) / there.sum().clamp(min=1)


def energy(logits: Tensor, there: Tensor) -> Tensor:
    """The same, each modality weighted by its energy."""
    weights = logits.logsumexp(-1, keepdim=True) / TEN
    return (weights * logits * there.view(-1, 1, 1)).sum(1)


def evidence(logits: Tensor, there: Tensor) -> Tensor:
    """log alpha [R, B, K] of the combined opinions: beliefs b = e / S, uncertainty u = K / S."""
    evidences = functional.softplus(logits) * there.view(-1, 1, 1)
    classes = logits.shape[-1]
    total = evidences.sum(-1, keepdim=True) + classes
    beliefs, doubts = (evidences / total).unbind(1), (classes / total).unbind(1)
    belief, doubt = beliefs[0], doubts[0]
    for other, unsure in zip(beliefs[1:], doubts[1:], strict=True):
        agreeing = belief * other
        conflict = belief.sum(-1, keepdim=True) * other.sum(-1, keepdim=True)
        left = 1 - conflict + agreeing.sum(-1, keepdim=True)
        belief = (agreeing + belief * unsure + other * doubt) / left
        doubt = doubt * unsure / left
    return (belief * classes / doubt + 1).log()


RULES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "average": average,
    "energy": energy,
    "evidence": evidence,
}


class LateFusion(Fusion):
    """A rule on the logits of linear heads, which are the network's unimodal heads."""

    def __init__(self, rule: str, *, weight: Tensor, bias: Tensor) -> None:
        """``weight`` [R, M, Z, K], ``bias`` [R, M, 1, K]."""
        super().__init__()
        self.rule = RULES[rule]
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(self, z: Tensor) -> Tensor:
        """[R, M, B, Z] -> logits [R, B, K]."""
        return self.rule(self.alone(z), torch.ones(z.shape[1], device=z.device))

    def coalitions(self, z: Tensor, masks: Tensor, rows: Rows = ALL) -> Tensor:
        """Logits [R, S, K, B] of every coalition of ``masks`` [S, M], z of ``rows``."""
        logits = torch.matmul(z, self.weight[rows]) + self.bias[rows]
        return torch.stack([self.rule(logits, mask) for mask in masks], 1).transpose(-1, -2)

    def alone(self, z: Tensor) -> Tensor:
        """Each modality's logits [R, M, B, K]."""
        return torch.matmul(z, self.weight) + self.bias
