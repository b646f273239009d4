"""Class prototypes of each modality's latents: near which is a sample, and which modality lags.

Legend: R replicas, M modalities, B samples, K classes, Z latent features.
"""

import torch
from torch import Tensor

from cal.mechanisms.shapes import expect

FAR = 1e4  # distance to a prototype that there is not


def similarities(z: Tensor, prototypes: Tensor) -> Tensor:
    """-distance [R, M, B, K] of z [R, M, B, Z] to prototypes [R, M, K, Z]; NaN: there is none."""
    expect(z=(z, "RMBZ"), prototypes=(prototypes, "RMKZ"))
    missing = prototypes[:, :, None, :, 0].isnan()
    apart = (z[:, :, :, None] - prototypes.nan_to_num()[:, :, None]).square().sum(-1)
    return -(apart + 1e-12).sqrt().masked_fill(missing, FAR)


def moved(old: Tensor, means: Tensor, *, memory: Tensor) -> Tensor:
    """memory old + (1 - memory) means, [R, M, K, Z], ``memory`` [R] in [0, 1): 0 forgets. A class
    that was never met is NaN in both; where one of them has it, that one stands.
    """
    keep = memory.view(-1, 1, 1, 1)
    means = torch.where(means.isnan(), old, means)
    return keep * torch.where(old.isnan(), means, old) + (1 - keep) * means


def lagging(scores_RM: Tensor) -> Tensor:
    """clip(1 / rho - 1, 0, 1) [R, M] of scores > 0, rho_m = s_m / mean of the others': 0 for
    whoever leads, and for one alone.
    """
    return (_others(scores_RM) / scores_RM.clamp(min=1e-12) - 1).clamp(0, 1)


def leading(scores_RM: Tensor) -> Tensor:
    """clip(rho - 1, 0, 1) [R, M]: 0 for whoever lags, and for one alone."""
    others = _others(scores_RM)
    if scores_RM.shape[1] == 1:
        return torch.zeros_like(scores_RM)
    return (scores_RM / others.clamp(min=1e-12) - 1).clamp(0, 1)


def _others(scores_RM: Tensor) -> Tensor:
    """The mean of the others' scores; 0 for one alone."""
    expect(scores=(scores_RM, "RM"))
    total = scores_RM.sum(-1, keepdim=True)
    return (total - scores_RM) / max(1, scores_RM.shape[1] - 1)


def entropy(log_p: Tensor) -> Tensor:
    """Mean over samples of H(p), nats: log p [R, M, B, K] -> [R, M]. A class of p = 0 adds 0, and
    has no gradient.
    """
    expect(log_p=(log_p, "RMBK"))
    return -(log_p.exp() * log_p).sum(-1).mean(-1)
