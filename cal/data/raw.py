"""A data set in memory before splitting and standardisation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cal.modalities import Modality

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Raw:
    """Every sample. ``inputs`` M x [N, ...] float32, in which a row of NaN is a modality that the
    sample lacks; ``labels`` [N] from 0.

    ``per_feature``: standardise each feature on its own, or one mean and standard deviation a
    modality; None: features of tables, whole images. ``source``: name, licence, DOI. ``official``
    [N]: 0 train, 1 validation, 2 test, where they are published; ``groups`` [N]: speakers and the
    like, for ``data.select_by_group``.
    """

    inputs: tuple[Floats, ...]
    labels: npt.NDArray[np.integer[Any]]
    per_feature: bool | None = None
    source: Mapping[str, str] = field(default_factory=dict)
    official: npt.NDArray[np.integer[Any]] | None = None
    groups: npt.NDArray[Any] | None = None


def by_feature(raw: Raw, modality: Modality) -> bool:
    """Whether each feature of this modality has its own mean and deviation."""
    return modality.kind == "table" if raw.per_feature is None else raw.per_feature


def missing(x: Floats) -> npt.NDArray[np.bool_]:
    """[N]: which samples of x [N, ...] lack the modality."""
    return np.asarray(np.isnan(x).reshape(len(x), -1).all(1))


def faults(raw: object, modalities: Sequence[Modality]) -> Iterator[str]:
    """What is wrong with what ``load`` gave, one line each; nothing: it can be used."""
    if not isinstance(raw, Raw) or len(raw.inputs) != len(modalities):
        given = f"{len(raw.inputs)} inputs" if isinstance(raw, Raw) else type(raw).__name__
        yield f"load() gives {given}; allowed: a Raw with {len(modalities)} inputs, one each"
        return
    labels = raw.labels
    if not isinstance(labels, np.ndarray) or labels.ndim != 1 or labels.dtype.kind not in "iu":
        yield "labels: allowed: an array [N] of whole numbers from 0"
        return
    for modality, x in zip(modalities, raw.inputs, strict=True):
        yield from (f"{modality.name}: {fault}" for fault in _input_faults(x, len(labels)))
    yield from _label_faults(labels)
    yield from _column_faults("official", raw.official, labels.shape, kinds="iu")
    yield from _column_faults("groups", raw.groups, labels.shape, kinds="iuSU")


def _column_faults(name: str, given: object, shape: Sequence[int], *, kinds: str) -> Iterator[str]:
    """``kinds``: of numpy's types, those that are allowed."""
    if given is None:
        return
    if not isinstance(given, np.ndarray) or given.shape != shape:
        yield f"{name}: allowed: None, or an array with one entry a label, {shape}"
    elif given.dtype.kind not in kinds:
        texts = " or texts" if "U" in kinds else ": 0 train, 1 validation, 2 test"
        yield f"{name}: given {given.dtype}; allowed: whole numbers{texts}"


def _input_faults(x: object, samples: int) -> Iterator[str]:
    if not isinstance(x, np.ndarray) or x.dtype != np.float32 or x.ndim < 2 or len(x) != samples:
        given = f"{x.dtype} {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__
        yield f"given {given}; allowed: float32 [{samples}, ...], one sample a label"
        return
    if not x.size:
        yield f"given {x.shape}; allowed: no empty axis"
        return
    absent = missing(x)
    broken = (~np.isfinite(x)).reshape(samples, -1).any(1) & ~absent
    if broken.any():
        yield (
            f"{broken.sum()} samples hold NaN or infinite values, the first is "
            f"{int(broken.argmax())}; allowed: finite ones, or a whole sample of NaN where it is "
            "missing"
        )
    if absent.all():
        yield "missing in every sample; allowed: at least one that has it"


def _label_faults(labels: npt.NDArray[np.integer[Any]]) -> Iterator[str]:
    if not len(labels) or labels.min() < 0:
        yield f"labels: given {labels[labels < 0][:1]}; allowed: whole numbers from 0, one a sample"
        return
    gaps = np.flatnonzero(np.bincount(labels) == 0)
    if len(gaps):
        yield f"labels: class {gaps[0]} has no sample; allowed: whole numbers from 0 without gaps"
    if labels.max() == 0:
        yield "labels: one class; allowed: at least two"
