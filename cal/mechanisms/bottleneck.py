"""Asymmetric information bottleneck (AIB): compress what contributes little.

loss += sum_m beta(t) s^m KL(q(z^m|x^m) || N(0, I)); mean_m s^m = 1 whatever W is.
Legend: R replicas, M modalities, B samples, H encoder features, Z latent features. R and M lead
and are never folded into the rows of a product: a replica is bit-equal in packs of any size.
"""

import math

import torch
from torch import Tensor, nn

from cal.mechanisms.shapes import expect

LOG_VARIANCE = (-8.0, 4.0)  # clamp of log sigma^2
LOG_VARIANCE_BIAS = -3.0  # at initialisation


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, sigma^2) || N(0, I)), nats: [R, M, B, Z] -> [R, M]; mean over B, sum over Z."""
    expect(mean=(mean, "RMBZ"), log_variance=(log_variance, "RMBZ"))
    terms = mean * mean + log_variance.exp() - 1 - log_variance
    return 0.5 * terms.sum(-1).mean(-1)


def beta_at(progress: float, *, schedule: str, beta: float, warmup: float, cycles: int) -> float:
    """beta(t) in [0, beta] at ``progress`` in (0, 1] of all steps.

    ``linear``, ``cosine`` and ``exponential`` (from beta/1000) rise until ``warmup`` and stay;
    ``cyclical`` has ``cycles`` periods, each a linear ramp and a plateau of equal length
    (Fu et al. 2019). ``warmup`` 0 is ``constant``. Raises ``ValueError`` for another schedule.
    """
    ramp = min(1.0, progress / warmup) if warmup > 0 else 1.0
    if schedule == "constant":
        return beta
    if schedule == "linear":
        return beta * ramp
    if schedule == "cosine":
        return beta * 0.5 * (1 - math.cos(math.pi * ramp))
    if schedule == "exponential":
        return beta * math.exp(math.log(1000) * (ramp - 1))
    if schedule == "cyclical":
        position = math.fmod(progress * cycles, 1.0) if progress < 1 else 1.0
        return beta * min(1.0, 2 * position)
    allowed = "constant, linear, cosine, cyclical, exponential"
    raise ValueError(f"schedule: given {schedule!r}; allowed: {allowed}")


def shares(weights_RM: Tensor, *, asymmetry: str) -> Tensor:
    """s [R, M] with mean 1 over m, from W [R, M] > 0 (rows sum to 1).

    ``inverse``: M (1/W) / sum 1/W; ``linear``: M (1 - W)/(M - 1); ``uniform``: 1. M = 1: s = 1.
    The control ``reversed`` is ``inverse`` of W turned round. Raises ``ValueError`` for others.
    """
    expect(weights=(weights_RM, "RM"))
    modalities = weights_RM.shape[-1]
    if modalities == 1 or asymmetry == "uniform":
        return torch.ones_like(weights_RM)
    if asymmetry == "linear":
        return modalities * (1 - weights_RM) / (modalities - 1)
    if asymmetry == "inverse":
        inverse = 1 / weights_RM.clamp(min=1e-12)
        return modalities * inverse / inverse.sum(-1, keepdim=True)
    raise ValueError(f"asymmetry: given {asymmetry!r}; allowed: inverse, linear, uniform")


class Deterministic(nn.Module):
    """The neutral element: z = mu(h) and KL = 0; draws nothing and has no variance layer."""

    stochastic = False
    added: tuple[str, ...] = ()  # parameters that the neutral element lacks

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        """``weight`` [R, M, H, Z] and ``bias`` [R, M, 1, Z] of the mean layer."""
        super().__init__()
        self.mean_weight = nn.Parameter(weight)
        self.mean_bias = nn.Parameter(bias)

    def mean(self, features: Tensor) -> Tensor:
        """mu [R, M, B, Z] of encoder features [R, M, B, H]: what evaluation uses."""
        return torch.matmul(features, self.mean_weight) + self.mean_bias

    def forward(self, features: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        """z [R, M, B, Z] and KL [R, M], which is 0."""
        z = self.mean(features)
        return z, z.new_zeros(z.shape[:2])


class Bottleneck(Deterministic):
    """z = mu + sigma eps in training, with its KL in nats.

    Where eps is 0 and beta is 0 it is the neutral element, bit for bit: so packs mix both.
    """

    stochastic = True
    added = ("variance_weight", "variance_bias")

    def __init__(self, weight: Tensor, bias: Tensor, *, variance_weight: Tensor) -> None:
        """``variance_weight`` [R, M, H, Z]; the bias of log sigma^2 starts at -3."""
        super().__init__(weight, bias)
        self.variance_weight = nn.Parameter(variance_weight)
        self.variance_bias = nn.Parameter(torch.full_like(bias, LOG_VARIANCE_BIAS))

    def forward(self, features: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        """z [R, M, B, Z] and KL [R, M]; ``noise`` is standard normal, [R, M, B, Z]."""
        if noise is None:
            raise ValueError("noise: given None; the bottleneck needs standard normal noise")
        mean = self.mean(features)
        expect(mean=(mean, "RMBZ"), noise=(noise, "RMBZ"))
        log_variance = torch.matmul(features, self.variance_weight) + self.variance_bias
        log_variance = log_variance.clamp(*LOG_VARIANCE)
        z = torch.addcmul(mean, (0.5 * log_variance).exp(), noise)
        return z, kl_divergence(mean, log_variance)
