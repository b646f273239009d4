"""The terms of the objective, one number per replica: L = CE + sum_m CE^m + sum_m beta_m KL_m.

Legend: R replicas, M modalities, B samples, K classes. All in nats.
"""

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropies(fused: Tensor, unimodal: Tensor, labels: Tensor) -> Tensor:
    """Mean CE of every head in one call: [R, B, K], [R, M, B, K], [R, B] -> [R, 1 + M].

    Column 0 is the fused head, column 1 + m the unimodal head of modality m.
    """
    logits = torch.cat([fused[:, None], unimodal], 1)
    targets = labels[:, None].expand(logits.shape[:3])
    terms = functional.cross_entropy(logits.flatten(0, 2), targets.flatten(), reduction="none")
    return terms.view(logits.shape[:3]).mean(-1)


def weighted_kl(kl_RM: Tensor, beta_RM: Tensor) -> Tensor:
    """sum_m beta_m KL_m: [R, M], [R, M] -> [R]."""
    return (beta_RM * kl_RM).sum(-1)
