"""Gradients of what belongs to modalities, whichever way a parameter lies in a pack.

Legend: R replicas, M modalities. A parameter is [R, M, ...], [R, ...] of one modality, or an
ordinary module's without R.
"""

import torch
from torch import Tensor

from cal.methods.joint import Owned


def sums(tensor: Tensor, owner: Owned) -> Tensor:
    """Over a parameter's own axes [R, 1 or M], in float64: their order depends on R."""
    flat = tensor.double().reshape(*tensor.shape[: owner.leading], -1).sum(-1)
    return flat.reshape(flat.shape[0] if owner.replicated else 1, -1)


def placed(values: Tensor, owner: Owned, modalities: int) -> Tensor:
    """``sums`` in its modality's place [..., R, M], 0 beside it."""
    if owner.modality is None:
        return values
    place = torch.zeros(modalities, device=values.device, dtype=values.dtype)
    place[owner.modality] = 1
    return values * place


def shaped(values: Tensor, owner: Owned) -> Tensor:
    """Values [R, 1 or M] with axes that broadcast over the parameter; of [R, M] its modality's."""
    if owner.modality is not None and values.shape[1] > 1:
        values = values[:, owner.modality : owner.modality + 1]
    lead = values.shape if owner.leading == 2 else values.shape[: owner.leading]
    return values.reshape(*lead, *[1] * (owner.parameter.dim() - len(lead)))
