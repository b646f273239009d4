"""Which samples train, probe, select and report. Pure; disjoint by construction.

The report part is cut once per data set: no seed ever trains on a report sample. The run's seed
draws the other parts from the remainder.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cal.config import ConfigError, Data

Ids = npt.NDArray[np.int64]
Labels = npt.NDArray[np.integer[Any]]
REPORT_PART = 0.2
REPORT_SEED = 20261123  # any constant; the report part depends on nothing else


@dataclass(frozen=True)
class Split:
    """Sorted sample ids of every part."""

    train: Ids
    probe: Ids
    select: Ids
    report: Ids


def stratified(labels: Labels, ids: Ids, count: int, *, seed: int) -> Ids:
    """``count`` of ``ids``, each class in proportion; remainders go to the largest fractions."""
    generator = np.random.default_rng(seed)
    classes = [generator.permutation(ids[labels[ids] == c]) for c in np.unique(labels)]
    shares = np.array([len(members) for members in classes]) * count / len(ids)
    counts = np.floor(shares).astype(int)
    rest = np.argsort(counts - shares, kind="stable")[: count - counts.sum()]
    counts[rest] += 1
    taken = [members[:n] for members, n in zip(classes, counts, strict=True)]
    return np.sort(np.concatenate(taken))


def split(
    labels: Labels,
    data: Data,
    *,
    seed: int,
    official: Labels | None = None,
    groups: npt.NDArray[Any] | None = None,
) -> Split:
    """The parts for one run. Raises ``ConfigError`` if the data set has too few samples.

    ``labels_per_class`` null: train is all that remains, at least one sample a class. ``official``
    [N]: 0 train, 1 validation, 2 test, other numbers nowhere. Published tests are the report part,
    and published validation samples, where there are any, the select part. ``groups`` [N] count
    where ``data.select_by_group`` asks for whole ones.
    """
    everything = np.arange(len(labels))
    published = everything[:0]
    if official is None:
        size = round(REPORT_PART * len(labels))
        report = stratified(labels, everything, size, seed=REPORT_SEED)
        rest = np.setdiff1d(everything, report)
    else:
        rest, published, report = (np.flatnonzero(official == number) for number in range(3))
    if not len(report) or not len(rest):
        raise ConfigError(f"data.name: given {data.name}; it has no training or no test samples")
    kept = not len(published)  # whether validation samples come from the training samples
    if data.select_by_group and kept:
        if groups is None or len(np.unique(groups[rest])) < 2:
            raise ConfigError(f"data.select_by_group: given true; {data.name} has no such groups")
        published, kept = _whole_groups(groups, rest, data.select, seed=seed + 2), False
        rest = np.setdiff1d(rest, published)
    _check(np.bincount(labels[rest], minlength=int(labels.max()) + 1), data, select=kept)
    train = rest[:0]
    if data.labels_per_class is not None:
        train = _per_class(labels, rest, data.labels_per_class, seed=seed)
        rest = np.setdiff1d(rest, train)
    probe = stratified(labels, rest, data.probe, seed=seed + 1)
    rest = np.setdiff1d(rest, probe)
    select = stratified(labels, rest, data.select, seed=seed + 2) if kept else published
    if data.labels_per_class is None:
        train = np.setdiff1d(rest, select)
    if data.probe_in_training:
        train = np.union1d(train, probe)
    return Split(train, probe, select, report)


def _whole_groups(groups: npt.NDArray[Any], ids: Ids, count: int, *, seed: int) -> Ids:
    """Groups drawn one after another until they have ``count`` samples or more; one stays out."""
    names = np.random.default_rng(seed).permutation(np.unique(groups[ids]))
    taken = ids[:0]
    for name in names[:-1]:
        if len(taken) >= count:
            break
        taken = np.union1d(taken, ids[groups[ids] == name])
    return taken


def _check(available: npt.NDArray[np.int64], data: Data, *, select: bool) -> None:
    """Refuse more samples than are ``available`` [C], naming the part that asks for most."""
    classes, total, smallest = len(available), int(available.sum()), int(available.min())
    if not smallest:
        raise ConfigError(
            f"data.name: given {data.name}; no training sample is of class {available.argmin()}; "
            "allowed: some of each class"
        )
    per_class = 1 if data.labels_per_class is None else data.labels_per_class
    wanted = {"labels_per_class": per_class * classes, "probe": data.probe}
    wanted |= {"select": data.select} if select else {}
    excess = sum(wanted.values()) - total
    if excess > 0:
        field = max(wanted, key=lambda name: wanted[name])
        limit = max(wanted[field] - excess, 0)
        if field == "labels_per_class":
            limit = min(limit // classes, smallest)
    elif per_class > smallest:
        field, limit = "labels_per_class", smallest
    else:
        return
    raise ConfigError(
        f"data.{field}: given {getattr(data, field)}; allowed: at most {limit} for {data.name}, "
        f"whose train, probe and select parts share {total} samples"
    )


def _per_class(labels: Labels, ids: Ids, count: int, *, seed: int) -> Ids:
    generator = np.random.default_rng(seed)
    chosen = [generator.permutation(ids[labels[ids] == c])[:count] for c in np.unique(labels)]
    return np.sort(np.concatenate(chosen))
