"""What every corruption keeps to. One row a kind; a kind without a row fails.

Nothing is drawn at random here (the noise is a function of sample and condition); a bound in sd
says how far a sound generator may stray.
"""

import random
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from cal.config import Data, parse
from cal.data import keypad
from cal.data.corruptions import SEVERITIES, Condition, _draws, conditions, corrupt, corrupted, hit
from cal.data.loading import load
from cal.data.parts import Part, Parts

DATA = {
    "handwritten": Data(labels_per_class=20),
    "keypad": Data(name="keypad", labels_per_class=20),
}


@dataclass(frozen=True)
class Row:
    """A kind, conditions to try it on, and whether it keeps inputs within the training range."""

    examples: tuple[tuple[str, Condition], ...]
    clipped: bool


ROWS = {
    "gaussian": Row(
        (
            ("handwritten", Condition("gaussian", "fac", 0.5)),
            ("handwritten", Condition("gaussian", "half", 2.0)),
            ("keypad", Condition("gaussian", "all", 1.0)),
        ),
        clipped=True,
    ),
    "salt_pepper": Row(
        (
            ("handwritten", Condition("salt_pepper", "all", 0.3)),
            ("keypad", Condition("salt_pepper", "half", 0.1)),
            ("keypad", Condition("salt_pepper", "image", 0.3)),
        ),
        clipped=False,  # untouched features stay as they were, even outside the range
    ),
    "missing": Row(
        (
            ("handwritten", Condition("missing", "mor", 1.0)),
            ("handwritten", Condition("missing", "fac", 0.5)),
            ("keypad", Condition("missing", "audio", 1.0)),
        ),
        clipped=False,
    ),
    "audio_snr": Row((("keypad", Condition("audio_snr", "audio", -10.0)),), clipped=False),
}
EXAMPLES = [
    pytest.param(name, condition, id=f"{name}-{condition.name}")
    for row in ROWS.values()
    for name, condition in row.examples
]
CLIPPED = [example for row in ROWS.values() if row.clipped for example in row.examples]
each = pytest.mark.parametrize(("name", "condition"), EXAMPLES)


def parts_of(name: str, *, seed: int = 0) -> Parts:
    return load(DATA[name], seed=seed)


def only(parts: Parts, rows: Tensor) -> Parts:
    """The same parts with some report samples, in this order."""
    report = parts.report
    inputs = tuple(x[rows] for x in report.inputs)
    chosen = Part(inputs, report.labels[rows], report.ids[rows])
    audio = parts.audio_at_snr
    return replace(
        parts, evaluated=chosen, audio_at_snr=(lambda snr: audio(snr)[rows]) if audio else None
    )


def test_every_kind_has_a_row() -> None:
    assert set(ROWS) == {*SEVERITIES, "audio_snr"}


@each
def test_exactly_the_target_is_changed_and_the_clean_inputs_are_not(
    name: str, condition: Condition
) -> None:
    parts = parts_of(name)
    before = [x.clone() for x in parts.report.inputs]
    found = corrupt(parts, condition)
    mask = hit(condition, parts.report.ids, parts.modalities)
    for m, (clean, noisy) in enumerate(zip(before, found, strict=True)):
        assert noisy.shape == clean.shape
        assert noisy.dtype == torch.float32
        assert noisy.is_contiguous()
        assert torch.isfinite(noisy).all()
        changed = (noisy != clean).flatten(1).any(1)
        assert not changed[~mask[:, m]].any()
        struck = int(mask[:, m].sum())
        # all 6 features of mor are spared at density .3 in .7^6 = .12 of the samples
        assert changed[mask[:, m]].sum() >= 0.8 * struck
        assert torch.equal(parts.report.inputs[m], clean)


@each
def test_a_sample_is_corrupted_alike_in_any_order_and_batch(
    name: str, condition: Condition
) -> None:
    parts = parts_of(name)
    whole = corrupt(parts, condition)
    size = len(parts.report.ids)
    for rows in (torch.arange(size).flip(0), torch.tensor([7]), torch.arange(10, size, 3)):
        some = corrupt(only(parts, rows), condition)
        assert all(torch.equal(a, b[rows]) for a, b in zip(some, whole, strict=True))


@each
def test_a_new_process_finds_the_same_bits_and_touches_no_generator(
    name: str, condition: Condition
) -> None:
    parts = parts_of(name)
    first = corrupt(parts, condition)
    _draws.cache_clear()
    keypad.audio_at_snr.cache_clear()
    before = (random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist())
    again = corrupt(parts, condition)
    after = (random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist())
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert after == before


