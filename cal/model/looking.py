"""The network as a look at the probe runs it: of the whole pack, or of some of its runs.

Runs of one pack may look at unlike steps. Only those that look are computed, through their rows of
every parameter, along the leading axis R.

Legend: R replicas, M modalities, B samples, Z latent features, K classes.
"""

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn
from torch.func import functional_call

from cal.model.network import Network
from cal.model.rows import Rows


class Looking(nn.Module):
    """A module, so that ``functional_call`` can run it with other parameters."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """M tensors [R, B, ...] -> mu [R, M, B, Z], logits of the unimodal heads [R, M, B, K]."""
        z = self.network.latents(inputs)
        return z, self.network.heads(z)

    def of(self, rows: Rows, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """``forward`` of ``rows`` of the pack, whose ``inputs`` alone are given."""
        own = {name: parameter[rows] for name, parameter in self.named_parameters()}
        return cast(tuple[Tensor, Tensor], functional_call(self, own, (inputs,)))
