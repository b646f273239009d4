"""Our optimisers are torch.optim's; clipping and k act per replica and per modality."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from cal.config import Optim
from cal.optim import Optimiser, alike, clip_factor, learning_rate

CPU = torch.device("cpu")
STEPS = 20
ROUNDING = 1e-5  # relative: 20 steps of float32 arithmetic in another order of operations


def ours(*configs: Optim, replicated: bool = True, **values: Tensor) -> Optimiser:
    """An optimiser of replicated parameters [R, ...], or of an ordinary module's."""
    parameters = {name: torch.nn.Parameter(value.clone()) for name, value in values.items()}
    return Optimiser(parameters, dict.fromkeys(parameters, replicated), configs, device=CPU)


def step(
    optimiser: Optimiser,
    grads: dict[str, Tensor],
    *,
    lr: list[float],
    on_gradient: dict[str, Tensor] | None = None,
    on_rate: dict[str, Tensor] | None = None,
) -> None:
    """One update from given gradients."""
    for name, grad in grads.items():
        optimiser.parameters[name].grad = grad.clone()
    optimiser.step(lr=torch.tensor(lr), on_gradient=on_gradient or {}, on_rate=on_rate or {})


def gradients(seed: int, *shape: int) -> list[Tensor]:
    """The same gradients for both optimisers of a comparison."""
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=draw) for _ in range(STEPS)]


THEIRS: dict[str, Any] = {
    "sgd": lambda p, decay: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=decay),
    "adam": lambda p, decay: torch.optim.Adam(p, lr=0.05, weight_decay=decay),
    "adamw": lambda p, decay: torch.optim.AdamW(p, lr=0.05, weight_decay=decay),
}


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("name", THEIRS)
def test_twenty_steps_equal_torch(name: str, decay: float) -> None:
    start = gradients(7, 1, 3, 4)[0]
    theirs = torch.nn.Parameter(start.clone())
    reference = THEIRS[name]([theirs], decay)
    config = Optim.model_validate({"name": name, "weight_decay": decay, "clip": None})
    optimiser = ours(config, w=start)
    for grad in gradients(8, 1, 3, 4):
        theirs.grad = grad.clone()
        reference.step()
        step(optimiser, {"w": grad}, lr=[0.05])
    torch.testing.assert_close(optimiser.parameters["w"], theirs, rtol=ROUNDING, atol=1e-6)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("name", THEIRS)
def test_parameters_of_ordinary_modules_equal_torch(name: str, decay: float) -> None:
    """Three of them, of unlike shapes, together; one has a k on its rate, 2, as a group of torch
    with twice the rate.
    """
    shapes = {"a": (3, 4), "b": (5,), "c": ()}
    start = {key: gradients(7, *shape)[0] for key, shape in shapes.items()}
    theirs = {key: torch.nn.Parameter(value.clone()) for key, value in start.items()}
    reference = THEIRS[name](
        [{"params": [theirs["a"], theirs["c"]]}, {"params": [theirs["b"]], "lr": 0.1}], decay
    )
    config = Optim.model_validate({"name": name, "weight_decay": decay, "clip": None})
    optimiser = ours(config, replicated=False, **start)
    for number in range(STEPS):
        grads = {key: gradients(8, *shape)[number] for key, shape in shapes.items()}
        for key, grad in grads.items():
            theirs[key].grad = grad.clone()
        reference.step()
        step(optimiser, grads, lr=[0.05], on_rate={"b": torch.tensor(2.0)})
    for key, parameter in theirs.items():
        torch.testing.assert_close(
            optimiser.parameters[key], parameter, rtol=ROUNDING, atol=ROUNDING
        )


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_an_ordinary_modules_parameter_moves_as_a_replicated_one(
    name: str, momentum: float
) -> None:
    """With clipping, k on the gradient and noise: one replica, and the same numbers without R."""
    given = {"name": name, "weight_decay": 0.1, "momentum": momentum, "clip": 0.5}
    config, start = Optim.model_validate(given), gradients(1, 1, 2, 5)[0]
    one, other = ours(config, w=start), ours(config, replicated=False, w=start[0])
    for grad, noise in zip(gradients(2, 1, 2, 5), gradients(3, 1, 2, 5), strict=True):
        one.parameters["w"].grad, other.parameters["w"].grad = grad.clone(), grad[0].clone()
        for optimiser, added in ((one, noise), (other, noise[0])):
            optimiser.step(
                lr=torch.tensor([0.01]),
                on_gradient={"w": torch.tensor(3.0)},
                on_rate={},
                additions={"w": added},
            )
    torch.testing.assert_close(
        one.parameters["w"][0], other.parameters["w"], rtol=ROUNDING, atol=1e-6
    )


