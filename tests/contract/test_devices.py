"""No step mixes devices. Without a GPU: PyTorch's fake tensors carry a device and no numbers, and
refuse an operation on two devices as a GPU does. What they cannot do here is replaced: autograd's
backward (gradients of zeros), moving a module, and looks at single numbers.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from cal import rng
from cal.config import merge, parse
from cal.data.loading import load
from cal.mechanisms import contribution
from cal.methods.metric import Metric
from cal.model import network
from cal.trainer import Trainer

VIEWS = {"data": {"labels_per_class": 20}}
KEYPAD = {"data": {"name": "keypad", "labels_per_class": 20}, "model": {"encoder": "cnn"}}


def metric(**changes: Any) -> dict[str, Any]:
    return VIEWS | {"cal": {"contribution": {"interval": 1, "start": 0, **changes}}}


RUNS: dict[str, dict[str, Any]] = {
    "joint": VIEWS | {"method": "joint"},
    "ogm_ge": VIEWS | {"method": "ogm_ge", "ogm_ge": {}},
    "cal": metric(),
    "cal, kl": metric(information="kl", confidence="energy", combine="product"),
    "cal, accuracy": metric(information="shapley_accuracy", confidence="entropy"),
    "cal, entropy": metric(information="entropy", probe_batch=32),
    "cal, reversed": metric(control="reversed"),
    "cal, permuted": metric(control="permuted"),
    "cal, symmetric": metric(enabled=False),
    "cal, deterministic": merge(metric(), {"cal": {"bottleneck": {"enabled": False}}}),
    "cal, mlp fusion": metric() | {"model": {"fusion": "mlp"}},
    "cal, cnn": metric() | KEYPAD,
}


def moved(module: nn.Module, device: torch.device) -> nn.Module:
    """``module.to(device)``, tensor by tensor."""
    for part in module.modules():
        for name, buffer in list(part.named_buffers(recurse=False)):
            part._buffers[name] = buffer.to(device)
        for name, parameter in list(part.named_parameters(recurse=False)):
            part._parameters[name] = nn.Parameter(parameter.to(device))
    return module


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(rng, "seeded", lambda seed: {})
    monkeypatch.setattr(contribution, "_check_numbers", lambda *numbers, modalities: None)
    monkeypatch.setattr(network, "partial_detach", lambda z, gamma: z)
    monkeypatch.setattr(nn.Module, "to", moved)
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def an_epoch(*trees: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Trainer:
    trainer = Trainer([parse(tree) for tree in trees], device="cuda")

    def backward(loss: Tensor) -> None:
        assert loss.device.type == "cuda"
        for parameter in trainer.network.parameters():
            parameter.grad = torch.zeros_like(parameter)

    monkeypatch.setattr(Tensor, "backward", backward)
    assert list(trainer.epoch_steps())
    return trainer


@pytest.fixture(scope="module")
def loaded() -> None:
    """Real data, read before anything is fake."""
    for tree in RUNS.values():
        load(parse(tree).data, seed=0)


@pytest.mark.usefixtures("loaded", "fakes")
@pytest.mark.parametrize("run", RUNS)
def test_an_epoch_stays_on_its_device(run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = an_epoch(RUNS[run], monkeypatch=monkeypatch)
    assert {p.device.type for p in trainer.network.parameters()} == {"cuda"}
    assert trainer._loss.device.type == "cpu"  # what records are made of


@pytest.mark.usefixtures("loaded", "fakes")
def test_an_epoch_of_a_mixed_pack_stays_on_its_device(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("cal", "joint", "cal, reversed", "cal, deterministic", "cal, kl", "cal, entropy")
    rate = merge(metric(interval=2), {"cal": {"acceleration": {"apply": "learning_rate"}}})
    mixed = [*(RUNS[name] for name in names), rate, RUNS["cal, kl"]]
    trainer = an_epoch(*mixed, monkeypatch=monkeypatch)
    assert {p.device.type for p in trainer.network.parameters()} == {"cuda"}


@pytest.mark.usefixtures("loaded", "fakes")
def test_a_tensor_left_behind_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Metric.observe

    def forgets(self: Metric, *given: Any) -> None:
        monkeypatch.setattr(type(self.game), "to", lambda game, device: game)
        plain(self, *given)

    monkeypatch.setattr(Metric, "observe", forgets)
    with pytest.raises(RuntimeError, match="two different devices cpu, cuda:0"):
        an_epoch(RUNS["cal"], monkeypatch=monkeypatch)
