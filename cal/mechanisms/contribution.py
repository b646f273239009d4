"""Contribution W^m of each modality from information quantity I(m) and confidence D(m).

arXiv 2510.26289 fixes the idea (Shapley-inspired marginal performance and confidence, weighted by
softmax); the formulas are our declared choices, their alternatives values of one field.

Legend: R replicas, M modalities, S coalitions, B samples, K classes. Class axis before samples.
Every function is linear in per-sample terms until ``weights``, so that means over equal shards of
the probe average to the mean over the whole probe.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

EXACT = 8  # largest M for which all 2^M coalitions are evaluated


@dataclass(frozen=True)
class Coalitions:
    """Which modalities are present, and how utilities become one value per modality.

    ``masks`` [S, M] of 0 and 1; ``weights`` [M, S], the value of m is sum_S weights[m, S] v(S).
    """

    masks: Tensor
    weights: Tensor


def exact(modalities: int) -> Coalitions:
    """All 2^M coalitions with Shapley weights |S|!(M-|S|-1)!/M!; row s has bit m of s.

    Raises ``ValueError`` unless 1 <= M <= 8.
    """
    if not 1 <= modalities <= EXACT:
        raise ValueError(f"modalities: given {modalities}; exact Shapley values: 1 to {EXACT}")
    subsets = torch.arange(2**modalities)
    masks = (subsets[:, None] >> torch.arange(modalities)) & 1
    others = masks.sum(1, keepdim=True) - masks  # |S without m|
    total = math.factorial(modalities)
    share = torch.tensor(
        [math.factorial(n) * math.factorial(modalities - n - 1) / total for n in range(modalities)],
        dtype=torch.float64,
    )
    weights = torch.where(masks == 1, share[others], -share[others.clamp(max=modalities - 1)])
    return Coalitions(masks.float(), weights.T.float().contiguous())


def sampled(modalities: int, *, permutations: int, seed: int) -> Coalitions:
    """Prefixes of random orders: the mean marginal utility over ``permutations`` orders.

    An unbiased estimate of the Shapley value (Castro, Gomez and Tejada 2009) that keeps its
    efficiency exactly. Orders come in pairs, each with its reverse (antithetic), so
    ``permutations`` is rounded up to an even number.
    """
    generator = torch.Generator().manual_seed(seed)
    half = [torch.randperm(modalities, generator=generator) for _ in range(-(-permutations // 2))]
    orders = half + [order.flip(0) for order in half]
    rows: dict[tuple[int, ...], int] = {}
    entries: list[tuple[int, int, float]] = []
    for order in orders:
        prefixes = [tuple(sorted(order[:n].tolist())) for n in range(modalities + 1)]
        index = [rows.setdefault(prefix, len(rows)) for prefix in prefixes]
        for m, (before, after) in zip(order.tolist(), pairwise(index), strict=True):
            entries += [(m, after, 1 / len(orders)), (m, before, -1 / len(orders))]
    masks = torch.zeros(len(rows), modalities)
    for prefix, row in rows.items():
        masks[row, list(prefix)] = 1.0
    weights = torch.zeros(modalities, len(rows), dtype=torch.float64)
    for m, row, value in entries:
        weights[m, row] += value
    return Coalitions(masks, weights.float())


def leave_one_out(modalities: int) -> Coalitions:
    """Row 0: all modalities; row 1 + m: all but m. ``weights``: v(all) - v(all but m)."""
    masks = torch.cat([torch.ones(1, modalities), 1 - torch.eye(modalities)])
    weights = torch.cat([torch.ones(modalities, 1), -torch.eye(modalities)], 1)
    return Coalitions(masks, weights)


def coalitions(kind: str, modalities: int, *, permutations: int, seed: int) -> Coalitions:
    """The coalitions that ``information`` of this kind needs (none for ``entropy``)."""
    if kind in ("kl", "entropy"):
        return leave_one_out(modalities)
    if modalities <= EXACT:
        return exact(modalities)
    return sampled(modalities, permutations=permutations, seed=seed)


def entropy(labels: Tensor, *, classes: int) -> Tensor:
    """H(Y) in nats of the labels [R, B] -> [R]."""
    counts = torch.nn.functional.one_hot(labels, classes).float().mean(1)
    return torch.special.entr(counts).sum(-1)


def cross_entropy_utility(logits: Tensor, labels: Tensor) -> Tensor:
    """v(S) = H(Y) - CE of the coalition's logits, nats: [R, S, K, B], [R, B] -> [R, S]."""
    index = labels[:, None, None].expand(-1, logits.shape[1], 1, -1)
    mean = logits.log_softmax(2).gather(2, index).mean((2, 3))
    return entropy(labels, classes=logits.shape[2])[:, None] + mean


def accuracy_utility(logits: Tensor, labels: Tensor) -> Tensor:
    """v(S) = accuracy of the coalition, in [0, 1]: [R, S, K, B], [R, B] -> [R, S]."""
    return (logits.argmax(2) == labels[:, None]).float().mean(-1)


def attribute(utilities: Tensor, weights: Tensor) -> Tensor:
    """Values [R, M] of utilities [R, S] under weights [M, S].

    A sum, not a matrix product: with R as its row count the product would round a replica
    differently in packs of different sizes.
    """
    return (utilities[:, None] * weights).sum(-1)


def information(
    kind: str, *, logits: Tensor, unimodal: Tensor, labels: Tensor, game: Coalitions
) -> Tensor:
    """I(m) [R, M], before clamping.

    ``shapley``: Shapley value of v(S) = H(Y) - CE, nats; ``shapley_accuracy``: of the accuracy;
    ``kl``: KL(p || p without m), nats; ``entropy``: log K - H(p^m) of the unimodal head, nats.
    ``logits`` [R, S, K, B] by coalition, ``unimodal`` [R, M, K, B], ``labels`` [R, B].
    """
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
    """
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
    ``tau`` > 0, ``floor`` in [0, 1/M), each [R]. Raises ``ValueError`` for another ``combine``.
    """
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


def moving_average(old: Tensor | None, new: Tensor, *, decay: Tensor) -> Tensor:
    """decay * old + (1 - decay) * new, [R, M] with decay [R]; starts at the first observation."""
    return new if old is None else decay[:, None] * old + (1 - decay[:, None]) * new


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
