"""Forming packs: which runs can train as one computation, and in what company.

Runs of one pack may differ in numbers, seeds, controls and switches, in how they measure W and in
what k scales; what sets the sizes of tensors or the order of the steps they share.
"""

import math
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import TypeVar

from cal.config import LARGE, Config
from cal.methods.cal import applied
from cal.methods.metric import kind
from cal.own import in_memory

T = TypeVar("T")
Shape = tuple[object, ...]


def alone(config: Config) -> str | None:
    """Why this run cannot share a pack; None where it can."""
    name = config.model.encoder
    if name in (*LARGE, "own"):
        batch = " with BatchNorm" if name in LARGE else ""
        return f"{name} is an ordinary module{batch}, whose weights have no replica axis"
    if not in_memory(config.data.name):
        return "prepared data are read for one run"
    return None


def shape(config: Config) -> Shape:
    """What the runs of one pack share. A baseline's step is its own, and so are its packs."""
    data = config.data
    which = (data.name, data.present)
    sizes = (*which, data.labels_per_class, data.probe, data.select, data.probe_in_training)
    noisy = config.ogm_ge.noise if config.method == "ogm_ge" and config.ogm_ge else None
    family = config.method if config.method != "joint" else "cal"
    return (family, noisy, sizes, config.model, config.train, config.evaluate, config.optim.name)


def check_pack(configs: Sequence[Config]) -> None:
    """Raises ``ValueError`` for runs that cannot be one computation."""
    reasons = [reason for reason in map(alone, configs) if reason]
    if len(configs) > 1 and reasons:
        raise ValueError(f"{len(configs)} runs in one pack: {reasons[0]}")
    if len({shape(config) for config in configs}) > 1:
        raise ValueError(
            "the runs of one pack may differ in numbers, switches and formulas; these differ in "
            "shape: data, sizes, model, training, evaluation, optimiser or method"
        )


def _label(config: Config) -> str:
    """Alike runs have one. A pack looks at the probe once for all that measure alike, and runs with
    a mechanism off do what is off at full cost beside one that has it on.
    """
    return repr((kind(config), applied(config), config.mechanisms.bottleneck.enabled))


def packs(configs: Sequence[Config], *, target: int, largest: int) -> list[list[int]]:
    """Indices of ``configs`` as packs of ``target`` to ``largest`` runs where there are enough,
    never more: alike runs together, few packs mixed.

    All of one ``shape``.
    """
    label = list(map(_label, configs))
    order = sorted(range(len(configs)), key=label.__getitem__)
    groups = [list(group) for _, group in groupby(order, key=label.__getitem__)]
    many = [group for group in groups if 2 * len(group) > target]
    parts = [part for group in many for part in _even(group, target=target, largest=largest)]
    few = [i for group in groups if group not in many for i in group]
    smallest = min(parts, key=len, default=[])
    if parts and 2 * len(few) <= target and len(smallest) + len(few) <= largest:
        smallest += few
    elif few:
        parts += _even(few, target=target, largest=largest)
    return parts


def _even(items: list[int], *, target: int, largest: int) -> list[list[int]]:
    """Neighbours, in parts of nearly equal length, at least ``target`` where ``largest`` allows."""
    count = max(len(items) // target, math.ceil(len(items) / largest), 1)
    ends = [len(items) * i // count for i in range(count + 1)]
    return [items[start:end] for start, end in pairwise(ends)]


def halves(items: Sequence[T]) -> list[list[T]]:
    """Two packs of one, after it ran out of memory or failed for some member."""
    middle = (len(items) + 1) // 2
    return [part for part in (list(items[:middle]), list(items[middle:])) if part]
