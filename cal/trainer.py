"""The trainer: a generator of plain records, state in, state out. Pure PyTorch.

The loop, with the three moments of a method::

    for batch in epoch:
        method.observe(step)                              # 1: look at the probe
        outputs = network(batch)                          # encoders -> slot -> fusion, heads
        loss = method.objective(batch)                    # 2: CE(fused) + sum_m CE(head m) + term
        method.backward(loss); clip
        k = method.scale(batch)                           # 3: a scale on each encoder's update
        optimiser.step(k)

R runs of equal shapes train as one; a plain run is the pack of one (R = 1). Every random number
comes from a generator of its own run, so a run does not notice its neighbours.

Legend: R replicas, M modalities, B samples, Z latent features, K classes, S coalitions.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cal import methods, own, rng, selection
from cal.batches import BatchView, ProbeView, Stacked, in_parts, joined, samples_of
from cal.config import Config
from cal.data.loading import load as load_data
from cal.data.parts import Parts
from cal.evaluate import check_part, evaluate, score
from cal.members import row, stacked
from cal.model import network as networks
from cal.model.looking import Looking
from cal.model.rows import indexed
from cal.modulation import factors, gradient_noise, split
from cal.optim import Optimiser, learning_rate
from cal.packed import check_pack
from cal.parallel import Group, check_workers
from cal.records import Epoch, Failure, Record, Result

State = dict[str, Any]
FLOAT32 = "train.precision: a CPU computes in float32; its convolutions in bfloat16 gave NaN"


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
        has fewer samples than one batch; ``ValueError`` for a pack of unlike runs; ``SealedError``
        for a tuning run with data that hold the report part.
        """
        self.configs, self.config = tuple(configs), configs[0]
        check_pack(configs)
        self.device, self.group = torch.device(device), group or Group()
        self.data = tuple(
            data or [load_data(c.data, seed=c.seed, evaluated=c.evaluate.part) for c in configs]
        )
        check_part(configs, self.data)
        self.train_part = samples_of([parts.train for parts in self.data], self.device)
        self.probe_part = Stacked.of([parts.probe for parts in self.data], self.device)
        self.select_part = samples_of([parts.select for parts in self.data], self.device)
        samples, batch = self.train_part.labels.shape[1], self.config.train.batch
        gpus = float(self.device.type == "cuda")
        check_workers(self.config, samples=samples, workers=self.group.world, gpus=gpus)
        self.samples, self.per_epoch = samples, samples // batch
        self.steps = self.config.train.epochs * self.per_epoch
        self.method = methods.build(self.configs).to(self.device)
        seeds = [c.seed for c in configs]
        shapes = self.train_part.shapes
        self.network = networks.build(
            self.config.model,
            shapes,
            classes=self.data[0].classes,
            seeds=seeds,
            slot=self.method.slot,
            kinds=[modality.kind for modality in self.config.inputs],
            train=self.config.train,
            own=own_encoders(self.config),
        ).to(self.device)
        self.looking = Looking(self.network)
        self.forward = wrap(self.network) if wrap is not None else self.network
        self.gamma = torch.tensor([c.gamma for c in configs])
        owned = {id(item.parameter): item for item in self.network.owned()}
        named = dict(self.network.named_parameters())
        self.owners = {name: owned[id(p)] for name, p in named.items() if id(p) in owned}
        replicated = {n: n not in self.owners or self.owners[n].replicated for n in named}
        self.optimiser = Optimiser(
            named, replicated, [c.optim for c in configs], device=self.device
        )
        self.draws = rng.Draws(seeds, "order", "noise", "modulation")
        self.globals = [rng.seeded(rng.derived_seed(seed, "globals")) for seed in seeds]
        self.selection = selection.build(configs, self.data, self.device)
        self.epoch = self.step = 0
        self.waited = 0.0  # seconds for data in this process
        self.seconds = [0.0] * len(configs)  # of training steps, a pack's shared among its runs
        self._kl = torch.zeros(len(configs), len(shapes))
        self._loss = torch.zeros(len(configs))

    def records(self) -> Iterator[tuple[Record, ...]]:
        """One record per replica and epoch, at last one ``Result`` per replica.

        A replica that diverged has a ``Failure`` instead; its neighbours do not notice.
        """
        while self.epoch < self.config.train.epochs:
            with rng.borrowed(self.globals[0]):
                for _ in self.epoch_steps():
                    pass
                self._keep_globals(rng.capture())
            yield self._epoch_records()
        yield self._results()

    def _keep_globals(self, after: State) -> None:
        """Global generators belong to one run: no layer that draws from them may be packed."""
        if len(self.configs) == 1:
            self.globals = [after]
        elif not torch.equal(after["torch"], self.globals[0]["torch"]):
            raise RuntimeError("a layer drew from torch's global generator inside a pack")

    def epoch_steps(self) -> Iterator[int]:
        """Train the next epoch, yielding after every step."""
        begin = time.perf_counter()
        size = self.config.train.batch
        order = self.draws.permutations("order", self.samples)
        splits = order[:, : self.per_epoch * size].split(size, 1)
        indices = [self.group.shard(index, axis=1) for index in splits]
        total_loss = torch.zeros_like(self._loss, device=self.device)  # no wait for a GPU per step
        total_kl = torch.zeros_like(self._kl, device=self.device)
        for index, batch in self._batches(indices):
            loss, kl = self._train_step(index, batch)
            total_loss, total_kl = total_loss + loss, total_kl + kl
            self.step += 1
            yield self.step
        self._loss = (self.group.mean(total_loss) / self.per_epoch).cpu()
        self._kl = (self.group.mean(total_kl) / self.per_epoch).cpu()
        self.epoch += 1
        self.method.epoch_ended()
        share = (time.perf_counter() - begin) / len(self.configs)
        self.seconds = [seconds + share for seconds in self.seconds]

    def _noise(self) -> Tensor | None:
        """This worker's slice of one global draw [R, M, B, Z]; None for a deterministic slot, and
        0 for a replica without a bottleneck.
        """
        if not self.method.slot.stochastic:
            return None
        shape = (self.method.modalities, self.config.train.batch, self.config.model.d_z)
        noise = self.draws.normals("noise", shape, on=self.method.stochastic)
        return self.group.shard(noise, axis=2).to(self.device)

    def _batches(self, indices: Sequence[Tensor]) -> Iterator[tuple[Tensor, Stacked]]:
        """The epoch's batches; how long training waited for them is counted."""
        batches = self.train_part.batches(indices, self.epoch)
        while True:
            begin = time.perf_counter()
            found = next(batches, None)
            self.waited += time.perf_counter() - begin
            if found is None:
                return
            yield found

    def _train_step(self, index: Tensor, batch: Stacked) -> tuple[Tensor, Tensor]:
        """One update on samples ``index`` [R, B] of this worker -> loss [R], KL [R, M]."""
        method = self.method
        self.network.train()
        method.observe(self.step, self.steps, self._look, self.group.mean)
        parts = self.config.train.accumulate
        noise = self._noise()
        views, losses = list[BatchView](), list[Tensor]()
        for rows, samples, eps in in_parts(index, batch, noise, parts=parts):
            outputs = self.forward(samples.inputs, eps, self.gamma)
            view = BatchView(self.network.fusion, outputs, samples.labels, rows, self.samples)
            loss = method.objective(view, self.step, self.steps, self.group.mean)
            method.backward(loss if parts == 1 else loss / parts, self.owners)
            views.append(view)
            losses.append(loss.detach())
        view = joined(views)
        k = method.scale(view, self.group.mean)
        added = (
            gradient_noise(self.owners, self.draws.by_purpose["modulation"]) if method.noise else {}
        )
        rates = [
            learning_rate(c.optim, step=self.step, steps=self.steps, epoch=self.epoch)
            for c in self.configs
        ]
        lr = torch.tensor(rates, device=self.device)
        on_gradient, on_rate = (factors(self.owners, own) for own in split(k, method.apply))
        self.optimiser.step(lr=lr, on_gradient=on_gradient, on_rate=on_rate, additions=added)
        total = losses[0] if parts == 1 else torch.stack(losses).mean(0)
        return total, view.outputs.kl.detach()

    @torch.no_grad()
    def _look(self, samples: int | None, turn: int, rows: Sequence[int] | None = None) -> ProbeView:
        """The probe in evaluation mode, this worker's shard; of the replicas ``rows`` alone."""
        self.network.eval()
        own = None if rows is None else indexed(rows, self.device)
        part = self.probe_part if own is None else self.probe_part.only(own)
        replicas, total = part.labels.shape
        count = min(samples or total, total)
        start = (turn * count) % total if count < total else 0
        index = (torch.arange(start, start + count, device=self.device) % total)[None]
        shard = self.group.shard(index, axis=1).expand(replicas, -1)
        probe = part if shard.shape[1] == total else part.batch(shard)
        looking, inputs = self.looking, probe.inputs
        z, heads = looking(inputs) if own is None else looking.of(own, inputs)
        self.network.train()
        return ProbeView(self.network.fusion, z, heads, probe.labels, rows)

    def _epoch_records(self) -> tuple[Record, ...]:
        """What the epoch did, per replica; validated every ``validate_every`` epochs."""
        train = self.config.train
        due = self.epoch % train.validate_every == 0 or self.epoch == train.epochs
        validation = score(self.network, self.select_part) if due else [{} for _ in self.configs]
        looked = self.selection.look(self.network, self.epoch, self._without())
        reported, warned = self.method.reports(), self.method.warnings(self._kl)
        unlike = self.epoch == 1 and train.precision == "bfloat16" and self.device.type == "cpu"
        names = self.config.modalities
        records: list[Record] = []
        for r, loss in enumerate(self._loss.tolist()):
            if not math.isfinite(loss):
                text = f"train/loss is {loss:g} at epoch {self.epoch}: lower optim.lr"
                records.append(Failure(text))
                continue
            metrics = {"train/loss": loss} | looked[r]
            metrics |= {f"val/{key}": value for key, value in validation[r].items()}
            kl = {"bottleneck/{}/kl_nats": self._kl[r]} if self.method.stochastic[r] else {}
            for template, values in (reported[r] | kl).items():
                metrics |= {
                    template.format(n): float(v) for n, v in zip(names, values, strict=True)
                }
            told = (metrics, (*warned[r], *([FLOAT32] if unlike else [])), self.seconds[r])
            records.append(Epoch(self.epoch, train.epochs, self.step, *told))
        return tuple(records)

    def _results(self) -> tuple[Result, ...]:
        """Test metrics and predictions under every condition of the configuration; and how long
        this run's share of the steps and of this evaluation took, by the clock.
        """
        results, begin = [], time.perf_counter()
        with self.selection.chosen(self.network):
            found = evaluate(self.network, self.configs, self.data, self.device)
        evaluated = {"time/evaluate_s": (time.perf_counter() - begin) / len(self.configs)}
        for result, seconds in zip(found, self.seconds, strict=True):
            step_ms = 1000 * seconds / max(self.step, 1)
            waited = {"time/data_share": min(1.0, self.waited / max(sum(self.seconds), 1e-9))}
            times = {"time/step_ms": step_ms, "time/train_s": seconds, **waited, **evaluated}
            results.append(Result(dict(result.metrics) | times, result.predictions))
        return tuple(results)

    def _without(self) -> list[list[str]]:
        """For each run the layers that only its neighbours have."""
        added = [f"slot.{name}" for name in self.method.slot.added]
        return [[] if on else added for on in self.method.stochastic]

    def states(self) -> list[State]:
        """Everything between two epochs of each run, as it would be alone."""
        size, without = len(self.configs), self._without()
        network = self.network.state_dict()
        parts = zip(self.optimiser.states(without), self.method.states(), strict=True)
        kept = self.selection.states()
        return [
            {
                "network": row(network, r, replicas=size, without=without[r]),
                "optimiser": optimiser,
                "method": method,
                "draws": self.draws.state(r),
                "globals": self.globals[r],
                "place": {"epoch": self.epoch, "step": self.step, "seconds": self.seconds[r]},
            }
            | ({"selection": kept[r]} if kept else {})
            for r, (optimiser, method) in enumerate(parts)
        ]

    def load_states(self, states: Sequence[State]) -> None:
        """Go on from ``states`` of the same configurations, from whatever packs they were in.

        Raises ``ValueError`` unless all stand at the same epoch.
        """
        if len({state["place"]["epoch"] for state in states}) != 1:
            raise ValueError("states: the runs of one pack stand at the same epoch")
        rows = [state["network"] for state in states]
        self.network.load_state_dict(stacked(rows, otherwise=self.network.state_dict()))
        self.optimiser.load_states([state["optimiser"] for state in states])
        self.method.load_states([state["method"] for state in states])
        self.selection.load_states([state.get("selection", {}) for state in states])
        self.draws.load([state["draws"] for state in states])
        self.globals = [state["globals"] for state in states]
        self.seconds = [state["place"]["seconds"] for state in states]
        self.epoch, self.step = (states[0]["place"][name] for name in ("epoch", "step"))


def own_encoders(config: Config) -> networks.Own | None:
    """A user's encoders, begun from the run's seed; None where ours are configured."""
    if config.model.encoder != "own":
        return None
    made = own.found(config.data.name)
    with torch.random.fork_rng():
        torch.manual_seed(rng.derived_seed(config.seed, "own"))
        modules = [made.encoder(modality) for modality in config.modalities]
    return networks.Own(modules, int(made.width))


def train(config: Config, *, state: State | None = None, device: str = "cpu") -> Iterator[Record]:
    """One run in this process: ``for record in train(config)``; the last record is the result.

    ``state``: one of ``Trainer.states``. Raises ``FloatingPointError`` for a run that diverges.
    """
    trainer = Trainer([config], device=device)
    if state is not None:
        trainer.load_states([state])
    for (record,) in trainer.records():
        if isinstance(record, Failure):
            raise FloatingPointError(record.error)
        yield record
