"""Prototypes, and who leads by them, worked by hand."""

import math

import pytest
import torch

from cal.mechanisms.prototypes import FAR, entropy, lagging, leading, moved, similarities


def test_similarities_are_negative_distances() -> None:
    prototypes = torch.tensor([[[[3.0, 4.0], [0.0, 0.0], [math.nan, math.nan]]]])
    z = torch.zeros(1, 1, 1, 2, requires_grad=True)
    found = similarities(z, prototypes)
    assert found.flatten().tolist() == pytest.approx([-5, 0, -FAR], abs=1e-5)
    found.sum().backward()
    assert z.grad is not None
    assert z.grad.flatten().tolist() == pytest.approx([0.6, 0.8]), "none of what there is not"


def test_whoever_lags_and_whoever_leads() -> None:
    """30 against 10: the second is 1/3 as good, clipped to 1; against 20: 30 / 20 - 1 of both."""
    scores = torch.tensor([[30.0, 10.0], [30.0, 20.0], [7.0, 7.0]])
    assert lagging(scores).tolist() == [[0, 1], pytest.approx([0, 0.5]), [0, 0]]
    assert leading(scores).tolist() == [[1, 0], pytest.approx([0.5, 0]), [0, 0]]


def test_of_two_the_weight_of_the_one_is_that_of_the_other() -> None:
    """As in the paper: clip(rho - 1) of whoever leads is clip(1 / rho - 1) of whoever lags."""
    scores = torch.rand(50, 2, generator=torch.Generator().manual_seed(0)) + 0.1
    assert torch.allclose(leading(scores), lagging(scores).flip(-1), atol=1e-6)


def test_of_three_it_is_the_mean_of_the_others() -> None:
    """(12 6 6): rho = 12 / 6 and 6 / 9, so 2 - 1 leads and 9 / 6 - 1 lags."""
    scores = torch.tensor([[12.0, 6.0, 6.0]])
    assert leading(scores).tolist() == [[1, 0, 0]]
    assert lagging(scores).tolist() == [pytest.approx([0, 0.5, 0.5])]


def test_one_alone_neither_leads_nor_lags() -> None:
    alone = torch.tensor([[3.0], [0.0]])
    assert leading(alone).tolist() == lagging(alone).tolist() == [[0], [0]]


def test_the_entropy_of_a_fair_coin_and_of_a_certain_one() -> None:
    """Two samples of one modality: log 2 and 0, in the mean .5 log 2; no gradient where p = 0."""
    logits = torch.tensor([[[[0.0, 0.0, -FAR], [0.0, -FAR, -FAR]]]], requires_grad=True)
    found = entropy(logits.log_softmax(-1))
    assert found.item() == pytest.approx(0.5 * math.log(2))
    found.sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[..., 2].abs().max() == 0


def test_prototypes_move_as_far_as_memory_lets_them() -> None:
    """.25 * 8 + .75 * 4 = 5; what one of them does not know is the other's, or none."""
    nan = math.nan
    old = torch.tensor([8.0, nan, 3.0, nan]).view(1, 1, 4, 1)
    means = torch.tensor([4.0, 2.0, nan, nan]).view(1, 1, 4, 1)
    found = moved(old, means, memory=torch.tensor([0.25])).flatten()
    assert found[:3].tolist() == [5, 2, 3]
    assert found[3].isnan()
    fresh = moved(old, means, memory=torch.tensor([0.0])).flatten()
    assert fresh[0] == 4


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"prototypes: given shape \(1, 3, 2, 4\); allowed: M = 2"):
        similarities(torch.zeros(1, 2, 5, 4), torch.zeros(1, 3, 2, 4))
    with pytest.raises(ValueError, match="scores: given shape"):
        leading(torch.zeros(3))
    with pytest.raises(ValueError, match="log_p: given shape"):
        entropy(torch.zeros(3, 2))
