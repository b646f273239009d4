"""Initial values of layers, as ``torch.nn.Linear`` draws them but per replica."""

from collections.abc import Sequence

import torch
from torch import Tensor


def uniform(shape: Sequence[int], fan_in: int, draws: Sequence[torch.Generator]) -> Tensor:
    """[R, *shape] uniform in +-1/sqrt(fan_in), as ``torch.nn.Linear`` begins; a generator each."""
    bound = fan_in**-0.5
    return torch.stack(
        [torch.empty(*shape).uniform_(-bound, bound, generator=draw) for draw in draws]
    )
