"""Contribution W^m of each modality from information quantity I(m) and confidence D(m).

arXiv 2510.26289 fixes the idea (Shapley-inspired marginal performance and confidence, weighted by
softmax); the formulas are our declared choices, their alternatives values of one field.

Legend: R replicas, M modalities, S coalitions, B samples, K classes. Class axis before samples.
Every function is linear in per-sample terms until ``weights``, so that means over equal shards of
the probe average to the mean over the whole probe.
"""

import math

import torch
from torch import Tensor

from cal.mechanisms.coalitions import Coalitions
from cal.mechanisms.shapes import expect


def entropy(labels: Tensor, *, classes: int) -> Tensor:
    """H(Y) in nats of the labels [R, B] -> [R]."""
    counts = torch.nn.functional.one_hot(labels, classes).float().mean(1)
    return torch.special.entr(counts).sum(-1)


def cross_entropy_utility(logits: Tensor, labels: Tensor) -> Tensor:
    """v(S) = H(Y) - CE of the coalition's logits, nats: [R, S, K, B], [R, B] -> [R, S]."""
    expect(logits=(logits, "RSKB"), labels=(labels, "RB"))
    index = labels[:, None, None].expand(-1, logits.shape[1], 1, -1)
    mean = logits.log_softmax(2).gather(2, index).mean((2, 3))
    return entropy(labels, classes=logits.shape[2])[:, None] + mean


def accuracy_utility(logits: Tensor, labels: Tensor) -> Tensor:
    """v(S) = accuracy of the coalition, in [0, 1]: [R, S, K, B], [R, B] -> [R, S]."""
    expect(logits=(logits, "RSKB"), labels=(labels, "RB"))
    return (logits.argmax(2) == labels[:, None]).float().mean(-1)


def attribute(utilities: Tensor, weights: Tensor) -> Tensor:
    """Values [R, M] of utilities [R, S] under weights [M, S].

    A sum, not a matrix product: with R as its row count the product would round a replica
    differently in packs of different sizes.
    """
    expect(utilities=(utilities, "RS"), weights=(weights, "MS"))
    return (utilities[:, None] * weights).sum(-1)


def information(
    kind: str, *, logits: Tensor, unimodal: Tensor, labels: Tensor, game: Coalitions
) -> Tensor:
    """I(m) [R, M], before clamping.

    ``shapley``: Shapley value of v(S) = H(Y) - CE, nats; ``shapley_accuracy``: of the accuracy;
    ``kl``: KL(p || p without m), nats; ``entropy``: log K - H(p^m) of the unimodal head, nats.
    ``logits`` [R, S, K, B] by coalition, ``unimodal`` [R, M, K, B], ``labels`` [R, B].
    Raises ``ValueError`` for other shapes or another ``kind``.
    """
    expect(
        logits=(logits, "RSKB"),
        unimodal=(unimodal, "RMKB"),
        labels=(labels, "RB"),
        masks=(game.masks, "SM"),
    )
    if kind == "shapley":
        return attribute(cross_entropy_utility(logits, labels), game.weights)
    if kind == "shapley_accuracy":
        return attribute(accuracy_utility(logits, labels), game.weights)
    if kind == "kl":
        log_p = logits.log_softmax(2)
        full, without = log_p[:, :1], log_p[:, 1:]
        return (full.exp() * (full - without)).sum(2).mean(-1)
    if kind == "entropy":
        return math.log(unimodal.shape[2]) - torch.special.entr(unimodal.softmax(2)).sum(2).mean(-1)
    raise ValueError(
        f"information: given {kind!r}; allowed: shapley, shapley_accuracy, kl, entropy"
    )


