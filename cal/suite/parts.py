"""What holds for the parts of every run, whatever the data. Each function tells what is wrong.

Legend: N samples of a part.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cal.data.parts import Part, Parts


def named(parts: Parts) -> dict[str, Part]:
    """The four parts. Raises ``SealedError`` for those of a tuning run."""
    return {
        "train": parts.train,
        "probe": parts.probe,
        "select": parts.select,
        "report": parts.report,
    }


def malformed(parts: Parts) -> Iterator[str]:
    """Types, shapes, finite values, and each sample once in its part."""
    shapes = [x.shape[1:] for x in parts.train.tensors]
    for name, part in named(parts).items():
        size = (len(part.ids),)
        if part.labels.shape != size or part.ids.unique().shape != size:
            yield f"{name}: labels and ids are not one a sample, each once"
        if part.labels.dtype != torch.int64 or part.ids.dtype != torch.int64:
            yield f"{name}: labels and ids are not int64"
        for modality, x, shape in zip(parts.modalities, part.tensors, shapes, strict=True):
            if tuple(x.shape) != (*size, *shape):
                yield f"{name}: {modality} is {[*x.shape]}; allowed: {[*size, *shape]}"
            if x.dtype != torch.float32 or not x.is_contiguous() or not torch.isfinite(x).all():
                yield f"{name}: {modality} is not contiguous, finite float32"


def shared(parts: Parts) -> Iterator[str]:
    """Samples that stand in two parts."""
    for (one, left), (other, right) in combinations(named(parts).items(), 2):
        both = len(np.intersect1d(left.ids.numpy(), right.ids.numpy()))
        if both:
            yield f"{one} and {other} share {both} samples"


def without(parts: Parts) -> Iterator[tuple[str, list[int]]]:
    """Parts and the classes that have no sample there."""
    for name, part in named(parts).items():
        counts = torch.bincount(part.labels, minlength=parts.classes)
        absent = torch.nonzero(counts == 0)[:, 0].tolist()
        if absent:
            yield name, absent


def off_standard(x: Tensor, *, alone: bool, there: npt.NDArray[np.bool_] | None = None) -> float:
    """How far training inputs [N, ...] are from mean 0 and deviation 1: the larger of the two.

    ``alone``: feature by feature; ``there`` [N]: the samples that have it. Constant features, which
    stay 0, have no deviation.
    """
    seen = x if there is None else x[torch.from_numpy(there)]
    values = seen.double().flatten(1) if alone else seen.double().flatten()[:, None]
    deviation = values.std(0, correction=0)
    off = [values.mean(0).abs().max(), *(deviation[deviation > 0] - 1).abs()]
    return float(torch.stack(off).max())


def changed(first: Parts, again: Parts) -> Iterator[str]:
    """What is not the same to the bit."""
    if first.fingerprint != again.fingerprint:
        yield "fingerprint"
    for name, part in named(first).items():
        other = named(again)[name]
        pairs = [("ids", part.ids, other.ids), ("labels", part.labels, other.labels)]
        pairs += zip(first.modalities, part.tensors, other.tensors, strict=True)
        yield from (f"{name}: {what}" for what, one, two in pairs if not torch.equal(one, two))
