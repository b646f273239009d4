"""Every alternative of I(m) and D(m) worked by hand, and invariants for M = 1 to 8 and above."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cal.mechanisms import coalitions
from cal.mechanisms import contribution as c

ODDS = math.log(3.0)  # a logit difference of log 3 is a probability of 3/4

# Two modalities, three samples, two classes, labels 0, 0, 1. Logits [M, K, B]:
# a is right each time with probability 3/4; b says class 0 with 3/4 each time.
LABELS = torch.tensor([[0, 0, 1]])
A = torch.tensor([[ODDS, ODDS, 0.0], [0.0, 0.0, ODDS]])
B = torch.tensor([[ODDS, ODDS, ODDS], [0.0, 0.0, 0.0]])
HEADS = torch.stack([A, B])[None]


def fused(masks: Tensor) -> Tensor:
    """Linear fusion: the logits of a coalition are the sum of its members'."""
    return torch.einsum("sm,rmkb->rskb", masks, HEADS)


def information(kind: str) -> list[float]:
    game = coalitions.needed(kind, 2, permutations=2, seed=0)
    found = c.information(kind, logits=fused(game.masks), unimodal=HEADS, labels=LABELS, game=game)
    values: list[float] = found[0].tolist()
    return values


def test_shapley_by_hand() -> None:
    """Probabilities of the true class: none 1/2; a 3/4, 3/4, 3/4; b 3/4, 3/4, 1/4;
    both 9/10, 9/10, 1/2. Mean log p, nats: -.6931, -.2877, -.6539, -.3013.

    I(a) = ((-.2877 + .6931) + (-.3013 + .6539)) / 2 = (.4055 + .3526) / 2 = .3790
    I(b) = ((-.6539 + .6931) + (-.3013 + .2877)) / 2 = (.0392 - .0136) / 2 = .0128
    """
    assert information("shapley") == pytest.approx([0.3790, 0.0128], abs=1e-4)  # its digits


def test_shapley_of_accuracy_by_hand() -> None:
    """Nobody: class 0 by the tie, 2/3. a: 1. b: 2/3. Both: (9/10, 9/10, tie -> class 0): 2/3.

    I(a) = ((1 - 2/3) + (2/3 - 2/3)) / 2 = 1/6; I(b) = (0 + (2/3 - 1)) / 2 = -1/6.
    """
    assert information("shapley_accuracy") == pytest.approx([1 / 6, -1 / 6], abs=1e-6)


def test_divergence_from_the_prediction_without_m_by_hand() -> None:
    """p of class 0 with both: .9, .9, .5; without a (b alone): .75 each; without b: .75, .75, .25.

    KL(.9 || .75) = .9 log 1.2 + .1 log .4 = .0725; KL(.5 || .75) = .5 log 2/3 + .5 log 2 = .1438,
    and KL(.5 || .25) is the same: both modalities (2 * .0725 + .1438) / 3 = .0963.
    """
    assert information("kl") == pytest.approx([0.0963, 0.0963], abs=1e-4)  # the digits above


def test_certainty_of_the_heads_by_hand() -> None:
    """Both heads always have (3/4, 1/4): log 2 - .5623 = .1308 nats, right or wrong."""
    assert information("entropy") == pytest.approx([0.1308, 0.1308], abs=1e-4)


def test_every_confidence_by_hand() -> None:
    """True class: a 3/4; b (3/4 + 3/4 + 1/4) / 3 = 7/12. Entropy: 1 - .5623 / log 2 = .1887.

    Energy: log(3 + 1) = 1.3863 for every sample of both.
    """
    found = {
        kind: c.confidence(kind, unimodal=HEADS, labels=LABELS)[0].tolist()
        for kind in ("true_class", "entropy", "energy")
    }
    assert found["true_class"] == pytest.approx([0.75, 7 / 12], abs=1e-6)
    assert found["entropy"] == pytest.approx([0.1887] * 2, abs=1e-4)
    assert found["energy"] == pytest.approx([math.log(4)] * 2, abs=1e-6)


def numbers(replicas: int, **given: float) -> dict[str, Tensor]:
    values = {"lam": 0.5, "tau": 0.2, "floor": 0.0} | given
    return {name: torch.full((replicas,), value) for name, value in values.items()}


def weigh(
    info: list[float],
    trust: list[float],
    *,
    combine: str = "sum",
    energy: bool = False,
    **given: float,
) -> list[float]:
    columns = numbers(1, **given)
    pair = torch.tensor([info]), torch.tensor([trust])
    found = c.weights(*pair, combine=combine, energy=energy, **columns)
    values: list[float] = found[0].tolist()
    return values


