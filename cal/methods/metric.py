"""The contribution metric bound to a run: when it looks at the probe, and what it remembers."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cal.config import Config, Contribution
from cal.mechanisms import coalitions, contribution
from cal.methods.joint import Look, Mean
from cal.rng import derived_seed, generators


class UniformMetric:
    """The neutral element: W = 1/M, never looks, draws nothing."""

    def __init__(self, configs: Sequence[Config]) -> None:
        """``configs``: one per replica."""
        modalities = len(configs[0].modalities)
        self.weights = contribution.uniform(len(configs), modalities)

    def observe(self, step: int, steps: int, look: Look, mean: Mean) -> None:
        """Nothing to see."""

    def falling(self) -> Tensor:
        """Whether each modality's probe accuracy falls [R, M]: unknown, so no."""
        return torch.zeros(self.weights.shape, dtype=torch.bool)

    def report(self) -> dict[str, Tensor]:
        """W."""
        return {"contribution/{}/W": self.weights}

    def state_dict(self) -> dict[str, Any]:
        """Nothing changes."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to load."""


class Metric(UniformMetric):
    """W from exponential moving averages of I and D on the probe."""

    def __init__(self, configs: Sequence[Config]) -> None:
        """``configs``: one per replica, equal but for numbers."""
        super().__init__(configs)
        sections: list[Contribution] = [c.cal.contribution for c in configs if c.cal is not None]
        self.section = sections[0]
        numbers = torch.tensor([[s.lam, s.tau, s.floor, s.ema] for s in sections])
        self.lam, self.tau, self.floor, self.decay = numbers.T
        self.game = coalitions.needed(
            self.section.information,
            self.weights.shape[1],
            permutations=self.section.permutations,
            seed=derived_seed(0, "coalitions"),  # the same orders for every replica of a pack
        )
        self.draws = generators([c.seed for c in configs], "permuted")
        self.information: Tensor | None = None
        self.confidence: Tensor | None = None
        self.accuracy: Tensor | None = None  # of the probe heads, moving average
        self.best: Tensor | None = None
        self.updates = 0

    def observe(self, step: int, steps: int, look: Look, mean: Mean) -> None:
        """Update W every ``interval`` steps, after the first ``start`` part of the run."""
        s = self.section
        if step < s.start * steps or step % s.interval:
            return
        probe = look(self.game.masks, s.probe_batch)
        game = self.game.to(probe.logits.device)
        shares = {"unimodal": probe.unimodal, "labels": probe.labels}
        info = contribution.information(s.information, logits=probe.logits, game=game, **shares)
        trust = contribution.confidence(s.confidence, **shares)
        hits = (probe.unimodal.argmax(2) == probe.labels[:, None]).float().mean(-1)
        info, trust, hits = mean(torch.stack([info, trust, hits])).cpu()
        average = contribution.moving_average
        self.information = average(self.information, info, decay=self.decay)
        self.confidence = average(self.confidence, trust, decay=self.decay)
        self.accuracy = average(self.accuracy, hits, decay=self.decay)
        self.best = self.accuracy if self.best is None else self.best.maximum(self.accuracy)
        self.updates += 1
        self.weights = self._weigh(self.information, self.confidence)

    def _weigh(self, information: Tensor, confidence: Tensor) -> Tensor:
        weights = contribution.weights(
            information,
            confidence,
            combine=self.section.combine,
            energy=self.section.confidence == "energy",
            lam=self.lam,
            tau=self.tau,
            floor=self.floor,
        )
        if self.section.control == "reversed":
            return contribution.reversed_order(weights)
        if self.section.control == "permuted":
            return contribution.permuted(weights, generators=self.draws)
        return weights

    def falling(self) -> Tensor:
        """Whether a modality's probe accuracy is 5 points under its best [R, M]."""
        if self.accuracy is None or self.best is None:
            return super().falling()
        return self.accuracy < self.best - 0.05

    def report(self) -> dict[str, Tensor]:
        """W, and I and D once they are known."""
        known = super().report()
        if self.information is not None and self.confidence is not None:
            unit = "I_nats" if self.section.information != "shapley_accuracy" else "I"
            known |= {f"contribution/{{}}/{unit}": self.information}
            known |= {"contribution/{}/D": self.confidence}
        updates = torch.full_like(self.weights, float(self.updates))
        return known | {"contribution/{}/updates": updates}

    def state_dict(self) -> dict[str, Any]:
        """The averages, W and the generators of the permuted control."""
        names = ("weights", "information", "confidence", "accuracy", "best", "updates")
        return {name: getattr(self, name) for name in names} | {
            "draws": [draw.get_state() for draw in self.draws]
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The state of ``state_dict``."""
        for name, value in state.items():
            if name != "draws":
                setattr(self, name, value)
        for draw, saved in zip(self.draws, state["draws"], strict=True):
            draw.set_state(saved)
