"""PMR, prototypical modal rebalance (Fan et al. 2023).

Prototypes c_{m,k} are the class means of z^m over an epoch, with an EMA from epoch to epoch;
similarities of a sample are -||z^m - c_{m,k}||, p^m their softmax. With s_m = sum over the batch of
p^m of the true class and rho_m = s_m / mean of the others' (for M = 2 the paper's ratio):
L += alpha sum_m clip(1 / rho_m - 1, 0, 1) CE(p^m), for whoever lags, and in the first epochs
L -= mu sum_m clip(rho_m - 1, 0, 1) H(p^m): whoever leads is kept from being certain too early.

Deviations: class means are gathered while the epoch trains, not by a pass over a part of the data.
The first epoch has none. The released code weighs whoever lags by alpha alone, and has no entropy
term; mu .01 over 10 epochs of 100 are those of another's implementation (the paper states that
there is such a term, its numbers were not read).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from cal.config import Config
from cal.mechanisms.prototypes import entropy, lagging, leading, moved, similarities
from cal.methods.joint import Batch, Joint, Mean
from cal.methods.sections import column, of_rows, rows_of


class Pmr(Joint):
    """Draws the weaker modalities' latents to their class prototypes."""

    def __init__(self, configs: Sequence[Config]) -> None:
        """Raises ``ValueError`` unless every configuration has its ``pmr`` section."""
        super().__init__(configs)
        own = ("alpha", "momentum", "entropy", "early")
        self.alpha, self.memory, self.mu, self.early = (column(configs, "pmr", n) for n in own)
        self.prototypes = torch.zeros(0)  # [R, M, K, Z]
        self._sums = self._counts = torch.zeros(())  # of this epoch: [R, M, K, Z] and [R, K]
        self._told = dict.fromkeys(("beta", "entropy"), torch.zeros_like(self._ones))

    def objective(self, batch: Batch, step: int, steps: int, mean: Mean) -> Tensor:
        """Joint training's, CE of the similarities of whoever lags, less H of whoever leads."""
        loss, z = super().objective(batch, step, steps, mean), batch.outputs.z
        hot = functional.one_hot(batch.labels, batch.outputs.fused.shape[-1]).to(z.dtype)
        self._sums = self._sums + mean(torch.einsum("rbk,rmbz->rmkz", hot, z.detach()))
        self._counts = self._counts + mean(hot.sum(1))
        if not len(self.prototypes):
            return loss
        log_p = similarities(z, self.prototypes.to(z.device)).log_softmax(-1)
        true = (log_p * hot[:, None]).sum(-1)  # of the true class [R, M, B]
        scores = mean(true.detach().exp().sum(-1)).cpu()
        mu = torch.where(step < self.early * steps, self.mu, 0.0)
        self._told = {"beta": lagging(scores), "entropy": mu[:, None] * leading(scores)}
        drawn = (self.alpha[:, None] * self._told["beta"]).to(z.device) * true.mean(-1)
        return loss - (drawn + self._told["entropy"].to(z.device) * entropy(log_p)).sum(-1)

    def epoch_ended(self) -> None:
        """New prototypes; 0 / 0 is none."""
        means = (self._sums / self._counts[:, None, :, None]).cpu()
        known = len(self.prototypes) > 0
        self.prototypes = moved(self.prototypes, means, memory=self.memory) if known else means
        self._sums = self._counts = torch.zeros(())

    def reports(self) -> list[dict[str, Tensor]]:
        """The last weights: of the prototype loss before alpha, of the entropy."""
        told = {f"modulation/{{}}/{name}": values for name, values in self._told.items()}
        return [{name: row[r] for name, row in told.items()} for r in range(self.replicas)]

    def states(self) -> list[dict[str, Any]]:
        """The prototypes, between epochs."""
        return rows_of("prototypes", self.prototypes, replicas=self.replicas)

    def load_states(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Of the same epoch."""
        self.prototypes = of_rows("prototypes", states)
