"""Which samples train, probe, select and report. Pure; disjoint by construction.

The report part is cut once per data set: no seed ever trains on a report sample. The run's seed
draws the other parts from the remainder.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cal.config import ConfigError, Data

Ids = npt.NDArray[np.int64]
REPORT_PART = 0.2
REPORT_SEED = 20261123  # any constant; the report part depends on nothing else


@dataclass(frozen=True)
class Split:
    """Sorted sample ids of every part."""

    train: Ids
    probe: Ids
    select: Ids
    report: Ids


def stratified(labels: npt.NDArray[np.uint8], ids: Ids, count: int, *, seed: int) -> Ids:
    """``count`` of ``ids``, each class in proportion; remainders go to the largest fractions."""
    generator = np.random.default_rng(seed)
    classes = [generator.permutation(ids[labels[ids] == c]) for c in np.unique(labels)]
    shares = np.array([len(members) for members in classes]) * count / len(ids)
    counts = np.floor(shares).astype(int)
    rest = np.argsort(counts - shares, kind="stable")[: count - counts.sum()]
    counts[rest] += 1
    taken = [members[:n] for members, n in zip(classes, counts, strict=True)]
    return np.sort(np.concatenate(taken))


def split(labels: npt.NDArray[np.uint8], data: Data, *, seed: int) -> Split:
    """The parts for one run. Raises ``ConfigError`` if the data set has too few samples."""
    everything = np.arange(len(labels))
    size = round(REPORT_PART * len(labels))
    report = stratified(labels, everything, size, seed=REPORT_SEED)
    rest = np.setdiff1d(everything, report)
    classes = len(np.unique(labels))
    train = rest[:0]
    if data.labels_per_class is not None:
        smallest = int(np.bincount(labels[rest]).min())
        if data.labels_per_class > smallest:
            raise ConfigError(
                f"data.labels_per_class: given {data.labels_per_class}; "
                f"allowed: at most {smallest} for {data.name}"
            )
        train = _per_class(labels, rest, data.labels_per_class, seed=seed)
        rest = np.setdiff1d(rest, train)
    for field, count, reserve in (
        ("probe", data.probe, data.select),
        ("select", data.select, 0),
    ):
        free = len(rest) - reserve - (classes if data.labels_per_class is None else 0)
        if count > free:
            raise ConfigError(
                f"data.{field}: given {count}; allowed: at most {max(free, 0)} "
                f"beside the other parts of {data.name}"
            )
    probe = stratified(labels, rest, data.probe, seed=seed + 1)
    rest = np.setdiff1d(rest, probe)
    select = stratified(labels, rest, data.select, seed=seed + 2)
    if data.labels_per_class is None:
        train = np.setdiff1d(rest, select)
    if data.probe_in_training:
        train = np.union1d(train, probe)
    return Split(train, probe, select, report)


def _per_class(labels: npt.NDArray[np.uint8], ids: Ids, count: int, *, seed: int) -> Ids:
    generator = np.random.default_rng(seed)
    chosen = [generator.permutation(ids[labels[ids] == c])[:count] for c in np.unique(labels)]
    return np.sort(np.concatenate(chosen))
