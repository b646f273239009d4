"""Some samples decoded at once: what a worker does for ``prepare`` and ``check``."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cal.config import ConfigError
from cal.data.layouts.index import Array, Damaged, Fault, Layout, Sample, Settings
from cal.data.layouts.lists import outside
from cal.modalities import Modality

Form = tuple[str, tuple[int, ...]]  # of one row: its dtype as numpy writes it, its shape
Forms = Mapping[str, Form]
BYTES = 8 << 20  # decoded, of a shard
MOST = 4096  # samples of a shard


@dataclass(frozen=True)
class Work:
    """Shard ``number``: samples from row ``first``."""

    number: int
    first: int
    samples: Sequence[Sample]


@dataclass(frozen=True)
class Shard:
    """What became of it: ``arrays`` [n, ...] by name (rows of faults are 0), lines of checksums."""

    number: int
    first: int
    size: int
    arrays: Mapping[str, Array]
    sums: Sequence[str]
    faults: Sequence[tuple[int, Fault]]  # with the sample's row
    blank: Sequence[tuple[int, str]] = ()  # row and modality of what is one value throughout


@dataclass(frozen=True)
class Decoder:
    """Decodes a shard; goes to the workers as it is. ``forms``: what every row must be."""

    layout: Layout
    source: Path
    settings: Settings
    forms: Forms
    kept: frozenset[str] | None = None  # names of the arrays to give; None: all

    def __call__(self, work: Work) -> Shard:
        """Never raises ``Damaged``: its faults are in the shard."""
        size = len(work.samples)
        kept = self.forms if self.kept is None else self.forms.keys() & self.kept
        arrays = {n: np.zeros((size, *self.forms[n][1]), self.forms[n][0]) for n in kept}
        sums: list[str] = []
        faults: list[tuple[int, Fault]] = []
        blank: list[tuple[int, str]] = []
        for i, sample in enumerate(work.samples):
            try:
                rows = decoded(self.layout, self.source, sample, self.settings)
                self._same(sample, rows)
                sums += checksums(self.source, sample)
            except Damaged as error:
                fault = error.fault
                faults.append((work.first + i, Fault(fault.file, fault.reason, sample.id)))
                continue
            blank += [
                (work.first + i, m.name) for m in self.layout.modalities if _blank(rows[m.name])
            ]
            for name in arrays:
                arrays[name][i] = rows[name]
        return Shard(work.number, work.first, size, arrays, sums, faults, blank)

    def _same(self, sample: Sample, rows: Mapping[str, Array]) -> None:
        for name, form in forms_of(rows).items():
            if self.forms.get(name) != form:
                file = next(iter(sample.files.get(name, ())), sample.id)
                reason = f"{name} {_form(form)}; the first sample's is {_form(self.forms[name])}"
                raise Damaged(Fault(file, reason))


def _blank(row: Array) -> bool:
    return bool((row == row.flat[0]).all())


def _form(form: Form) -> str:
    return f"{np.dtype(form[0])} {list(form[1])}"


def forms_of(rows: Mapping[str, Array]) -> dict[str, Form]:
    """Dtype and shape of each array of a sample."""
    return {name: (row.dtype.str, row.shape) for name, row in rows.items()}


def row_bytes(forms: Forms) -> int:
    """Of one sample."""
    return sum(np.dtype(kind).itemsize * math.prod(shape) for kind, shape in forms.values())


def shard_size(forms: Forms) -> int:
    """Samples of a shard: about 8 MB decoded."""
    return max(1, min(MOST, BYTES // max(1, row_bytes(forms))))


def works(
    samples: Sequence[Sample], size: int, *, but: frozenset[int] = frozenset()
) -> Iterator[Work]:
    """The shards in order without the numbers ``but``, each made when it is asked for."""
    for number, first in enumerate(range(0, len(samples), size)):
        if number not in but:
            last = min(first + size, len(samples))
            yield Work(number, first, [samples[i] for i in range(first, last)])


def decoded(layout: Layout, source: Path, sample: Sample, settings: Settings) -> dict[str, Array]:
    """The rows of one sample, checked against what stored arrays may be."""
    for file in files_of(sample):
        if wrong := outside(file):
            raise Damaged(Fault(file, wrong))
    rows = layout.decode(source, sample, settings)
    for modality in layout.modalities:
        if wrong := _unfit(modality, rows):
            raise ConfigError(f"{layout.name}: decode gives {wrong} (cal/data/stored.py)")
    return {name: np.ascontiguousarray(row) for name, row in rows.items()}


KINDS: dict[str, tuple[tuple[str, int], ...]] = {
    "image": (("uint8", 4),),
    "sound": (("int16", 1), ("float32", 2)),
    "text": (("uint8", 1),),
    "table": (("float32", 1),),
}
"""Dtype and number of axes of a row of each kind of modality; a sound may be a spectrogram."""


def _unfit(modality: Modality, rows: Mapping[str, Array]) -> str:
    row: Any = rows.get(modality.name)
    if row is None:
        return f"no {modality.name}; allowed: one row of each modality"
    if (row.dtype.name, row.ndim) not in KINDS[modality.kind]:
        allowed = " or ".join(f"{kind} of {axes} axes" for kind, axes in KINDS[modality.kind])
        return f"{modality.name} as {row.dtype} of {row.ndim} axes; allowed: {allowed}"
    if modality.kind == "image" and f"shape/{modality.name}" not in rows:
        return f"no shape/{modality.name}; allowed: height and width of each image"
    return ""


def files_of(sample: Sample) -> list[str]:
    """Each file once."""
    return list(dict.fromkeys(file for files in sample.files.values() for file in files))


def checksums(source: Path, sample: Sample) -> list[str]:
    """SHA-256 and name of every file, as ``sha256sum -c`` reads them in the source."""
    lines = []
    for file in files_of(sample):
        try:
            digest = hashlib.sha256((source / file).read_bytes()).hexdigest()
        except OSError as error:
            raise Damaged(Fault(file, f"cannot be read ({error.strerror})")) from None
        lines.append(f"{digest}  {file}")
    return lines
