"""Global random states are captured, restored and lent out."""

import random
from io import BytesIO

import numpy as np
import pytest
import torch

from cal import rng


def draw() -> tuple[float, float, float]:
    """One number from each global generator."""
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_a_captured_state_comes_back() -> None:
    state = rng.capture()
    first = draw()
    assert draw() != first
    rng.restore(state)
    assert draw() == first


def test_half_of_a_normal_pair_is_part_of_the_state() -> None:
    """Python and NumPy draw Gaussian numbers in pairs and keep the second."""
    random.gauss(0, 1)
    np.random.randn()
    state = rng.capture()
    first = random.gauss(0, 1), np.random.randn()
    draw()
    rng.restore(state)
    assert (random.gauss(0, 1), np.random.randn()) == first


def test_a_state_survives_a_file_without_code() -> None:
    file = BytesIO()
    torch.save(rng.capture(), file)
    first = draw()
    rng.restore(torch.load(BytesIO(file.getvalue()), weights_only=True))
    assert draw() == first


def test_seeding_for_a_run_leaves_the_callers_state() -> None:
    before = rng.capture()
    first = draw()
    rng.restore(before)
    state = rng.seeded(2**63 - 1)
    assert draw() == first
    rng.restore(state)
    once = draw()
    rng.restore(rng.seeded(2**63 - 1))
    assert draw() == once != first
    rng.restore(rng.seeded(0))
    assert draw() != once


def test_a_block_borrows_and_gives_back() -> None:
    lent = rng.seeded(1)
    rng.restore(lent)
    expected = draw()
    rng.restore(rng.seeded(2))
    before = rng.capture()
    with rng.borrowed(lent):
        assert draw() == expected
    after = draw()
    rng.restore(before)
    assert draw() == after


def test_a_block_that_fails_gives_back_too() -> None:
    before = rng.capture()
    first = draw()
    rng.restore(before)
    with pytest.raises(ZeroDivisionError), rng.borrowed(rng.seeded(3)):
        draw()[0] / 0
    assert draw() == first
