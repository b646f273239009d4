"""SGD with momentum, Adam and AdamW on replicated parameters, and the learning-rate schedule.

torch.optim has one learning rate a parameter group; here every replica has its own, and k^m scales
each modality along an axis of one tensor. The formulas are torch.optim's (a test compares them).

Legend: R replicas. A parameter is [R, ...], or without R where it belongs to an ordinary module.
``factor``: broadcasts to the parameter, k of acceleration.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cal import config
from cal.members import row, stacked

State = dict[str, Tensor]
ADAM_BETAS = (0.9, 0.999)
ADAM_EPS = 1e-8


def learning_rate(optim: config.Optim, *, step: int, steps: int, epoch: int) -> float:
    """The rate at ``step`` of ``steps`` (from 0): cosine to 0, constant, or x0.1 every n epochs."""
    if optim.schedule == "cosine":
        return optim.lr * 0.5 * (1 + math.cos(math.pi * step / steps))
    if optim.schedule == "step":
        return optim.lr * 0.1 ** (epoch // optim.step_epochs)
    return optim.lr


def clip_factor(grads: Sequence[Tensor], replicated: Sequence[bool], *, limit: Tensor) -> Tensor:
    """min(1, limit / global norm) [R], each replica by its own norm; ``limit`` [R], inf is none."""
    norms = [
        torch.linalg.vector_norm(g.flatten(1), dim=1)
        if own
        else torch.linalg.vector_norm(g).reshape(1)
        for g, own in zip(grads, replicated, strict=True)
    ]
    # A running sum: one in another order would depend on R, and on parameters whose norm is 0.
    norm = torch.stack(norms, 1).square().cumsum(1)[:, -1].sqrt()
    return (limit / (norm + 1e-6)).clamp(max=1.0)


def sgd(
    parameter: Tensor, grad: Tensor, state: State, *, lr: Tensor, decay: Tensor, momentum: Tensor
) -> None:
    """p <- p - lr b, b <- momentum b + (grad + decay p), in place; ``grad`` is consumed."""
    grad.addcmul_(parameter, decay)
    buffer = state.get("momentum")
    if buffer is None:
        buffer = state["momentum"] = grad
    else:
        buffer.mul_(momentum).add_(grad)
    parameter.addcmul_(buffer, lr, value=-1)


def adam(
    parameter: Tensor,
    grad: Tensor,
    state: State,
    *,
    lr: Tensor,
    decay: Tensor,
    decoupled: bool,
) -> None:
    """Adam (``decay`` as an L2 term) or AdamW (``decoupled``), in place; ``grad`` is consumed."""
    if not state:
        state["mean"], state["square"] = torch.zeros_like(grad), torch.zeros_like(grad)
        state["count"] = torch.zeros((), dtype=torch.int64)
    if decoupled:
        parameter.mul_(1 - lr * decay)
    else:
        grad.addcmul_(parameter, decay)
    state["count"] += 1
    count = int(state["count"])
    first, second = ADAM_BETAS
    state["mean"].lerp_(grad, 1 - first)
    state["square"].mul_(second).addcmul_(grad, grad, value=1 - second)
    root = (state["square"] / (1 - second**count)).sqrt_().add_(ADAM_EPS)
    parameter.addcmul_(state["mean"] / root, lr / (1 - first**count), value=-1)


class Optimiser:
    """All parameters of a network under one of the formulas above."""

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        replicated: Mapping[str, bool],
        configs: Sequence[config.Optim],
        *,
        device: torch.device,
    ) -> None:
        """``configs``: one per replica; the formula is the same for all."""
        self.parameters = parameters
        self.replicated = replicated
        self.name = configs[0].name
        self.state: dict[str, State] = {name: {} for name in parameters}
        column = [[o.weight_decay, o.momentum, o.clip or math.inf] for o in configs]
        self.decay, self.momentum, self.limit = torch.tensor(column, device=device).T

    def _column(self, values: Tensor, name: str) -> Tensor:
        """Values [R], shaped to broadcast to the parameter."""
        axes = self.parameters[name].dim() - 1
        return values.view(-1, *[1] * axes) if self.replicated[name] else values[0]

    @torch.no_grad()
    def step(
        self,
        *,
        lr: Tensor,
        on_gradient: Mapping[str, Tensor],
        on_rate: Mapping[str, Tensor],
        additions: Mapping[str, Tensor] | None = None,
    ) -> None:
        """One update from ``parameter.grad``: clip, then k on the gradient or on the rate.

        ``lr`` [R]; ``on_gradient``, ``on_rate``: k for the parameters that have one, 1 for replicas
        whose k acts on the other; ``additions``: noise in the scale of the gradient before
        clipping, added after k. Clears the gradients.
        """
        grads = {name: p.grad for name, p in self.parameters.items() if p.grad is not None}
        flags = [self.replicated[name] for name in grads]
        clip = clip_factor(list(grads.values()), flags, limit=self.limit)
        for name, grad in grads.items():
            parameter = self.parameters[name]
            scale, rate = self._column(clip, name), self._column(lr, name)
            if name in on_gradient:
                scale = scale * on_gradient[name]
            if name in on_rate:
                rate = rate * on_rate[name]
            grad.mul_(scale)
            if additions and name in additions:
                grad.addcmul_(additions[name], self._column(clip, name))
            decay = self._column(self.decay, name)
            if self.name == "sgd":
                momentum = self._column(self.momentum, name)
                state = self.state[name]
                sgd(parameter, grad, state, lr=rate, decay=decay, momentum=momentum)
            else:
                decoupled = self.name == "adamw"
                state = self.state[name]
                adam(parameter, grad, state, lr=rate, decay=decay, decoupled=decoupled)
            parameter.grad = None

    def states(self, without: Sequence[Sequence[str]]) -> list[dict[str, State]]:
        """The buffers of each replica, ``without`` those of parameters that it has not."""
        size = len(without)
        return [
            {name: row(s, r, replicas=size) for name, s in self.state.items() if name not in skip}
            for r, skip in enumerate(without)
        ]

    def load_states(self, states: Sequence[Mapping[str, State]]) -> None:
        """One of ``states`` for each replica; buffers that a replica lacks begin at 0."""
        for name, parameter in self.parameters.items():
            rows = [state.get(name, {}) for state in states]
            zeros = torch.zeros_like(parameter, requires_grad=False)
            keys = dict.fromkeys(key for own in rows for key in own)
            otherwise = {key: torch.zeros(()) if key == "count" else zeros for key in keys}
            self.state[name] = {
                key: value if key == "count" else value.to(parameter.device)
                for key, value in stacked(rows, otherwise=otherwise).items()
            }
