"""A look through some rows of a pack's network is, bit for bit, those rows of a look by all."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from cal import config
from cal.batches import ProbeView
from cal.config import parse
from cal.mechanisms.bottleneck import Bottleneck
from cal.mechanisms.coalitions import exact
from cal.model import network
from cal.model.looking import Looking
from cal.model.rows import ALL, indexed

CPU = torch.device("cpu")
SIZE, SAMPLES = 5, 12
MODELS = {
    "mlp": ({"hidden": [8, 8], "d_z": 4}, [(7,), (3,)]),
    "mlp fusion": ({"hidden": [8], "d_z": 4, "fusion": "mlp", "fusion_hidden": 6}, [(7,), (3,)]),
    "cnn": ({"encoder": "cnn", "hidden": [8], "channels": [4, 4]}, [(1, 8, 6), (1, 8, 8)]),
}


def pack(name: str) -> tuple[network.Network, list[Tensor]]:
    """Five different replicas, with inputs of their own."""
    fields, shapes = MODELS[name]
    data = {"name": "keypad"} if name == "cnn" else {}
    model = parse({"model": fields, "data": data}).model
    given = {"kinds": ["table"] * len(shapes), "train": config.Train()}
    built = network.build(model, shapes, classes=3, seeds=range(SIZE), slot=Bottleneck, **given)
    draw = torch.Generator().manual_seed(0)
    inputs = [torch.randn(SIZE, SAMPLES, *shape, generator=draw) for shape in shapes]
    return built.eval(), inputs


def test_neighbours_are_a_slice_and_others_an_index() -> None:
    assert indexed([3], CPU) == slice(3, 4)
    assert indexed([1, 2, 3], CPU) == slice(1, 4)
    scattered = indexed([0, 2], CPU)
    assert isinstance(scattered, Tensor)
    assert scattered.tolist() == [0, 2]


@pytest.mark.parametrize("rows", [[2], [1, 2, 3], [0, 3], [0, 1, 2, 3, 4]])
@pytest.mark.parametrize("name", MODELS)
def test_some_rows_are_those_of_all(name: str, rows: Sequence[int]) -> None:
    built, inputs = pack(name)
    looking, own, masks = Looking(built), indexed(rows, CPU), exact(2).masks
    with torch.no_grad():
        z, heads = looking(inputs)
        some_z, some_heads = looking.of(own, [x[own] for x in inputs])
        whole = built.fusion.coalitions(z, masks, ALL)
        some = built.fusion.coalitions(some_z, masks, own)
    assert torch.equal(some_z, z[own])
    assert torch.equal(some_heads, heads[own])
    assert torch.equal(some, whole[own])


def test_the_network_is_as_it_was_afterwards() -> None:
    built, inputs = pack("cnn")
    before = dict(built.named_parameters())
    Looking(built).of(slice(1, 2), [x[1:2] for x in inputs])
    after = dict(built.named_parameters())
    assert all(after[name] is parameter for name, parameter in before.items())


def test_a_view_of_some_hands_each_metric_its_own() -> None:
    """Rows 1, 2 and 4 looked together; 2 and 4 belong to one metric."""
    built, inputs = pack("mlp")
    labels = torch.arange(SIZE)[:, None].expand(-1, SAMPLES) % 3
    masks = exact(2).masks
    with torch.no_grad():
        z, heads = Looking(built)(inputs)
    everybody = ProbeView(built.fusion, z, heads, labels)
    some = everybody.only([1, 2, 4])
    own = some.only([2, 4])
    assert own.rows == [2, 4]
    assert torch.equal(own.labels, labels[[2, 4]])
    assert torch.equal(own.unimodal, heads.transpose(-1, -2)[[2, 4]])
    assert torch.equal(own.coalitions(masks), everybody.coalitions(masks)[[2, 4]])
    assert not own.coalitions(masks).requires_grad
