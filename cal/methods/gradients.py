"""Gradients of what belongs to modalities, whichever way a parameter lies in a pack.

Legend: R replicas, M modalities. A parameter is [R, M, ...], [R, ...] of one modality, or an
ordinary module's without R.
"""

import torch
from torch import Tensor

from cal.methods.joint import Owned


def _leading(owner: Owned) -> int:
    """How many of its axes are R and M."""
    return 0 if not owner.replicated else 2 if owner.modality is None else 1


def sums(tensor: Tensor, owner: Owned) -> Tensor:
    """Over a parameter's own axes [R, 1 or M], in float64: their order depends on R."""
    flat = tensor.double().reshape(*tensor.shape[: _leading(owner)], -1).sum(-1)
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
    lead = values.shape if _leading(owner) == 2 else values.shape[: _leading(owner)]
    return values.reshape(*lead, *[1] * (owner.parameter.dim() - len(lead)))
