"""The contribution metric bound to runs that measure alike: when it looks at the probe, what it
remembers. Packs of unlike runs have several (``cal.methods.grouped``).

Legend: R replicas, M modalities.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cal.config import Config
from cal.mechanisms import coalitions, contribution
from cal.methods.joint import Look, Mean, Probe
from cal.rng import derived_seed, generators

AVERAGES = ("information", "confidence", "accuracy", "best")


def kind(config: Config) -> tuple[object, ...] | None:
    """What replicas of one metric share: how and when it is measured; None where it is off."""
    s = config.mechanisms.contribution
    if not s.enabled:
        return None
    probe = (s.probe_batch, s.permutations)
    return (s.information, s.confidence, s.combine, s.interval, s.start, *probe)


class UniformMetric:
    """The neutral element: W = 1/M, never looks, draws nothing."""

    def __init__(self, configs: Sequence[Config]) -> None:
        """``configs``: one per replica."""
        modalities = len(configs[0].modalities)
        self.weights = contribution.uniform(len(configs), modalities)

    def due(self, step: int, steps: int) -> bool:
        """Whether it looks at the probe before ``step`` of ``steps``: never."""
        return False

    def asks(self) -> tuple[int | None, int]:
        """What it wants to look at, the first two arguments of a ``Look``."""
        return None, 0

    def observe(self, step: int, steps: int, look: Look, mean: Mean) -> None:
        """Look and learn, where it is due."""
        if self.due(step, steps):
            self.learn(look(*self.asks()), mean)

    def learn(self, probe: Probe, mean: Mean) -> None:
        """Nothing to learn."""

    def falling(self) -> Tensor:
        """Whether each modality's probe accuracy falls [R, M]: unknown, so no."""
        return torch.zeros(self.weights.shape, dtype=torch.bool)

    def reports(self) -> list[dict[str, Tensor]]:
        """W of each replica."""
        return [{"contribution/{}/W": row} for row in self.weights]

    def states(self) -> list[dict[str, Any]]:
        """Nothing changes."""
        return [{} for _ in self.weights]

    def load_states(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Nothing to load."""


class Metric(UniformMetric):
    """W from exponential moving averages of I and D on the probe."""

    def __init__(self, configs: Sequence[Config]) -> None:
        """``configs``: one per replica. Raises ``ValueError`` unless their ``kind`` is one."""
        super().__init__(configs)
        kinds = {kind(config) for config in configs}
        if len(kinds) != 1 or None in kinds:
            raise ValueError("cal.contribution: the runs of one metric share how W is measured")
        sections = [config.mechanisms.contribution for config in configs]
        self.section = sections[0]
        numbers = torch.tensor([[s.lam, s.tau, s.floor, s.ema] for s in sections])
        self.lam, self.tau, self.floor, self.decay = numbers.T
        self.turned = [r for r, s in enumerate(sections) if s.control == "reversed"]
        self.shuffled = [r for r, s in enumerate(sections) if s.control == "permuted"]
        self.game = coalitions.needed(
            self.section.information,
            self.weights.shape[1],
            permutations=self.section.permutations,
            seed=derived_seed(0, "coalitions"),  # the same orders for every run
        )
        self.draws = generators([c.seed for c in configs], "permuted")
        self.information: Tensor | None = None
        self.confidence: Tensor | None = None
        self.accuracy: Tensor | None = None  # of the probe heads, moving average
        self.best: Tensor | None = None
        self.updates = 0

    def due(self, step: int, steps: int) -> bool:
        """Every ``interval`` steps, after the first ``start`` part of the run."""
        return step >= self.section.start * steps and step % self.section.interval == 0

    def asks(self) -> tuple[int | None, int]:
        """The samples of the probe, and the turn where they rotate."""
        samples = self.section.probe_batch
        return samples, 0 if samples is None else self.updates

    def learn(self, probe: Probe, mean: Mean) -> None:
        """Update W."""
        s, game = self.section, self.game.to(probe.labels.device)
        logits = probe.coalitions(game.masks)
        shares = {"unimodal": probe.unimodal, "labels": probe.labels}
        info = contribution.information(s.information, logits=logits, game=game, **shares)
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
        """W [R, M] with each replica's control."""
        weights = contribution.weights(
            information,
            confidence,
            combine=self.section.combine,
            energy=self.section.confidence == "energy",
            lam=self.lam,
            tau=self.tau,
            floor=self.floor,
        )
        if self.turned:
            weights[self.turned] = contribution.reversed_order(weights[self.turned])
        if self.shuffled:
            draws = [self.draws[r] for r in self.shuffled]
            weights[self.shuffled] = contribution.permuted(weights[self.shuffled], generators=draws)
        return weights

    def falling(self) -> Tensor:
        """Whether a modality's probe accuracy is 5 points under its best [R, M]."""
        if self.accuracy is None or self.best is None:
            return super().falling()
        return self.accuracy < self.best - 0.05

    def reports(self) -> list[dict[str, Tensor]]:
        """W, and I and D once they are known."""
        known = {"contribution/{}/W": self.weights}
        if self.information is not None and self.confidence is not None:
            unit = "I_nats" if self.section.information != "shapley_accuracy" else "I"
            known |= {f"contribution/{{}}/{unit}": self.information}
            known |= {"contribution/{}/D": self.confidence}
        known["contribution/{}/updates"] = torch.full_like(self.weights, float(self.updates))
        return [{name: value[r] for name, value in known.items()} for r in range(len(self.draws))]

    def states(self) -> list[dict[str, Any]]:
        """The averages, W and the generator of the permuted control of each replica."""
        return [self._state(r) for r in range(len(self.draws))]

    def _state(self, r: int) -> dict[str, Any]:
        state: dict[str, Any] = {"updates": self.updates, "draw": self.draws[r].get_state()}
        for name in ("weights", *AVERAGES):
            value = getattr(self, name)
            state[name] = None if value is None else value[r].clone()
        return state

    def load_states(self, states: Sequence[Mapping[str, Any]]) -> None:
        """One state for each replica; those of one moment have seen as many updates."""
        self.updates = states[0]["updates"]
        for name in ("weights", *AVERAGES):
            rows = [state[name] for state in states]
            setattr(self, name, None if rows[0] is None else torch.stack(rows))
        for draw, state in zip(self.draws, states, strict=True):
            draw.set_state(state["draw"])