def confidence(kind: str, *, unimodal: Tensor, labels: Tensor) -> Tensor:
    """D(m) [R, M] of the unimodal heads' logits [R, M, K, B].

    ``true_class``: mean probability of the true class, in [0, 1]; ``entropy``: 1 - H(p^m)/log K,
    in [0, 1]; ``energy``: mean logsumexp, any real (``weights`` puts it through a softmax over m).
    Raises ``ValueError`` for other shapes or another ``kind``.
    """
    expect(unimodal=(unimodal, "RMKB"), labels=(labels, "RB"))
    if kind == "true_class":
        index = labels[:, None, None].expand(-1, unimodal.shape[1], 1, -1)
        return unimodal.softmax(2).gather(2, index).mean((2, 3))
    if kind == "entropy":
        bits = torch.special.entr(unimodal.softmax(2)).sum(2).mean(-1)
        return 1 - bits / math.log(unimodal.shape[2])
    if kind == "energy":
        return unimodal.logsumexp(2).mean(-1)
    raise ValueError(f"confidence: given {kind!r}; allowed: true_class, entropy, energy")


def _shares(values: Tensor) -> Tensor:
    """relu(v) / sum relu(v) over modalities; uniform where nothing is positive."""
    positive = values.clamp(min=0)
    total = positive.sum(-1, keepdim=True)
    return torch.where(total > 0, positive / total.clamp(min=1e-30), 1 / values.shape[-1])


def weights(
    information_RM: Tensor,
    confidence_RM: Tensor,
    *,
    combine: str,
    energy: bool,
    lam: Tensor,
    tau: Tensor,
    floor: Tensor,
) -> Tensor:
    """W [R, M] = softmax_m(score / tau), then floor + (1 - M floor) W; sums to 1.

    ``sum``: score = lam I_norm + (1 - lam) D_norm; ``product``: I_norm D. ``lam`` in [0, 1],
    ``tau`` > 0, ``floor`` in [0, 1/M), each [R]. Raises ``ValueError`` for other shapes or values.
    """
    tables = {"information": (information_RM, "RM"), "confidence": (confidence_RM, "RM")}
    expect(**tables, lam=(lam, "R"), tau=(tau, "R"), floor=(floor, "R"))
    _check_numbers(lam, tau, floor, modalities=information_RM.shape[1])
    quantity = _shares(information_RM)
    trust = confidence_RM.softmax(-1) if energy else confidence_RM
    if combine == "sum":
        score = lam[:, None] * quantity + (1 - lam[:, None]) * _shares(trust)
    elif combine == "product":
        score = quantity * trust
    else:
        raise ValueError(f"combine: given {combine!r}; allowed: sum, product")
    modalities = score.shape[-1]
    raw = (score / tau[:, None]).softmax(-1)
    return floor[:, None] + (1 - modalities * floor[:, None]) * raw


def _check_numbers(lam: Tensor, tau: Tensor, floor: Tensor, *, modalities: int) -> None:
    if bool(((lam < 0) | (lam > 1)).any()):
        raise ValueError(f"lam: given {lam.tolist()}; allowed: 0 to 1")
    if bool((tau <= 0).any()):
        raise ValueError(f"tau: given {tau.tolist()}; allowed: above 0")
    if bool(((floor < 0) | (floor * modalities >= 1)).any()):
        raise ValueError(f"floor: given {floor.tolist()}; allowed: 0 to under 1/{modalities}")


def moving_average(old: Tensor | None, new: Tensor, *, decay: Tensor) -> Tensor:
    """decay * old + (1 - decay) * new, [R, M] with decay [R]; starts at the first observation."""
    if old is None:
        return new
    expect(old=(old, "RM"), new=(new, "RM"), decay=(decay, "R"))
    return decay[:, None] * old + (1 - decay[:, None]) * new


def reversed_order(weights_RM: Tensor) -> Tensor:
    """W turned round: the largest weight goes to the modality that had the smallest."""
    order = weights_RM.argsort(dim=-1, stable=True)
    return torch.zeros_like(weights_RM).scatter(-1, order.flip(-1), weights_RM.gather(-1, order))


def permuted(weights_RM: Tensor, *, generators: list[torch.Generator]) -> Tensor:
    """W shuffled among the modalities, each replica by its own generator."""
    size = weights_RM.shape[-1]
    order = torch.stack([torch.randperm(size, generator=g) for g in generators])
    return weights_RM.gather(-1, order.to(weights_RM.device))


def uniform(replicas: int, modalities: int) -> Tensor:
    """The neutral element: W = 1/M [R, M], no random numbers."""
    return torch.full((replicas, modalities), 1 / modalities)
