"""The evaluated part under every condition, each modality's distinct inputs kept once.

Legend: M modalities, N samples.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import torch

from cal.data.corruptions import Condition, corrupt
from cal.data.parts import Part, Parts
from cal.data.stored_noise import noisy

PIECE = 32  # samples of prepared data that are in memory at once, under every condition


@dataclass(frozen=True)
class Versions:
    """``inputs``: for each modality its distinct tensors [N, ...], the clean one first; ``table``:
    condition -> which of them, for each modality.
    """

    inputs: tuple[tuple[torch.Tensor, ...], ...]
    table: dict[str, tuple[int, ...]]


def pieces(parts: Parts) -> Iterator[Parts]:
    """The parts with the evaluated one in memory: as they are, or a few samples at a time."""
    part = parts.evaluated
    if not part.lazies:
        yield parts
        return
    for index in torch.arange(len(part.labels)).split(PIECE):
        inputs = tuple(x.batch(index, device=torch.device("cpu")) for x in part.lazies)
        piece = Part(inputs, part.labels[index], part.ids[index])
        raw = partial(noisy, part.lazies, parts.modalities, index)
        yield replace(parts, evaluated=piece, raw=raw)


def versions(parts: Parts, noise: tuple[Condition, ...]) -> Versions:
    """Made once for all runs of a process on the same data and seed: most conditions touch one
    modality, so the encoders see far fewer inputs than there are conditions x modalities. Pieces
    are too large to keep.
    """
    return _made(parts, noise) if parts.raw is None else _made.__wrapped__(parts, noise)


@lru_cache(maxsize=32)
def _made(parts: Parts, noise: tuple[Condition, ...]) -> Versions:
    found = [[x] for x in parts.evaluated.tensors]
    table = {"clean": (0,) * len(found)}
    for condition in noise:
        picks = []
        for seen, x in zip(found, corrupt(parts, condition), strict=True):
            if x is seen[0]:
                picks.append(0)
            else:
                picks.append(len(seen))
                seen.append(x)
        table[condition.name] = tuple(picks)
    return Versions(tuple(map(tuple, found)), table)
