"""What a user's class loads, looked at before any split: one finding a check.

Legend: N samples, M modalities.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from cal.data.raw import Floats, Raw, faults, missing
from cal.modalities import Modality
from cal.suite.finding import Finding, few

LOPSIDED = 10  # times as many samples of one class as of another


def arrays(raw: object, modalities: Sequence[Modality]) -> list[Finding]:
    """Shapes, types and labels."""
    found = list(faults(raw, modalities))
    if found:
        return [Finding("arrays", "wrong", fault) for fault in found]
    assert isinstance(raw, Raw)  # else that was a fault
    shapes = [f"{m.name} {[*x.shape[1:]]}" for m, x in zip(modalities, raw.inputs, strict=True)]
    text = f"float32 {', '.join(shapes)}; labels from 0 to {raw.labels.max()}"
    return [Finding("arrays", "ok", text)]


def repeated(raw: Raw, again: Raw, modalities: Sequence[Modality]) -> Finding:
    """Whether ``load`` gives the same twice."""
    names = [m.name for m in modalities] + ["labels", "official", "groups"]
    columns = ((*r.inputs, r.labels, r.official, r.groups) for r in (raw, again))
    other = [n for n, x, y in zip(names, *columns, strict=True) if not _same(x, y)]
    if other:
        text = f"load() twice gives other {', '.join(other)}; allowed: the same (seed its draws)"
        return Finding("repeatable", "wrong", text)
    return Finding("repeatable", "ok", "load() twice gives the same")


def _same(one: Floats | None, other: Floats | None) -> bool:
    if one is None or other is None:
        return one is other
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return one.tobytes() == other.tobytes()  # NaN is NaN


def absent(raw: Raw, modalities: Sequence[Modality]) -> Finding:
    """Samples without a modality, and without any."""
    rows = [missing(x) for x in raw.inputs]
    total, none = len(raw.labels), int(np.logical_and.reduce(rows).sum())
    counts = [(m.name, int(row.sum())) for m, row in zip(modalities, rows, strict=True)]
    told = [f"{name} in {n} of {total} samples ({n / total:.1%})" for name, n in counts if n]
    if none:
        text = f"{none} samples have no modality at all; allowed: at least one each"
        return Finding("missing", "wrong", text)
    if not told:
        return Finding("missing", "ok", "every sample has every modality")
    return Finding("missing", "note", f"{', '.join(told)}: 0 in standardised units there")


def constant(raw: Raw, modalities: Sequence[Modality]) -> Finding:
    """Features with one value in all samples that have them, by name."""
    named, total = list[str](), 0
    for modality, x in zip(modalities, raw.inputs, strict=True):
        there = x[~missing(x)]
        still = (there == there[:1]).all(0)
        total += still.size
        named += [f"{modality.name}{[int(i) for i in place]}" for place in np.argwhere(still)]
    if named:
        text = f"{len(named)} of {total} features have one value and tell nothing: {few(named)}"
        return Finding("constant", "note", text)
    return Finding("constant", "ok", f"none of {total} features has one value only")


def balance(raw: Raw) -> Finding:
    """How many samples the smallest and the largest class have."""
    counts = np.bincount(raw.labels)
    small, large = int(counts.argmin()), int(counts.argmax())
    text = (
        f"{len(counts)}, of {counts[small]} (class {small}) to {counts[large]} (class {large}) "
        "samples"
    )
    if counts[large] >= LOPSIDED * counts[small]:
        return Finding("classes", "note", f"{text}: read macro-F1 beside accuracy")
    return Finding("classes", "ok", text)


def look(raw: Raw, modalities: Sequence[Modality]) -> Iterator[Finding]:
    """All that needs no second load."""
    yield absent(raw, modalities)
    yield constant(raw, modalities)
    yield balance(raw)
