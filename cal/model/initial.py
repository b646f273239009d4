"""Initial values, each part from its own generator, so that adding a part leaves others as is."""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor


def derived_seed(seed: int, part: str) -> int:
    """A 63-bit seed for one purpose (``"encoders"``, ``"order"``) of the run with ``seed``."""
    digest = hashlib.sha256(f"{seed}:{part}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generators(seeds: Sequence[int], part: str) -> list[torch.Generator]:
    """One CPU generator per replica."""
    return [torch.Generator().manual_seed(derived_seed(seed, part)) for seed in seeds]


def uniform(shape: Sequence[int], fan_in: int, draws: Sequence[torch.Generator]) -> Tensor:
    """[R, *shape] uniform in +-1/sqrt(fan_in), as ``torch.nn.Linear`` begins."""
    bound = fan_in**-0.5
    return torch.stack(
        [torch.empty(*shape).uniform_(-bound, bound, generator=draw) for draw in draws]
    )
