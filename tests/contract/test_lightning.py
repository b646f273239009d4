"""CAL around a Lightning module of one's own: acts as the formulas say, resumes, refuses."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from cal.adapters.lightning import ContributionGuidance, Looked
from cal.config import Cal, ConfigError
from cal.mechanisms import bottleneck

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec"),  # its own use of torch
    pytest.mark.filterwarnings("ignore:.*many workers"),  # of the machine's cores
    pytest.mark.filterwarnings("ignore:GPU available"),
]
NAMES = ("sound", "picture")
OFF = Cal.model_validate(
    {
        "contribution": {"enabled": False},
        "acceleration": {"enabled": False},
        "bottleneck": {"enabled": False},
    }
)
SOON = Cal.model_validate(
    {"contribution": {"interval": 2, "start": 0}, "bottleneck": {"beta": 0.01, "warmup": 0}}
)


def samples(count: int, *, seed: int) -> TensorDataset:
    """Two classes by the sound; the picture is noise."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    sound = torch.randn(count, 3, generator=draw) + 2 * labels[:, None]
    return TensorDataset(sound, torch.randn(count, 3, generator=draw), labels)


class Both(pl.LightningModule):
    """An encoder for each modality, a fused head, a head for each; no random numbers."""

    def __init__(self, guidance: ContributionGuidance | None = None, *, rule: str = "sgd") -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.encoders = nn.ModuleList(nn.Linear(3, 4) for _ in NAMES)
            self.fusion = nn.Linear(4, 2)
            self.heads = nn.ModuleList(nn.Linear(2, 2) for _ in NAMES)
        self.guidance, self.rule = guidance, rule
        self.seen: list[bool] = []
        self.rates: list[list[float]] = []

    def latents(self, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Mean and log variance [M, B, 2]."""
        both = [encoder(x) for encoder, x in zip(self.encoders, inputs, strict=True)]
        mean, log_variance = torch.stack(both).chunk(2, -1)
        return mean, log_variance

    def fused(self, z: Tensor) -> Tensor:
        """[..., M, B, 2] -> [..., B, 2]."""
        return self.fusion(z.movedim(-3, -2).flatten(-2))

    def alone(self, z: Tensor) -> Tensor:
        return torch.stack([head(one) for head, one in zip(self.heads, z, strict=True)])

    def training_step(self, batch: list[Tensor], number: int) -> Tensor:
        *inputs, labels = batch
        mean, log_variance = self.latents(inputs)
        loss = cross_entropy(self.fused(mean), labels)
        loss = loss + sum(cross_entropy(logits, labels) for logits in self.alone(mean))
        if self.guidance is not None:
            kl = bottleneck.kl_divergence(mean[None], log_variance[None])[0]
            loss = loss + self.guidance.penalty(kl)
        return loss

    def configure_optimizers(self) -> Any:
        rest = [*self.fusion.parameters(), *self.heads.parameters()]
        groups = [{"params": list(encoder.parameters())} for encoder in self.encoders]
        groups.append({"params": rest})
        rules: dict[str, Callable[[], torch.optim.Optimizer]] = {
            "sgd": lambda: torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9),
            "adam": lambda: torch.optim.Adam(groups, lr=0.01),
            "adam in one group": lambda: torch.optim.Adam(self.parameters(), lr=0.01),
        }
        optimiser = rules[self.rule]()
        schedule = torch.optim.lr_scheduler.StepLR(optimiser, step_size=2, gamma=0.9)
        return [optimiser], [{"scheduler": schedule, "interval": "step"}]

    def on_train_batch_end(self, *_: Any) -> None:
        optimiser = self.trainer.optimizers[0]
        self.rates.append([group["lr"] for group in optimiser.param_groups])

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(samples(32, seed=0), batch_size=8, num_workers=0)


def look(module: Both, masks: Tensor) -> Looked:
    """On 64 samples that are never trained on."""
    module.seen.append(module.training or torch.is_grad_enabled())
    *inputs, labels = samples(64, seed=1).tensors
    mean, _ = module.latents(inputs)
    return Looked(module.fused(masks[:, :, None, None] * mean), module.alone(mean), labels)


def guided(cal: Cal, **more: Any) -> ContributionGuidance:
    given: dict[str, Any] = {
        "look": look,
        "encoders": lambda module: [encoder.parameters() for encoder in module.encoders],
    }
    return ContributionGuidance(NAMES, cal=cal, **{**given, **more})


def fit(module: Both, *callbacks: pl.Callback, ckpt: str | None = None, **more: Any) -> pl.Trainer:
    given: dict[str, Any] = {
        "max_epochs": 2,
        "accelerator": "cpu",
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = pl.Trainer(callbacks=[*callbacks], **{**given, **more})
    trainer.fit(module, ckpt_path=ckpt, weights_only=True)
    return trainer


def same(left: nn.Module, right: nn.Module) -> bool:
    pairs = zip(left.state_dict().values(), right.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def updates(before: Both, after: Both) -> dict[str, Tensor]:
    pairs = zip(before.named_parameters(), after.named_parameters(), strict=True)
    return {name: new - old for (name, old), (_, new) in pairs}


def test_all_neutral_is_bit_equal_to_a_module_without_it() -> None:
    guidance = guided(OFF)
    with_it, without = Both(guidance), Both()
    fit(with_it, guidance)
    fit(without)
    assert same(with_it, without)
    assert with_it.seen == []


@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_each_encoder_moves_by_k_and_nothing_else(rule: str) -> None:
    """One step with W = (.9, .1): k = 1 + 2 W = (2.8, 1.2), on the gradient or on the rate."""
    cal = Cal.model_validate({"contribution": {"enabled": False}, "bottleneck": {"enabled": False}})
    guidance = guided(cal)
    guidance.weights = torch.tensor([[0.9, 0.1]])
    fast, plain = Both(guidance, rule=rule), Both(rule=rule)
    fit(fast, guidance, max_steps=1, max_epochs=-1)
    fit(plain, max_steps=1, max_epochs=-1)
    found, expected = (updates(Both(), module) for module in (fast, plain))
    for name, moved in expected.items():
        k = {"encoders.0": 2.8, "encoders.1": 1.2}.get(name[:10], 1.0)
        assert torch.allclose(found[name], k * moved, rtol=1e-4, atol=1e-7)  # float32 differences
        assert moved.abs().max() > 1e-4


def test_schedulers_find_the_rates_that_they_set() -> None:
    """k is on the rates within a step only: .01 times .9 every second step, in all groups."""
    guidance = guided(SOON)
    module = Both(guidance, rule="adam")
    fit(module, guidance)
    assert guidance.updates == 4
    expected = [0.01 * 0.9 ** (step // 2) for step in range(1, 9)]
    for step, rates in zip(expected, module.rates, strict=True):
        assert rates == pytest.approx([step] * 3)


def test_a_broken_step_leaves_the_rates_as_they_were() -> None:
    guidance = guided(SOON)
    module = Both(guidance, rule="adam")

    def broken(batch: object, batch_idx: int) -> Tensor:
        raise RuntimeError("in the middle of the optimiser's step")

    module.training_step = broken  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="in the middle"):
        fit(module, guidance)
    assert [group["lr"] for group in module.trainer.optimizers[0].param_groups] == [0.01] * 3


def test_the_probe_is_seen_in_evaluation_mode_every_interval() -> None:
    """Eight steps, one look at steps 0, 2, 4 and 6; a frozen part stays in evaluation mode."""
    guidance = guided(SOON)
    module = Both(guidance)

    class Freeze(pl.Callback):
        def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            module.heads.eval()

    fit(module, guidance, Freeze())
    assert module.seen == [False] * 4
    assert module.encoders.training
    assert not module.heads.training


def test_a_step_of_several_batches_looks_once() -> None:
    guidance = guided(SOON)
    module = Both(guidance)
    fit(module, guidance, accumulate_grad_batches=2, max_epochs=4)
    assert module.trainer.global_step == 8
    assert module.seen == [False] * 4


def test_contribution_finds_the_useless_modality_and_logs_it() -> None:
    guidance = guided(SOON)
    trainer = fit(Both(guidance), guidance, max_epochs=20)
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    assert set(logged) == {f"{n}/{m}/{x}" for m in NAMES for n, x in LOGGED}
    assert logged["contribution/sound/W"] > 0.8
    assert logged["contribution/sound/W"] + logged["contribution/picture/W"] == pytest.approx(1)
    k = [logged[f"acceleration/{name}/k"] for name in NAMES]
    assert sum(k) == pytest.approx(4)  # its mean over modalities is 1 + alpha


LOGGED = (("contribution", "W"), ("acceleration", "k"))


def test_the_penalty_by_hand() -> None:
    """W = (.8, .2): s = 2 (1/W) / sum 1/W = 2 (1.25, 5) / 6.25 = (.4, 1.6); KL = (3, 1) nats:
    beta (1.2 + 1.6) = 2.8 beta. Linear warm-up over half of 8 steps: after the first beta/4.
    """
    cal = Cal.model_validate({"bottleneck": {"beta": 0.1, "warmup": 0.5}})
    guidance = guided(cal)
    guidance.weights, guidance.steps = torch.tensor([[0.8, 0.2]]), 8.0
    kl = torch.tensor([3.0, 1.0], requires_grad=True)
    assert guidance.penalty(kl).item() == pytest.approx(0.1 / 4 * 2.8)
    guidance.step = 6
    assert guidance.penalty(kl).item() == pytest.approx(0.1 * 2.8)
    guidance.penalty(kl).backward()
    assert kl.grad is not None
    assert kl.grad.tolist() == pytest.approx([0.04, 0.16])
    turned = guided(Cal.model_validate({"bottleneck": {"asymmetry": "reversed", "warmup": 0}}))
    turned.weights = torch.tensor([[0.8, 0.2]])
    assert float(turned.penalty(torch.tensor([1.0, 0.0]))) == pytest.approx(0.03 * 1.6)


@pytest.mark.parametrize("control", ["none", "reversed", "permuted"])
def test_it_resumes_bit_for_bit(control: str, tmp_path: Path) -> None:
    """Four epochs, or two, a checkpoint, and two more in a new trainer, as safely loaded."""
    changed = SOON.contribution.model_copy(update={"control": control})
    cal = SOON.model_copy(update={"contribution": changed})
    whole, half, rest = (guided(cal) for _ in range(3))
    expected, first, second = (Both(guidance) for guidance in (whole, half, rest))
    fit(expected, whole, max_epochs=4)

    class Stop(pl.Callback):
        def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            trainer.should_stop = trainer.current_epoch == 1

    trainer = fit(first, half, Stop(), max_epochs=4)
    assert trainer.current_epoch == 2
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    fit(second, rest, max_epochs=4, ckpt=str(tmp_path / "half.ckpt"))
    assert same(second, expected)
    assert not same(first, expected)
    assert rest.updates == whole.updates == 8
    for name, value in rest.state_dict().items():
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(whole.state_dict()[name]))


def test_controls_turn_w_round() -> None:
    """After the same looks at the same module."""
    first = Both()
    found = {}
    for control in ("none", "reversed"):
        cal = Cal.model_validate({"contribution": {"interval": 1, "start": 0, "control": control}})
        guidance = guided(cal)
        module = Both(guidance)
        fit(module, guidance, max_steps=1, max_epochs=-1)
        assert len(module.seen) == 1
        found[control] = guidance.weights[0].tolist()
    assert found["reversed"] == found["none"][::-1]
    assert first.seen == []


def test_the_norm_is_clipped_before_k() -> None:
    """The norm after k lies between the clipped norm times the least and the largest k."""
    cal = Cal.model_validate({"contribution": {"enabled": False}, "bottleneck": {"enabled": False}})
    guidance = guided(cal, clip=0.01)
    module = Both(guidance)
    norms = list[float]()

    class Norm(pl.Callback):
        def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
            grads = [p.grad for p in pl_module.encoders.parameters() if p.grad is not None]
            rest = [p.grad for p in pl_module.parameters() if p.grad is not None]
            encoders = torch.cat([g.flatten() for g in grads]) / 2  # W uniform: k = 2
            others = torch.cat([g.flatten() for g in rest[len(grads) :]])
            norms.append(float(torch.cat([encoders, others]).norm()))

    fit(module, guidance, Norm())
    assert norms == pytest.approx([0.01] * 8, rel=1e-3)


def two_optimisers(module: Both) -> list[torch.optim.Optimizer]:
    return [torch.optim.SGD(part.parameters(), lr=0.1) for part in (module.fusion, module.heads)]


IDLE = "an adaptive optimiser divides a constant gradient factor out again"
BY_GRADIENT = Cal.model_validate({"acceleration": {"apply": "gradient"}})


@pytest.mark.parametrize(
    ("cal", "rule", "more", "line"),
    [
        (BY_GRADIENT, "adam", {}, f"cal.acceleration.apply: given 'gradient' with Adam; {IDLE}"),
        (
            SOON,
            "adam in one group",
            {},
            "optimizer: its parameter group 0 holds others and picture",
        ),
        (SOON, "sgd", {"gradient_clip_val": 1.0}, "gradient_clip_val: given 1.0; Lightning clips"),
        (SOON, "sgd", {"max_epochs": -1}, "max_epochs: given none; allowed: max_epochs or max_st"),
    ],
)
def test_what_would_not_act_is_refused(
    cal: Cal, rule: str, more: dict[str, Any], line: str
) -> None:
    guidance = guided(cal)
    with pytest.raises(ConfigError) as caught:
        fit(Both(guidance, rule=rule), guidance, **more)
    assert str(caught.value).startswith(line)


def test_what_this_form_has_not_is_refused() -> None:
    rotating = Cal.model_validate({"contribution": {"probe_batch": 8}})
    with pytest.raises(
        ConfigError, match=r"^cal\.contribution\.probe_batch: given 8; allowed: null"
    ):
        guided(rotating)
    with pytest.raises(
        ConfigError, match=r"^cal\.contribution\.floor: given 0\.5; allowed: 0 <= fl"
    ):
        guided(Cal.model_validate({"contribution": {"floor": 0.5}}))
    guidance = guided(SOON, encoders=lambda module: [module.encoders.parameters()])
    with pytest.raises(
        ConfigError, match=r"^encoders: given 1; allowed: 2, one for each of sound,"
    ):
        fit(Both(guidance), guidance)
    guidance = guided(SOON)
    module = Both(guidance)
    module.configure_optimizers = lambda: two_optimisers(module)  # type: ignore[method-assign]
    module.automatic_optimization = False
    with pytest.raises(ConfigError, match=r"^optimizers: given 2; allowed: one"):
        fit(module, guidance)
