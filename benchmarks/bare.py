"""The bare alternative: one full-CAL run as a good engineer writes it by hand, for that run alone.

Ordinary modules, fused SGD, no logging, no packs; the same mathematics as ``cal.trainer`` (a test
compares weights after some steps) for the two networks of the default study.

Legend: M modalities, S coalitions, B samples, K classes, Z latent features.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from cal import rng
from cal.config import Bottleneck, Config, Contribution
from cal.data.parts import Parts
from cal.mechanisms import coalitions
from cal.mechanisms.bottleneck import LOG_VARIANCE, LOG_VARIANCE_BIAS
from cal.model.cnn import conv_strides, pooled_grid


def _dense(inputs: int, width: int) -> list[nn.Module]:
    return [nn.Linear(inputs, width), nn.LayerNorm(width), nn.ReLU()]


def mlp(features: int, hidden: Sequence[int]) -> nn.Sequential:
    """[B, D] -> [B, H]."""
    layers: list[nn.Module] = []
    for inputs, width in zip((features, *hidden), hidden, strict=False):
        layers += _dense(inputs, width)
    return nn.Sequential(*layers)


def cnn(shape: Sequence[int], channels: Sequence[int], width: int) -> nn.Sequential:
    """[B, C, Y, X] -> [B, H]."""
    planes, height, columns = shape
    layers: list[nn.Module] = []
    strides = conv_strides(height, columns, layers=len(channels))
    for outputs, stride in zip(channels, strides, strict=True):
        layers.append(nn.Conv2d(planes, outputs, 3, stride=stride, padding=1, bias=False))
        layers += [nn.GroupNorm(min(4, outputs), outputs), nn.ReLU()]
        planes, height = outputs, -(-height // stride)
    grid = pooled_grid(height)
    layers += [nn.AdaptiveAvgPool2d(grid), nn.Flatten()]
    return nn.Sequential(*layers, *_dense(planes * math.prod(grid), width))


class Bare(nn.Module):
    """Encoders, a bottleneck each, linear fusion, linear heads."""

    def __init__(self, config: Config, parts: Parts) -> None:
        super().__init__()
        model, classes = config.model, parts.classes
        shapes = [tuple(x.shape[1:]) for x in parts.train.inputs]
        width = model.hidden[-1]
        self.encoders = nn.ModuleList(
            mlp(shape[0], model.hidden)
            if model.encoder == "mlp"
            else cnn(shape, model.channels, width)
            for shape in shapes
        )
        self.mean = nn.ModuleList(nn.Linear(width, model.d_z) for _ in shapes)
        self.log_variance = nn.ModuleList(nn.Linear(width, model.d_z) for _ in shapes)
        for layer in self.log_variance:
            nn.init.constant_(layer.bias, LOG_VARIANCE_BIAS)  # type: ignore[arg-type]
        self.fusion = nn.Linear(len(shapes) * model.d_z, classes)
        self.heads = nn.ModuleList(nn.Linear(model.d_z, classes) for _ in shapes)

    def forward(self, inputs: Sequence[Tensor], noise: Tensor) -> tuple[list[Tensor], Tensor]:
        """z of each modality, KL [M]; ``noise`` [M, B, Z]."""
        z, kl = [], []
        for m, x in enumerate(inputs):
            features = self.encoders[m](x)
            mean = self.mean[m](features)
            log_variance = self.log_variance[m](features).clamp(*LOG_VARIANCE)
            z.append(torch.addcmul(mean, (0.5 * log_variance).exp(), noise[m]))
            terms = mean * mean + log_variance.exp() - 1 - log_variance
            kl.append(0.5 * terms.sum(-1).mean())
        return z, torch.stack(kl)

    def means(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """mu of each modality, as in evaluation."""
        pairs = zip(self.mean, self.encoders, inputs, strict=True)
        return [mean(encoder(x)) for mean, encoder, x in pairs]

    def logits(self, inputs: Sequence[Tensor]) -> Tensor:
        """[B, K] of the fused head, as in evaluation."""
        fused: Tensor = self.fusion(torch.cat(self.means(inputs), -1))
        return fused


class Loop:
    """Training of one run, a step a call; order and noise come from the run's own generators."""

    def __init__(self, config: Config, parts: Parts) -> None:
        assert config.cal is not None
        self.config, self.parts, self.network = config, parts, Bare(config, parts)
        self.contribution: Contribution = config.cal.contribution
        self.bottleneck: Bottleneck = config.cal.bottleneck
        self.alpha = config.cal.acceleration.alpha
        optim = config.optim
        self.parameters = list(self.network.parameters())
        self.optimiser = torch.optim.SGD(
            self.parameters,
            lr=optim.lr,
            momentum=optim.momentum,
            weight_decay=optim.weight_decay,
            fused=True,
        )
        n = self.network
        groups = zip(n.encoders, n.mean, n.log_variance, strict=True)
        self.owned = [[p for part in group for p in part.parameters()] for group in groups]
        self.game = coalitions.exact(len(self.owned))
        (self.order,), (self.noise,) = (
            rng.generators([config.seed], p) for p in ("order", "noise")
        )
        self.count = len(parts.train.labels)
        self.per_epoch = self.count // config.train.batch
        self.steps = config.train.epochs * self.per_epoch
        labels = parts.probe.labels
        self.prior = torch.special.entr(torch.bincount(labels) / len(labels)).sum()
        size = len(self.owned)
        self.weights = torch.full((size,), 1 / size)
        self.moments: Tensor | None = None  # I and D [2, M]
        self.step_number, self.rows = 0, torch.zeros(0)
        self._weigh()

    def _weigh(self) -> None:
        """k and s of W, once an update."""
        size = len(self.weights)
        self.k = (1 + self.alpha * size * self.weights).tolist()
        self.share = size / self.weights / (1 / self.weights).sum()

    @torch.no_grad()
    def observe(self) -> None:
        """W from all coalitions of the probe in one batched product."""
        c, labels = self.contribution, self.parts.probe.labels
        z = torch.stack(self.network.means(self.parts.probe.inputs))  # [M, B, Z]
        size, width = len(z), z.shape[-1]
        weight = self.network.fusion.weight.view(-1, size, width).permute(1, 2, 0)
        own = torch.bmm(z, weight)  # [M, B, K]
        fused = (self.game.masks @ own.flatten(1)).view(-1, *own.shape[1:])
        index = labels[None, :, None]
        log_p = (fused + self.network.fusion.bias).log_softmax(-1)
        utility = self.prior + log_p.gather(-1, index.expand(len(log_p), -1, 1)).mean((1, 2))
        heads = torch.stack(
            [head(own_z) for head, own_z in zip(self.network.heads, z, strict=True)]
        )
        trust = heads.softmax(-1).gather(-1, index.expand(size, -1, 1)).mean((1, 2))
        new = torch.stack([self.game.weights @ utility, trust])
        old = new if self.moments is None else self.moments
        self.moments = old.lerp(new, 1 - c.ema)
        positive = self.moments.clamp(min=0)
        total = positive.sum(1, keepdim=True)
        quantity, confidence = torch.where(total > 0, positive / total, 1 / size)
        score = c.lam * quantity + (1 - c.lam) * confidence
        self.weights = c.floor + (1 - size * c.floor) * (score / c.tau).softmax(0)
        self._weigh()

    def step(self) -> Tensor:
        """One update; its loss."""
        config, t = self.config, self.step_number
        batch, c = config.train.batch, self.contribution
        if t >= c.start * self.steps and t % c.interval == 0:
            self.observe()
        if t % self.per_epoch == 0:
            self.rows = torch.randperm(self.count, generator=self.order)
        at = (t % self.per_epoch) * batch
        index = self.rows[at : at + batch]
        inputs = [x.index_select(0, index) for x in self.parts.train.inputs]
        labels = self.parts.train.labels[index]
        noise = torch.randn(len(inputs), batch, config.model.d_z, generator=self.noise)
        z, kl = self.network(inputs, noise)
        fused = self.network.fusion(torch.cat(z, -1))
        alone = [
            head(own if config.gamma else own.detach())
            for head, own in zip(self.network.heads, z, strict=True)
        ]
        targets = labels.repeat(1 + len(alone))
        loss = functional.cross_entropy(torch.cat([fused, *alone]), targets) * (1 + len(alone))
        ramp = min(1.0, (t + 1) / self.steps / self.bottleneck.warmup)
        loss = loss + (self.bottleneck.beta * ramp * self.share * kl).sum()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        assert config.optim.clip is not None
        nn.utils.clip_grad_norm_(self.parameters, config.optim.clip, foreach=True)
        for own_parameters, k in zip(self.owned, self.k, strict=True):
            torch._foreach_mul_([p.grad for p in own_parameters if p.grad is not None], k)
        rate = config.optim.lr * 0.5 * (1 + math.cos(math.pi * t / self.steps))
        self.optimiser.param_groups[0]["lr"] = rate
        self.optimiser.step()
        self.step_number += 1
        return loss.detach()
