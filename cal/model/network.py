"""The network: encoders -> [slot] -> fusion -> heads. The slot takes any features -> (z, kl).

Legend: R replicas, M modalities, S coalitions, B samples, H encoder features, Z latent features,
K classes. A plain run is the pack of one, R = 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from cal import config
from cal.modalities import Kind
from cal.model.cnn import ViewCNN
from cal.model.encoders import Encoders, Owned, ViewLinear, ViewMLP
from cal.model.fusion import Fusion, LinearFusion, MLPFusion
from cal.model.initial import uniform
from cal.model.late import LateFusion
from cal.model.modules import WIDTHS, Bert, Frames, ModuleEncoders, resnet
from cal.rng import generators


class Slot(Protocol):
    """Where the method puts its bottleneck; an ``nn.Module`` with layers [R, M, ...]."""

    stochastic: bool

    def __call__(self, features: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        """h [R, M, B, H] -> z [R, M, B, Z], kl [R, M]."""

    def mean(self, features: Tensor) -> Tensor:
        """h [R, M, B, H] -> mu [R, M, B, Z], for evaluation."""


class Outputs(NamedTuple):
    """One training batch."""

    z: Tensor  # [R, M, B, Z]
    fused: Tensor  # [R, B, K] logits
    unimodal: Tensor  # [R, M, B, K] logits of the unimodal heads
    kl: Tensor  # [R, M] nats


class Network(nn.Module):
    """Encoders, slot, fusion and one linear unimodal head per modality."""

    def __init__(
        self,
        *,
        encoders: Encoders,
        slot: nn.Module,
        fusion: Fusion,
        head_weight: Tensor,
        head_bias: Tensor,
    ) -> None:
        """``head_weight`` [R, M, Z, K], ``head_bias`` [R, M, 1, K]."""
        super().__init__()
        self.encoders = encoders
        self.slot = slot
        self.fusion = fusion
        # A late fusion has the heads' own parameters.
        late = fusion if isinstance(fusion, LateFusion) else None
        self.head_weight = nn.Parameter(head_weight) if late is None else late.weight
        self.head_bias = nn.Parameter(head_bias) if late is None else late.bias

    def owned(self) -> list[Owned]:
        """What k scales: the encoders and the slot's layers, never heads or fusion."""
        slot = [Owned(parameter, None) for parameter in self.slot.parameters()]
        return self.encoders.owned() + slot

    def heads(self, z: Tensor) -> Tensor:
        """Unimodal logits [R, M, B, K] of z [R, M, B, Z]."""
        return torch.matmul(z, self.head_weight) + self.head_bias

    def latents(self, inputs: Sequence[Tensor]) -> Tensor:
        """mu [R, M, B, Z], as in evaluation."""
        mean: Tensor = self.slot.mean(self.encoders(inputs))  # type: ignore[operator]
        return mean

    def forward(self, inputs: Sequence[Tensor], noise: Tensor | None, gamma: Tensor) -> Outputs:
        """M tensors [R, B, ...], noise [R, M, B, Z] for a stochastic slot, gamma [R] -> Outputs."""
        z, kl = self.slot(self.encoders(inputs), noise)
        return Outputs(z, self.fusion(z), self.heads(partial_detach(z, gamma)), kl)


def partial_detach(z: Tensor, gamma: Tensor) -> Tensor:
    """gamma z + (1 - gamma) stopgrad(z): the same value, its gradient times gamma.

    ``z`` [R, M, B, Z]; ``gamma`` [R] in [0, 1], on the CPU (its values are looked at, and nobody
    waits for a GPU): 0 is a detached probe, 1 leaves z as it is.
    """
    if bool((gamma == 1).all()):
        return z
    if bool((gamma == 0).all()):
        return z.detach()
    part = gamma.view(-1, 1, 1, 1).to(z.device)
    return part * z + (1 - part) * z.detach()


@dataclass(frozen=True)
class Own:
    """Encoders of the user's, [B, ...] -> [B, H], and H."""

    modules: Sequence[nn.Module]
    width: int


