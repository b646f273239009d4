"""The section of a method in the configurations of a pack."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from cal.config import Config


def sections(configs: Sequence[Config], name: str) -> list[Any]:
    """One for each replica. Raises ``ValueError`` where one is missing."""
    found = [getattr(config, name) for config in configs]
    if any(section is None for section in found):
        raise ValueError(f"{name}: given null; method={name} needs this section")
    return found


def column(configs: Sequence[Config], name: str, field: str) -> Tensor:
    """A number of each replica's section [R]."""
    return torch.tensor([float(getattr(s, field)) for s in sections(configs, name)])
