"""The contribution metric: hand-worked, and its invariants."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cal.mechanisms import coalitions
from cal.mechanisms import contribution as c


def one(value: float) -> Tensor:
    return torch.tensor([value])


def weigh(information: Tensor, confidence: Tensor, **changes: float) -> Tensor:
    numbers = {"lam": 0.5, "tau": 0.2, "floor": 0.0} | changes
    replicas = len(information)
    columns = {name: torch.full((replicas,), value) for name, value in numbers.items()}
    return c.weights(information, confidence, combine="sum", energy=False, **columns)


def test_shapley_values_of_two_modalities_by_hand() -> None:
    """v() = 0, v(a) = 1, v(b) = 0.5, v(ab) = 1.2.

    I(a) = ((1 - 0) + (1.2 - 0.5)) / 2 = 0.85, I(b) = ((0.5 - 0) + (1.2 - 1)) / 2 = 0.35.
    """
    utilities = torch.tensor([[0.0, 1.0, 0.5, 1.2]])  # row s of the masks has bit m of s
    values = c.attribute(utilities, coalitions.exact(2).weights)
    torch.testing.assert_close(values, torch.tensor([[0.85, 0.35]]))


def test_utility_of_three_samples_by_hand() -> None:
    """Two classes, labels 0, 0, 1; H(Y) = log 3 - 2/3 log 2 = 0.6365 nats.

    Uniform logits: CE = log 2, v = 0.6365 - 0.6931 = -0.0566.
    Probabilities 3/4 for the true class of every sample: v = 0.6365 + log 0.75 = 0.3488.
    """
    labels = torch.tensor([[0, 0, 1]])
    sure = math.log(3.0)  # odds 3 : 1
    logits = torch.tensor([[[[0.0, 0, 0], [0, 0, 0]], [[sure, sure, 0], [0, 0, sure]]]])
    values = c.cross_entropy_utility(logits, labels)
    torch.testing.assert_close(values, torch.tensor([[-0.0566, 0.3488]]), atol=1e-4, rtol=0)
    assert c.accuracy_utility(logits, labels)[0, 1] == 1


def test_confidence_by_hand() -> None:
    """One modality, two samples of class 0 with probability 3/4 and 1/4: D = 1/2."""
    odds = math.log(3.0)
    unimodal = torch.tensor([[[[odds, 0.0], [0.0, odds]]]])
    labels = torch.tensor([[0, 0]])
    assert c.confidence("true_class", unimodal=unimodal, labels=labels).item() == pytest.approx(0.5)
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)) / math.log(2)
    found = c.confidence("entropy", unimodal=unimodal, labels=labels).item()
    assert found == pytest.approx(1 - entropy, abs=1e-6)
    assert c.confidence("energy", unimodal=unimodal, labels=labels).item() == pytest.approx(
        math.log(4.0)
    )


@given(st.integers(1, 8), st.integers(0, 1000))
def test_shapley_values_share_out_the_whole_utility(modalities: int, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    game = coalitions.exact(modalities)
    utilities = torch.randn(3, 2**modalities, generator=draw, dtype=torch.float64)
    total = c.attribute(utilities, game.weights.double()).sum(-1)
    torch.testing.assert_close(total, utilities[:, -1] - utilities[:, 0], atol=1e-6, rtol=0)


@given(st.integers(9, 12), st.integers(0, 100))
def test_sampled_values_share_out_the_whole_utility(modalities: int, seed: int) -> None:
    game = coalitions.sampled(modalities, permutations=6, seed=seed)
    sizes = game.masks.sum(-1)
    utilities = torch.randn(len(sizes), generator=torch.Generator().manual_seed(seed)).double()
    full, empty = utilities[sizes == modalities], utilities[sizes == 0]
    total = c.attribute(utilities[None], game.weights.double()).sum()
    torch.testing.assert_close(total, (full - empty)[0], atol=1e-6, rtol=0)


def test_sampled_values_approach_the_exact_ones() -> None:
    """4,000 orders of 5 modalities, utilities in [0, 1]: standard error below .01, 5 of them."""
    draw = torch.Generator().manual_seed(0)
    table = torch.rand(32, generator=draw)
    truth = c.attribute(table[None], coalitions.exact(5).weights)
    game = coalitions.sampled(5, permutations=4000, seed=1)
    rows = (game.masks * 2 ** torch.arange(5)).sum(-1).long()
    found = c.attribute(table[rows][None], game.weights)
    torch.testing.assert_close(found, truth, atol=0.05, rtol=0)


@given(st.integers(1, 8), st.integers(0, 1000), st.floats(0, 0.1))
def test_weights_sum_to_one_and_keep_the_floor(modalities: int, seed: int, floor: float) -> None:
    draw = torch.Generator().manual_seed(seed)
    information = torch.randn(4, modalities, generator=draw)
    confidence = torch.rand(4, modalities, generator=draw)
    found = weigh(information, confidence, floor=floor)
    torch.testing.assert_close(found.sum(-1), torch.ones(4))
    assert (found >= floor - 1e-6).all()


@given(st.integers(2, 8), st.integers(0, 1000))
def test_permuting_modalities_permutes_weights(modalities: int, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    information, confidence = torch.rand(2, 1, modalities, generator=draw)
    order = torch.randperm(modalities, generator=draw)
    found = weigh(information[:, order], confidence[:, order])
    torch.testing.assert_close(found, weigh(information, confidence)[:, order])


def test_no_positive_information_counts_as_uniform() -> None:
    same = torch.full((1, 3), 0.5)
    torch.testing.assert_close(
        weigh(torch.tensor([[-1.0, -2, 0]]), same), torch.full((1, 3), 1 / 3)
    )


def test_one_modality_has_all_the_weight() -> None:
    assert weigh(one(0.3)[None], one(0.7)[None]).item() == 1


@pytest.mark.parametrize("kind", ["shapley", "shapley_accuracy", "kl", "entropy"])
def test_every_information_ranks_a_useful_modality_first(kind: str) -> None:
    """Modality 0 decides every sample, modality 1 says nothing."""
    labels = torch.tensor([[0, 1, 0, 1]])
    useful = torch.where(labels == 0, 3.0, -3.0)
    parts = torch.stack([torch.stack([useful, -useful], 1), torch.zeros(1, 2, 4)], 1)
    game = coalitions.needed(kind, 2, permutations=4, seed=0)
    logits = torch.einsum("sm,rmkb->rskb", game.masks, parts)
    found = c.information(kind, logits=logits, unimodal=parts, labels=labels, game=game)
    assert found[0, 0] > 0.1
    assert found[0, 1] == pytest.approx(0, abs=1e-6)


def test_averages_start_at_the_first_observation() -> None:
    first = c.moving_average(None, torch.tensor([[2.0]]), decay=one(0.9))
    second = c.moving_average(first, torch.tensor([[1.0]]), decay=one(0.9))
    assert first.item() == 2
    assert second.item() == pytest.approx(1.9)


def test_reversed_order_swaps_ranks_and_permuted_keeps_values() -> None:
    weights = torch.tensor([[0.5, 0.2, 0.3]])
    assert torch.equal(c.reversed_order(weights), torch.tensor([[0.2, 0.5, 0.3]]))
    shuffled = c.permuted(weights, generators=[torch.Generator().manual_seed(0)])
    assert torch.equal(shuffled.sort().values, weights.sort().values)


@pytest.mark.parametrize("call", [lambda: coalitions.exact(9), lambda: coalitions.exact(0)])
def test_exact_values_refuse_what_they_cannot(call) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    with pytest.raises(ValueError, match="modalities: given"):
        call()


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [
        ("lam", 1.5, "lam: given \\[1.5\\]; allowed: 0 to 1"),
        ("tau", 0.0, "tau: given \\[0.0\\]; allowed: above 0"),
        ("floor", 0.5, "floor: given \\[0.5\\]; allowed: 0 to under 1/2"),
    ],
)
def test_numbers_out_of_range_are_refused(field: str, value: float, line: str) -> None:
    table = torch.tensor([[0.4, 0.6]])
    with pytest.raises(ValueError, match=line):
        weigh(table, table, **{field: value})


def test_tables_of_other_sizes_are_refused_and_not_broadcast() -> None:
    with pytest.raises(ValueError, match=r"^confidence: given shape \(1, 1\); allowed: M = 2$"):
        weigh(torch.tensor([[0.4, 0.6]]), torch.ones(1, 1))
    labels = torch.tensor([0, 1])
    with pytest.raises(ValueError, match=r"^labels: given shape \(2,\); allowed: \[R, B\]$"):
        c.cross_entropy_utility(torch.zeros(1, 4, 3, 2), labels)
