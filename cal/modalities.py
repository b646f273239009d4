"""The data sets that are known by name, and what each modality of theirs is.

Imports nothing, so that a configuration can be checked before any library is opened.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["table", "image", "sound", "text"]


@dataclass(frozen=True)
class Modality:
    """One input. ``kind`` says what noise means for it and which encoders take it.

    table: features [D]; image: [C, Y, X] or frames of one; sound: a waveform, seen as a
    spectrogram [1, F, T]; text: words, seen as tokens [T].
    """

    name: str
    kind: Kind


AUDIO, IMAGE, TEXT = (
    Modality("audio", "sound"),
    Modality("image", "image"),
    Modality("text", "text"),
)
VIEWS = ("fac", "fou", "kar", "mor", "pix", "zer")
EMBEDDED: dict[str, tuple[Modality, ...]] = {
    "handwritten": tuple(Modality(name, "table") for name in VIEWS),
    "keypad": (AUDIO, IMAGE),
}
"""Shipped with the package."""
ON_DISK: dict[str, tuple[Modality, ...]] = {
    "crema-d": (AUDIO, IMAGE),
    "kinetics-sounds": (AUDIO, IMAGE),
    "kinetics-sounds-arl": (AUDIO, IMAGE),
    "ave": (AUDIO, IMAGE),
    "mvsa-single": (IMAGE, TEXT),
    "nyud2": (IMAGE, Modality("depth", "image")),
}
"""Prepared from the user's copy by ``python -m cal.data prepare``."""
KNOWN = EMBEDDED | ON_DISK
"""By name, in the order of the axis M."""
