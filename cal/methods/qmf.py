"""QMF, quality-aware multimodal fusion (Zhang et al. 2023): energy-weighted late fusion, and a
ranking loss that makes energies follow the history of losses.

With c_m = logsumexp(f_m) / 10 and h the losses of each sample so far, summed and scaled to [0, 1]
over all samples, neighbours i, j of a batch add max(0, g (c_i - c_j) + |h_i - h_j|), g = sign(h_i -
h_j): whoever has had larger losses should be less certain by as much.
L = CE + sum_m CE_m + .1 rank.

Deviation: the released code adds the margin with the other sign (``margin: true``), which lets the
wrong order pass, and weighs the ranking loss by 1 for text.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cal.config import Config
from cal.methods.joint import Batch, Joint, Mean
from cal.methods.sections import column, of_rows, rows_of

TEN = 10.0  # what energies are divided by, as in cal.model.late


def rank_loss(confidence: Tensor, history: Tensor, *, sign: Tensor) -> Tensor:
    """Mean over neighbours [R, M] of confidence and history [R, M, B]; ``sign`` [R] of the margin:
    1, or -1 as released.
    """
    apart = history - history.roll(-1, -1)
    order = confidence - confidence.roll(-1, -1)
    return (apart.sign() * order + sign.view(-1, 1, 1) * apart.abs()).relu().mean(-1)


class Qmf(Joint):
    """Needs ``model.fusion=energy``."""

    def __init__(self, configs: Sequence[Config]) -> None:
        """Raises ``ValueError`` unless every configuration has its ``qmf`` section."""
        super().__init__(configs)
        self.rank = column(configs, "qmf", "rank")
        self.sign = 1 - 2 * column(configs, "qmf", "margin")
        self.history = torch.zeros(0)  # [R, M, N] summed losses
        self._confidence = torch.zeros(self.replicas, self.modalities)

    def objective(self, batch: Batch, step: int, steps: int, mean: Mean) -> Tensor:
        """Joint training's, and the ranking loss."""
        loss, logits = super().objective(batch, step, steps, mean), batch.outputs.unimodal
        history = self._updated(batch, mean)
        low, high = history.amin(-1, keepdim=True), history.amax(-1, keepdim=True)
        index = batch.index[:, None].expand(-1, self.modalities, -1)
        scaled = ((history - low) / (high - low).clamp(min=1e-12)).gather(-1, index)
        confidence = logits.logsumexp(-1) / TEN
        self._confidence = mean(confidence.detach().mean(-1)).cpu()
        ranks = rank_loss(confidence, scaled, sign=self.sign.to(logits.device))
        return loss + self.rank.to(loss.device) * ranks.sum(-1)

    def _updated(self, batch: Batch, mean: Mean) -> Tensor:
        """With this batch's losses, of all workers (as means: only ratios count)."""
        logits = batch.outputs.unimodal.detach()
        if not len(self.history):
            self.history = torch.zeros(*logits.shape[:2], batch.samples)
        labels, index = (t[:, None].expand(logits.shape[:3]) for t in (batch.labels, batch.index))
        losses = -logits.log_softmax(-1).gather(-1, labels[..., None])[..., 0]
        added = torch.zeros(*logits.shape[:2], batch.samples, device=logits.device)
        added = mean(added.scatter(-1, index, losses))
        self.history = self.history.to(logits.device) + added
        return self.history

    def reports(self) -> list[dict[str, Tensor]]:
        """The mean confidence of the last batch."""
        return [{"modulation/{}/confidence": row} for row in self._confidence]

    def states(self) -> list[dict[str, Any]]:
        """The history."""
        return rows_of("history", self.history, replicas=self.replicas)

    def load_states(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Of the same epoch."""
        self.history = of_rows("history", states).to(self.device)
