"""Who owns which parameter, which shapes come out, and that replicas do not notice each other."""

import pytest
import torch
from torch import Tensor, nn

from cal import config
from cal.mechanisms.bottleneck import Bottleneck, Deterministic
from cal.model.cnn import CELLS, conv_strides, pooled_grid
from cal.model.initial import uniform
from cal.model.modules import ModuleEncoders
from cal.model.network import Network, build, build_encoders, partial_detach
from cal.rng import derived_seed, generators

VIEWS = ((5,), (3,))
IMAGES = ((1, 32, 20), (1, 8, 8))
SHAPES = {"mlp": VIEWS, "linear": VIEWS, "cnn": IMAGES, "resnet18": ((1, 32, 32), (1, 32, 32))}
SEEDS = (4, 0, 9)


def network(*seeds: int, kind: str = "mlp", slot: type[Deterministic] = Bottleneck) -> Network:
    """A small network of two modalities and three classes."""
    model = config.Model.model_validate({"encoder": kind, "hidden": (6, 4), "d_z": 2})
    given = {"kinds": ["image"] * len(SHAPES[kind]), "train": config.Train()}
    return build(model, SHAPES[kind], classes=3, seeds=seeds, slot=slot, **given)


def batch(kind: str, *, replicas: int, samples: int = 7, seed: int = 0) -> list[Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(replicas, samples, *shape, generator=draw) for shape in SHAPES[kind]]


@pytest.mark.parametrize("kind", SHAPES)
def test_every_parameter_has_one_owner(kind: str) -> None:
    """k reaches encoders and slot once, heads and fusion never."""
    found = network(0, kind=kind)
    expected = [*found.encoders.parameters(), *found.slot.parameters()]
    owned = [id(item.parameter) for item in found.owned()]
    assert sorted(owned) == sorted(map(id, expected))
    encoders = [id(item.parameter) for item in found.encoders.owned()]
    assert sorted(encoders) == sorted(map(id, found.encoders.parameters()))


@pytest.mark.parametrize("kind", SHAPES)
def test_an_owner_is_the_modality_whose_input_moves_it(kind: str) -> None:
    """Only modality 1's features are in the loss: modality 0's parameters get no gradient."""
    encoders = network(0, kind=kind).encoders
    encoders(batch(kind, replicas=1))[:, 1].square().sum().backward()
    for item in encoders.owned():
        grad = item.parameter.grad
        if item.modality == 0:
            assert grad is None or not grad.any()
        elif item.modality is None:
            assert grad is not None
            assert not grad[:, 0].any()
    moved = [item.parameter.grad for item in encoders.owned() if item.modality == 1]
    assert any(grad is not None and grad.any() for grad in moved)


@pytest.mark.parametrize("kind", SHAPES)
def test_features_are_by_replica_and_modality(kind: str) -> None:
    encoders = network(0, kind=kind).encoders
    h = encoders(batch(kind, replicas=1))
    assert h.shape == (1, 2, 7, encoders.width)


def test_replicated_encoders_have_the_axes_they_claim() -> None:
    for kind in ("mlp", "cnn"):
        for item in network(*SEEDS, kind=kind).encoders.owned():
            assert item.parameter.shape[0] == len(SEEDS)
            assert item.modality is not None or item.parameter.shape[1] == 2


def learn(net: Network, inputs: list[Tensor], labels: Tensor, noise: Tensor) -> None:
    """Three plain steps."""
    gamma = torch.ones(len(labels))
    for _ in range(3):
        net.zero_grad()
        out = net(inputs, noise, gamma)
        fused = out.fused.log_softmax(-1).gather(-1, labels[..., None]).mean((1, 2))
        heads = out.unimodal.log_softmax(-1).square().mean((1, 2, 3))
        (0.1 * out.kl.sum(-1) + heads - fused).sum().backward()
        with torch.no_grad():
            for parameter in net.parameters():
                if parameter.grad is not None:
                    parameter.sub_(0.1 * parameter.grad)


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_a_pack_of_three_is_each_alone_bit_for_bit(kind: str) -> None:
    inputs = batch(kind, replicas=3)
    draw = torch.Generator().manual_seed(1)
    labels = torch.randint(3, (3, 7), generator=draw)
    noise = torch.randn(3, 2, 7, 2, generator=draw)
    pack = network(*SEEDS, kind=kind)
    learn(pack, inputs, labels, noise)
    packed = dict(pack.named_parameters())
    for r, seed in enumerate(SEEDS):
        alone = network(seed, kind=kind)
        learn(alone, [x[r : r + 1] for x in inputs], labels[r : r + 1], noise[r : r + 1])
        for name, value in alone.named_parameters():
            assert torch.equal(packed[name][r], value[0]), name


