"""CAL as a callback of PyTorch Lightning, around a module of your own. ``docs/own-data.md``.

Contribution is measured on a probe by a function of yours, gradients of each modality's encoder are
scaled before the optimiser steps (under an adaptive optimiser the learning rates of their groups),
and ``penalty`` is the bottleneck's term for ``training_step``. All neutral, the module trains to
the same bits as without it.

Legend: M modalities, S coalitions, B probe samples, K classes.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from cal.config import Cal, ConfigError
from cal.mechanisms import acceleration, coalitions, contribution
from cal.methods.cal import beta_of, shares
from cal.rng import derived_seed, generators
from cal.rules import IDLE_GRADIENT

AVERAGES = ("information", "confidence")


class Looked(NamedTuple):
    """The probe as the module sees it: samples that are never trained on."""

    logits: Tensor  # [S, B, K] of the fused head, modalities outside the coalition at 0
    unimodal: Tensor  # [M, B, K] of a head for each modality
    labels: Tensor  # [B]


Look = Callable[[Any, Tensor], Looked]
"""(module, masks [S, M] of 0 and 1) -> ``Looked``; called in evaluation mode without gradient."""
Encoders = Callable[[Any], Sequence[Iterable[nn.Parameter]]]
"""module -> the parameters of each modality's encoder, M of them."""


class ContributionGuidance(pl.Callback):
    """W from the probe, k on the encoders, s on the bottleneck; ``cal`` as in a configuration.

    ``penalty`` is called in ``training_step``, so the module keeps the callback.
    """

    def __init__(
        self,
        modalities: Sequence[str],
        *,
        look: Look,
        encoders: Encoders,
        cal: Cal | None = None,
        clip: float | None = None,
        seed: int = 0,
    ) -> None:
        """``clip``: largest global gradient norm, before k; None: no clipping. ``seed``: of the
        control ``permuted``. Raises ``ConfigError`` for what this form has not.
        """
        super().__init__()
        self.names, self.look, self.encoders = tuple(modalities), look, encoders
        self.cal, self.clip = cal or Cal(), clip
        section, count = self.cal.contribution, len(self.names)
        if section.probe_batch is not None:
            raise ConfigError(
                f"cal.contribution.probe_batch: given {section.probe_batch}; allowed: null, since "
                "look chooses its samples"
            )
        if section.floor * count >= 1:
            raise ConfigError(
                f"cal.contribution.floor: given {section.floor}; allowed: 0 <= floor < 1/{count}"
            )
        self.weights = contribution.uniform(1, count)
        self.game = coalitions.needed(
            section.information, count, permutations=section.permutations, seed=0
        )
        self.draws = generators([derived_seed(seed, "lightning")], "permuted")
        self.information: Tensor | None = None
        self.confidence: Tensor | None = None
        self.updates, self.steps = 0, 1.0
        self.step, self.looked = 0, -1
        self.on_rate = False
        self._rates: list[tuple[dict[str, Any], Any]] = []  # groups and rates while k is on them
        self._hooks: list[Any] = []

    @property
    def k(self) -> Tensor:
        """Factors [M] on the update of each encoder, 1 or more."""
        section = self.cal.acceleration
        alpha = torch.tensor([section.alpha if section.enabled else 0.0])
        return acceleration.coefficients(self.weights, alpha=alpha)[0]

    def penalty(self, kl_M: Tensor) -> Tensor:
        """sum_m beta(t) s^m KL_m from KL_m in nats, each a mean over the batch: add it to the loss.

        ``cal.mechanisms.bottleneck.kl_divergence`` gives them.
        """
        beta = beta_of(self.cal, (self.step + 1) / self.steps)
        share = shares(self.weights, [self.cal.bottleneck.asymmetry])[0]
        return (beta * share.to(kl_M) * kl_M).sum()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Where does k act? Raises ``ConfigError`` where it cannot."""
        self.step, self.steps = trainer.global_step, float(trainer.estimated_stepping_batches)
        if not 0 < self.steps < math.inf:
            raise ConfigError(
                "max_epochs: given none; allowed: max_epochs or max_steps, as beta(t) and the "
                "metric's start are parts of all steps"
            )
        if len(trainer.optimizers) != 1:
            raise ConfigError(f"optimizers: given {len(trainer.optimizers)}; allowed: one")
        (optimiser,) = trainer.optimizers
        self.on_rate = applied(self.cal, optimiser) == "learning_rate"
        parameters = self._parameters(pl_module)
        if self.on_rate and self.cal.acceleration.enabled:
            scale = self._scaled(owned_groups(optimiser, parameters, self.names))
            self._hooks = [
                optimiser.register_step_pre_hook(scale),
                optimiser.register_step_post_hook(lambda *_: self._restored()),
            ]
        elif trainer.gradient_clip_val and self.cal.acceleration.enabled:
            raise ConfigError(
                f"gradient_clip_val: given {trainer.gradient_clip_val}; Lightning clips after k, "
                "which takes a part of it back; allowed: none, and clip of the callback"
            )

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Look at the probe where it is due; once a step, however many batches it gathers."""
        section = self.cal.contribution
        self.step = trainer.global_step
        due = self.step >= section.start * self.steps and self.step % section.interval == 0
        if section.enabled and due and self.step != self.looked:
            self.looked = self.step
            self._learn(trainer, pl_module)

    def _learn(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        section = self.cal.contribution
        with _evaluated(module):
            seen = self.look(module, self.game.masks.to(module.device))
        shown = {"unimodal": seen.unimodal.float().mT[None], "labels": seen.labels[None]}
        info = contribution.information(
            section.information,
            logits=seen.logits.float().mT[None],
            game=self.game.to(seen.logits.device),
            **shown,
        )
        trust = contribution.confidence(section.confidence, **shown)
        both = trainer.strategy.reduce(torch.stack([info, trust]), reduce_op="mean")
        decay = torch.tensor([section.ema])
        for name, new in zip(AVERAGES, both.cpu(), strict=True):
            setattr(self, name, contribution.moving_average(getattr(self, name), new, decay=decay))
        self.updates += 1
        self.weights = self._weigh()

    def _weigh(self) -> Tensor:
        """W [1, M] with its control."""
        section = self.cal.contribution
        assert self.information is not None  # both were just measured
        assert self.confidence is not None
        found = contribution.weights(
            self.information,
            self.confidence,
            combine=section.combine,
            energy=section.confidence == "energy",
            lam=torch.tensor([section.lam]),
            tau=torch.tensor([section.tau]),
            floor=torch.tensor([section.floor]),
        )
        if section.control == "reversed":
            return contribution.reversed_order(found)
        if section.control == "permuted":
            return contribution.permuted(found, generators=self.draws)
        return found

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Any
    ) -> None:
        """Clip, then scale the gradients of each encoder, unless k is on the rates."""
        if self.clip is not None:
            nn.utils.clip_grad_norm_(pl_module.parameters(), self.clip)
        if self.on_rate:
            return
        for k, parameters in zip(self.k.tolist(), self._parameters(pl_module), strict=True):
            for parameter in parameters:
                if parameter.grad is not None:
                    parameter.grad.mul_(k)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Log W and k under the names that the ledger has."""
        for name, w, k in zip(self.names, self.weights[0].tolist(), self.k.tolist(), strict=True):
            pl_module.log_dict({f"contribution/{name}/W": w, f"acceleration/{name}/k": k})

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The optimiser is left as it was."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Rates as they were, whatever a checkpoint keeps of them now."""
        self._restored()

    def _parameters(self, module: pl.LightningModule) -> list[list[nn.Parameter]]:
        found = [list(parameters) for parameters in self.encoders(module)]
        if len(found) != len(self.names):
            raise ConfigError(
                f"encoders: given {len(found)}; allowed: {len(self.names)}, one for each of "
                f"{', '.join(self.names)}"
            )
        return found

    def _scaled(self, owners: Sequence[int | None]) -> Callable[..., None]:
        """Before a step: the rate of each group times k of the modality that owns it."""

        def scale(optimiser: torch.optim.Optimizer, *_: Any) -> None:
            k = self.k.tolist()
            for group, owner in zip(optimiser.param_groups, owners, strict=True):
                if owner is not None:
                    self._rates.append((group, group["lr"]))
                    group["lr"] = group["lr"] * k[owner]

        return scale

    def _restored(self) -> None:
        """After a step: schedulers find the rates that they set."""
        for group, rate in self._rates:
            group["lr"] = rate
        self._rates = []

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs."""
        state: dict[str, Any] = {name: getattr(self, name) for name in ("weights", *AVERAGES)}
        return state | {"updates": self.updates, "draw": self.draws[0].get_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What ``state_dict`` gave."""
        for name in ("weights", *AVERAGES, "updates"):
            setattr(self, name, state_dict[name])
        self.draws[0].set_state(state_dict["draw"])


