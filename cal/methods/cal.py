"""CAL (arXiv 2510.26289): contribution metric, acceleration and bottleneck, as configured.

A mechanism that is off is its neutral element: uniform W, k = 1, a deterministic slot.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cal.config import Cal, Config
from cal.losses import weighted_kl
from cal.mechanisms import acceleration, bottleneck, contribution
from cal.methods.joint import Batch, Joint, Look, Mean
from cal.methods.metric import Metric, UniformMetric

COLLAPSE_NATS = 0.1


class ContributionGuided(Joint):
    """Observes the probe, adds the weighted KL, scales encoders by k."""

    def __init__(self, configs: Sequence[Config]) -> None:
        """Raises ``ValueError`` where replicas of one pack differ in more than numbers."""
        super().__init__(configs)
        sections = [c.cal for c in configs if c.cal is not None]
        if len(sections) != len(configs) or len({_kind(section) for section in sections}) != 1:
            raise ValueError("cal: the runs of one pack may differ in numbers only")
        self.sections, first = sections, sections[0]
        metric = Metric if first.contribution.enabled else UniformMetric
        self.metric = metric(configs)
        alpha = [s.acceleration.alpha if s.acceleration.enabled else 0.0 for s in sections]
        self.alpha = torch.tensor(alpha)
        self.apply = acceleration.resolve(first.acceleration.apply, optimiser=configs[0].optim.name)
        on = first.bottleneck.enabled
        self.slot = bottleneck.Bottleneck if on else bottleneck.Deterministic
        self.asymmetry = first.bottleneck.asymmetry
        self.beta_RM = torch.zeros(self.replicas, self.modalities)
        self._weights = torch.zeros(0)
        self._refresh()

    def _refresh(self) -> None:
        """k and s follow from W; W changes only when the metric is updated."""
        if self._weights is not self.metric.weights:
            self._weights = self.metric.weights
            self.k = acceleration.coefficients(self._weights, alpha=self.alpha)
            self.share = _shares(self._weights, self.asymmetry)

    def observe(self, step: int, steps: int, look: Look, mean: Mean) -> None:
        """Update W when it is due."""
        self.metric.observe(step, steps, look, mean)
        self._refresh()

    def loss_term(self, kl_RM: Tensor, step: int, steps: int) -> Tensor:
        """sum_m beta(t) s^m KL_m."""
        betas = [_beta(section, (step + 1) / steps) for section in self.sections]
        self.beta_RM = torch.tensor(betas)[:, None] * self.share
        return weighted_kl(kl_RM, self.beta_RM.to(kl_RM.device))

    def scale(self, batch: Batch, mean: Mean) -> Tensor:
        """k = 1 + alpha M W."""
        return self.k.to(self.device)

    def report(self) -> dict[str, Tensor]:
        """W, I, D, k and beta as they stand."""
        names = {"acceleration/{}/k": self.k, "bottleneck/{}/beta": self.beta_RM}
        return self.metric.report() | names

    def warnings(self, kl_RM: Tensor) -> list[list[str]]:
        """A modality whose KL is under 0.1 nats while its probe accuracy falls."""
        if not self.slot.stochastic:
            return super().warnings(kl_RM)
        falling = self.metric.falling()
        names = self.configs[0].modalities
        return [
            [
                f"{names[m]}: KL {float(kl_RM[r, m]):.3f} nats < {COLLAPSE_NATS} while its probe "
                "accuracy falls; lower cal.bottleneck.beta or raise gamma or the floor"
                for m in range(self.modalities)
                if kl_RM[r, m] < COLLAPSE_NATS and falling[r, m]
            ]
            for r in range(self.replicas)
        ]

    def state_dict(self) -> dict[str, Any]:
        """W and what it is made of."""
        return {"metric": self.metric.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The state of ``state_dict``."""
        self.metric.load_state_dict(state["metric"])
        self._refresh()


def _shares(weights_RM: Tensor, asymmetry: str) -> Tensor:
    """s of W; the control ``reversed`` points the bottleneck the wrong way."""
    if asymmetry == "reversed":
        return bottleneck.shares(contribution.reversed_order(weights_RM), asymmetry="inverse")
    return bottleneck.shares(weights_RM, asymmetry=asymmetry)


def _beta(section: Cal, progress: float) -> float:
    b = section.bottleneck
    if not b.enabled:
        return 0.0
    return bottleneck.beta_at(
        progress, schedule=b.schedule, beta=b.beta, warmup=b.warmup, cycles=b.cycles
    )


def _kind(section: Cal) -> tuple[object, ...]:
    """What the replicas of one pack must share."""
    c, b = section.contribution, section.bottleneck
    metric = (c.enabled, c.information, c.confidence, c.combine, c.control, c.interval, c.start)
    samples = (c.probe_batch, c.permutations)
    return (*metric, *samples, section.acceleration.apply, b.enabled, b.asymmetry)
