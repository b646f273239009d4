"""The small CNN with GroupNorm, for R replicas at once, written for one core.

Maps are [R, C, P, B], cells flattened and samples last, so that every pass runs along contiguous
samples. The nine cells under a kernel are gathered as rows of B, and their gradients gathered
back; between, a convolution is one matrix product a replica.

Legend: R replicas, M modalities, B samples, H encoder features, C channels (I in, O out), P cells
of a map, G groups of GroupNorm.
"""

from collections.abc import Sequence
from itertools import accumulate, chain, product
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional

from cal.model.encoders import Encoders, JoinedLayer, Owned
from cal.model.initial import uniform

CELLS = 16  # cells of the pooled feature map of each CNN, so that all modalities join
EPS = 1e-5  # of GroupNorm, as PyTorch's


def patch_bags(planes: int, height: int, width: int, *, stride: int) -> list[Tensor]:
    """Bags of cells [C, P] for patches [C, 9, P'] (beyond the border: empty), and the way back.

    Two tensors each: the members of all bags in their order, and 0 with the end of every bag.
    """
    cells: list[int] = []
    ends = [0]
    back: list[list[int]] = [[] for _ in range(planes * height * width)]
    near, rows, columns = range(-1, 2), range(0, height, stride), range(0, width, stride)
    for patch, (plane, i, j, y, x) in enumerate(product(range(planes), near, near, rows, columns)):
        if 0 <= y + i < height and 0 <= x + j < width:
            cell = (plane * height + y + i) * width + x + j
            cells.append(cell)
            back[cell].append(patch)
        ends.append(len(cells))
    ends_back = accumulate(map(len, back), initial=0)
    return [torch.tensor(list(t)) for t in (cells, ends, chain(*back), ends_back)]


