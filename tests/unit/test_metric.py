"""When the metric looks at the probe, what it remembers, and OGM-GE's coefficients by hand."""

import math
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from cal.config import parse
from cal.mechanisms import contribution
from cal.methods.metric import Metric, UniformMetric
from cal.methods.ogm_ge import coefficients

M, K, SAMPLES = 6, 3, 4


@dataclass
class Seen:
    """A probe: modality m is right with logit ``strength[m]``."""

    unimodal: Tensor
    labels: Tensor

    def coalitions(self, masks: Tensor) -> Tensor:
        return torch.einsum("sm,rmkb->rskb", masks, self.unimodal)


@dataclass
class Looker:
    """Answers every look with the same probe and counts."""

    strength: tuple[float, ...]
    looks: int = 0
    samples: int | None = None

    def __call__(self, samples: int | None, turn: int) -> Seen:
        assert turn == (0 if samples is None else self.looks)  # which of the rotating samples
        self.looks, self.samples = self.looks + 1, samples
        labels = torch.arange(SAMPLES)[None] % K
        right = torch.nn.functional.one_hot(labels, K).float().transpose(-1, -2)  # [1, K, B]
        parts = torch.tensor(self.strength)[:, None, None] * right
        return Seen(parts[None], labels)


def metric(**fields: object) -> Metric:
    return Metric([parse({"cal": {"contribution": fields}})])


def watch(found: Metric, looker: Looker, steps: int) -> list[int]:
    """Steps at which the metric looked."""
    seen = []
    for step in range(steps):
        before = looker.looks
        found.observe(step, steps, looker, lambda x: x)
        seen += [step] * (looker.looks - before)
    return seen


STRONG = Looker((6.0, 5.0, 4.0, 3.0, 2.0, 1.0))


def test_it_looks_every_interval_after_the_start() -> None:
    """40 steps, start .1: none before step 4; interval 5: at 5, 10, ... 35."""
    found = metric(interval=5, start=0.1)
    assert watch(found, replace(STRONG), 40) == [5, 10, 15, 20, 25, 30, 35]
    assert found.updates == 7


def test_without_a_start_it_looks_at_once_and_with_a_full_one_never() -> None:
    assert watch(metric(interval=4, start=0), replace(STRONG), 9) == [0, 4, 8]
    never = metric(interval=1, start=1)
    assert watch(never, replace(STRONG), 9) == []
    assert torch.equal(never.weights, torch.full((1, M), 1 / M))


def test_it_asks_for_the_configured_part_of_the_probe() -> None:
    for given in (None, 32):
        looker = replace(STRONG)
        watch(metric(interval=1, start=0, probe_batch=given), looker, 1)
        assert looker.samples == given


@pytest.mark.parametrize("information", ["shapley", "shapley_accuracy", "kl", "entropy"])
@pytest.mark.parametrize("confidence", ["true_class", "entropy", "energy"])
@pytest.mark.parametrize("combine", ["sum", "product"])
def test_every_formula_gives_weights(information: str, confidence: str, combine: str) -> None:
    """Sum 1; what knows more never weighs less (1e-6: rounding of a softmax)."""
    found = metric(
        information=information, confidence=confidence, combine=combine, interval=1, start=0
    )
    watch(found, replace(STRONG), 2)
    assert found.weights.sum().item() == pytest.approx(1, abs=1e-6)
    assert (found.weights[0].diff() <= 1e-6).all()


def test_controls_turn_round_and_shuffle_the_same_weights() -> None:
    guided, turned, shuffled = (
        metric(control=control, interval=1, start=0) for control in ("none", "reversed", "permuted")
    )
    for found in (guided, turned, shuffled):
        watch(found, replace(STRONG), 3)
    assert torch.equal(turned.weights, contribution.reversed_order(guided.weights))
    assert torch.equal(shuffled.weights.sort().values, guided.weights.sort().values)


def test_memory_by_hand() -> None:
    """ema .9: D goes from its first value d0 to .9 d0 + .1 d1; ema 0 forgets at once."""
    for ema, kept in ((0.9, 0.9), (0.0, 0.0)):
        found = metric(ema=ema, interval=1, start=0)
        strong, weak = replace(STRONG), Looker((0.0,) * M, looks=1)
        found.observe(0, 9, strong, lambda x: x)
        first = found.confidence
        assert first is not None
        found.observe(1, 9, weak, lambda x: x)
        assert found.confidence is not None
        torch.testing.assert_close(found.confidence, kept * first + (1 - kept) / K)


def test_a_modality_falls_when_it_loses_five_points() -> None:
    """All right, then all wrong: with ema .9 accuracy goes from 1 to .9."""
    found = metric(ema=0.9, interval=1, start=0)
    assert not found.falling().any()
    found.observe(0, 9, replace(STRONG), lambda x: x)
    assert not found.falling().any()
    found.observe(1, 9, Looker((-1.0,) * M, looks=1), lambda x: x)
    assert found.falling().all()


def test_workers_means_are_what_is_remembered() -> None:
    found = metric(interval=1, start=0)
    found.observe(0, 9, replace(STRONG), lambda x: torch.zeros_like(x))
    assert found.information is not None
    assert not found.information.any()
    torch.testing.assert_close(found.weights, torch.full((1, M), 1 / M))


def test_off_never_looks() -> None:
    def refuse(samples: int | None, turn: int) -> Seen:
        raise AssertionError("looked")

    found = UniformMetric([parse({})] * 2)
    found.observe(5, 10, refuse, lambda x: x)
    assert torch.equal(found.weights, torch.full((2, M), 1 / M))


def test_modulation_by_hand() -> None:
    """Scores (2, 1): rho = (2, .5). The leader gets 1 - tanh(.5 * 2) = .2384, the other 1."""
    k = coefficients(torch.tensor([[2.0, 1.0]]), alpha=torch.tensor([0.5]))
    assert k.tolist() == [pytest.approx([1 - math.tanh(1.0), 1.0])]


def test_modulation_of_three_compares_with_the_mean_of_the_others() -> None:
    """Scores (3, 1, 2): rho = (3 / 1.5, 1 / 2.5, 2 / 2): only the first is above 1."""
    k = coefficients(torch.tensor([[3.0, 1.0, 2.0]]), alpha=torch.tensor([0.8]))
    assert k.tolist() == [pytest.approx([1 - math.tanh(1.6), 1.0, 1.0])]


def test_modulation_off_and_of_one_modality_is_one() -> None:
    assert coefficients(torch.tensor([[2.0, 1.0]]), alpha=torch.zeros(1)).tolist() == [[1, 1]]
    assert coefficients(torch.tensor([[2.0]]), alpha=torch.ones(1)).tolist() == [[1]]
