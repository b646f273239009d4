"""k and s keep their budgets; beta follows its schedule; KL by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cal.mechanisms import acceleration, bottleneck

SCHEDULES = ("constant", "linear", "cosine", "cyclical", "exponential")


def weights(modalities: int, seed: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.rand(3, modalities, generator=draw).mul(3).softmax(-1)


def test_k_by_hand() -> None:
    """M = 2, W = (.75, .25), alpha 2: k = 1 + 2 * 2 * W = (4, 2)."""
    k = acceleration.coefficients(torch.tensor([[0.75, 0.25]]), alpha=torch.tensor([2.0]))
    assert k.tolist() == [[4.0, 2.0]]


@given(st.integers(1, 8), st.integers(0, 100), st.floats(0, 3))
def test_mean_k_is_one_plus_alpha(modalities: int, seed: int, alpha: float) -> None:
    k = acceleration.coefficients(weights(modalities, seed), alpha=torch.full((3,), alpha))
    torch.testing.assert_close(k.mean(-1), torch.full((3,), 1 + alpha))
    assert (k >= 1).all()


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_k_goes_where_it_acts(name: str) -> None:
    assert acceleration.resolve("auto", optimiser="sgd") == "gradient"
    assert acceleration.resolve("auto", optimiser=name) == "learning_rate"
    with pytest.raises(ValueError, match="does nothing under"):
        acceleration.resolve("gradient", optimiser=name)


@given(st.integers(1, 8), st.integers(0, 100), st.sampled_from(["inverse", "linear", "uniform"]))
def test_mean_share_is_one(modalities: int, seed: int, asymmetry: str) -> None:
    share = bottleneck.shares(weights(modalities, seed), asymmetry=asymmetry)
    torch.testing.assert_close(share.mean(-1), torch.ones(3))


def test_little_contribution_is_compressed_more() -> None:
    """M = 3, W = (.5, .25, .25): 1/W = (2, 4, 4), s = 3/10 of it."""
    share = bottleneck.shares(torch.tensor([[0.5, 0.25, 0.25]]), asymmetry="inverse")
    torch.testing.assert_close(share, torch.tensor([[0.6, 1.2, 1.2]]))


@given(st.integers(0, 100))
def test_linear_is_inverse_for_two_modalities(seed: int) -> None:
    w = weights(2, seed)
    torch.testing.assert_close(
        bottleneck.shares(w, asymmetry="linear"), bottleneck.shares(w, asymmetry="inverse")
    )


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_beta_stays_in_its_range_and_ends_at_its_value(schedule: str) -> None:
    at = [
        bottleneck.beta_at(t / 100, schedule=schedule, beta=0.03, warmup=0.3, cycles=4)
        for t in range(1, 101)
    ]
    assert all(0 <= beta <= 0.03 + 1e-12 for beta in at)
    assert at[-1] == pytest.approx(0.03)
    if schedule in ("linear", "cosine", "exponential"):
        assert at[0] < at[14] < at[29] == pytest.approx(0.03)


def test_no_warm_up_is_constant() -> None:
    for schedule in ("linear", "cosine", "exponential"):
        assert bottleneck.beta_at(0.01, schedule=schedule, beta=1, warmup=0, cycles=1) == 1


def test_kl_by_hand() -> None:
    """mean 1, sigma 1 in one of two latents: KL = 1/2; mean 0, sigma^2 = e: (e - 2)/2."""
    mean = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2)
    log_variance = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
    kl = bottleneck.kl_divergence(mean, log_variance)
    assert kl.item() == pytest.approx(0.5 + (math.e - 2) / 2)


def test_off_is_the_mean_and_no_divergence() -> None:
    layer = bottleneck.Deterministic(torch.eye(2).view(1, 1, 2, 2), torch.zeros(1, 1, 1, 2))
    h = torch.tensor([[[[0.5, -1.0]]]])
    z, kl = layer(h, None)
    assert torch.equal(z, h)
    assert kl.item() == 0


def test_the_bottleneck_needs_its_noise() -> None:
    layer = bottleneck.Bottleneck(
        torch.eye(2).view(1, 1, 2, 2),
        torch.zeros(1, 1, 1, 2),
        variance_weight=torch.zeros(1, 1, 2, 2),
    )
    with pytest.raises(ValueError, match="noise: given None"):
        layer(torch.zeros(1, 1, 1, 2), None)
