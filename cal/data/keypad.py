"""keypad: audio-visual digits. Image: a handwritten digit (UCI, CC BY 4.0). Audio: its DTMF tone.

Tones as in ITU-T Q.23: two frequencies a key. Everything random about a sample is a function of its
id, so a run's seed changes splits and never the samples.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torchaudio.transforms import MelSpectrogram

from cal.config import Data
from cal.data.assets import read
from cal.data.noise import between, key_of, normals, uniforms
from cal.data.raw import Raw

RATE = 8000  # Hz
SAMPLES = 2400  # 0.3 s
LOW_HZ = (941, 697, 697, 697, 770, 770, 770, 852, 852, 852)  # by digit, ITU-T Q.23
HIGH_HZ = (1336, 1209, 1336, 1477, 1209, 1336, 1477, 1209, 1336, 1477)
CHUNK = 512  # waveforms transformed at once
SOURCE = {
    "name": "UCI Optical Recognition of Handwritten Digits, with synthetic DTMF tones",
    "licence": "CC BY 4.0",
    "doi": "10.24432/C50P49",
}

Waves = npt.NDArray[np.float64]


@lru_cache(maxsize=1)
def tones() -> tuple[Waves, npt.NDArray[np.uint8]]:
    """Clean waveforms [1797, 2400] (power 1 while the tone sounds, at 0 dB) and digits [1797]."""
    labels = read("keypad", "digits.npz")["labels"].astype(np.uint8)
    draw = uniforms(key_of("keypad", "tone"), np.arange(len(labels)), 8).T
    seconds = np.arange(SAMPLES) / RATE
    length = between(draw[0], 0.18, 0.28)
    start = draw[1] * (SAMPLES / RATE - length)
    level = 10 ** (between(draw[2], -6, 6) / 20)  # dB
    twist = 10 ** (between(draw[3], -4, 4) / 20)  # dB between the two tones
    waves = np.zeros((len(labels), SAMPLES))
    parts = ((LOW_HZ, draw[4], draw[5], twist**-0.5), (HIGH_HZ, draw[6], draw[7], twist**0.5))
    for table, drift, phase, gain in parts:
        hertz = np.array(table)[labels] * between(drift, 0.985, 1.015)
        angle = 2 * np.pi * (hertz[:, None] * seconds + phase[:, None])
        waves += gain[:, None] * np.sin(angle)
    sounding = (seconds >= start[:, None]) & (seconds < (start + length)[:, None])
    return waves * level[:, None] * sounding, labels


def noisy(waves: Waves, ids: npt.NDArray[np.int64], *, snr_db: float | Waves, key: int) -> Waves:
    """Waves [N, 2400] with white noise ``snr_db`` (dB, one or [N, 1]) below a tone of power 1."""
    return np.asarray(waves + 10 ** (-snr_db / 20) * normals(key, ids, SAMPLES))


@lru_cache(maxsize=1)
def _transform() -> MelSpectrogram:
    return MelSpectrogram(
        sample_rate=RATE, n_fft=256, hop_length=72, n_mels=32, f_min=500.0, f_max=1800.0
    )


def log_mel(waves: Waves) -> npt.NDArray[np.float32]:
    """Log-mel spectrograms [N, 1, 32, 34] of waveforms [N, 2400]."""
    chunks = np.array_split(waves, max(1, len(waves) // CHUNK))
    with torch.no_grad():
        mels = [_transform()(torch.from_numpy(chunk).float()) for chunk in chunks]
        return torch.cat(mels).add(1e-6).log()[:, None].numpy()


def training_waves(data: Data, ids: npt.NDArray[np.int64]) -> Waves:
    """Waveforms of ``ids`` with the configured noise: ``snr_db``, +-3 dB a sample."""
    waves, _ = tones()
    spread = between(uniforms(key_of("keypad", "snr"), ids, 1), -3, 3)
    return noisy(waves[ids], ids, snr_db=data.snr_db + spread, key=key_of("keypad", "noise"))


@lru_cache(maxsize=4)
def _load(snr_db: float, image_sigma: float) -> Raw:
    data = Data(name="keypad", snr_db=snr_db, image_sigma=image_sigma)
    arrays = read("keypad", "digits.npz")
    ids = np.arange(len(arrays["labels"]))
    clean = arrays["images"].astype(np.float32)[:, None] / 16
    grain = normals(key_of("keypad", "image"), ids, 64).reshape(clean.shape)
    images = (clean + image_sigma * grain).astype(np.float32)
    inputs = (log_mel(training_waves(data, ids)), images)
    labels = arrays["labels"].astype(np.uint8)
    return Raw(inputs=inputs, labels=labels, per_feature=False, source=SOURCE)


def load(data: Data) -> Raw:
    """Spectrograms [1797, 1, 32, 34] and images [1797, 1, 8, 8] at the configured noise."""
    return _load(data.snr_db, data.image_sigma)


@lru_cache(maxsize=16)
def audio_at_snr(data: Data, ids: tuple[int, ...], snr_db: float) -> npt.NDArray[np.float32]:
    """Spectrograms of ``ids`` with further white noise on the configured waveform.

    Kept: runs of one process share the report part. Read-only.
    """
    samples = np.array(ids, dtype=np.int64)
    key = key_of("audio_snr", snr_db + 0.0)  # 0, 0.0 and -0.0 are one condition
    return log_mel(noisy(training_waves(data, samples), samples, snr_db=snr_db, key=key))
