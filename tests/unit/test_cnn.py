"""The CNN is PyTorch's convolution, GroupNorm and pooling, replica by replica, and of any pack."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from cal.model.cnn import ConvLayer, NormReLU, Pool, ViewCNN, patch_bags, pooled_grid
from cal.rng import generators

SHAPES = ((1, 32, 34), (2, 8, 8), (3, 13, 7))  # keypad's two; and odd sides
CHANNELS = (8, 16)


def cnn(seeds: Sequence[int], *, channels: Sequence[int] = CHANNELS) -> ViewCNN:
    """Scales and shifts away from 1 and 0, each replica by its own seed."""
    encoders = ViewCNN(SHAPES, channels=channels, width=5, draws=generators(seeds, "encoders"))
    draws = generators(seeds, "test")
    for name, parameter in encoders.towers.named_parameters():
        if not name.endswith("weight"):
            noise = [torch.randn(parameter.shape[1:], generator=draw) for draw in draws]
            parameter.data += 0.3 * torch.stack(noise)
    return encoders


def images(replicas: int, *, samples: int = 6) -> list[Tensor]:
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(replicas, samples, *shape, generator=draw) for shape in SHAPES]


def by_pytorch(encoders: ViewCNN, inputs: Sequence[Tensor]) -> Tensor:
    """The same network by torch.nn.functional."""
    features = []
    for x, tower in zip(inputs, encoders.towers, strict=True):
        replicas = []
        for r, maps in enumerate(x):
            for layer in tower:
                if isinstance(layer, ConvLayer):
                    # A layer keeps no stride: the rule of conv_strides.
                    stride = 2 if min(maps.shape[2:]) >= 8 else 1
                    maps = functional.conv2d(maps, layer.weight[r], stride=stride, padding=1)
                    affine = (layer.scale[r], layer.shift[r])
                    maps = functional.group_norm(maps, layer.groups, *affine).relu()
            pooled = functional.adaptive_avg_pool2d(maps, pooled_grid(maps.shape[2]))
            replicas.append(pooled.flatten(1))
        features.append(torch.stack(replicas))
    joined: Tensor = encoders.last(torch.stack(features, 1))
    return joined


@pytest.mark.parametrize("channels", [CHANNELS, (3,), (1, 2, 4)])
@pytest.mark.parametrize("replicas", [1, 3])
def test_it_is_pytorch_s_network_and_so_are_its_gradients(
    replicas: int, channels: tuple[int, ...]
) -> None:
    """Another order of summation: float32 to 1e-4 of the largest entry."""
    encoders = cnn(range(replicas), channels=channels)
    inputs = images(replicas)
    results = encoders(inputs), by_pytorch(encoders, inputs)
    weights = torch.randn(results[0].shape, generator=torch.Generator().manual_seed(1))
    names, parameters = zip(*encoders.named_parameters(), strict=True)
    found, expected = (torch.autograd.grad(h, parameters, weights) for h in results)
    torch.testing.assert_close(*results, atol=1e-4, rtol=0)
    for name, one, other in zip(names, found, expected, strict=True):
        close = torch.allclose(one, other, rtol=0, atol=1e-4 * float(other.abs().max()))
        assert close, name


def test_gradients_reach_the_maps_that_come_in() -> None:
    """Against finite differences in float64."""
    layer = ConvLayer(2, 4, size=(5, 4), stride=2, draws=generators([0, 1], "test")).double()
    maps = torch.randn(2, 2, 20, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, maps)
    scale, shift = (torch.randn(2, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    products = torch.randn(2, 4, 6, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(NormReLU.apply, (products, scale, shift, 2))


def test_patches_of_a_row_by_hand() -> None:
    """One row of two cells: the middle row of the kernel sees (-, 0), (0, 1) and (1, -)."""
    cells, ends, patches, ends_back = (t.tolist() for t in patch_bags(1, 1, 2, stride=1))
    assert cells == [0, 0, 1, 1]
    assert ends == [0] * 8 + [1, 2, 3, 4] + [4] * 7
    assert patches == [7, 8, 9, 10]
    assert ends_back == [0, 2, 4]


def test_overlapping_windows_are_averaged() -> None:
    """Three columns on two cells: (0, 1) and (1, 2)."""
    pooled = Pool((1, 3), (1, 2))(torch.tensor([1.0, 3.0, 8.0]).view(1, 1, 3, 1))
    assert pooled.flatten().tolist() == [2.0, 5.5]


def test_the_tables_are_in_no_checkpoint() -> None:
    encoders = cnn([0])
    assert encoders.state_dict().keys() == dict(encoders.named_parameters()).keys()


@pytest.mark.parametrize("replicas", [2, 5, 8])
def test_replicas_of_a_pack_are_each_alone_bit_for_bit(replicas: int) -> None:
    inputs = images(replicas, samples=64)
    pack = cnn(range(replicas))
    h = pack(inputs)
    h.square().sum().backward()
    for r in range(replicas):
        one = cnn([r])
        alone = one([x[r : r + 1] for x in inputs])
        alone.square().sum().backward()
        assert torch.equal(h[r], alone[0])
        for (name, found), expected in zip(pack.named_parameters(), one.parameters(), strict=True):
            assert found.grad is not None
            assert expected.grad is not None
            assert torch.equal(found.grad[r], expected.grad[0]), name
