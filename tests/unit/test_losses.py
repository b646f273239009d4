"""The terms of the objective, worked on two modalities and three samples."""

import math

import pytest
import torch

from cal.losses import cross_entropies, weighted_kl


def test_every_head_has_its_cross_entropy() -> None:
    """Two classes, labels 0, 0, 1.

    Fused: odds 3 : 1 for the true class each time: CE = log 4/3.
    Modality a: no opinion: log 2. Modality b: odds 3 : 1 for class 0 always:
    (2 log 4/3 + log 4) / 3.
    """
    odds = math.log(3.0)
    labels = torch.tensor([[0, 0, 1]])
    fused = torch.tensor([[[odds, 0], [odds, 0], [0, odds]]])
    a, b = torch.zeros(3, 2), torch.tensor([[odds, 0]] * 3)
    found = cross_entropies(fused, torch.stack([a, b])[None], labels)
    third = (2 * math.log(4 / 3) + math.log(4)) / 3
    torch.testing.assert_close(found, torch.tensor([[math.log(4 / 3), math.log(2), third]]))


def test_replicas_do_not_mix() -> None:
    draw = torch.Generator().manual_seed(0)
    fused = torch.randn(3, 5, 4, generator=draw)
    unimodal = torch.randn(3, 2, 5, 4, generator=draw)
    labels = torch.randint(4, (3, 5), generator=draw)
    pack = cross_entropies(fused, unimodal, labels)
    alone = [cross_entropies(fused[r, None], unimodal[r, None], labels[r, None]) for r in range(3)]
    assert torch.equal(pack, torch.cat(alone))  # elementwise and per row: bit for bit


def test_the_divergence_is_weighted_by_modality() -> None:
    """KL (2, 1) nats under beta (.1, .5): .2 + .5 = .7; beta 0 is no compression."""
    kl = torch.tensor([[2.0, 1.0], [2.0, 1.0]])
    beta = torch.tensor([[0.1, 0.5], [0.0, 0.0]])
    assert weighted_kl(kl, beta).tolist() == pytest.approx([0.7, 0.0])
