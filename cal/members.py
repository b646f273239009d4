"""One run's own state out of a pack, and back into any other: the checkpoints of packs.

Legend: R replicas. A state is that of the run alone: tensors [1, ...] where a pack has [R, ...].
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

Tensors = Mapping[str, Tensor]


def row(
    tensors: Tensors, r: int, *, replicas: int, without: Sequence[str] = ()
) -> dict[str, Tensor]:
    """Copies on the CPU of what belongs to replica ``r``; numbers are everybody's."""
    return {
        name: (value if replicas == 1 or not value.dim() else value[r : r + 1])
        .detach()
        .cpu()
        .clone()
        for name, value in tensors.items()
        if name not in without
    }


def stacked(rows: Sequence[Tensors], *, otherwise: Tensors) -> dict[str, Tensor]:
    """The rows as one pack, copied; what a member lacks is taken from ``otherwise`` [R, ...]."""
    return {
        name: torch.cat(
            [own[name] if name in own else value[r : r + 1].cpu() for r, own in enumerate(rows)]
        )
        if value.dim()
        else next(own[name] for own in rows if name in own).clone()
        for name, value in otherwise.items()
    }