def test_only_equal_factors_go_together() -> None:
    k = torch.tensor([2.0, 2.0])
    found = alike(["a", "b", "c", "d"], {"a": k[0], "b": k[1], "c": k[0]}, {})
    assert found == [["a", "c"], ["b"], ["d"]]


def test_one_step_of_sgd_by_hand() -> None:
    """p = 2, g = 1, decay .1, lr .5: b = 1 + .1 * 2 = 1.2, p = 2 - .5 * 1.2 = 1.4.

    Second step, g = 0, momentum .5: b = .5 * 1.2 + .1 * 1.4 = .74, p = 1.4 - .37 = 1.03.
    """
    optimiser = ours(Optim(weight_decay=0.1, momentum=0.5, clip=None), w=torch.tensor([[2.0]]))
    step(optimiser, {"w": torch.tensor([[1.0]])}, lr=[0.5])
    assert optimiser.parameters["w"].item() == pytest.approx(1.4)
    step(optimiser, {"w": torch.tensor([[0.0]])}, lr=[0.5])
    assert optimiser.parameters["w"].item() == pytest.approx(1.03)


@pytest.mark.parametrize("name", THEIRS)
def test_each_replica_has_its_own_rate_decay_and_limit(name: str) -> None:
    """A pack of three is three optimisers, bit for bit: the operations are elementwise."""
    configs = [
        Optim.model_validate({"name": name, "weight_decay": decay, "clip": clip})
        for decay, clip in ((0.0, None), (0.1, 0.5), (0.01, 2.0))
    ]
    start, rates = gradients(1, 3, 2, 5)[0], [0.1, 0.01, 0.001]
    pack = ours(*configs, w=start)
    singles = [ours(c, w=start[r : r + 1]) for r, c in enumerate(configs)]
    for grad in gradients(2, 3, 2, 5)[:5]:
        step(pack, {"w": grad}, lr=rates)
        for r, single in enumerate(singles):
            step(single, {"w": grad[r : r + 1]}, lr=[rates[r]])
    for r, single in enumerate(singles):
        assert torch.equal(pack.parameters["w"][r], single.parameters["w"][0])


def test_clipping_by_hand() -> None:
    """Replica 0: norm of (3, 4) is 5, limit 1: factor 1/5. Replica 1: norm of (.3, .4) is .5: 1.

    Without a limit: 1. The tolerance is the 1e-6 that torch, too, adds to the norm.
    """
    grads = [torch.tensor([[3.0], [0.3]]), torch.tensor([[4.0], [0.4]])]
    found = clip_factor(grads, [True, True], limit=torch.tensor([1.0, 1.0]))
    torch.testing.assert_close(found, torch.tensor([0.2, 1.0]), atol=1e-6, rtol=0)
    free = clip_factor(grads, [True, True], limit=torch.tensor([math.inf, math.inf]))
    assert free.tolist() == [1.0, 1.0]


def test_clipping_joins_an_ordinary_modules_parameters() -> None:
    """One replica: [1, 2] holds 3 and an ordinary scalar holds 4: the norm of both is 5."""
    grads = [torch.tensor([[3.0, 0.0]]), torch.tensor(4.0)]
    found = clip_factor(grads, [True, False], limit=torch.tensor([1.0]))
    assert found.item() == pytest.approx(0.2, abs=1e-6)


def test_clipping_is_torchs() -> None:
    grad = gradients(3, 1, 6)[0]
    parameter = torch.nn.Parameter(torch.zeros(1, 6))
    parameter.grad = grad.clone()
    torch.nn.utils.clip_grad_norm_([parameter], 0.5)
    factor = clip_factor([grad], [True], limit=torch.tensor([0.5]))
    torch.testing.assert_close(parameter.grad, grad * factor)


def test_k_acts_after_clipping() -> None:
    """g = (3, 4) is clipped to norm 1, (.6, .8); then k = (1, 3): the step is (.6, 2.4)."""
    optimiser = ours(Optim(weight_decay=0, momentum=0, clip=1.0), w=torch.zeros(1, 2))
    k = torch.tensor([[1.0, 3.0]])
    step(optimiser, {"w": torch.tensor([[3.0, 4.0]])}, lr=[1.0], on_gradient={"w": k})
    expected = torch.tensor([[-0.6, -2.4]])
    torch.testing.assert_close(optimiser.parameters["w"].detach(), expected, atol=1e-5, rtol=0)


