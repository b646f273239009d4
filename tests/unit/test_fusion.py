"""Fusion for the batch, for every coalition and for each modality alone."""

import pytest
import torch
from torch import Tensor

from cal.mechanisms import coalitions
from cal.model.fusion import Fusion, LinearFusion, MLPFusion
from cal.rng import generators

REPLICAS, MODALITIES, SAMPLES, LATENT, CLASSES = 2, 3, 5, 4, 6
ROUNDING = {"atol": 1e-5, "rtol": 1e-5}  # sums of a few dozen float32 in another order


def fusion(kind: str) -> Fusion:
    draws = generators(range(REPLICAS), "fusion")
    shape = {"modalities": MODALITIES, "latent": LATENT, "classes": CLASSES}
    if kind == "linear":
        return LinearFusion(**shape, draws=draws)
    return MLPFusion(**shape, hidden=7, draws=draws)


def latents() -> Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(REPLICAS, MODALITIES, SAMPLES, LATENT, generator=draw)


def test_two_modalities_by_hand() -> None:
    """z = (2) and (3), weights (1, -1) and (.5, 1), bias (.1, .2), one sample.

    Both: (2 + 1.5 + .1, -2 + 3 + .2) = (3.6, 1.2). First alone: (2.1, -1.8); none: (.1, .2).
    Each one's part has half the bias: (2.05, -1.9) and (1.55, 3.1).
    """
    layer = LinearFusion(modalities=2, latent=1, classes=2, draws=generators([0], "fusion"))
    layer.weight.data = torch.tensor([[[[1.0, -1.0]], [[0.5, 1.0]]]])
    layer.bias.data = torch.tensor([[[0.1, 0.2]]])
    z = torch.tensor([[[[2.0]], [[3.0]]]])
    torch.testing.assert_close(layer(z), torch.tensor([[[3.6, 1.2]]]))
    masks = torch.tensor([[0.0, 0], [1, 0], [1, 1]])
    expected = torch.tensor([[[[0.1], [0.2]], [[2.1], [-1.8]], [[3.6], [1.2]]]])
    torch.testing.assert_close(layer.coalitions(z, masks), expected)
    parts = torch.tensor([[[[2.05, -1.9]], [[1.55, 3.1]]]])
    torch.testing.assert_close(layer.alone(z), parts)


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_the_coalition_of_all_is_the_batch(kind: str) -> None:
    layer, z = fusion(kind), latents()
    found = layer.coalitions(z, torch.ones(1, MODALITIES))[:, 0].transpose(-1, -2)
    torch.testing.assert_close(found, layer(z), **ROUNDING)


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_absence_is_a_latent_of_zeros(kind: str) -> None:
    layer, z = fusion(kind), latents()
    masks = coalitions.exact(MODALITIES).masks
    found = layer.coalitions(z, masks)
    assert found.shape == (REPLICAS, 2**MODALITIES, CLASSES, SAMPLES)
    for s, mask in enumerate(masks):
        expected = layer(z * mask[:, None, None])
        torch.testing.assert_close(found[:, s].transpose(-1, -2), expected, **ROUNDING)


def test_linear_parts_add_up_to_the_logits() -> None:
    layer, z = fusion("linear"), latents()
    torch.testing.assert_close(layer.alone(z).sum(1), layer(z), **ROUNDING)


def test_alone_in_an_mlp_is_everyone_else_absent() -> None:
    layer, z = fusion("mlp"), latents()
    for m in range(MODALITIES):
        present = torch.zeros(MODALITIES, 1, 1)
        present[m] = 1
        torch.testing.assert_close(layer.alone(z)[:, m], layer(z * present), **ROUNDING)


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_without_anyone_every_sample_looks_the_same(kind: str) -> None:
    layer = fusion(kind)
    none = layer.coalitions(latents(), torch.zeros(1, MODALITIES))
    assert torch.equal(none, none[..., :1].expand_as(none))
