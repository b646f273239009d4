"""SGD with momentum, Adam and AdamW on replicated parameters, and the learning-rate schedule.

torch.optim has one learning rate a parameter group; here every replica has its own, and k^m scales
each modality along an axis of one tensor. The formulas are torch.optim's (a test compares them).
Ordinary modules (a ResNet) have some hundred parameters of one run: those go through torch's fused
kernels, a handful of launches instead of some a parameter, which on a GPU costs more than the sums.

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
    apart = [g for g, own in zip(grads, replicated, strict=True) if own]
    whole = [g for g, own in zip(grads, replicated, strict=True) if not own]
    norms = [torch.linalg.vector_norm(g.flatten(1), dim=1, keepdim=True) for g in apart]
    if whole:
        norms.append(torch.stack(torch._foreach_norm(whole)).unsqueeze(0))
    # A running sum: one in another order would depend on R, and on parameters whose norm is 0.
    norm = torch.cat(norms, 1).square().cumsum(1)[:, -1].sqrt()
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


def fused(
    name: str,
    parameters: list[Tensor],
    grads: list[Tensor],
    states: Sequence[State],
    *,
    lr: Tensor,
    decay: float,
    momentum: float,
) -> None:
    """The same formulas for parameters of one rate ``lr`` [] at once, in place."""

    def buffers(key: str) -> list[Tensor]:
        for state, grad in zip(states, grads, strict=True):
            if key not in state:
                state[key] = torch.zeros_like(grad)
        return [state[key] for state in states]

    if name == "sgd":
        torch._fused_sgd_(
            parameters,
            grads,
            buffers("momentum") if momentum else [],
            lr=lr,
            weight_decay=decay,
            momentum=momentum,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,
        )
        return
    for state in states:
        state["count"] = state.get("count", torch.zeros((), dtype=torch.int64)) + 1
    counts = [float(state["count"]) for state in states]
    there = {count: torch.tensor(count, device=lr.device) for count in counts}  # few: they go along
    first, second = ADAM_BETAS
    update = torch._fused_adamw_ if name == "adamw" else torch._fused_adam_
    update(
        parameters,
        grads,
        buffers("mean"),
        buffers("square"),
        [],
        [there[count] for count in counts],
        lr=lr,
        beta1=first,
        beta2=second,
        weight_decay=decay,
        eps=ADAM_EPS,
        amsgrad=False,
        maximize=False,
    )


def alike(names: Sequence[str], *factors: Mapping[str, Tensor]) -> list[list[str]]:
    """Names whose factors are the same numbers in memory, or lacking."""
    groups: dict[tuple[int, ...], list[str]] = {}
    for name in names:
        key = tuple(own[name].data_ptr() if name in own else 0 for own in factors)
        groups.setdefault(key, []).append(name)
    return list(groups.values())


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
        self.config, self.name = configs[0], configs[0].name
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
        groups = [[name] for name in grads if self.replicated[name]]
        whole = [name for name in grads if not self.replicated[name]]
        for names in groups + alike(whole, on_gradient, on_rate):
            first, own = names[0], [grads[name] for name in names]
            clipped, rate = self._column(clip, first), self._column(lr, first)
            factor = clipped * on_gradient[first] if first in on_gradient else clipped
            rate = rate * on_rate[first] if first in on_rate else rate
            if self.replicated[first]:
                own[0].mul_(factor)
            else:
                torch._foreach_mul_(own, factor)
            for name, grad in zip(names, own, strict=True):
                if additions and name in additions:
                    grad.addcmul_(additions[name], clipped)
            if self.replicated[first]:
                self._alone(first, own[0], rate)
            else:
                self._together(names, own, rate)
        for parameter in self.parameters.values():
            parameter.grad = None

    def _together(self, names: Sequence[str], grads: list[Tensor], rate: Tensor) -> None:
        """Parameters of ordinary modules, all at ``rate`` []."""
        parameters = [self.parameters[name] for name in names]
        states = [self.state[name] for name in names]
        given = {"decay": self.config.weight_decay, "momentum": self.config.momentum}
        fused(self.name, parameters, grads, states, lr=rate, **given)

    def _alone(self, name: str, grad: Tensor, rate: Tensor) -> None:
        """A replicated parameter; ``rate`` broadcasts to it."""
        parameter, state = self.parameters[name], self.state[name]
        decay = self._column(self.decay, name)
        if self.name == "sgd":
            momentum = self._column(self.momentum, name)
            sgd(parameter, grad, state, lr=rate, decay=decay, momentum=momentum)
        else:
            decoupled = self.name == "adamw"
            adam(parameter, grad, state, lr=rate, decay=decay, decoupled=decoupled)

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
