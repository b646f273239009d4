"""A method's k [R, M] on the parameters that belong to modalities, and noise on their gradients."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cal.model.encoders import Owned


def split(k: Tensor, apply: Sequence[str]) -> tuple[Tensor | None, Tensor | None]:
    """k [R, M] on the gradient and k on the rate, by what ``apply`` says of each replica: exactly 1
    where it acts on the other, None where it does for all.
    """
    on_rate = [scaled == "learning_rate" for scaled in apply]
    if not any(on_rate):
        return k, None
    if all(on_rate):
        return None, k
    rows = torch.tensor(on_rate, device=k.device)[:, None]
    return k.masked_fill(rows, 1.0), k.masked_fill(~rows, 1.0)


def factors(owners: Mapping[str, Owned], k: Tensor | None) -> dict[str, Tensor]:
    """k [R, M] for each parameter by name, with axes that broadcast over it; None: for none."""
    if k is None:
        return {}
    shaped, alone = {}, k[0].unbind()  # one tensor for all parameters of an ordinary module
    for name, owner in owners.items():
        if not owner.replicated:
            assert owner.modality is not None
            shaped[name] = alone[owner.modality]
            continue
        column = k if owner.modality is None else k[:, owner.modality]
        shaped[name] = column.view(*column.shape, *[1] * (owner.parameter.dim() - column.dim()))
    return shaped


def gradient_noise(
    owners: Mapping[str, Owned], draws: Sequence[torch.Generator]
) -> dict[str, Tensor]:
    """N(0, std(g)^2) for the gradient g of each modality's own parameters, [R] generators."""
    drawn = {}
    for name, owner in owners.items():
        grad = owner.parameter.grad
        if grad is None:
            continue
        shape = grad.shape[1:] if owner.replicated else grad.shape
        noise = torch.stack([torch.randn(shape, generator=draw) for draw in draws])
        own = owner.leading
        # One row a replica and modality: a sum over several axes would depend on R.
        std = grad.flatten(own).std(-1, correction=0)
        scale = std.view(*std.shape, *[1] * (grad.dim() - own))
        drawn[name] = noise.view_as(grad).to(grad.device) * scale
    return drawn
