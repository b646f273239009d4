"""A look at the probe: all coalitions and the unimodal heads, of the whole pack or of some rows.

Runs of one pack may measure W in unlike ways and at unlike steps. Only those that look are
computed: their rows of every parameter, along the leading axis R.

Legend: R replicas, M modalities, S coalitions, B samples, K classes.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from cal.model.network import Network

Rows = slice | Tensor


def indexed(rows: Sequence[int], device: torch.device) -> Rows:
    """``rows`` in rising order as an index of axis R: neighbours are a view and are not copied."""
    if rows[-1] - rows[0] == len(rows) - 1:
        return slice(rows[0], rows[-1] + 1)
    return torch.tensor(rows, device=device)


class Looking(nn.Module):
    """The network as a metric sees it; a module, so that ``functional_call`` can give it rows."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Sequence[Tensor], masks: Tensor) -> tuple[Tensor, Tensor]:
        """M tensors [R, B, ...], masks [S, M] -> logits of the coalitions [R, S, K, B], and of the
        heads [R, M, K, B].
        """
        z = self.network.latents(inputs)
        coalitions = self.network.fusion.coalitions(z, masks)
        return coalitions, self.network.heads(z).transpose(-1, -2)

    def of(
        self, rows: Rows | None, inputs: Sequence[Tensor], masks: Tensor
    ) -> tuple[Tensor, Tensor]:
        """``forward`` of ``rows`` (None: of all), whose ``inputs`` alone are given."""
        if rows is None:
            return cast(tuple[Tensor, Tensor], self(inputs, masks))
        own = {name: parameter[rows] for name, parameter in self.named_parameters()}
        return cast(tuple[Tensor, Tensor], functional_call(self, own, (inputs, masks)))