def gathered(rows: Tensor, members: Tensor, ends: Tensor, *, share: int) -> Tensor:
    """[k, ..., B] -> [k, T / share, B]: the sum of each bag of rows, in the first k / share bags.

    ``share``: the replicas that the T bags are for; those of one replica serve for all.
    """
    part, samples = len(rows), rows.shape[-1]
    members = members[: len(members) // share * part]
    ends = ends[: (len(ends) - 1) // share * part + 1]
    rows = rows.reshape(-1, samples)
    sums = functional.embedding_bag(members, rows, ends, mode="sum", include_last_offset=True)
    return sums.view(part, -1, samples)


def pieces(maps: Tensor) -> list[slice]:
    """On the CPU one replica at a time: its patches stay in cache, and in memory already mapped."""
    replicas = len(maps)
    size = 1 if maps.device.type == "cpu" else replicas
    return [slice(start, start + size) for start in range(0, replicas, size)]


class Convolution(Function):
    """Maps [R, I, P, B], weight [R, O, 9 I], ``patch_bags`` for at least R I planes -> maps
    [R, O, P', B]. ``share``: the replicas that the bags are for.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, share: int, *tables: Tensor) -> Tensor:
        """Patches are not kept: gathering them again costs less than their memory."""
        ctx.save_for_backward(maps, weight, *tables)
        ctx.share = share
        (replicas, outputs, inputs), samples = weight.shape, maps.shape[-1]
        cells = (len(tables[1]) - 1) // (share * inputs)
        products = maps.new_empty(replicas, outputs, cells * samples)
        for some in pieces(maps):
            patches = gathered(maps[some], *tables[:2], share=share)
            patches = patches.view(-1, inputs, cells * samples)
            torch.bmm(weight[some], patches, out=products[some])
        return products.view(replicas, outputs, cells, samples)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of the maps only where somebody wants it: not of the data."""
        maps, weight, *tables = ctx.saved_tensors
        share, grad = ctx.share, grad.flatten(2)
        by_weight = torch.empty_like(weight)
        by_maps = torch.empty_like(maps) if ctx.needs_input_grad[0] else None
        for some in pieces(maps):
            patches = gathered(maps[some], *tables[:2], share=share)
            products = patches.view(-1, weight.shape[2], grad.shape[2])
            torch.bmm(grad[some], products.transpose(1, 2), out=by_weight[some])
            if by_maps is not None:
                torch.bmm(weight[some].transpose(1, 2), grad[some], out=products)
                sums = gathered(patches, *tables[2:], share=share)
                by_maps[some] = sums.view_as(by_maps[some])
        return by_maps, by_weight, None, *[None] * len(tables)


class NormReLU(Function):
    """GroupNorm with affine, then ReLU: maps [R, O, P, B], scale and shift [R, O].

    With c the centred map, r = 1 / std of its group of K values and d the gradient after ReLU, the
    gradient is scale r d - r mean(scale d) - r^3 c mean(scale d c), the means over the group.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, scale: Tensor, shift: Tensor, groups: int) -> Tensor:
        """Two values a cell are kept: the centred map and the result."""
        replicas, outputs, cells, samples = maps.shape
        grouped = maps.view(replicas, groups, -1, samples)
        centred = grouped - grouped.mean(2, keepdim=True)
        scratch = centred * centred
        rstd = (scratch.mean(2, keepdim=True) + EPS).rsqrt()
        slope = (scale.view(replicas, groups, -1, 1) * rstd).view(replicas, outputs, 1, samples)
        centred, scratch = centred.view_as(maps), scratch.view_as(maps)
        result = torch.addcmul(shift[..., None, None], centred, slope, out=scratch).relu_()
        ctx.save_for_backward(centred, rstd, slope, scale, result)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Sums over cells first; means over groups are of those."""
        centred, rstd, slope, scale, result = ctx.saved_tensors
        grouped = rstd.shape[:2] + (-1, rstd.shape[-1])
        grad = torch.ops.aten.threshold_backward(grad.contiguous(), result, 0)
        scratch = grad * centred
        sums = torch.stack([grad.sum(2), scratch.sum(2)])  # [2, R, O, B]
        sums[1].view(grouped).mul_(rstd)
        count = centred[0, :, :, 0].numel() // rstd.shape[1]
        means = (sums * scale[..., None]).view(2, *grouped).sum(3, keepdim=True) * (rstd / -count)
        by_maps = scratch.view(grouped)
        torch.addcmul(means[0], centred.view(grouped), means[1] * rstd, out=by_maps)
        by_maps = by_maps.view_as(grad).addcmul_(grad, slope)
        by_shift, by_scale = sums.sum(-1)
        return by_maps, by_scale, by_shift, None


class ConvLayer(nn.Module):
    """3x3 convolution -> GroupNorm -> ReLU on maps of one size."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        size: tuple[int, int],
        stride: int,
        draws: Sequence[torch.Generator],
    ) -> None:
        """``size``: rows and columns of the maps that come in."""
        super().__init__()
        self.groups = min(4, outputs)  # of GroupNorm
        self.replicas = len(draws)
        self.weight = nn.Parameter(uniform((outputs, inputs, 3, 3), inputs * 9, draws))
        self.scale = nn.Parameter(torch.ones(len(draws), outputs))
        self.shift = nn.Parameter(torch.zeros(len(draws), outputs))
        for i, table in enumerate(patch_bags(len(draws) * inputs, *size, stride=stride)):
            self.register_buffer(f"bags{i}", table, persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """[R, I, P, B] -> [R, O, P', B]."""
        weight = self.weight.flatten(2)
        products = Convolution.apply(maps, weight, self.replicas, *self.buffers())
        return cast(Tensor, NormReLU.apply(products, self.scale, self.shift, self.groups))


class Pool(nn.Module):
    """Adaptive average pooling to ``grid``: a product with a constant matrix [cells, P]."""

    def __init__(self, size: tuple[int, int], grid: tuple[int, int]) -> None:
        super().__init__()
        cells = torch.eye(size[0] * size[1]).view(-1, *size)
        means = functional.adaptive_avg_pool2d(cells, grid).flatten(1).T.contiguous()
        self.register_buffer("means", means, persistent=False)
        self.idle = size == grid

    def forward(self, maps: Tensor) -> Tensor:
        """[R, C, P, B] -> [R, C, cells, B]."""
        return maps if self.idle else torch.matmul(cast(Tensor, self.means), maps)


def conv_strides(height: int, width: int, *, layers: int) -> list[int]:
    """Stride 2 as long as both sides stay at least 4, then 1."""
    strides = []
    for _ in range(layers):
        stride = 2 if min(height, width) >= 8 else 1
        height, width = -(-height // stride), -(-width // stride)
        strides.append(stride)
    return strides


def pooled_grid(height: int) -> tuple[int, int]:
    """Rows and columns of the pooled map, ``CELLS`` in all; rows (frequency) are kept first."""
    rows = 8 if height >= 8 else 4
    return rows, CELLS // rows


class ViewCNN(Encoders):
    """A small CNN with GroupNorm per modality, then one joined linear layer."""

    def __init__(
        self,
        shapes: Sequence[Sequence[int]],
        *,
        channels: Sequence[int],
        width: int,
        draws: Sequence[torch.Generator],
    ) -> None:
        """``shapes``: (channels, height, width) of each modality; ``width``: H."""
        super().__init__()
        self.width = width
        towers = []
        for planes, *size in shapes:
            layers: list[nn.Module] = []
            for outputs, stride in zip(
                channels, conv_strides(*size, layers=len(channels)), strict=True
            ):
                rows, columns = size
                layer = ConvLayer(planes, outputs, size=(rows, columns), stride=stride, draws=draws)
                layers.append(layer)
                planes, size = outputs, [-(-side // stride) for side in size]
            layers.append(Pool((size[0], size[1]), pooled_grid(size[0])))
            towers.append(nn.Sequential(*layers))
        self.towers = nn.ModuleList(towers)
        inputs = channels[-1] * CELLS
        self.last = JoinedLayer(
            draws, modalities=len(shapes), width=width, inputs=inputs, fan_in=[inputs] * len(shapes)
        )

    def owned(self) -> list[Owned]:
        """Each tower by modality, the joined layer on its axis M."""
        towers = [Owned(p, m) for m, tower in enumerate(self.towers) for p in tower.parameters()]
        return towers + [Owned(parameter, None) for parameter in self.last.parameters()]

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """M tensors [R, B, C, Y, X] -> h [R, M, B, H]."""
        features = []
        for x, tower in zip(inputs, self.towers, strict=True):
            cells = tower(x.permute(0, 2, 3, 4, 1).flatten(2, 3).contiguous())
            features.append(cells.flatten(1, 2).transpose(1, 2))
        return cast(Tensor, self.last(torch.stack(features, 1)))
