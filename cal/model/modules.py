"""Encoders that are ordinary modules, one per modality: ResNets, BERT, a user's own; R = 1.

Batch normalisation: statistics are the batch's in training and the running ones in evaluation, so
a look at the probe leaves them alone, and coalitions, which mask latents and not inputs, never
reach them. Data-parallel workers share them (``cal.adapters.ray_train``).

Legend: M modalities, B samples, F frames, T tokens, H encoder features.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from cal.config import ConfigError, Train
from cal.model.encoders import Encoders, Owned
from cal.rng import derived_seed

WIDTHS: dict[str, int] = {"resnet18": 512, "resnet50": 2048, "resnet152": 2048}
PADDING = 0  # BERT's token for nothing


class ModuleEncoders(Encoders):
    """Modules [B, ...] -> [B, H_m]; narrower ones are filled up with 0, whose weights in the next
    layer never have a gradient.
    """

    replicated = False

    def __init__(
        self, modules: Sequence[nn.Module], *, widths: Sequence[int], train: Train
    ) -> None:
        """``train``: how they compute. What follows them is always in float32."""
        super().__init__()
        self.width = max(widths)
        self.towers = nn.ModuleList(modules)
        self.in_bfloat16 = train.precision == "bfloat16"
        if train.compile != "none":
            for tower in self.towers:
                tower.compile(backend=train.compile)  # in place: names of parameters stay

    def owned(self) -> list[Owned]:
        """Each module's parameters by modality, without a replica axis."""
        return [
            Owned(parameter, m, replicated=False)
            for m, tower in enumerate(self.towers)
            for parameter in tower.parameters()
        ]

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """M tensors [1, B, ...] -> h [1, M, B, H]."""
        kind = inputs[0].device.type
        lower = self.in_bfloat16 and kind != "cpu"  # the trainer tells what a CPU does
        with torch.autocast(kind, torch.bfloat16, enabled=lower):
            features = [tower(x[0]).float() for x, tower in zip(inputs, self.towers, strict=True)]
        return torch.stack([self._filled(h, m) for m, h in enumerate(features)])[None]

    def _filled(self, features: Tensor, m: int) -> Tensor:
        """[B, H_m] -> [B, H]. Raises ``ConfigError`` for other shapes: a user's module may err."""
        if features.dim() != 2 or features.shape[1] > self.width:
            raise ConfigError(
                f"model.encoder: modality {m} (from 0) gives features {[*features.shape]}; "
                f"allowed: [B, H], H at most the width {self.width}"
            )
        return functional.pad(features, (0, self.width - features.shape[1]))


class Frames(nn.Module):
    """An image network; of several frames the mean of its features."""

    def __init__(self, network: nn.Module, *, channels_last: bool = False) -> None:
        super().__init__()
        layout = torch.channels_last if channels_last else torch.contiguous_format
        self.network = network.to(memory_format=layout)  # type: ignore[call-overload]
        self.layout = layout

    def forward(self, x: Tensor) -> Tensor:
        """[B, (F,) C, Y, X] -> [B, H]."""
        maps = x.flatten(0, 1) if x.dim() == 5 else x
        features = cast(Tensor, self.network(maps.contiguous(memory_format=self.layout)))
        return features.unflatten(0, x.shape[:2]).mean(1) if x.dim() == 5 else features


def resnet(name: str, planes: int, *, seed: int, pretrained: str | None = None) -> nn.Module:
    """torchvision's ResNet ``name`` for ``planes`` input channels -> [B, H].

    ``pretrained``: a file with the state of torchvision's network, or ``imagenet``, which
    torchvision fetches. Raises ``ConfigError`` for a file of another network.
    """
    from torchvision import models  # over a second in every process, and few need it

    with torch.random.fork_rng():
        torch.manual_seed(derived_seed(seed, "resnet18"))
        weights = "DEFAULT" if pretrained == "imagenet" else None
        network = models.get_model(name, weights=weights)
        if pretrained is not None and pretrained != "imagenet":
            _begin_with(network, pretrained)
        if planes != 3:
            network.conv1 = nn.Conv2d(planes, 64, kernel_size=7, stride=2, padding=3, bias=False)
        network.fc = nn.Identity()
    return cast(nn.Module, network)


def _begin_with(network: nn.Module, path: str) -> None:
    try:
        state = torch.load(Path(path).expanduser(), map_location="cpu", weights_only=True)
        network.load_state_dict(
            {k: v for k, v in state.items() if not k.startswith("fc.")} | _fc(network)
        )
    except Exception as error:  # whatever the file holds
        reason = " ".join(str(error).split())[:300]
        raise ConfigError(f"model.pretrained: given {path}; cannot be used: {reason}") from None


def _fc(network: nn.Module) -> dict[str, Tensor]:
    """The head, which is not used: of any number of classes in the file."""
    return {key: value for key, value in network.state_dict().items() if key.startswith("fc.")}


class Bert(nn.Module):
    """A BERT of transformers; the feature of a text is that of its first token, [CLS]."""

    def __init__(self, folder: str, *, seed: int) -> None:
        """``folder``: config.json, and weights; without them it begins at random. Raises
        ``ConfigError`` for what transformers cannot read.
        """
        super().__init__()
        from transformers import AutoConfig, BertModel

        place = Path(folder).expanduser()
        try:
            with torch.random.fork_rng():
                torch.manual_seed(derived_seed(seed, "bert"))
                if any(place.glob("*.safetensors")):
                    network = BertModel.from_pretrained(
                        str(place), local_files_only=True, use_safetensors=True
                    )
                else:
                    network = BertModel(
                        AutoConfig.from_pretrained(
                            str(place), local_files_only=True, trust_remote_code=False
                        )
                    )
        except Exception as error:  # transformers raises many kinds
            reason = " ".join(str(error).split())[:300]
            raise ConfigError(f"model.bert: given {folder}; cannot be read: {reason}") from None
        network.pooler = None
        self.network = network
        self.width = int(network.config.hidden_size)

    def forward(self, tokens: Tensor) -> Tensor:
        """[B, T] -> [B, H]."""
        mask = (tokens != PADDING).long()
        return cast(Tensor, self.network(tokens, attention_mask=mask).last_hidden_state[:, 0])
