"""The data of one run as plain tensors.

Legend: M modalities, N samples. Inputs of handwritten modality m are [N, D_m]; keypad audio is
[N, 1, 32 mels, frames], image [N, 1, 8, 8].
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Part:
    """Samples of one part: standardised inputs M x [N, ...], labels [N], sample ids [N]."""

    inputs: tuple[Tensor, ...]
    labels: Tensor
    ids: Tensor


@dataclass(frozen=True)
class Parts:
    """Disjoint parts, and the range of the training inputs to which noise is clipped."""

    train: Part
    probe: Part  # I(m) and D(m) are measured here
    select: Part  # validation and selection
    report: Part  # test; the same samples for every seed
    low: tuple[Tensor, ...]  # per modality, broadcasts to one sample: training minimum
    high: tuple[Tensor, ...]
    classes: int
    modalities: tuple[str, ...]
    fingerprint: str  # SHA-256 of content, options and sample ids of every part
    audio_at_snr: Callable[[float], Tensor] | None = None  # report audio with extra noise, dB
