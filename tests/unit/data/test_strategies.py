"""Clean-room noise on raw waveforms and texts, and on images with a range for each channel."""

from typing import Any

import numpy as np
import pytest
import torch

from cal.data import corruptions
from cal.data.corruptions import Condition, corrupted
from cal.data.strategies import corrupted_texts, corrupted_waves

IDS = np.arange(40)
TEXT = "a quick brown fox jumps over the lazy dog"


def snr(decibels: float) -> Condition:
    return Condition("audio_snr", "audio", decibels)


def words(share: float) -> Condition:
    return Condition("salt_pepper", "text", share)


def tones(*levels: float, samples: int = 8000) -> np.ndarray:
    """A tone at each level [B, samples], float64."""
    return np.outer(levels, np.sin(np.arange(samples) / 7))


@pytest.mark.parametrize("decibels", [20.0, 0.0, -10.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_noise_has_the_power_that_was_asked_for(decibels: float, dtype: Any) -> None:
    """A loud clip and one a thousand times softer: power of the noise over 8000 samples has a
    relative sd of sqrt(2 / 8000) = 1.6 %; 5 of them.
    """
    clean = tones(0.5, 0.0005).astype(dtype)
    noisy = corrupted_waves(clean, IDS[:2], snr(decibels), modality="audio")
    assert noisy.dtype == dtype
    noise = noisy.astype(np.float64) - clean
    ratio = np.square(clean.astype(np.float64)).mean(1) / np.square(noise).mean(1)
    assert ratio == pytest.approx(10 ** (decibels / 10), rel=5 * (2 / 8000) ** 0.5)
    assert abs(np.corrcoef(noise)[0, 1]) < 5 / 8000**0.5


def test_integers_are_rounded_and_limited_like_a_converter() -> None:
    """At full scale and -20 dB most samples would leave the range; none wraps around."""
    clean = (32767 * tones(1.0)).astype(np.int16)
    noisy = corrupted_waves(clean, IDS[:1], snr(-20), modality="audio")
    assert noisy.dtype == np.int16
    assert (noisy.min(), noisy.max()) == (-32768, 32767)
    exact = corrupted_waves(clean.astype(np.float64), IDS[:1], snr(-20), modality="audio")
    expected = np.clip(np.rint(exact), -32768, 32767)
    np.testing.assert_array_equal(noisy, expected.astype(np.int16))


def test_floats_are_not_limited() -> None:
    assert np.abs(corrupted_waves(tones(1.0), IDS[:1], snr(-20), modality="audio")).max() > 10


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_a_silent_clip_stays_silent(dtype: Any) -> None:
    """It has no power that noise could be compared with."""
    noisy = corrupted_waves(np.zeros((3, 50), dtype), IDS[:3], snr(0), modality="audio")
    assert not noisy.any()


def test_a_clip_is_corrupted_alike_in_any_order_and_batch() -> None:
    clean = tones(*np.linspace(0.1, 1, 40), samples=60)
    before = clean.copy()
    whole = corrupted_waves(clean, IDS, snr(5), modality="audio")
    for rows in (IDS[::-1], IDS[4:5], IDS[::3]):
        some = corrupted_waves(clean[rows], rows, snr(5), modality="audio")
        np.testing.assert_array_equal(some, whole[rows])
    np.testing.assert_array_equal(clean, before)
    other = corrupted_waves(clean, IDS, snr(5), modality="microphone")
    assert not np.array_equal(other, whole)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_words_are_masked_with_their_probability(share: float) -> None:
    """Five sd of a coin over 9 words of 2000 texts."""
    ids = np.arange(2000)
    found = corrupted_texts([TEXT] * 2000, ids, words(share), modality="text")
    parts = [text.split(" ") for text in found]
    assert all(len(part) == 9 for part in parts)
    masked = np.mean([word == "_" for part in parts for word in part])
    assert abs(masked - share) < 5 * (share * (1 - share) / 18_000) ** 0.5
    kept = {(i, word) for part in parts for i, word in enumerate(part) if word != "_"}
    assert kept == set(enumerate(TEXT.split(" ")))


def test_a_text_is_corrupted_alike_whatever_stands_beside_it() -> None:
    texts = [" ".join(TEXT.split(" ")[: 1 + i % 9]) for i in IDS]
    whole = corrupted_texts(texts, IDS, words(0.5), modality="text")
    assert whole != texts
    for rows in (IDS[::-1], IDS[2:3], IDS[::5]):
        again = corrupted_texts([texts[i] for i in rows], rows, words(0.5), modality="text")
        assert again == [whole[i] for i in rows]


def test_texts_at_the_ends() -> None:
    def one(text: str, condition: Condition) -> str:
        return corrupted_texts([text], IDS[:1], condition, modality="text")[0]

    assert one(TEXT, words(1.0)) == " ".join("_" * 9)
    assert one("", words(1.0)) == "_"  # one empty word
    assert one(TEXT, Condition("missing", "text", 1.0)) == ""
    assert one(TEXT, Condition("gaussian", "half", 2.0)) == TEXT  # no noise of that kind
    assert corrupted_texts([], IDS[:0], words(0.5), modality="text") == []


def test_what_is_none_of_it_is_refused() -> None:
    with pytest.raises(ValueError, match="kind: given 'gaussian'; allowed: audio_snr"):
        corrupted_waves(tones(1), IDS[:1], Condition("gaussian", "audio", 1), modality="audio")
    with pytest.raises(ValueError, match=r"waves: given int32 \[1, 8000\]; allowed: int16, float"):
        corrupted_waves(
            tones(1).astype(np.int32),  # type: ignore[arg-type]
            IDS[:1],
            snr(0),
            modality="audio",
        )
    with pytest.raises(ValueError, match="kind: given 'audio_snr'; allowed: salt_pepper"):
        corrupted_texts([TEXT], IDS[:1], snr(0), modality="text")


@pytest.mark.parametrize("shape", [(3, 8, 8), (4, 3, 8, 8)])
def test_an_images_noise_is_limited_channel_by_channel(shape: tuple[int, ...]) -> None:
    """Range [3, 1, 1] on images [B, 3, Y, X] and on frames [B, F, 3, Y, X]."""
    low = torch.tensor([-1.0, -2.0, -3.0]).view(3, 1, 1)
    high = torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1)
    images, ids = torch.zeros(40, *shape), torch.arange(40)
    channels = images.dim() - 3

    def noisy(kind: str, severity: float) -> torch.Tensor:
        condition = Condition(kind, "image", severity)
        return corrupted(images, ids, condition, modality="image", low=low, high=high)

    for found in (noisy("gaussian", 9.0), noisy("salt_pepper", 0.5)):
        assert found.shape == images.shape
        for c in range(3):
            own = found.select(channels, c)
            assert (own.min(), own.max()) == (-1 - c, 1 + c)
    assert set(noisy("salt_pepper", 0.5).unique().tolist()) == {-3, -2, -1, 0, 1, 2, 3}


def test_draws_of_large_inputs_are_the_same_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    ids, images = torch.arange(40), torch.zeros(40, 3, 8, 8)
    condition = Condition("gaussian", "image", 1.0)
    wide = {"low": torch.tensor(-torch.inf), "high": torch.tensor(torch.inf)}
    small = corrupted(images, ids, condition, modality="image", **wide)
    corruptions._draws.cache_clear()
    monkeypatch.setattr(corruptions, "KEPT", images.numel() - 1)
    large = corrupted(images, ids, condition, modality="image", **wide)
    assert torch.equal(small, large)
    assert corruptions._draws.cache_info().currsize == 0
