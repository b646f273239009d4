"""The trainer: a generator of plain records, state in, state out. Pure PyTorch.

The loop, with the three moments of a method::

    for batch in epoch:
        method.observe(step)                              # 1: look at the probe
        outputs = network(batch)                          # encoders -> slot -> fusion, heads
        loss = CE(fused) + sum_m CE(head m)
        loss = loss + method.loss_term(outputs.kl)        # 2: a term of the loss
        loss.backward(); clip
        k = method.scale(batch)                           # 3: a scale on each encoder's update
        optimiser.step(k)

R runs of equal shapes train as one; a plain run is the pack of one (R = 1). Every random number
comes from a generator of its own run, so a run does not notice its neighbours.

Legend: R replicas, M modalities, B samples, Z latent features, K classes, S coalitions.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cal import methods, rng
from cal.batches import BatchView, ProbeView, Stacked
from cal.config import Config
from cal.data import Parts
from cal.data import load as load_data
from cal.evaluate import evaluate, score
from cal.losses import cross_entropies
from cal.model import network as networks
from cal.modulation import factors, gradient_noise
from cal.optim import Optimiser, learning_rate
from cal.parallel import Group, check_workers
from cal.records import Epoch, Record, Result

State = dict[str, Any]
PLACE = ("epoch", "step", "looks", "seconds")  # how far a run is


class Trainer:
    """R runs in training. ``records()`` yields; ``state_dict()`` is everything between epochs."""

    def __init__(
        self,
        configs: Sequence[Config],
        *,
        data: Sequence[Parts] | None = None,
        device: str = "cpu",
        group: Group | None = None,
        wrap: Callable[[nn.Module], nn.Module] | None = None,
    ) -> None:
        """``data``: one ``Parts`` per run, loaded if not given; ``wrap`` binds DDP, ``group`` its
        place. Raises ``ConfigError`` if the batch does not divide among the workers, or the data
        has fewer samples than one batch; ``ValueError`` for a pack of unlike runs.
        """
        self.configs, self.config = tuple(configs), configs[0]
        if len({_shape(config) for config in configs}) != 1:
            raise ValueError("configs: the runs of one pack may differ in numbers only")
        self.device, self.group = torch.device(device), group or Group()
        self.data = tuple(data or [load_data(c.data, seed=c.seed) for c in configs])
        self.train_part = Stacked.of([parts.train for parts in self.data], self.device)
        self.probe_part = Stacked.of([parts.probe for parts in self.data], self.device)
        self.select_part = Stacked.of([parts.select for parts in self.data], self.device)
        samples, batch = self.train_part.labels.shape[1], self.config.train.batch
        gpus = float(self.device.type == "cuda")
        check_workers(self.config, samples=samples, workers=self.group.world, gpus=gpus)
        self.samples, self.per_epoch = samples, samples // batch
        self.steps = self.config.train.epochs * self.per_epoch
        self.method = methods.build(self.configs).to(self.device)
        seeds = [c.seed for c in configs]
        shapes = [tuple(x.shape[2:]) for x in self.train_part.inputs]
        self.network = networks.build(
            self.config.model,
            shapes,
            classes=self.data[0].classes,
            seeds=seeds,
            slot=self.method.slot,
        ).to(self.device)
        self.forward = wrap(self.network) if wrap is not None else self.network
        self.gamma = torch.tensor([c.gamma for c in configs])
        owned = {id(item.parameter): item for item in self.network.owned()}
        named = dict(self.network.named_parameters())
        self.owners = {name: owned[id(p)] for name, p in named.items() if id(p) in owned}
        replicated = {n: n not in self.owners or self.owners[n].replicated for n in named}
        self.optimiser = Optimiser(
            named, replicated, [c.optim for c in configs], device=self.device
        )
        purposes = ("order", "noise", "modulation")
        self.draws = {purpose: rng.generators(seeds, purpose) for purpose in purposes}
        self.globals = rng.seeded(rng.derived_seed(seeds[0], "globals"))
        self.epoch = self.step = self.looks = 0  # looks: at the probe, which rotates
        self.seconds = 0.0  # spent in training steps
        self._kl = torch.zeros(len(configs), len(shapes))
        self._loss = torch.zeros(len(configs))

    def records(self) -> Iterator[tuple[Record, ...]]:
        """One record per replica and epoch, at last one ``Result`` per replica."""
        while self.epoch < self.config.train.epochs:
            with rng.borrowed(self.globals):
                for _ in self.epoch_steps():
                    pass
                self.globals = rng.capture()
            yield self._epoch_records()
        yield self._results()

    def epoch_steps(self) -> Iterator[int]:
        """Train the next epoch, yielding after every step."""
        begin = time.perf_counter()
        size = self.config.train.batch
        order = self._drawn("order", lambda g: torch.randperm(self.samples, generator=g))
        total_loss = torch.zeros_like(self._loss, device=self.device)  # no wait for a GPU per step
        total_kl = torch.zeros_like(self._kl, device=self.device)
        for i in range(self.per_epoch):
            index = order[:, i * size : (i + 1) * size].to(self.device)
            loss, kl = self._train_step(self.group.shard(index, axis=1))
            total_loss, total_kl = total_loss + loss, total_kl + kl
            self.step += 1
            yield self.step
        self._loss = (self.group.mean(total_loss) / self.per_epoch).cpu()
        self._kl = (self.group.mean(total_kl) / self.per_epoch).cpu()
        self.epoch += 1
        self.seconds += time.perf_counter() - begin

    def _drawn(self, name: str, draw: Callable[[torch.Generator], Tensor]) -> Tensor:
        return torch.stack([draw(generator) for generator in self.draws[name]])

    def _noise(self) -> Tensor | None:
        """This worker's slice of one global draw [R, M, B, Z]; None for a deterministic slot."""
        if not self.method.slot.stochastic:
            return None
        shape = (self.method.modalities, self.config.train.batch, self.config.model.d_z)
        noise = self._drawn("noise", lambda g: torch.randn(shape, generator=g))
        return self.group.shard(noise, axis=2).to(self.device)

    def _train_step(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """One update on samples ``index`` [R, B] of this worker -> loss [R], KL [R, M]."""
        method = self.method
        self.network.train()
        method.observe(self.step, self.steps, self._look, self.group.mean)
        batch = self.train_part.batch(index)
        outputs = self.forward(batch.inputs, self._noise(), self.gamma)
        loss = cross_entropies(outputs.fused, outputs.unimodal, batch.labels).sum(-1)
        loss = loss + method.loss_term(outputs.kl, self.step, self.steps)
        loss.sum().backward()
        view = BatchView(self.network.fusion, outputs.z, batch.labels)
        k = method.scale(view, self.group.mean)
        noise = gradient_noise(self.owners, self.draws["modulation"]) if method.noise else {}
        rates = [
            learning_rate(c.optim, step=self.step, steps=self.steps, epoch=self.epoch)
            for c in self.configs
        ]
        lr = torch.tensor(rates, device=self.device)
        on_gradient = method.apply == "gradient"
        self.optimiser.step(
            lr=lr, factors=factors(self.owners, k), on_gradient=on_gradient, additions=noise
        )
        return loss.detach(), outputs.kl.detach()

    @torch.no_grad()
    def _look(self, masks: Tensor, samples: int | None) -> ProbeView:
        """The probe under coalition masks [S, M], in evaluation mode, this worker's shard."""
        self.network.eval()
        total = self.probe_part.labels.shape[1]
        count = min(samples or total, total)
        start = (self.looks * count) % total if count < total else 0
        self.looks += 1
        index = (torch.arange(start, start + count, device=self.device) % total)[None]
        shard = self.group.shard(index, axis=1).expand(len(self.configs), -1)
        probe = self.probe_part if shard.shape[1] == total else self.probe_part.batch(shard)
        z = self.network.latents(probe.inputs)
        logits = self.network.fusion.coalitions(z, masks.to(self.device))
        self.network.train()
        return ProbeView(logits, self.network.heads(z).transpose(-1, -2), probe.labels)

    def _epoch_records(self) -> tuple[Record, ...]:
        """What the epoch did, per replica; validated every ``validate_every`` epochs.

        Raises ``FloatingPointError`` for a run that diverged.
        """
        if not bool(self._loss.isfinite().all()):
            losses = ", ".join(f"{loss:g}" for loss in self._loss.tolist())
            raise FloatingPointError(
                f"train/loss is {losses} at epoch {self.epoch}: lower optim.lr"
            )
        train = self.config.train
        due = self.epoch % train.validate_every == 0 or self.epoch == train.epochs
        validation = score(self.network, self.select_part) if due else [{} for _ in self.configs]
        reported, warned = self.method.report(), self.method.warnings(self._kl)
        if self.method.slot.stochastic:
            reported["bottleneck/{}/kl_nats"] = self._kl
        names = self.config.modalities
        records = []
        for r in range(len(self.configs)):
            metrics = {"train/loss": float(self._loss[r])}
            metrics |= {f"val/{key}": value for key, value in validation[r].items()}
            for template, values in reported.items():
                metrics |= {template.format(n): float(values[r, m]) for m, n in enumerate(names)}
            records.append(Epoch(self.epoch, train.epochs, self.step, metrics, tuple(warned[r])))
        return tuple(records)

    def _results(self) -> tuple[Result, ...]:
        """Test metrics and predictions under every condition of the configuration."""
        step_ms = 1000 * self.seconds / max(self.step, 1)
        results = []
        for result in evaluate(self.network, self.configs, self.data, self.device):
            metrics = dict(result.metrics) | {"time/step_ms": step_ms, "time/train_s": self.seconds}
            results.append(Result(metrics, result.predictions))
        return tuple(results)

    def state_dict(self) -> State:
        """Everything between two epochs, as tensors and plain values."""
        return {
            "network": {k: v.detach().cpu().clone() for k, v in self.network.state_dict().items()},
            "optimiser": self.optimiser.state_dict(),
            "method": self.method.state_dict(),
            "draws": {n: [g.get_state() for g in gs] for n, gs in self.draws.items()},
            "globals": self.globals,
            "place": {name: getattr(self, name) for name in PLACE},
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from ``state_dict`` of the same configurations."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.method.load_state_dict(state["method"])
        for name, saved in state["draws"].items():
            for generator, value in zip(self.draws[name], saved, strict=True):
                generator.set_state(value)
        self.globals = state["globals"]
        for key in PLACE:
            setattr(self, key, state["place"][key])


def _shape(config: Config) -> tuple[object, ...]:
    """What the runs of one pack share, beside what their method asks."""
    noise = config.ogm_ge.noise if config.method == "ogm_ge" and config.ogm_ge else None
    parts = (config.data.name, config.model, config.train, config.evaluate)
    return (config.method, *parts, config.optim.name, noise)


def train(config: Config, *, state: State | None = None, device: str = "cpu") -> Iterator[Record]:
    """One run in this process: ``for record in train(config)``; the last record is the result."""
    trainer = Trainer([config], device=device)
    if state is not None:
        trainer.load_state_dict(state)
    for records in trainer.records():
        yield records[0]
