"""keypad: the tones are DTMF, the noise is as loud as configured, nothing else is in the way."""

import numpy as np
import pytest
from scipy import stats

from cal.config import Data
from cal.data import keypad
from cal.data.assets import read

DTMF = {  # ITU-T Q.23
    0: (941, 1336),
    1: (697, 1209),
    2: (697, 1336),
    3: (697, 1477),
    4: (770, 1209),
    5: (770, 1336),
    6: (770, 1477),
    7: (852, 1209),
    8: (852, 1336),
    9: (852, 1477),
}
IDS = np.arange(1797)


def decibels(power: np.ndarray | float) -> np.ndarray:
    return np.asarray(10 * np.log10(power))


def test_every_tone_has_the_two_frequencies_of_its_digit() -> None:
    """The strongest bin on each side of 1075 Hz: within 1.5 % and half a bin of 8000 / 2400 Hz."""
    waves, labels = keypad.tones()
    power = np.abs(np.fft.rfft(waves)) ** 2
    hertz = np.fft.rfftfreq(2400, 1 / 8000)
    for column, band in enumerate((hertz < 1075, hertz > 1075)):
        nominal = np.array([DTMF[digit][column] for digit in labels])
        found = hertz[np.where(band, power, 0).argmax(1)]
        off = np.abs(found - nominal)
        assert (off <= 0.015 * nominal + 4).all()
        assert (off > 4).any()  # frequencies do drift


def test_tones_sound_for_180_to_280_ms_somewhere_in_300() -> None:
    waves, _ = keypad.tones()
    sounding = waves != 0
    start, end = sounding.argmax(1), 2400 - sounding[:, ::-1].argmax(1)
    seconds = (end - start) / 8000
    assert seconds.min() > 0.179
    assert seconds.max() < 0.281
    assert stats.kstest(seconds, "uniform", args=(0.18, 0.1)).pvalue > 1e-4  # 1 in 10,000
    slack = start / np.maximum(2400 - (end - start), 1)
    assert stats.kstest(slack, "uniform").pvalue > 1e-4


def test_levels_spread_over_6_db_both_ways() -> None:
    """Power while sounding: level +-6 dB, and 0 to 0.45 dB from twist +-4 dB: (t + 1/t) / 2."""
    waves, _ = keypad.tones()
    level = decibels((waves**2).sum(1) / (waves != 0).sum(1))
    assert -6.3 < level.min() < -5
    assert 5 < level.max() < 6.8
    assert abs(np.mean(level) - 0.15) < 0.4  # 5 sd of a mean of 1797 uniforms


def test_low_and_high_tone_differ_by_at_most_4_db() -> None:
    waves, _ = keypad.tones()
    power = np.abs(np.fft.rfft(waves)) ** 2
    low = np.fft.rfftfreq(2400, 1 / 8000) < 1075
    twist = decibels(power[:, ~low].sum(1) / power[:, low].sum(1))
    assert -4.2 < twist.min() < -3.5
    assert 3.5 < twist.max() < 4.2


@pytest.mark.parametrize("snr_db", [-14.0, 0.0, 10.0])
def test_training_noise_is_within_3_db_of_the_configured_level(snr_db: float) -> None:
    """White noise of 2400 values measures its own power to 0.13 dB (sd): 5 sd allowed."""
    waves, _ = keypad.tones()
    data = Data(name="keypad", snr_db=snr_db)
    noise = keypad.training_waves(data, IDS) - waves
    found = -decibels((noise**2).mean(1))
    assert snr_db - 3.7 < found.min() < snr_db - 2
    assert snr_db + 2 < found.max() < snr_db + 3.7
    assert stats.kstest(found, "uniform", args=(snr_db - 3, 6)).pvalue > 1e-4


def test_added_noise_has_the_power_asked_for() -> None:
    silence = np.zeros((50, 2400))
    noise = keypad.noisy(silence, np.arange(50), snr_db=-10.0, key=1)
    assert decibels((noise**2).mean()) == pytest.approx(10.0, abs=0.1)  # sd .018 dB


def test_images_are_the_digits_in_0_to_1_plus_gaussian_grain() -> None:
    clean = keypad.load(Data(name="keypad", image_sigma=0.0)).inputs[1]
    shipped = read("keypad", "digits.npz")["images"]
    assert np.array_equal(clean[:, 0] * 16, shipped)
    assert (clean.min(), clean.max()) == (0, 1)
    grain = keypad.load(Data(name="keypad", image_sigma=0.5)).inputs[1] - clean
    assert stats.kstest(grain.ravel(), "norm", args=(0, 0.5)).pvalue > 1e-4
    twice = keypad.load(Data(name="keypad", image_sigma=1.0)).inputs[1] - clean
    assert np.allclose(twice, 2 * grain, atol=1e-5)  # the same grain, only stronger


def test_audio_and_image_of_a_sample_show_the_same_digit() -> None:
    _, labels = keypad.tones()
    raw = keypad.load(Data(name="keypad"))
    assert np.array_equal(raw.labels, labels)
    assert np.array_equal(raw.labels, read("keypad", "digits.npz")["labels"])


def test_every_mel_filter_hears_something() -> None:
    """32 filters from 500 to 1800 Hz at 31.25 Hz a bin: none is empty (torchaudio would warn)."""
    filters = keypad._transform().mel_scale.fb
    assert filters.shape == (129, 32)
    assert (filters.sum(0) > 0).all()


def test_spectrograms_do_not_depend_on_the_batch() -> None:
    data = Data(name="keypad")
    whole = keypad.load(data).inputs[0]
    assert whole.shape == (1797, 1, 32, 34)
    for ids in (np.array([5]), np.array([1796, 0, 900]), np.arange(100, 700)):
        assert np.array_equal(keypad.log_mel(keypad.training_waves(data, ids)), whole[ids])


def test_more_noise_on_the_waveform_is_deterministic_and_grows() -> None:
    data, ids = Data(name="keypad"), (3, 1, 4)
    whole = keypad.load(data).inputs[0][list(ids)]
    moved = [
        np.abs(keypad.audio_at_snr(data, ids, snr) - whole).mean() for snr in (60.0, 0.0, -20.0)
    ]
    assert moved[0] < 0.01 < moved[1] < moved[2]
    alone = keypad.audio_at_snr(data, (4,), 0.0)
    assert np.array_equal(keypad.audio_at_snr(data, ids, 0.0)[2:], alone)
    keypad.audio_at_snr.cache_clear()
    assert np.array_equal(keypad.audio_at_snr(data, (4,), -0.0), alone)
