"""Stored waveforms as the network sees them: log spectrograms, made on the device for a batch.

Each data set has the transform of its authors (``PUBLISHED``); ``fbank`` is the Kaldi filter bank
that others use. Legend: B clips, L samples of a waveform, F frequencies, T frames.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torchaudio.compliance import kaldi

from cal.data.reading import Array
from cal.data.splits import Ids

EPS = 1e-7  # added to magnitudes before the logarithm
FULL = 32768.0  # of 16-bit samples


@dataclass(frozen=True)
class Stft:
    """Short-time Fourier transform -> log. ``padded``: frames are centred on the signal's samples,
    which is reflected at its ends (librosa); else frames lie within it (scipy). ``density``: of
    power instead of magnitude, with scipy's Tukey window. ``each``: standardised per clip.
    """

    n_fft: int
    hop: int
    padded: bool = True
    density: bool = False
    each: bool = False

    def frames(self, length: int, rate: int) -> int:
        """T of a waveform of ``length`` samples, at any ``rate``."""
        return 1 + (length if self.padded else length - self.n_fft) // self.hop

    @property
    def bins(self) -> int:
        """F."""
        return self.n_fft // 2 + 1

    def __call__(self, waves: Tensor, rate: int) -> Tensor:
        """[B, L] -> [B, F, T]."""
        window = _tukey(self.n_fft) if self.density else torch.hann_window(self.n_fft)
        window = window.to(waves)
        found = torch.stft(
            waves,
            self.n_fft,
            self.hop,
            window=window,
            center=self.padded,
            return_complex=True,
        ).abs()
        if self.density:
            found = found.square() / (rate * window.square().sum())
            found[:, 1:-1] *= 2  # the other half of the spectrum
        found = (found + EPS).log()
        if self.each:
            mean = found.mean((1, 2), keepdim=True)
            found = (found - mean) / (found.std((1, 2), keepdim=True, correction=0) + 1e-9)
        return found


@dataclass(frozen=True)
class Fbank:
    """Kaldi's log mel filter bank (25 ms Hann windows every 10 ms), filled up with 0 to the next
    multiple of 64 frames and cut at ``most``: 10 s have 1024, as published. Then
    (x + 4.503877) / 10.282552, as AudioSet's authors scale it.
    """

    bins: int = 128
    most: int = 1024

    def frames(self, length: int, rate: int) -> int:
        """T of a waveform of ``length`` samples at ``rate`` Hz."""
        whole = 1 + (length - int(0.025 * rate)) // int(0.010 * rate)
        return min(self.most, 64 * math.ceil(whole / 64))

    def __call__(self, waves: Tensor, rate: int) -> Tensor:
        """[B, L] -> [B, F, T]. The same values as ``torchaudio.compliance.kaldi.fbank``, which
        takes one waveform at a time.
        """
        waves = waves - waves.mean(1, keepdim=True)
        frames = waves.unfold(1, int(0.025 * rate), int(0.010 * rate))
        frames = frames - frames.mean(2, keepdim=True)
        before = torch.cat([frames[..., :1], frames[..., :-1]], 2)
        frames = (frames - 0.97 * before) * _hanning(frames.shape[2]).to(waves)
        n_fft = 2 ** math.ceil(math.log2(frames.shape[2]))
        power = torch.fft.rfft(frames, n_fft).abs().square()[..., :-1]
        mels = power @ _mel_banks(self.bins, n_fft, float(rate)).to(waves).T
        wanted = self.frames(waves.shape[1], rate)
        found = mels.clamp(min=torch.finfo(torch.float32).eps).log()[:, :wanted]
        found = torch.nn.functional.pad(found, (0, 0, 0, wanted - found.shape[1]))
        return ((found + 4.503877) / (2 * 5.141276)).transpose(1, 2)


@lru_cache(maxsize=8)
def _tukey(size: int) -> Tensor:
    from scipy.signal import get_window

    return torch.from_numpy(get_window(("tukey", 0.25), size)).float()


@lru_cache(maxsize=8)
def _hanning(size: int) -> Tensor:
    return torch.hann_window(size, periodic=False)


@lru_cache(maxsize=8)
def _mel_banks(bins: int, n_fft: int, rate: float) -> Tensor:
    banks: Tensor = kaldi.get_mel_banks(bins, n_fft, rate, 20.0, 0.0, 100.0, -500.0, 1.0)[0]
    return banks


Transform = Stft | Fbank
PUBLISHED: dict[str, Transform] = {
    "crema-d": Stft(512, 353),  # OGM-GE: 22050 Hz, 3 s -> 257 x 188
    "ave": Stft(512, 159, padded=False, density=True, each=True),  # 16 kHz, 10 s -> 257 x 1004
    "kinetics-sounds": Fbank(),  # OGM-GE: 16 kHz -> 128 x 1024
    "kinetics-sounds-arl": Stft(256, 128),  # ARL: 16 kHz, 5 s -> 129 x 626
}
"""By data set; others have ``Stft(512, 160)``."""


def transform(name: str, wanted: Literal["stft", "fbank"]) -> Transform:
    """Of a data set's sound."""
    published = PUBLISHED.get(name, Stft(512, 160))
    return Fbank() if wanted == "fbank" and isinstance(published, Stft) else published


@dataclass(frozen=True, eq=False)
class SoundView:
    """``rate``: Hz; ``length``: L of the stored waveforms."""

    transform: Transform
    rate: int
    length: int

    @property
    def shape(self) -> tuple[int, ...]:
        """[1, F, T]."""
        return (1, self.transform.bins, self.transform.frames(self.length, self.rate))

    def sent(self, stored: Array) -> Tensor:
        """int16 [B, L]."""
        return torch.from_numpy(stored)

    def seen(self, x: Tensor, ids: Ids, epoch: int | None) -> Tensor:
        """[B, 1, F, T]."""
        return self.transform(x.float() / FULL, self.rate)[:, None]


@dataclass(frozen=True, eq=False)
class ArrayView:
    """Features or ready spectrograms, stored as they are: standardised by ``mean`` and ``std``."""

    mean: Array
    std: Array
    channel: bool  # whether a stored [F, T] is seen as [1, F, T]
    stored_shape: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """[D], or [1, F, T]."""
        return (1, *self.stored_shape) if self.channel else self.stored_shape

    def sent(self, stored: Array) -> Tensor:
        """float32 [B, ...]."""
        values = (stored.astype(np.float32) - self.mean) / self.std
        return torch.from_numpy(values[:, None] if self.channel else values)

    def seen(self, x: Tensor, ids: Ids, epoch: int | None) -> Tensor:
        """As sent."""
        return x
