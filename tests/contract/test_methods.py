"""What every method promises, parametrised over the one table of methods."""

from io import BytesIO
from typing import Any

import pytest
import torch
from torch import Tensor

from cal.config import Config, parse
from cal.methods import METHODS
from cal.records import Record, Result
from cal.rules import FUSIONS
from cal.trainer import Trainer

BASE: dict[str, Any] = {
    "data": {"labels_per_class": 20},
    "cal": {"contribution": {"interval": 2, "start": 0.1}, "bottleneck": {"warmup": 0.2}},
    "train": {"epochs": 4, "validate_every": 2},
    "evaluate": {"noise": "none"},
}
OPTIMISERS = ("sgd", "adam", "adamw")
REPORTED = {
    "joint": [],
    "cal": ["contribution/", "acceleration/"],
    "pmr": ["modulation/fac/beta", "modulation/fac/entropy"],
    "mmpareto": ["modulation/fac/fused_share"],
    "qmf": ["modulation/fac/confidence"],
    "tmc": ["modulation/fac/uncertainty"],
}


def config(method: str, optimiser: str = "sgd", **changes: Any) -> Config:
    """A short run on real data."""
    lr = 0.05 if optimiser == "sgd" else 1e-3
    own = {"model": {"fusion": FUSIONS[method]}} if method in FUSIONS else {}
    optim = {"name": optimiser, "lr": lr}
    return parse({**BASE, **own, "method": method, "optim": optim, **changes})


def finish(trainer: Trainer) -> tuple[list[Record], dict[str, Tensor]]:
    """All records of a single run, and its parameters."""
    records = [records[0] for records in trainer.records()]
    return records, {n: p.detach().clone() for n, p in trainer.network.named_parameters()}


def assert_equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("method", METHODS)
def test_four_epochs_equal_two_and_a_resumed_two(method: str, optimiser: str) -> None:
    whole, expected = finish(Trainer([config(method, optimiser)]))
    first = Trainer([config(method, optimiser)])
    records = first.records()
    half = [next(records)[0], next(records)[0]]
    file = BytesIO()
    torch.save(first.states(), file)
    torch.manual_seed(12345)  # a new process has other global states
    second = Trainer([config(method, optimiser)])
    second.load_states(torch.load(BytesIO(file.getvalue()), weights_only=True))
    rest, found = finish(second)
    assert_equal(found, expected)
    assert (half + rest)[:-1] == whole[:-1]


@pytest.mark.parametrize("method", METHODS)
def test_a_run_draws_nothing_from_global_states(method: str) -> None:
    torch.manual_seed(1)
    _, expected = finish(Trainer([config(method)]))
    torch.manual_seed(2)
    before = torch.get_rng_state()
    _, found = finish(Trainer([config(method)]))
    assert_equal(found, expected)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("method", METHODS)
def test_a_run_in_a_pack_is_bit_equal_to_the_run_alone(method: str) -> None:
    members = [config(method, seed=seed, optim={"lr": 0.02 * (1 + seed)}) for seed in range(3)]
    pack = Trainer(members)
    for _ in pack.records():
        pass
    packed = dict(pack.network.named_parameters())
    for r, member in enumerate(members):
        _, alone = finish(Trainer([member]))
        for name, value in alone.items():
            assert torch.equal(packed[name][r], value[0]), (name, r)


@pytest.mark.parametrize("method", METHODS)
def test_the_result_is_finite_and_says_what_the_mechanisms_did(method: str) -> None:
    records, _ = finish(Trainer([config(method)]))
    result = records[-1]
    assert isinstance(result, Result)
    for record in records:
        assert all(value == value for value in record.metrics.values())
    names = " ".join(records[-2].metrics)
    assert all(name in names for name in REPORTED.get(method, ["modulation/fac/k"]))


@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("joint", "cal")])
def test_every_baseline_acts(method: str) -> None:
    """Its encoders are not those of joint training with unimodal losses and the same fusion."""
    fusion = {"model": {"fusion": FUSIONS[method]}} if method in FUSIONS else {}
    _, own = finish(Trainer([config(method)]))
    _, joint = finish(Trainer([config("joint", **fusion)]))
    assert not torch.equal(own["encoders.first.0"], joint["encoders.first.0"])


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_cal_with_everything_off_is_joint_training(optimiser: str, gamma: float) -> None:
    off = {name: {"enabled": False} for name in ("contribution", "acceleration", "bottleneck")}
    _, neutral = finish(Trainer([config("cal", optimiser, gamma=gamma, cal=off)]))
    _, joint = finish(Trainer([config("joint", optimiser, gamma=gamma)]))
    assert_equal(neutral, joint)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("mechanism", ["contribution", "acceleration", "bottleneck"])
def test_every_mechanism_acts_under_every_optimiser(mechanism: str, optimiser: str) -> None:
    _, full = finish(Trainer([config("cal", optimiser)]))
    cal = {**BASE["cal"], mechanism: {"enabled": False}}
    _, without = finish(Trainer([config("cal", optimiser, cal=cal)]))
    assert not torch.equal(full["head_weight"], without["head_weight"])


def test_acceleration_moves_encoders_further_under_adam() -> None:
    """alpha 3 and uniform W: every encoder's rate is 4 times as large, heads' as before."""
    moved = {}
    for alpha in (0.0, 3.0):
        cal = {
            "contribution": {"enabled": False},
            "bottleneck": {"enabled": False},
            "acceleration": {"alpha": alpha},
        }
        trainer = Trainer([config("cal", "adam", cal=cal, optim={"name": "adam", "lr": 1e-3})])
        named = trainer.network.named_parameters()
        before = {n: p.detach().clone() for n, p in named}
        next(trainer.epoch_steps())
        after = dict(trainer.network.named_parameters())
        moved[alpha] = {n: (after[n] - before[n]).norm().item() for n in before}
    assert moved[3.0]["encoders.first.0"] == pytest.approx(4 * moved[0.0]["encoders.first.0"], 1e-3)
    assert moved[3.0]["head_weight"] == pytest.approx(moved[0.0]["head_weight"], 1e-6)
