"""Encoders: M inputs -> features h [R, M, B, H], behind one interface.

Legend: R replicas, M modalities, B samples, D input features, H encoder features.
``owned()`` names every parameter with the modality it belongs to, so that acceleration never
guesses from names. The large networks are ordinary modules and run with R = 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from cal.model.initial import uniform


@dataclass(frozen=True)
class Owned:
    """A parameter and its modality; ``None``: all modalities, on axis 1 of [R, M, ...].

    ``replicated``: axis 0 is R; otherwise an ordinary module's parameter, R = 1.
    """

    parameter: nn.Parameter
    modality: int | None
    replicated: bool = True

    @property
    def leading(self) -> int:
        """How many of the parameter's axes are R and M."""
        return 0 if not self.replicated else 2 if self.modality is None else 1


class Encoders(nn.Module):
    """What every kind of encoders offers."""

    width: int  # H
    replicated: bool = True

    def owned(self) -> list[Owned]:
        """Every parameter with its modality."""
        raise NotImplementedError

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """M tensors [R, B, ...] -> h [R, M, B, H]."""
        raise NotImplementedError


class JoinedLayer(nn.Module):
    """Linear (or given pre-activations) -> LayerNorm -> ReLU for all modalities at once."""

    def __init__(
        self,
        replicas: Sequence[torch.Generator],
        *,
        modalities: int,
        width: int,
        inputs: int | None,
        fan_in: Sequence[int],
    ) -> None:
        """``inputs`` None: the products come from outside; ``fan_in`` bounds each bias."""
        super().__init__()
        biases = [uniform((1, width), fan, replicas) for fan in fan_in]
        self.bias = nn.Parameter(torch.stack(biases, 1))
        self.weight: nn.Parameter | None = None
        if inputs is not None:
            self.weight = nn.Parameter(uniform((modalities, inputs, width), inputs, replicas))
        shape = (len(replicas), modalities, 1, width)
        self.scale = nn.Parameter(torch.ones(shape))
        self.shift = nn.Parameter(torch.zeros(shape))

    def forward(self, features: Tensor) -> Tensor:
        """[R, M, B, I] (or products [R, M, B, O]) -> [R, M, B, O]."""
        products = features if self.weight is None else torch.matmul(features, self.weight)
        normal = functional.layer_norm(products + self.bias, self.bias.shape[-1:])
        return torch.addcmul(self.shift, normal, self.scale).relu()


class ViewMLP(Encoders):
    """One MLP per modality; from the second layer on all modalities share one product."""

    def __init__(
        self, dims: Sequence[int], *, hidden: Sequence[int], draws: Sequence[torch.Generator]
    ) -> None:
        """``dims``: D of each modality; ``hidden``: widths of the layers."""
        super().__init__()
        self.width = hidden[-1]
        self.first = nn.ParameterList([uniform((dim, hidden[0]), dim, draws) for dim in dims])
        layers = [
            JoinedLayer(draws, modalities=len(dims), width=hidden[0], inputs=None, fan_in=dims)
        ]
        for inputs, width in zip(hidden, hidden[1:], strict=False):
            fan_in = [inputs] * len(dims)
            layers.append(
                JoinedLayer(draws, modalities=len(dims), width=width, inputs=inputs, fan_in=fan_in)
            )
        self.layers = nn.ModuleList(layers)

    def owned(self) -> list[Owned]:
        """The first products by modality, the joined layers on their axis M."""
        first = [Owned(weight, m) for m, weight in enumerate(self.first)]
        return first + [Owned(parameter, None) for parameter in self.layers.parameters()]

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """M tensors [R, B, D_m] -> h [R, M, B, H]."""
        products = [torch.bmm(x, weight) for x, weight in zip(inputs, self.first, strict=True)]
        features = torch.stack(products, 1)
        for layer in self.layers:
            features = layer(features)
        return features


class ViewLinear(Encoders):
    """One linear layer per modality, as published for TMC on Handwritten; heads are linear too, so
    a width of K and more (and ``d_z``) gives every linear map from a view to its logits.
    """

    def __init__(
        self, dims: Sequence[int], *, width: int, draws: Sequence[torch.Generator]
    ) -> None:
        """``dims``: D of each modality."""
        super().__init__()
        self.width = width
        self.first = nn.ParameterList([uniform((dim, width), dim, draws) for dim in dims])
        self.bias = nn.Parameter(torch.stack([uniform((1, width), dim, draws) for dim in dims], 1))

    def owned(self) -> list[Owned]:
        """The weights by modality, the biases on their axis M."""
        first = [Owned(weight, m) for m, weight in enumerate(self.first)]
        return [*first, Owned(self.bias, None)]

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """M tensors [R, B, D_m] -> h [R, M, B, H]."""
        products = [torch.bmm(x, weight) for x, weight in zip(inputs, self.first, strict=True)]
        return torch.stack(products, 1) + self.bias
