"""Joint training: the neutral element of the method protocol. Every moment does nothing.

Legend: R replicas, M modalities, B samples, K classes, S coalitions.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from cal.config import Config
from cal.losses import cross_entropies
from cal.mechanisms import acceleration
from cal.mechanisms.bottleneck import Deterministic


class Outputs(Protocol):
    """What the network made of a batch."""

    @property
    def z(self) -> Tensor:
        """Latents [R, M, B, Z]."""

    @property
    def fused(self) -> Tensor:
        """Logits [R, B, K]."""

    @property
    def unimodal(self) -> Tensor:
        """Logits of the unimodal heads [R, M, B, K]."""

    @property
    def kl(self) -> Tensor:
        """[R, M] nats."""


class Batch(Protocol):
    """What a method may see of a training batch of this worker."""

    @property
    def outputs(self) -> Outputs:
        """With gradient."""

    @property
    def alone(self) -> Tensor:
        """Each modality's own part of the fused logits [R, M, B, K], without gradient."""

    @property
    def labels(self) -> Tensor:
        """[R, B]."""

    @property
    def index(self) -> Tensor:
        """Which of the training samples [R, B]."""

    @property
    def samples(self) -> int:
        """How many of those there are."""


class Probe(Protocol):
    """What a method sees of the probe: logits per coalition and labels, nothing else."""

    labels: Tensor  # [R, B]

    @property
    def unimodal(self) -> Tensor:
        """Logits of the unimodal heads [R, M, K, B]."""

    def coalitions(self, masks: Tensor) -> Tensor:
        """Logits [R, S, K, B] of coalitions, masks [S, M]."""

    def only(self, rows: Sequence[int]) -> "Probe":
        """Of these replicas of the pack, in rising order."""


class Look(Protocol):
    """Runs the network on that many rotating samples of the probe (None: all), given how often it
    was looked at before; of these replicas alone, in rising order (None: of all).
    """

    def __call__(self, samples: int | None, turn: int, rows: Sequence[int] | None = None) -> Probe:
        """What was seen."""


class Owned(Protocol):
    """A parameter and its modality (``cal.model.encoders``)."""

    @property
    def parameter(self) -> Tensor:
        """With its gradient."""

    @property
    def modality(self) -> int | None:
        """None: all of them, on axis 1 of [R, M, ...]."""

    @property
    def replicated(self) -> bool:
        """Whether axis 0 is R."""

    @property
    def leading(self) -> int:
        """How many of its axes are R and M."""


Mean = Callable[[Tensor], Tensor]
"""The mean of a tensor over data-parallel workers."""


class Joint:
    """No observation, no loss term, k = 1, no bottleneck."""

    slot: type[Deterministic] = Deterministic
    noise = False  # whether N(0, std(g)^2) is added to each modality's gradient

    def __init__(self, configs: Sequence[Config]) -> None:
        """``configs``: one per replica."""
        self.configs = configs
        self.replicas, self.modalities = len(configs), len(configs[0].modalities)
        self.stochastic = [False] * self.replicas  # which replicas have a bottleneck
        self.apply = ["gradient"] * self.replicas  # what k scales: gradient or learning_rate
        self.device = torch.device("cpu")
        self._ones = acceleration.ones(self.replicas, self.modalities)

    def to(self, device: torch.device) -> "Joint":
        """Keep tensors on ``device``."""
        self.device = device
        self._ones = self._ones.to(device)
        return self

    def observe(self, step: int, steps: int, look: Look, mean: Mean) -> None:
        """Moment 1, before the batch of ``step``: look at the probe, update own state."""

    def objective(self, batch: Batch, step: int, steps: int, mean: Mean) -> Tensor:
        """Moment 2: what is minimised [R], nats."""
        outputs = batch.outputs
        loss = cross_entropies(outputs.fused, outputs.unimodal, batch.labels).sum(-1)
        return loss + self.loss_term(outputs.kl, step, steps)

    def loss_term(self, kl_RM: Tensor, step: int, steps: int) -> Tensor:
        """Of the objective, beside the cross-entropies [R], nats."""
        return kl_RM.sum(-1)

    def backward(self, loss: Tensor, owners: Mapping[str, Owned]) -> None:
        """From the objective [R] to the gradient of every parameter; ``owners``: those that belong
        to modalities, by name.
        """
        loss.sum().backward()

    def epoch_ended(self) -> None:
        """After the last step of an epoch."""

    def scale(self, batch: Batch, mean: Mean) -> Tensor:
        """Moment 3, after backward: k [R, M] on what each modality's encoder is updated by."""
        return self._ones

    def reports(self) -> list[dict[str, Tensor]]:
        """What the mechanisms of each replica did since the last call: names to values [M]."""
        return [{} for _ in self.configs]

    def warnings(self, kl_RM: Tensor) -> list[list[str]]:
        """Lines for each replica, given the epoch's mean KL [R, M]."""
        return [[] for _ in self.configs]

    def states(self) -> list[dict[str, Any]]:
        """Everything that a resumed run needs, for each replica."""
        return [{} for _ in self.configs]

    def load_states(self, states: Sequence[Mapping[str, Any]]) -> None:
        """One state of ``states`` for each replica, from whatever pack it was in."""