def applied(cal: Cal, optimiser: torch.optim.Optimizer) -> str:
    """What k scales: ``gradient`` under SGD, else ``learning_rate``.

    Raises ``ConfigError`` for ``gradient`` under an adaptive optimiser.
    """
    adaptive = not isinstance(optimiser, torch.optim.SGD)
    section = cal.acceleration
    if section.enabled and section.apply == "gradient" and adaptive:
        raise ConfigError(
            f"cal.acceleration.apply: given 'gradient' with {type(optimiser).__name__}; "
            f"{IDLE_GRADIENT}"
        )
    return acceleration.resolve(section.apply, optimiser="adam" if adaptive else "sgd")


def owned_groups(
    optimiser: torch.optim.Optimizer,
    parameters: Sequence[Iterable[nn.Parameter]],
    names: Sequence[str],
) -> list[int | None]:
    """The modality of each parameter group; None for what belongs to none.

    Raises ``ConfigError`` for a group that holds an encoder's parameters beside others.
    """
    owner = {id(p): m for m, own in enumerate(parameters) for p in own}
    found = list[int | None]()
    for number, group in enumerate(optimiser.param_groups):
        owners = {owner.get(id(parameter)) for parameter in group["params"]}
        if len(owners) > 1:
            told = sorted("others" if m is None else names[m] for m in owners)
            raise ConfigError(
                f"optimizer: its parameter group {number} holds {' and '.join(told)}; allowed: a "
                "group for each encoder, whose learning rate k can scale, or torch.optim.SGD"
            )
        found += owners
    return found


@contextmanager
def _evaluated(module: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradient; each part is then in the mode that it was in."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, mode in modes:
            part.training = mode