def build_encoders(
    model: config.Model,
    shapes: Sequence[Sequence[int]],
    *,
    seeds: Sequence[int],
    kinds: Sequence[Kind],
    train: config.Train,
    own: Own | None = None,
) -> Encoders:
    """The configured encoders for inputs of ``shapes`` (without R and B).

    Raises ``ValueError`` for several replicas of ordinary modules, ``ConfigError`` for inputs that
    the encoder does not take.
    """
    draws = generators(seeds, "encoders")
    for axes, encoders in ((1, ("mlp", "linear")), (3, ("cnn",))):
        other = [shape for shape in shapes if len(shape) != axes]
        if model.encoder in encoders and other:
            form = "features [D]" if axes == 1 else "[C, Y, X]"
            raise config.ConfigError(
                f"model.encoder: given {model.encoder!r}; an input is {[*other[0]]}; allowed: "
                f"{form} for each modality, or own"
            )
    if model.encoder == "mlp":
        return ViewMLP([shape[0] for shape in shapes], hidden=model.hidden, draws=draws)
    if model.encoder == "linear":
        return ViewLinear([shape[0] for shape in shapes], width=model.hidden[-1], draws=draws)
    if model.encoder == "cnn":
        width = model.hidden[-1]
        return ViewCNN(shapes, channels=model.channels, width=width, draws=draws)
    if len(seeds) != 1:
        raise ValueError(f"{model.encoder}: given {len(seeds)} replicas; such modules run alone")
    if own is not None:
        return ModuleEncoders(own.modules, widths=[own.width] * len(shapes), train=train)
    towers: list[nn.Module] = []
    widths = []
    for m, (shape, kind) in enumerate(zip(shapes, kinds, strict=True)):
        seed = seeds[0] + 7919 * m
        if kind == "text":
            assert model.bert is not None  # a rule of the configuration
            bert = Bert(model.bert, seed=seed)
            towers.append(bert)
            widths.append(bert.width)
        else:
            weights = model.pretrained if kind == "image" else None
            network = resnet(model.encoder, shape[-3], seed=seed, pretrained=weights)
            towers.append(Frames(network, channels_last=train.channels_last))
            widths.append(WIDTHS[model.encoder])
    return ModuleEncoders(towers, widths=widths, train=train)


def build(
    model: config.Model,
    shapes: Sequence[Sequence[int]],
    *,
    classes: int,
    seeds: Sequence[int],
    slot: type[nn.Module],
    kinds: Sequence[Kind],
    train: config.Train,
    own: Own | None = None,
) -> Network:
    """A network of R = len(seeds) replicas; ``slot`` is the class that the method hands in.

    Parts that two arms share begin with equal values: each part draws from its own generator.
    """
    encoders = build_encoders(model, shapes, seeds=seeds, kinds=kinds, train=train, own=own)
    m, h, z = len(shapes), encoders.width, model.d_z
    layers = generators(seeds, "slot")
    mean = {"weight": uniform((m, h, z), h, layers), "bias": uniform((m, 1, z), h, layers)}
    if getattr(slot, "stochastic", False):
        mean["variance_weight"] = uniform((m, h, z), h, generators(seeds, "variance"))
    draws = generators(seeds, "fusion")
    heads = generators(seeds, "heads")
    weight, bias = uniform((m, z, classes), z, heads), uniform((m, 1, classes), z, heads)
    fusion: Fusion
    if model.fusion == "linear":
        fusion = LinearFusion(modalities=m, latent=z, classes=classes, draws=draws)
    elif model.fusion == "mlp":
        fusion = MLPFusion(
            modalities=m, latent=z, hidden=model.fusion_hidden, classes=classes, draws=draws
        )
    else:
        fusion = LateFusion(model.fusion, weight=weight, bias=bias)
    return Network(
        encoders=encoders, slot=slot(**mean), fusion=fusion, head_weight=weight, head_bias=bias
    )