@pytest.mark.parametrize(("name", "condition"), CLIPPED)
def test_clipped_kinds_stay_within_the_training_range(name: str, condition: Condition) -> None:
    parts = parts_of(name)
    mask = hit(condition, parts.report.ids, parts.modalities)
    for m, noisy in enumerate(corrupt(parts, condition)):
        struck = noisy[mask[:, m]]
        assert ((struck >= parts.low[m]) & (struck <= parts.high[m])).all()


def test_gaussian_noise_has_its_sigma_and_is_each_samples_own() -> None:
    """On zeros with an endless range the noise itself is seen; 400 x 216 draws."""
    ids, x = torch.arange(400), torch.zeros(400, 216)
    wide = {"low": torch.tensor(-torch.inf), "high": torch.tensor(torch.inf)}
    found = {
        (c.name, modality): corrupted(x, ids, c, modality=modality, **wide).numpy()
        for c in (Condition("gaussian", "all", 0.5), Condition("gaussian", "half", 0.5))
        for modality in ("fac", "pix")
    }
    for noise in found.values():
        assert stats.kstest(noise.ravel(), "norm", args=(0, 0.5)).pvalue > 1e-4  # 1 in 10,000
    rows = [noise.ravel() for noise in found.values()]
    rows.append(np.roll(rows[0].reshape(400, 216), 1, axis=0).ravel())
    r = np.corrcoef(rows) - np.eye(len(rows))
    assert np.abs(r).max() < 5 / np.sqrt(400 * 216)  # 10 pairs at 5 sd


@pytest.mark.parametrize("severity", SEVERITIES["salt_pepper"])
def test_salt_and_pepper_sets_its_share_half_to_each_end(severity: float) -> None:
    ids, x = torch.arange(400), torch.zeros(400, 240)
    condition = Condition("salt_pepper", "pix", severity)
    low, high = torch.tensor(-1.0), torch.tensor(2.0)
    noisy = corrupted(x, ids, condition, modality="pix", low=low, high=high)
    sd = (severity / 2 * (1 - severity / 2) / x.numel()) ** 0.5
    for end in (low, high):
        assert abs((noisy == end).float().mean().item() - severity / 2) < 5 * sd
    assert set(noisy.unique().tolist()) == {-1.0, 0.0, 2.0}


def test_a_missing_modality_is_zero_in_standardised_units() -> None:
    found = corrupt(parts_of("keypad"), Condition("missing", "image", 1.0))
    assert not found[1].any()
    assert found[0].any()


@pytest.mark.parametrize(("name", "struck"), [("handwritten", 3), ("keypad", 1)])
def test_half_strikes_half_of_each_samples_modalities_at_random(name: str, struck: int) -> None:
    """Each modality is struck with probability 1/2: sd .5 / sqrt(2000), 5 sd allowed."""
    names = parts_of(name).modalities
    mask = hit(Condition("gaussian", "half", 1.0), torch.arange(2000), names)
    assert (mask.sum(1) == struck).all()
    assert ((mask.float().mean(0) - 0.5).abs() < 5 * 0.5 / 2000**0.5).all()
    other = hit(Condition("gaussian", "half", 2.0), torch.arange(2000), names)
    assert not torch.equal(mask, other)  # drawn anew for each condition


def test_audio_noise_uses_the_same_standardisation() -> None:
    """At +160 dB nothing is audible, so the clean inputs come out; float32 rounding."""
    parts = parts_of("keypad", seed=3)
    silent = corrupt(parts, Condition("audio_snr", "audio", 160.0))
    assert torch.allclose(silent[0], parts.report.inputs[0], atol=1e-3)
    assert silent[1] is parts.report.inputs[1]
    moved = [
        (corrupt(parts, Condition("audio_snr", "audio", snr))[0] - silent[0]).abs().mean()
        for snr in (20.0, 0.0, -20.0)
    ]
    assert moved == sorted(moved)
    assert moved[2] > 0.5


def test_unknown_kinds_and_targets_are_refused() -> None:
    parts = parts_of("handwritten")
    with pytest.raises(ValueError, match=r"target: given 'fax'; allowed: fac, .*half, all"):
        corrupt(parts, Condition("gaussian", "fax", 1.0))
    with pytest.raises(ValueError, match="kind: given 'gauss'; allowed: gaussian"):
        corrupt(parts, Condition("gauss", "fac", 1.0))
    with pytest.raises(ValueError, match="audio_snr: only for data with a waveform"):
        corrupt(parts, Condition("audio_snr", "fac", 0.0))


def test_a_second_run_in_the_process_draws_no_noise_anew() -> None:
    """Noise is by sample and condition, and the report part is the same for all seeds."""
    _draws.cache_clear()
    for seed in range(2):
        for condition in conditions(parse({})):
            corrupt(parts_of("handwritten", seed=seed), condition)
        if seed == 0:
            drawn = _draws.cache_info().misses
    assert drawn > 0
    assert _draws.cache_info().misses == drawn
