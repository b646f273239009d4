"""What a layout on disk says before anything is decoded: samples, labels, splits, files.

A layout is a class with the members of ``Layout``; ``table.LAYOUTS`` is the one table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from cal.modalities import Modality

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Sample:
    """One sample. ``files``: by modality, relative to the source, in the order they are read."""

    id: str
    label: int  # its place in the layout's classes
    split: SplitName
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    group: str = ""  # who must not stand on both sides of a split: a speaker
    text: str = ""  # where a list holds the text itself


@dataclass(frozen=True)
class Fault:
    """Something wrong with one sample or file, in one line. ``sample`` empty: a whole list."""

    file: str  # relative to the source
    reason: str  # what was found, and what is allowed
    sample: str = ""

    def __str__(self) -> str:
        return f"{self.file if self.file.isprintable() else ascii(self.file)}: {self.reason}"


class Damaged(ValueError):  # noqa: N818  a fault, as it travels
    """Raised by decoding: ``fault`` says which file and why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


@dataclass(frozen=True)
class Index:
    """Samples in the order of the lists, and what was wrong with single rows."""

    samples: Sequence[Sample]
    classes: tuple[str, ...]  # by label
    faults: Sequence[Fault] = ()
    notes: Sequence[str] = ()  # what its reader did by rule, one line each
    published: Mapping[SplitName, int] | None = None  # of this form, where not the layout's


@dataclass(frozen=True)
class Settings:
    """How samples are decoded; stored in the manifest, a part of the data's fingerprint."""

    size: int = 256  # pixels of each side of a stored image; its true shape is kept beside it
    frames: int = 3  # stored frames of a video, evenly spaced; the last repeats where it is short
    rate: int = 16000  # Hz of a stored waveform
    seconds: float = 3.0  # of a stored waveform: shorter ones are repeated, longer ones cut
    text_bytes: int = 1024  # of a stored text, UTF-8


class Layout(Protocol):
    """How one data set lies on disk, as it is passed around."""

    @property
    def name(self) -> str:
        """As in ``cal.modalities.ON_DISK``."""

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """In the order of the axis M."""

    @property
    def published(self) -> Mapping[SplitName, int]:
        """Samples of each split as published; empty where authors differ."""

    @property
    def settings(self) -> Settings:
        """As its authors load it."""

    def index(self, source: Path) -> Index:
        """Read the lists. Raises ``ConfigError`` where the source is no such layout at all."""

    def decode(self, source: Path, sample: Sample, settings: Settings) -> dict[str, Array]:
        """One row of every stored array (``cal.data.stored``): by modality, and ``shape/IMAGE``.

        Raises ``Damaged``; never gives zeros for what is not there.
        """
