"""beta(t) and k at the ends of their ranges, and what the mechanisms refuse."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cal.mechanisms import acceleration, bottleneck

BETA = 0.03


def beta(schedule: str, progress: float, *, warmup: float = 0.4, cycles: int = 4) -> float:
    return bottleneck.beta_at(progress, schedule=schedule, beta=BETA, warmup=warmup, cycles=cycles)


@pytest.mark.parametrize(
    ("schedule", "begin", "middle", "end"),
    [
        ("constant", 1.0, 1.0, 1.0),
        ("linear", 0.0, 0.5, 1.0),  # half of the warm-up: half
        ("cosine", 0.0, 0.5, 1.0),  # (1 - cos(pi / 2)) / 2
        ("exponential", 1e-3, 1000**-0.5, 1.0),  # from beta / 1000
        ("cyclical", 0.0, 1.0, 1.0),  # .2 of 4 cycles is .8 of the first: its plateau
    ],
)
def test_schedules_by_hand(schedule: str, begin: float, middle: float, end: float) -> None:
    """At the first moment, at .2 (half of the warm-up of .4) and at the end, in parts of beta."""
    assert beta(schedule, 1e-12) == pytest.approx(BETA * begin, abs=1e-10)
    assert beta(schedule, 0.2) == pytest.approx(BETA * middle)
    assert beta(schedule, 1.0) == pytest.approx(BETA * end)


def test_a_cycle_is_a_ramp_and_a_plateau_of_equal_length() -> None:
    """Two cycles over the run: .125 is half a ramp, .25 its top, .4 the plateau, .625 again."""
    found = [beta("cyclical", t, cycles=2) / BETA for t in (0.125, 0.25, 0.4, 0.625, 0.75)]
    assert found == pytest.approx([0.5, 1.0, 1.0, 0.5, 1.0])


@given(
    st.sampled_from(["constant", "linear", "cosine", "exponential"]),
    st.floats(1e-6, 1),
    st.floats(1e-6, 1),
    st.floats(0, 1),
)
def test_a_warm_up_never_falls(schedule: str, one: float, other: float, warmup: float) -> None:
    early, late = sorted((one, other))
    assert beta(schedule, early, warmup=warmup) <= beta(schedule, late, warmup=warmup) + 1e-12


@given(st.integers(1, 8), st.floats(1e-4, 1))
def test_beta_zero_is_no_compression(cycles: int, progress: float) -> None:
    for schedule in ("constant", "linear", "cosine", "exponential", "cyclical"):
        found = bottleneck.beta_at(progress, schedule=schedule, beta=0.0, warmup=0.3, cycles=cycles)
        assert found == 0


def test_names_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match="schedule: given 'linar'; allowed: constant, linear"):
        beta("linar", 0.5)
    with pytest.raises(ValueError, match="asymmetry: given 'x'; allowed: inverse"):
        bottleneck.shares(torch.tensor([[0.5, 0.5]]), asymmetry="x")


def test_shares_by_hand() -> None:
    """W = (.6, .3, .1), M = 3. linear: 3 (1 - W) / 2 = (.6, 1.05, 1.35).

    inverse: 1/W = (5/3, 10/3, 10), sum 15: s = 3 / 15 of it = (1/3, 2/3, 2).
    """
    weights = torch.tensor([[0.6, 0.3, 0.1]])
    linear = bottleneck.shares(weights, asymmetry="linear")
    inverse = bottleneck.shares(weights, asymmetry="inverse")
    torch.testing.assert_close(linear, torch.tensor([[0.6, 1.05, 1.35]]))
    torch.testing.assert_close(inverse, torch.tensor([[1 / 3, 2 / 3, 2.0]]))


@pytest.mark.parametrize("asymmetry", ["inverse", "linear", "uniform"])
@pytest.mark.parametrize("modalities", range(1, 9))
def test_uniform_weights_are_compressed_alike(asymmetry: str, modalities: int) -> None:
    weights = torch.full((2, modalities), 1 / modalities)
    found = bottleneck.shares(weights, asymmetry=asymmetry)
    torch.testing.assert_close(found, torch.ones(2, modalities))


@given(st.integers(2, 8), st.integers(0, 100), st.sampled_from(["inverse", "linear"]))
def test_who_contributes_less_is_never_compressed_less(
    modalities: int, seed: int, asymmetry: str
) -> None:
    draw = torch.Generator().manual_seed(seed)
    weights = torch.rand(1, modalities, generator=draw).softmax(-1).sort().values
    found = bottleneck.shares(weights, asymmetry=asymmetry)
    assert (found.diff() <= 1e-6).all()  # rounding of a quotient


def test_a_weight_of_zero_stays_finite() -> None:
    found = bottleneck.shares(torch.tensor([[1.0, 0.0]]), asymmetry="inverse")
    assert found.isfinite().all()
    assert found[0].tolist() == pytest.approx([0.0, 2.0], abs=1e-6)


def slot(*, replicas: int = 1) -> bottleneck.Bottleneck:
    """Identity mean, one latent per feature, variance from the bias alone."""
    eye = torch.eye(2).expand(replicas, 2, 2, 2).clone()
    bias = torch.zeros(replicas, 2, 1, 2)
    return bottleneck.Bottleneck(eye, bias, variance_weight=torch.zeros_like(eye))


def test_noise_is_scaled_by_sigma() -> None:
    """log sigma^2 begins at -3: sigma = e^-1.5; noise 1 moves every latent by it."""
    h = torch.zeros(1, 2, 3, 2)
    z, kl = slot()(h, torch.ones_like(h))
    torch.testing.assert_close(z, torch.full_like(h, math.exp(-1.5)))
    expected = 2 * 0.5 * (math.exp(-3) - 1 + 3)  # two latents, mean 0
    torch.testing.assert_close(kl, torch.full((1, 2), expected))


@pytest.mark.parametrize(("bias", "held"), [(-50.0, -8.0), (50.0, 4.0)])
def test_the_variance_is_clamped(bias: float, held: float) -> None:
    layer = slot()
    layer.variance_bias.data.fill_(bias)
    h = torch.zeros(1, 2, 1, 2)
    z, _ = layer(h, torch.ones_like(h))
    torch.testing.assert_close(z, torch.full_like(h, math.exp(held / 2)))


def test_the_divergence_is_zero_at_the_prior_and_a_mean_over_samples() -> None:
    """Samples with means (1, 0) and (0, 0), variance 1: (1/2 + 0) / 2."""
    mean = torch.tensor([[1.0, 0.0], [0.0, 0.0]])[None, None]
    assert bottleneck.kl_divergence(mean, torch.zeros_like(mean)).item() == pytest.approx(0.25)
    assert bottleneck.kl_divergence(0 * mean, 0 * mean).item() == 0


@given(st.integers(0, 1000))
def test_the_divergence_is_never_negative_and_torchs(seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    mean, log_variance = torch.randn(2, 1, 2, 3, 4, generator=draw)
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(
        normal(mean, (0.5 * log_variance).exp()), normal(0.0, 1.0)
    )
    found = bottleneck.kl_divergence(mean, log_variance)
    assert (found >= 0).all()
    torch.testing.assert_close(found, expected.sum(-1).mean(-1), atol=1e-5, rtol=1e-5)


def test_evaluation_takes_the_mean() -> None:
    h = torch.randn(1, 2, 3, 2)
    torch.testing.assert_close(slot().mean(h), h)


def test_k_at_both_ends() -> None:
    """alpha 0: 1. All the weight on one of three: 1 + 3 alpha and 1, never below."""
    weights = torch.tensor([[1.0, 0.0, 0.0]])
    assert acceleration.coefficients(weights, alpha=torch.zeros(1)).tolist() == [[1, 1, 1]]
    assert acceleration.coefficients(weights, alpha=torch.ones(1)).tolist() == [[4, 1, 1]]


def test_uniform_weights_are_a_control_of_the_same_budget() -> None:
    weights = torch.tensor([[0.7, 0.2, 0.1], [1 / 3, 1 / 3, 1 / 3]])
    k = acceleration.coefficients(weights, alpha=torch.tensor([2.0, 2.0]))
    assert k.mean(-1).tolist() == pytest.approx([3.0, 3.0])


@pytest.mark.parametrize("shape", [(3,), (2, 3, 1)])
def test_k_refuses_weights_of_another_rank(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^weights: given shape .*; allowed: \[R, M\]$"):
        acceleration.coefficients(torch.ones(shape), alpha=torch.ones(shape[0]))


def test_k_refuses_an_alpha_of_other_replicas() -> None:
    with pytest.raises(ValueError, match=r"^alpha: given shape \(3,\); allowed: R = 2$"):
        acceleration.coefficients(torch.ones(2, 3), alpha=torch.ones(3))


@pytest.mark.parametrize("apply", ["gradient", "learning_rate"])
def test_under_sgd_the_choice_stands(apply: str) -> None:
    assert acceleration.resolve(apply, optimiser="sgd") == apply


def test_off_is_one() -> None:
    assert acceleration.ones(2, 3).tolist() == [[1, 1, 1]] * 2
