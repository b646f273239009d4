"""Spectrograms made for a batch against the libraries that authors used, clip by clip."""

import numpy as np
import pytest
import torch
from scipy import signal
from torch import Tensor
from torchaudio.compliance import kaldi

from cal.data.layouts.table import LAYOUTS
from cal.data.spectrograms import PUBLISHED, ArrayView, Fbank, SoundView, Stft, transform

SHAPES = {
    "crema-d": (22050, 3, (257, 188)),
    "ave": (16000, 10, (257, 1004)),
    "kinetics-sounds": (16000, 10, (128, 1024)),
    "kinetics-sounds-arl": (16000, 5, (129, 626)),
}
"""Rate in Hz, seconds, and the published F x T."""


def waves(rate: int, seconds: float, *, clips: int = 2) -> Tensor:
    """Two tones in a little noise, [B, L]."""
    draw = np.random.default_rng(1)
    time = np.arange(int(rate * seconds)) / rate
    tones = [np.sin(2 * np.pi * hertz * time) for hertz in (440, 1800)][:clips]
    return torch.tensor(np.stack(tones) * 0.3 + 0.01 * draw.normal(size=(clips, len(time)))).float()


@pytest.mark.parametrize("name", PUBLISHED)
def test_shapes_are_those_published(name: str) -> None:
    rate, seconds, shape = SHAPES[name]
    view = SoundView(PUBLISHED[name], rate, rate * seconds)
    assert view.shape == (1, *shape)
    stored = (waves(rate, seconds).numpy() * 32767).astype(np.int16)
    seen = view.seen(view.sent(stored), np.arange(2), None)
    assert seen.shape == (2, 1, *shape)
    assert torch.isfinite(seen).all()


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_prepare_stores_by_default_gives_them(name: str) -> None:
    settings = LAYOUTS[name].settings
    rate, seconds, _ = SHAPES[name]
    assert (settings.rate, settings.seconds) == (rate, seconds)


def test_the_filter_bank_is_kaldis() -> None:
    """To .001 of a nat: sums in another order."""
    clips = waves(16000, 2)
    found = Fbank()(clips, 16000)
    for clip, own in zip(clips, found, strict=True):
        bank = kaldi.fbank(
            (clip - clip.mean())[None],
            htk_compat=True,
            sample_frequency=16000,
            use_energy=False,
            window_type="hanning",
            num_mel_bins=128,
            dither=0.0,
            frame_shift=10,
        )
        scaled = (bank + 4.503877) / (2 * 5.141276)
        assert (own.T[: len(bank)] - scaled).abs().max() < 1e-3
        assert own.T[len(bank) :].unique().numel() == 1, "filled up with one number"
        assert len(own.T) % 64 == 0


def test_aves_is_scipys_standardised_per_clip() -> None:
    clips = waves(16000, 1)
    ave = PUBLISHED["ave"]
    for clip, own in zip(clips, ave(clips, 16000), strict=True):
        _, _, power = signal.spectrogram(
            clip.double().numpy(), 16000, nperseg=512, noverlap=353, detrend=False
        )
        wanted = np.log(power + 1e-7)
        wanted = (wanted - wanted.mean()) / (wanted.std() + 1e-9)
        assert np.abs(own.numpy() - wanted).max() < 5e-3


def test_ogm_ges_is_a_reflected_hann_transform() -> None:
    """Worked out for one frame: 512 samples around sample 353 k of the reflected signal."""
    clip = waves(22050, 1, clips=1)
    found = Stft(512, 353)(clip, 22050)[0]
    padded = np.pad(clip[0].double().numpy(), 256, mode="reflect")
    for k in (0, 5, found.shape[1] - 1):
        frame = padded[353 * k : 353 * k + 512] * signal.get_window("hann", 512)
        wanted = np.log(np.abs(np.fft.rfft(frame)) + 1e-7)
        assert np.abs(found[:, k].numpy() - wanted).max() < 1e-2


def test_fbank_replaces_an_stft_where_asked() -> None:
    assert transform("crema-d", "stft") == Stft(512, 353)
    assert transform("crema-d", "fbank") == Fbank()
    assert transform("mine:Sounds", "stft") == Stft(512, 160)


def test_stored_features_are_standardised() -> None:
    view = ArrayView(np.float32([1, 2]), np.float32([2, 4]), False, (2,))
    sent = view.sent(np.float32([[3, 6], [1, 2]]))
    assert sent.tolist() == [[1, 1], [0, 0]]
    ready = ArrayView(np.zeros(1, np.float32), np.ones(1, np.float32), True, (5, 7))
    assert ready.sent(np.ones((3, 5, 7), np.float32)).shape == (3, *ready.shape)
