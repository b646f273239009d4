"""Acceleration: high-contribution modalities are updated faster, none is slowed (k >= 1).

k^m = 1 + alpha M W^m. Its mean over m is 1 + alpha whatever W is, so uniform W is a control with
the same budget. Legend: R replicas, M modalities.
"""

import torch
from torch import Tensor

from cal.mechanisms.shapes import expect

ADAPTIVE = ("adam", "adamw")


def coefficients(weights_RM: Tensor, *, alpha: Tensor) -> Tensor:
    """k [R, M] from W [R, M] (rows sum to 1) and alpha [R] in [0, inf): 0 is no acceleration."""
    expect(weights=(weights_RM, "RM"), alpha=(alpha, "R"))
    return 1 + alpha[:, None] * weights_RM.shape[1] * weights_RM


def resolve(apply: str, *, optimiser: str) -> str:
    """Where k acts: ``gradient`` or ``learning_rate``; ``auto`` chooses by the optimiser.

    An adaptive optimiser divides a constant gradient factor out again, so there k scales the
    learning rate. Raises ``ValueError`` for ``gradient`` with such an optimiser.
    """
    if apply == "auto":
        return "learning_rate" if optimiser in ADAPTIVE else "gradient"
    if apply == "gradient" and optimiser in ADAPTIVE:
        raise ValueError(f"apply: given 'gradient', which does nothing under {optimiser}")
    return apply


def ones(replicas: int, modalities: int) -> Tensor:
    """The neutral element: k = 1 [R, M]."""
    return torch.ones(replicas, modalities)
