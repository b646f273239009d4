"""No noise changed: the draws of the clean-room protocol are yesterday's, bit by bit.

Salt, pepper and the random half come of whole numbers alone, so their digests hold on every
machine; Gaussian draws pass a logarithm, so they may differ in the last digit of a float32.
"""

import hashlib

import pytest
import torch
from torch import Tensor

from cal.data.corruptions import Condition, corrupted, hit

IDS = torch.arange(0, 400, 7)
CLEAN = torch.arange(len(IDS) * 24).view(-1, 24).float() / 500 - 1
RANGE = {"low": torch.full((24,), -9.0), "high": torch.full((24,), 9.0)}


def digest(*masks: Tensor) -> str:
    whole = b"".join(mask.numpy().tobytes() for mask in masks)
    return hashlib.sha256(whole).hexdigest()[:32]


@pytest.mark.parametrize(
    ("severity", "expected"),
    [(0.1, "3835dd77242c0d78f735d4a0aeb58f1c"), (0.3, "c89308e2fe8d0cb804631d2d9974ed71")],
)
def test_salt_and_pepper_fall_where_they_fell(severity: float, expected: str) -> None:
    condition = Condition("salt_pepper", "all", severity)
    noisy = corrupted(CLEAN, IDS, condition, modality="pix", **RANGE)
    assert digest(noisy == -9, noisy == 9) == expected
    kept = noisy.abs() < 9
    assert torch.equal(noisy[kept], CLEAN[kept])


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Condition("gaussian", "half", 0.5), "397e4dfcfa0c08eae42dc41454dcf71e"),
        (Condition("salt_pepper", "half", 0.3), "ef57bf9a9817782e1defdf1817c62a54"),
    ],
)
def test_the_random_half_is_the_same(condition: Condition, expected: str) -> None:
    assert digest(hit(condition, IDS, ("a", "b", "c", "d"))) == expected


def test_gaussian_draws_are_the_same() -> None:
    condition = Condition("gaussian", "fac", 2.0)
    noise = corrupted(torch.zeros(len(IDS), 24), IDS, condition, modality="fac", **RANGE)
    first = [-1.3459199666976929, 0.874701738357544, -2.243115186691284, -0.5658756494522095]
    assert noise[0, :4].tolist() == pytest.approx(first, rel=1e-6)
    assert noise[-1, -1].item() == pytest.approx(0.05850999429821968, rel=1e-6)
