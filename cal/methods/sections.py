"""What methods share: their section in the configurations of a pack, a tensor in their states."""

from collections.abc import Mapping, Sequence
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


def rows_of(name: str, values: Tensor, *, replicas: int) -> list[dict[str, Any]]:
    """A state for each replica of values [R, ...], without any where there are none yet."""
    rows: list[dict[str, Any]] = [{name: row.cpu().clone()} for row in values]
    return rows or [{} for _ in range(replicas)]


def of_rows(name: str, states: Sequence[Mapping[str, Any]]) -> Tensor:
    """The values [R, ...] of states of one epoch; empty where they had none."""
    found = [state[name] for state in states if name in state]
    return torch.stack(found) if found else torch.zeros(0)