def test_several_replicas_of_batch_norm_are_refused() -> None:
    model = config.Model(encoder="resnet18")
    with pytest.raises(ValueError, match="given 2 replicas; such modules run alone"):
        build_encoders(
            model,
            SHAPES["resnet18"],
            seeds=(0, 1),
            kinds=["image", "image"],
            train=config.Train(),
        )


def test_arms_share_what_they_have_in_common() -> None:
    """With and without the bottleneck every common parameter begins with the same bits."""
    full, plain = network(3, slot=Bottleneck), network(3, slot=Deterministic)
    values = dict(full.named_parameters())
    for name, value in plain.named_parameters():
        assert torch.equal(values[name], value), name
    extra = values.keys() - dict(plain.named_parameters()).keys()
    assert extra == {"slot.variance_weight", "slot.variance_bias"}


def test_another_seed_is_another_network_and_no_global_state_is_drawn() -> None:
    for kind in ("mlp", "resnet18"):
        before = torch.get_rng_state()
        one, again, other = (network(seed, kind=kind) for seed in (3, 3, 4))
        assert torch.equal(torch.get_rng_state(), before)
        first, second, third = (list(n.encoders.parameters())[0] for n in (one, again, other))
        assert torch.equal(first, second)
        assert not torch.equal(first, third)


def test_initial_values_stay_in_their_bounds() -> None:
    """fan_in 4: +-1/2, and 2,000 draws come within 1 % of both (missed with chance 1e-8)."""
    values = uniform((1000, 2), 4, generators([1], "test"))
    assert values.shape == (1, 1000, 2)
    assert -0.5 <= values.min() < -0.495
    assert 0.495 < values.max() <= 0.5


def test_purposes_have_seeds_of_their_own() -> None:
    seeds = {derived_seed(seed, part) for seed in range(10) for part in ("order", "noise")}
    assert len(seeds) == 20
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_gamma_is_the_part_of_the_gradient_that_passes() -> None:
    """d sum(z) / dz = 1: replica r receives gamma_r; the value is z for every gamma."""
    for gammas in ([0.0, 0.25, 1.0], [0.0] * 3, [1.0] * 3):
        z = torch.randn(3, 2, 4, 5, requires_grad=True)
        seen = partial_detach(z, torch.tensor(gammas))
        torch.testing.assert_close(seen, z)  # .25 z + .75 z: rounding only
        (seen.sum() + 0 * z.sum()).backward()
        assert z.grad is not None
        assert z.grad[:, 0, 0, 0].tolist() == gammas


@pytest.mark.parametrize(
    ("height", "width", "strides"),
    [(32, 20, [2, 2]), (8, 8, [2, 1]), (7, 7, [1, 1]), (4, 64, [1, 1])],
)
def test_images_are_halved_while_both_sides_stay_at_least_four(
    height: int, width: int, strides: list[int]
) -> None:
    assert conv_strides(height, width, layers=2) == strides


@pytest.mark.parametrize("height", [4, 7, 8, 32])
def test_pooled_maps_have_the_same_number_of_cells(height: int) -> None:
    rows, columns = pooled_grid(height)
    assert rows * columns == CELLS


@pytest.mark.parametrize(
    ("encoder", "shape", "form"),
    [("mlp", (3, 100), r"features \[D\]"), ("cnn", (9,), r"\[C, Y, X\]")],
)
def test_a_shape_that_an_encoder_does_not_take_is_told(
    encoder: str, shape: tuple[int, ...], form: str
) -> None:
    """A window [3, 100] is no row of features, and [D] is no image."""
    model, train = config.Model.model_validate({"encoder": encoder}), config.Train()
    with pytest.raises(config.ConfigError, match=rf"^model\.encoder: given '{encoder}'; .*{form}"):
        build_encoders(model, [shape], seeds=[0], kinds=["table"], train=train)


def test_a_module_whose_features_are_too_wide_or_no_rows_is_told() -> None:
    """Narrower ones are filled up with 0; wider ones would be cut without a word."""
    train = config.Train()
    one, two = nn.Linear(3, 2), nn.Linear(3, 4)
    inputs = [torch.ones(1, 5, 3), torch.ones(1, 5, 3)]
    found = ModuleEncoders([one, two], widths=[4, 4], train=train)(inputs)
    assert found.shape == (1, 2, 5, 4)
    assert (found[0, 0, :, 2:] == 0).all()
    with pytest.raises(
        config.ConfigError, match=r"modality 1 \(from 0\) gives features \[5, 4\]; allowed"
    ):
        ModuleEncoders([one, two], widths=[3, 3], train=train)(inputs)
    with pytest.raises(
        config.ConfigError, match=r"modality 0 \(from 0\) gives features \[5, 1, 3\]"
    ):
        ModuleEncoders([nn.Unflatten(1, (1, 3)), two], widths=[4, 4], train=train)(inputs)