def test_weights_by_hand() -> None:
    """I = (3, 1), D = (.6, .2): I_norm = D_norm = (.75, .25), score the same.

    tau .5: W = softmax(1.5, .5) = 1 / (1 + e^-1) = .7311. Product: score (.45, .05), softmax of
    (.9, .1): 1 / (1 + e^-.8) = .6900. Floor .1: .1 + .8 * .7311 = .6848.
    """
    assert weigh([3, 1], [0.6, 0.2], tau=0.5)[0] == pytest.approx(0.7311, abs=1e-4)
    product = weigh([3, 1], [0.6, 0.2], tau=0.5, combine="product")
    assert product[0] == pytest.approx(0.6900, abs=1e-4)
    assert weigh([3, 1], [0.6, 0.2], tau=0.5, floor=0.1)[0] == pytest.approx(0.6848, abs=1e-4)


def test_lambda_at_both_ends() -> None:
    """0 is D alone, 1 is I alone: with (1, 0) against (0, 1) the winner changes sides."""
    assert weigh([1, 0], [0, 1], lam=0, tau=1)[1] == pytest.approx(1 / (1 + math.exp(-1)))
    assert weigh([1, 0], [0, 1], lam=1, tau=1)[0] == pytest.approx(1 / (1 + math.exp(-1)))


def test_temperature_at_both_ends() -> None:
    assert weigh([2, 1], [0.5, 0.5], tau=1e-3)[0] == pytest.approx(1)
    assert weigh([2, 1], [0.5, 0.5], tau=1e3)[0] == pytest.approx(0.5, abs=1e-3)


def test_energies_go_through_a_softmax() -> None:
    """D = (log 3, 0) -> (3/4, 1/4), although an energy may be negative."""
    given = {"lam": 0.0, "tau": 1.0}
    plain = weigh([1, 1], [0.75, 0.25], **given)
    for shift in (0.0, -100.0):
        found = weigh([1, 1], [ODDS + shift, shift], energy=True, **given)
        assert found == pytest.approx(plain, abs=1e-5)  # 100 costs float32 two digits


@pytest.mark.parametrize("modalities", range(1, 9))
def test_no_positive_information_leaves_it_to_confidence(modalities: int) -> None:
    """I_norm is uniform then: W depends on D alone, and is uniform for equal D."""
    found = weigh([-1.0] * modalities, [0.5] * modalities)
    assert found == pytest.approx([1 / modalities] * modalities, abs=1e-6)
    if modalities > 1:
        assert weigh([-1.0] * modalities, [0.9] + [0.1] * (modalities - 1))[0] > 1 / modalities


def game_of(modalities: int, seed: int) -> Tensor:
    """Utilities of all coalitions, [1, 2^M]."""
    draw = torch.Generator().manual_seed(seed)
    return torch.rand(1, 2**modalities, generator=draw, dtype=torch.float64)


@given(st.integers(1, 8), st.integers(0, 1000))
def test_permuting_players_permutes_their_values(modalities: int, seed: int) -> None:
    """The game seen through renamed modalities has the same values under new names."""
    table = game_of(modalities, seed)
    order = torch.randperm(modalities, generator=torch.Generator().manual_seed(seed))
    game = coalitions.exact(modalities)
    bits = 2 ** torch.arange(modalities)
    rows = (game.masks[:, order.argsort()].long() * bits).sum(-1)  # row s in the other's names
    values = c.attribute(table, game.weights.double())
    renamed = c.attribute(table[:, rows], game.weights.double())
    torch.testing.assert_close(renamed, values[:, order.argsort().argsort()], atol=1e-6, rtol=0)


@given(st.integers(1, 8), st.integers(0, 1000))
def test_an_additive_game_pays_everyone_their_own(modalities: int, seed: int) -> None:
    """v(S) = sum of its members' gains: I(m) = gain of m; who gains 0 gets 0 (float32 weights)."""
    draw = torch.Generator().manual_seed(seed)
    gains = torch.rand(1, modalities, generator=draw, dtype=torch.float64)
    gains[0, 0] = 0
    game = coalitions.exact(modalities)
    values = c.attribute(gains @ game.masks.double().T, game.weights.double())
    torch.testing.assert_close(values, gains, atol=1e-6, rtol=0)


