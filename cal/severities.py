"""The one table of test-time noise: kinds, what they act on, how strong. See ``docs/noise.md``.

Imports nothing heavy, so that plan and report know the table without opening a library.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cal.modalities import Kind

Protocol = Literal["none", "standard", "qmf-2023"]
"""``standard`` is the protocol ``clean-room``."""


@dataclass(frozen=True)
class Noise:
    """A kind of noise. ``standard``: the severities that ``robust`` is made of; ``axis``: a denser
    set for curves and areas, which holds the standard ones.
    """

    on: tuple[Kind, ...]
    severity: str  # its unit
    standard: tuple[float, ...]
    axis: tuple[float, ...]


CLEAN_ROOM: dict[str, Noise] = {
    "gaussian": Noise(
        ("table", "image", "sound"),
        "standard deviation, in standardised units",
        (0.5, 1.0, 2.0),
        (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0),
    ),
    "salt_pepper": Noise(
        ("table", "image", "sound", "text"),
        "share of values at an end of their range, half at each; of a text's words replaced by _",
        (0.1, 0.3),
        (0.05, 0.1, 0.2, 0.3, 0.4, 0.5),
    ),
    "missing": Noise(
        ("table", "image", "sound", "text"),
        "share of samples without it",
        (1.0,),
        (0.25, 0.5, 0.75, 1.0),
    ),
    "audio_snr": Noise(
        ("sound",), "signal to white noise, dB", (), (20.0, 10.0, 5.0, 0.0, -5.0, -10.0)
    ),
}
"""Protocol ``clean-room``."""
SEVERITIES = {kind: noise.standard for kind, noise in CLEAN_ROOM.items() if noise.standard}
"""Standard severities of the kinds that every modality has (a text no ``gaussian``)."""
AXIS = {kind: noise.axis for kind, noise in CLEAN_ROOM.items()}
"""The denser axis."""
QMF_2023 = ("qmf_gaussian", "qmf_salt_pepper")
"""Kinds of the protocol ``qmf-2023``; their severity is the released code's ``noise``, eps."""
QMF_EPS = (5.0, 10.0)  # beside 0, which is clean
QMF_DRAWS = (1, 2, 3, 4, 5)  # its noise seeds


def table_of(severities: str) -> Mapping[str, tuple[float, ...]]:
    """Kind -> severities of ``standard`` or ``axis``."""
    return {"standard": SEVERITIES, "axis": AXIS}[severities]


def applies(kind: str, to: Kind) -> bool:
    """Whether a kind of noise does anything to a kind of modality."""
    return to in CLEAN_ROOM[kind].on
