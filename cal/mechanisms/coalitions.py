"""Which coalitions of modalities are looked at, and how their utilities become Shapley values.

Legend: M modalities, S coalitions.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

EXACT = 8  # largest M for which all 2^M coalitions are evaluated


@dataclass(frozen=True)
class Coalitions:
    """Which modalities are present, and how utilities become one value per modality.

    ``masks`` [S, M] of 0 and 1; ``weights`` [M, S], the value of m is sum_S weights[m, S] v(S).
    """

    masks: Tensor
    weights: Tensor

    def to(self, device: torch.device) -> "Coalitions":
        """The same on a device."""
        return Coalitions(self.masks.to(device), self.weights.to(device))


def exact(modalities: int) -> Coalitions:
    """All 2^M coalitions with Shapley weights |S|!(M-|S|-1)!/M!; row s has bit m of s.

    Raises ``ValueError`` unless 1 <= M <= 8.
    """
    if not 1 <= modalities <= EXACT:
        raise ValueError(f"modalities: given {modalities}; exact Shapley values: 1 to {EXACT}")
    subsets = torch.arange(2**modalities)
    masks = (subsets[:, None] >> torch.arange(modalities)) & 1
    others = masks.sum(1, keepdim=True) - masks  # |S without m|
    total = math.factorial(modalities)
    share = torch.tensor(
        [math.factorial(n) * math.factorial(modalities - n - 1) / total for n in range(modalities)],
        dtype=torch.float64,
    )
    weights = torch.where(masks == 1, share[others], -share[others.clamp(max=modalities - 1)])
    return Coalitions(masks.float(), weights.T.float().contiguous())


def sampled(modalities: int, *, permutations: int, seed: int) -> Coalitions:
    """Prefixes of random orders: the mean marginal utility over ``permutations`` orders.

    An unbiased estimate of the Shapley value (Castro, Gomez and Tejada 2009) that keeps its
    efficiency exactly. Orders come in pairs, each with its reverse (antithetic), so
    ``permutations`` is rounded up to an even number.
    """
    generator = torch.Generator().manual_seed(seed)
    half = [torch.randperm(modalities, generator=generator) for _ in range(-(-permutations // 2))]
    orders = half + [order.flip(0) for order in half]
    rows: dict[tuple[int, ...], int] = {}
    entries: list[tuple[int, int, float]] = []
    for order in orders:
        prefixes = [tuple(sorted(order[:n].tolist())) for n in range(modalities + 1)]
        index = [rows.setdefault(prefix, len(rows)) for prefix in prefixes]
        for m, (before, after) in zip(order.tolist(), pairwise(index), strict=True):
            entries += [(m, after, 1 / len(orders)), (m, before, -1 / len(orders))]
    masks = torch.zeros(len(rows), modalities)
    for prefix, row in rows.items():
        masks[row, list(prefix)] = 1.0
    weights = torch.zeros(modalities, len(rows), dtype=torch.float64)
    for m, row, value in entries:
        weights[m, row] += value
    return Coalitions(masks, weights.float())


def leave_one_out(modalities: int) -> Coalitions:
    """Row 0: all modalities; row 1 + m: all but m. ``weights``: v(all) - v(all but m)."""
    masks = torch.cat([torch.ones(1, modalities), 1 - torch.eye(modalities)])
    weights = torch.cat([torch.ones(modalities, 1), -torch.eye(modalities)], 1)
    return Coalitions(masks, weights)


def needed(kind: str, modalities: int, *, permutations: int, seed: int) -> Coalitions:
    """The coalitions that ``information`` of this kind needs (none for ``entropy``)."""
    if kind in ("kl", "entropy"):
        return leave_one_out(modalities)
    if modalities <= EXACT:
        return exact(modalities)
    return sampled(modalities, permutations=permutations, seed=seed)