@given(st.integers(1, 12), st.integers(1, 20), st.integers(0, 100))
def test_sampled_orders_keep_efficiency(modalities: int, permutations: int, seed: int) -> None:
    """Also for few players and odd numbers of orders; 1e-6: the weights are float32."""
    game = coalitions.sampled(modalities, permutations=permutations, seed=seed)
    sizes = game.masks.sum(-1)
    draw = torch.Generator().manual_seed(seed)
    utilities = torch.rand(len(sizes), generator=draw, dtype=torch.float64)
    total = c.attribute(utilities[None], game.weights.double()).sum()
    expected = utilities[sizes == modalities] - utilities[sizes == 0]
    torch.testing.assert_close(total, expected[0], atol=1e-6, rtol=0)


def test_sampled_orders_are_the_seeds() -> None:
    one, again, other = (coalitions.sampled(9, permutations=8, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.masks, again.masks)
    assert torch.equal(one.weights, again.weights)
    assert one.masks.shape != other.masks.shape or not torch.equal(one.masks, other.masks)


def test_the_kind_and_the_number_choose_the_coalitions() -> None:
    """8 modalities: 256 coalitions. 9: prefixes of 64 orders. Leave one out: M + 1 rows."""
    assert len(coalitions.needed("shapley", 8, permutations=64, seed=0).masks) == 256
    sampled = coalitions.needed("shapley_accuracy", 9, permutations=64, seed=0)
    assert len(sampled.masks) <= 64 * 8 + 2
    for kind in ("kl", "entropy"):
        assert len(coalitions.needed(kind, 9, permutations=64, seed=0).masks) == 10


@given(st.integers(1, 8), st.integers(0, 1000))
def test_turning_round_keeps_values_and_reverses_ranks(modalities: int, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    weights = torch.rand(2, modalities, generator=draw)
    found = c.reversed_order(weights)
    assert torch.equal(found.sort().values, weights.sort().values)
    assert torch.equal(found.argsort(), weights.argsort().flip(-1))
    assert torch.equal(c.reversed_order(found), weights)


@given(st.integers(1, 8), st.integers(0, 1000))
def test_shuffling_is_each_replicas_own(modalities: int, seed: int) -> None:
    """A replica's permutation comes from its own generator, whoever its neighbours are."""
    weights = torch.rand(3, modalities, generator=torch.Generator().manual_seed(seed))
    draws = [torch.Generator().manual_seed(seed + r) for r in range(3)]
    found = c.permuted(weights, generators=draws)
    for r in range(3):
        alone = c.permuted(weights[r : r + 1], generators=[torch.Generator().manual_seed(seed + r)])
        assert torch.equal(found[r], alone[0])
        assert torch.equal(found[r].sort().values, weights[r].sort().values)


@pytest.mark.parametrize("kind", ["shapley", "kl", "entropy"])
def test_means_over_shards_are_the_mean_over_the_probe(kind: str) -> None:
    """What data-parallel workers rely on, for equal class counts in both shards (1e-6: order)."""
    draw = torch.Generator().manual_seed(0)
    game = coalitions.needed(kind, 3, permutations=2, seed=0)
    labels = torch.arange(4).repeat(4)[None]
    logits = torch.randn(1, len(game.masks), 4, 16, generator=draw)
    heads = torch.randn(1, 3, 4, 16, generator=draw)

    def part(rows: slice) -> Tensor:
        return c.information(
            kind,
            logits=logits[..., rows],
            unimodal=heads[..., rows],
            labels=labels[:, rows],
            game=game,
        )

    halves = (part(slice(0, 8)) + part(slice(8, 16))) / 2
    torch.testing.assert_close(halves, part(slice(0, 16)), atol=1e-6, rtol=1e-5)


def test_names_that_do_not_exist_are_refused() -> None:
    game = coalitions.exact(2)
    with pytest.raises(ValueError, match="information: given 'shaply'; allowed: shapley"):
        c.information("shaply", logits=fused(game.masks), unimodal=HEADS, labels=LABELS, game=game)
    with pytest.raises(ValueError, match="confidence: given 'x'; allowed: true_class"):
        c.confidence("x", unimodal=HEADS, labels=LABELS)
    with pytest.raises(ValueError, match="combine: given 'x'; allowed: sum, product"):
        weigh([1, 1], [1, 1], combine="x")


def test_off_is_uniform() -> None:
    assert c.uniform(2, 4).tolist() == [[0.25] * 4] * 2
