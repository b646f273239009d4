"""CAL (arXiv 2510.26289): contribution metric, acceleration and bottleneck, as configured.

A mechanism that is off is its neutral element: uniform W, k = 1, z = mu with KL 0. With all three
off a replica is joint training, so joint runs share packs with CAL's.

Legend: R replicas, M modalities.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cal.config import Cal, Config
from cal.losses import weighted_kl
from cal.mechanisms import acceleration, bottleneck, contribution
from cal.methods.grouped import metric_of
from cal.methods.joint import Batch, Joint, Look, Mean

COLLAPSE_NATS = 0.1


def applied(config: Config) -> str | None:
    """What k scales, ``gradient`` or ``learning_rate``; None where nothing is accelerated."""
    section = config.mechanisms.acceleration
    if not section.enabled:
        return None
    return acceleration.resolve(section.apply, optimiser=config.optim.name)


class ContributionGuided(Joint):
    """Observes the probe, adds the weighted KL, scales encoders by k."""

    def __init__(self, configs: Sequence[Config]) -> None:
        """Raises ``ValueError`` for a missing section."""
        super().__init__(configs)
        if any(c.method == "cal" and c.cal is None for c in configs):
            raise ValueError("cal: given null; method=cal needs this section")
        self.sections = [config.mechanisms for config in configs]
        self.metric = metric_of(configs)
        forms = [applied(config) for config in configs]
        idle = next((form for form in forms if form is not None), "gradient")  # for k = 1: either
        self.apply = [form or idle for form in forms]
        alpha = [s.acceleration.alpha if s.acceleration.enabled else 0.0 for s in self.sections]
        self.alpha = torch.tensor(alpha)
        self.stochastic = [s.bottleneck.enabled for s in self.sections]
        on = any(self.stochastic)
        self.slot = bottleneck.Bottleneck if on else bottleneck.Deterministic
        self.beta_RM = torch.zeros(self.replicas, self.modalities)
        self._weights = torch.zeros(0)
        self._refresh()

    def _refresh(self) -> None:
        """k and s follow from W; W changes only when the metric is updated."""
        if self._weights is not self.metric.weights:
            self._weights = self.metric.weights
            self.k = acceleration.coefficients(self._weights, alpha=self.alpha)
            kinds = [section.bottleneck.asymmetry for section in self.sections]
            self.share = shares(self._weights, kinds)

    def observe(self, step: int, steps: int, look: Look, mean: Mean) -> None:
        """Update W when it is due."""
        self.metric.observe(step, steps, look, mean)
        self._refresh()

    def loss_term(self, kl_RM: Tensor, step: int, steps: int) -> Tensor:
        """sum_m beta(t) s^m KL_m; beta is 0 without a bottleneck."""
        betas = [beta_of(section, (step + 1) / steps) for section in self.sections]
        self.beta_RM = torch.tensor(betas)[:, None] * self.share
        return weighted_kl(kl_RM, self.beta_RM.to(kl_RM.device))

    def scale(self, batch: Batch, mean: Mean) -> Tensor:
        """k = 1 + alpha M W."""
        return self.k.to(self.device)

    def reports(self) -> list[dict[str, Tensor]]:
        """W, I, D, k and beta as they stand; nothing for joint training."""
        return [
            known | {"acceleration/{}/k": self.k[r], "bottleneck/{}/beta": self.beta_RM[r]}
            if self.configs[r].method == "cal"
            else {}
            for r, known in enumerate(self.metric.reports())
        ]

    def warnings(self, kl_RM: Tensor) -> list[list[str]]:
        """A modality whose KL is under 0.1 nats while its probe accuracy falls."""
        falling = self.metric.falling()
        names = self.configs[0].modalities
        return [
            [
                f"{names[m]}: KL {float(kl_RM[r, m]):.3f} nats < {COLLAPSE_NATS} while its probe "
                "accuracy falls; lower cal.bottleneck.beta or raise gamma or the floor"
                for m in range(self.modalities)
                if on and kl_RM[r, m] < COLLAPSE_NATS and falling[r, m]
            ]
            for r, on in enumerate(self.stochastic)
        ]

    def states(self) -> list[dict[str, Any]]:
        """W and what it is made of."""
        return [{"metric": state} if state else {} for state in self.metric.states()]

    def load_states(self, states: Sequence[Mapping[str, Any]]) -> None:
        """The states of ``states``."""
        self.metric.load_states([state.get("metric", {}) for state in states])
        self._refresh()


def shares(weights_RM: Tensor, asymmetries: Sequence[str]) -> Tensor:
    """s of W for each replica; the control ``reversed`` points the bottleneck the wrong way."""
    share = torch.ones_like(weights_RM)
    for asymmetry in set(asymmetries):
        rows = [r for r, kind in enumerate(asymmetries) if kind == asymmetry]
        own = weights_RM[rows]
        if asymmetry == "reversed":
            own = contribution.reversed_order(own)
        formula = "inverse" if asymmetry == "reversed" else asymmetry
        share[rows] = bottleneck.shares(own, asymmetry=formula)
    return share


def beta_of(section: Cal, progress: float) -> float:
    """beta(t) at ``progress`` in (0, 1] of all steps; 0 without a bottleneck."""
    b = section.bottleneck
    if not b.enabled:
        return 0.0
    return bottleneck.beta_at(
        progress, schedule=b.schedule, beta=b.beta, warmup=b.warmup, cycles=b.cycles
    )
