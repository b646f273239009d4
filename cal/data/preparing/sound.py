"""WAV files -> int16 waveforms of one rate and length."""

import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cal.data.layouts.index import Damaged, Fault, Settings
from cal.data.preparing import video
from cal.data.preparing.files import VIDEO, content

FULL = 32768  # int16 of amplitude 1
RATES = (16000, 22050, 24000, 32000, 44100, 48000)
"""Hz that a layout takes whose published form is a video: whoever took the sound out chose one."""
Floats = npt.NDArray[np.float32]


def wave(
    source: Path,
    file: str,
    settings: Settings,
    *,
    rates: Sequence[int] = RATES,
    channels: Sequence[int] = (1, 2),
) -> npt.NDArray[np.int16]:
    """[rate * seconds] int16 of a WAV file, or of a video's sound.

    Channels are averaged and another rate is resampled, as librosa does for the authors, but only
    those that the layout states; 16-bit mono of the right rate keeps its bits. A shorter sound is
    repeated, a longer one cut.
    """
    if file.endswith(VIDEO):
        samples_NC, rate = video.sound(source, file)
    else:
        samples_NC, rate = _read(file, content(source, file))
    _fits(file, samples_NC, rate=rate, rates=rates, channels=channels)
    mono = samples_NC.mean(axis=1, dtype=np.float32)
    if rate != settings.rate:
        mono = _resampled(mono, rate, settings.rate)
    whole = np.clip(np.rint(mono * FULL), -FULL, FULL - 1).astype(np.int16)
    return np.resize(whole, round(settings.rate * settings.seconds))


def _read(file: str, found: bytes) -> tuple[Floats, int]:
    """Samples [N, channels], full scale 1, and their rate in Hz."""
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            rate, samples = wavfile.read(BytesIO(found))
    except Exception as error:  # a broken header raises anything
        why = " ".join(str(error).split())[:120]
        raise Damaged(Fault(file, f"no WAV that can be read ({why})")) from None
    short = [str(w.message) for w in told if "EOF" in str(w.message)]
    if short:  # other warnings are of chunks that hold no sound
        raise Damaged(Fault(file, f"cut short ({short[0]})"))
    return _unit(file, samples), int(rate)


def _unit(file: str, samples: npt.NDArray[Any]) -> Floats:
    """[N, channels], full scale 1. 8-bit WAV is unsigned; 24 bits come as the upper ones of 32."""
    two = samples if samples.ndim == 2 else samples[:, None]
    match samples.dtype:
        case np.uint8:
            return ((two.astype(np.float32) - 128) / 128).astype(np.float32)
        case np.int16:
            return two.astype(np.float32) / np.float32(FULL)
        case np.int32:
            return (two / 2**31).astype(np.float32)
        case np.float32 | np.float64:
            if np.isfinite(two).all() and np.abs(two).max(initial=0) > 1:
                peak = np.abs(two).max()
                raise Damaged(Fault(file, f"samples reach {peak:.3g}; allowed: -1 to 1"))
            return two.astype(np.float32)
    raise Damaged(
        Fault(file, f"samples of {samples.dtype}; allowed: PCM of 8, 16, 24 or 32 bits, float")
    )


def _fits(
    file: str, samples_NC: Floats, *, rate: int, rates: Sequence[int], channels: Sequence[int]
) -> None:
    if len(samples_NC) == 0:
        raise Damaged(Fault(file, "a header without samples"))
    if samples_NC.shape[1] not in channels:
        allowed = " or ".join(map(str, channels))
        raise Damaged(Fault(file, f"{samples_NC.shape[1]} channels; allowed: {allowed}"))
    if rate not in rates:
        raise Damaged(Fault(file, f"{rate} Hz; allowed: {', '.join(map(str, rates))}"))
    if not np.isfinite(samples_NC).all():
        raise Damaged(Fault(file, "NaN or infinite samples"))


def _resampled(mono: Floats, rate: int, wanted: int) -> Floats:
    import torch
    from torchaudio.functional import resample

    return np.asarray(resample(torch.from_numpy(mono), rate, wanted))
