"""The section of the configuration that says which samples, and how the network sees them."""

import difflib
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from cal.fields import Count, NonNegative, Number, Place, Section
from cal.modalities import KNOWN, Modality
from cal.own import in_memory, modalities, names


def _known(name: str) -> str:
    """A name of ours, of an entry point, or an import path; whether that works is seen later."""
    if ":" in name or name in KNOWN or name in names():
        return name
    near = difflib.get_close_matches(name, KNOWN, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    allowed = ", ".join(names())
    raise PydanticCustomError("data_set", f"allowed: {allowed}, or package.module:Class{hint}")


class Data(Section):
    """Which samples. The report part is fixed per data set; the run's seed draws the others."""

    name: Annotated[str, AfterValidator(_known)] = "handwritten"
    root: Place | None = None  # prepared data: their folder; null: data/NAME in the home folder
    labels_per_class: Count | None = None  # of the training part; null: all that remain
    probe: Count = 128  # samples on which I(m) and D(m) are measured
    select: Count = 400  # samples for validation and selection, where none are published
    select_by_group: bool = False  # whole speakers for validation, where the data set has them
    probe_in_training: bool = False  # the control that spends the probe's labels on training
    modalities: tuple[str, ...] = ()  # all that the network sees; none named: those of the data set
    corrupt_views: tuple[str, ...] = ()  # handwritten: modalities drowned in noise in every part
    corrupt_sigma: NonNegative = 4.0  # handwritten: standard deviation, standardised units
    snr_db: Annotated[
        float, Number, Field(ge=-40.0, le=40.0)
    ] = -14.0  # keypad: audio signal to noise, dB
    image_sigma: NonNegative = 0.5  # keypad: image noise, standard deviation, units of [0, 1]
    side: Annotated[int, Number, Field(ge=8)] = 224  # prepared images: pixels the network sees
    frames: Count = 1  # prepared images: of a video, evenly spaced among the stored ones
    view: Literal["whole", "centre"] = "whole"  # evaluated images: squeezed, or 256 and cropped
    augment: bool = True  # trained images: random crop and flip; false: as evaluated
    spectrogram: Literal["stft", "fbank"] = "stft"  # prepared sound (cal/data/spectrograms.py)
    tokenizer: Place | None = None  # prepared text: a local folder (transformers)
    tokens: Annotated[int, Number, Field(ge=2, le=512)] = 128  # prepared text: longest, cut

    @property
    def every(self) -> tuple[Modality, ...]:
        """Those of the data set, seen or not. Noise strikes them all alike."""
        return modalities(self.name)

    @property
    def every_modality(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(modality.name for modality in self.every)

    @property
    def seen(self) -> tuple[Modality, ...]:
        """The M that the network sees, in the order of the data set."""
        return tuple(m for m in self.every if not self.modalities or m.name in self.modalities)

    @property
    def present(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(modality.name for modality in self.seen)


PREPARED = ("root", "side", "frames", "view", "augment", "spectrogram", "tokenizer", "tokens")
"""Fields that only prepared data read."""


def faults(data: Data) -> Iterator[str]:
    """Rules that span the section's fields; each message carries the cure."""
    known, given = data.every_modality, data.modalities
    for field in ("corrupt_views", "modalities"):
        unknown = [view for view in getattr(data, field) if view not in known]
        if unknown:
            yield (
                f"data.{field}: given {unknown[0]!r}; "
                f"allowed: modalities of {data.name}: {', '.join(known)}"
            )
    if len(set(given)) < len(given):
        yield f"data.modalities: given {', '.join(given)}; allowed: each modality once"
    if data.corrupt_views and data.name != "handwritten":
        yield "data.corrupt_views: only for data.name=handwritten; leave it empty"
    if data.root is not None and in_memory(data.name):
        yield f"data.root: given {data.root}; {data.name} is made in memory; leave it out"
    if data.tokenizer is None and any(m.kind == "text" for m in data.seen):
        yield (
            f"data.tokenizer: given null; {data.name} has text; allowed: a local folder that "
            "transformers.AutoTokenizer reads"
        )
