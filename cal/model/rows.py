"""Some replicas of a pack, as an index of the leading axis R of its tensors."""

from collections.abc import Sequence

import torch
from torch import Tensor

Rows = slice | Tensor
ALL = slice(None)


def indexed(rows: Sequence[int], device: torch.device) -> Rows:
    """``rows``, rising: neighbours are a view and are not copied."""
    if rows[-1] - rows[0] == len(rows) - 1:
        return slice(rows[0], rows[-1] + 1)
    return torch.tensor(rows, device=device)