def moved(name: str, k: float, *, on_gradient: bool) -> Tensor:
    """How far 20 steps carry a parameter under a constant k."""
    config = Optim.model_validate({"name": name, "weight_decay": 0.0, "clip": None})
    optimiser = ours(config, w=torch.zeros(1, 4))
    for grad in gradients(5, 1, 4):
        form = "on_gradient" if on_gradient else "on_rate"
        step(optimiser, {"w": 1 + 0.1 * grad}, lr=[0.01], **{form: {"w": torch.tensor([[k]])}})
    return optimiser.parameters["w"].detach()


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_k_on_the_gradient_does_nothing_under_an_adaptive_optimiser(name: str) -> None:
    """m / sqrt(v) has no scale: only eps = 1e-8 beside sqrt(v) of about 1 is left of k."""
    plain = moved(name, 1.0, on_gradient=True)
    torch.testing.assert_close(moved(name, 4.0, on_gradient=True), plain, rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_k_on_the_rate_scales_the_step_of_an_adaptive_optimiser(name: str) -> None:
    """Gradients given from outside do not depend on where we are: the path is 4 times as long."""
    plain = moved(name, 1.0, on_gradient=False)
    found = moved(name, 4.0, on_gradient=False)
    torch.testing.assert_close(found, 4 * plain, rtol=1e-5, atol=0)  # rounding of 20 sums


def test_k_on_the_gradient_scales_the_step_of_sgd() -> None:
    plain, found = (moved("sgd", k, on_gradient=True) for k in (1.0, 4.0))
    torch.testing.assert_close(found, 4 * plain, rtol=1e-5, atol=0)  # rounding of 20 sums


def test_replicas_scale_either_without_touching_each_other() -> None:
    """(3, 4) clipped, momentum .5, twice; k = 3 on the gradient of the first, on the rate of the
    second: bit for bit what each does alone.
    """
    config = Optim(weight_decay=0.1, momentum=0.5, clip=1.0)
    one, k = torch.ones(1, 1), torch.full((1, 1), 3.0)
    both = ours(config, config, w=torch.zeros(2, 2))
    first, second = ours(config, w=torch.zeros(1, 2)), ours(config, w=torch.zeros(1, 2))
    grad = torch.tensor([[3.0, 4.0]])
    for _ in range(2):
        forms = {"on_gradient": {"w": torch.cat([k, one])}, "on_rate": {"w": torch.cat([one, k])}}
        step(both, {"w": grad.expand(2, 2)}, lr=[0.7, 0.9], **forms)
        step(first, {"w": grad}, lr=[0.7], on_gradient={"w": k})
        step(second, {"w": grad}, lr=[0.9], on_rate={"w": k})
    expected = torch.cat([first.parameters["w"], second.parameters["w"]])
    assert torch.equal(both.parameters["w"], expected)
    assert not torch.equal(expected[0], expected[1])


def test_a_parameter_without_gradient_stays() -> None:
    optimiser = ours(Optim(), w=torch.ones(1, 2), idle=torch.ones(1, 2))
    step(optimiser, {"w": torch.ones(1, 2)}, lr=[0.1])
    assert torch.equal(optimiser.parameters["idle"], torch.ones(1, 2))
    assert optimiser.parameters["w"].grad is None


@pytest.mark.parametrize("name", THEIRS)
def test_state_goes_there_and_back(name: str) -> None:
    config = Optim.model_validate({"name": name})
    whole = ours(config, w=torch.ones(1, 3))
    first = ours(config, w=torch.ones(1, 3))
    for i, grad in enumerate(gradients(9, 1, 3)):
        step(whole, {"w": grad}, lr=[0.1])
        if i == 10:
            second = ours(config, w=first.parameters["w"].detach())
            second.load_states(first.states([()]))
            first = second
        step(first, {"w": grad}, lr=[0.1])
    assert torch.equal(whole.parameters["w"], first.parameters["w"])


def test_rates_at_both_ends() -> None:
    """Cosine: lr at step 0, lr/2 half way, 0 at the end. Step: x0.1 every 70 epochs."""
    cosine, constant, steps = (
        Optim.model_validate({"lr": 0.4, "schedule": name})
        for name in ("cosine", "constant", "step")
    )
    at = [learning_rate(cosine, step=n, steps=100, epoch=0) for n in (0, 50, 100)]
    assert at == pytest.approx([0.4, 0.2, 0.0])
    assert learning_rate(constant, step=99, steps=100, epoch=99) == 0.4
    by_epoch = [learning_rate(steps, step=0, steps=1, epoch=epoch) for epoch in (0, 69, 70, 140)]
    assert by_epoch == pytest.approx([0.4, 0.4, 0.04, 0.004])
