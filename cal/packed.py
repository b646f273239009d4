"""Forming packs: which runs can train as one computation, and in what company.

Runs of one pack may differ in numbers, seeds, controls and switches; what sets the sizes of
tensors or the order of the steps they share.
"""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import TypeVar

from cal.config import Config
from cal.methods.cal import applied
from cal.methods.metric import kind

T = TypeVar("T")
Shape = tuple[object, ...]


def alone(config: Config) -> str | None:
    """Why this run cannot share a pack; None where it can."""
    if config.model.encoder == "resnet18":
        return "resnet18 is an ordinary module with BatchNorm, whose weights have no replica axis"
    return None


def shape(config: Config) -> Shape:
    """What the runs of one pack share. OGM-GE reads every batch: its packs are its own."""
    data = config.data
    sizes = (data.name, data.labels_per_class, data.probe, data.select, data.probe_in_training)
    noisy = config.ogm_ge.noise if config.method == "ogm_ge" and config.ogm_ge else None
    family = "ogm_ge" if config.method == "ogm_ge" else "cal"
    return (family, noisy, sizes, config.model, config.train, config.evaluate, config.optim.name)


def _measured(config: Config) -> tuple[object, ...]:
    """What runs share unless it is None: how W is measured, what k scales."""
    return (kind(config), applied(config))


def check_pack(configs: Sequence[Config]) -> None:
    """Raises ``ValueError`` for runs that cannot be one computation."""
    reasons = [reason for reason in map(alone, configs) if reason]
    if len(configs) > 1 and reasons:
        raise ValueError(f"{len(configs)} runs in one pack: {reasons[0]}")
    if not _fit(configs):
        raise ValueError(
            "the runs of one pack may differ in numbers and switches; these differ in shape, in "
            "how the contribution is measured, or in what acceleration scales"
        )


def _fit(configs: Sequence[Config]) -> bool:
    columns = zip(*map(_measured, configs), strict=True)
    shared = all(len(set(column) - {None}) <= 1 for column in columns)
    return shared and len({shape(config) for config in configs}) == 1


def packs(configs: Sequence[Config], *, target: int, largest: int) -> list[list[int]]:
    """Indices of ``configs`` as packs of ``target`` to ``largest`` runs where there are enough,
    never more: alike runs together, few packs mixed.

    All of one ``shape``. A run with a mechanism off does what is off at full cost beside one that
    has it on, so packs mix only where few runs are alike.
    """
    label = [repr((*_measured(c), c.mechanisms.bottleneck.enabled)) for c in configs]
    order = sorted(range(len(configs)), key=label.__getitem__)
    parts: list[list[int]] = []
    for _, group in groupby(order, key=label.__getitem__):
        for part in _even(list(group), target=target, largest=largest):
            joined = (parts[-1] if parts else []) + part
            few = parts and 2 * min(len(parts[-1]), len(part)) <= target
            if few and len(joined) <= largest and _fit([configs[i] for i in joined]):
                parts[-1] = joined
            else:
                parts.append(part)
    return parts


def _even(items: list[int], *, target: int, largest: int) -> list[list[int]]:
    """Parts of nearly equal length, at least ``target`` where ``largest`` allows."""
    count = max(len(items) // target, math.ceil(len(items) / largest), 1)
    return [items[i::count] for i in range(count)]


def halves(items: Sequence[T]) -> list[list[T]]:
    """Two packs of one, after it ran out of memory or failed for some member."""
    middle = (len(items) + 1) // 2
    return [part for part in (list(items[:middle]), list(items[middle:])) if part]
