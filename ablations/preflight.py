"""Is each mechanism alive? A plan whose switch does nothing is refused before time is spent.

For every regime the cells with and without each factor train a few real steps of the very
configuration; parameters are compared bit for bit.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import torch

from ablations.plan import Arm, Plan
from cal import config as fields
from cal.config import Config, ConfigError, Contribution, merge, parse
from cal.data.loading import ids_of
from cal.effective import effective
from cal.mechanisms.bottleneck import Bottleneck
from cal.packed import Shape, alone, packs, shape
from cal.parallel import check_workers
from cal.runs import Run
from cal.trainer import Trainer

TOGETHER = 16  # runs of a pack
MARGIN = 3  # updates of the metric that must have acted

Map = Callable[[Callable[[str], list[str]], Iterable[str]], Iterable[list[str]]]
"""``map``, or one that works in parallel."""


def steps_needed(config: Config, *, per_epoch: int) -> int:
    """Steps until every mechanism has acted: past the metric's start, a few intervals on."""
    total = config.train.epochs * per_epoch
    if config.cal is None:
        return min(total, 2)
    metric = config.cal.contribution
    if not metric.enabled:
        return min(total, 2)
    return min(total, int(metric.start * total) + MARGIN * metric.interval + 1)


def parameters_after(configs: Sequence[Config], steps: int) -> list[str]:
    """A digest of each run's shared parameters after ``steps`` real steps of a pack (sigma layers
    left out, which only arms with a bottleneck have).
    """
    trainer = Trainer(configs)
    while trainer.step < steps and trainer.epoch < trainer.config.train.epochs:
        for step in trainer.epoch_steps():
            if step >= steps:
                break
    added = {f"slot.{name}" for name in Bottleneck.added}
    digests = []
    for state in trainer.states():
        digest = hashlib.sha256()
        for name, value in state["network"].items():
            if name not in added:
                digest.update(value.numpy().tobytes())
        digests.append(digest.hexdigest())
    return digests


def neutral_twin(config: Config) -> Config:
    """CAL with everything off, at the same gamma: must be joint training bit for bit."""
    cal = config.cal
    assert cal is not None
    off = {
        name: getattr(cal, name).model_copy(update={"enabled": False})
        for name in ("contribution", "acceleration", "bottleneck")
    }
    return config.model_copy(update={"cal": cal.model_copy(update=off)})


def check_workers_of(plan: Plan, *, workers: int, gpus: float) -> None:
    """Can every run be computed by ``workers`` with ``gpus`` GPUs each?

    Raises ``ConfigError`` naming regime and arm of each that cannot.
    """
    first: dict[Config, Run] = {}  # the sizes of parts are the same for all seeds
    for run in plan.runs:
        first.setdefault(run.config.model_copy(update={"seed": 0}), run)
    faults = []
    for run in first.values():
        try:
            samples = len(ids_of(run.config.data, seed=run.seed).train)
            check_workers(run.config, samples=samples, workers=workers, gpus=gpus)
        except ConfigError as error:
            faults.append(f"{error} (regime {run.regime}, arm {run.arms[0]})")
    if faults:
        raise ConfigError("\n".join(faults))


def check(plan: Plan, *, over: Map = map) -> Iterator[str]:
    """Yields a line per regime when it passed. Raises ``ConfigError`` naming every dead switch.

    ``over``: the map that looks at the regimes; one that works ahead begins now.
    """
    return _passed(plan.regimes, over(partial(look, plan), plan.regimes))


def _passed(regimes: Iterable[str], found: Iterable[list[str]]) -> Iterator[str]:
    dead: list[str] = []
    for regime, faults in zip(regimes, found, strict=True):
        dead += faults
        if not faults:
            yield f"{regime}: every switch acts, neutral forms are bit-equal"
    if dead:
        raise ConfigError("\n".join(dead))


def look(plan: Plan, regime: str) -> list[str]:
    """A line for every fault of one regime."""
    torch.set_num_threads(1)  # as workers do; with more, small products wait for each other
    try:
        return list(_faults(plan, regime))
    except (ValueError, FloatingPointError) as error:
        return [f"{error} (regime {regime})"]


def _faults(plan: Plan, regime: str) -> Iterator[str]:
    by_hash = {run.hash: run for run in plan.runs if run.regime == regime}
    first = {arm.name: by_hash[plan.arm_hashes(regime, arm.name)[0]] for arm in plan.arms}
    cells = [arm for arm in plan.arms if arm.switches]
    if not cells:
        return
    full = first[max(cells, key=lambda arm: sum(arm.switches.values())).name]
    needed = (
        steps_needed(first[arm.name].config, per_epoch=_per_epoch(full.config)) for arm in cells
    )
    steps = max(needed)
    digests = _Digests(steps)
    doubled = dict(_doubled(full.config))
    switched = {f: _switched(plan, f, cells, first) for f in plan.factors}
    pairs = [config for pair in switched.values() for config in pair]
    digests.train([*(run.config for run in first.values()), *doubled.values(), *pairs])
    for factor, (on, off) in switched.items():
        if effective(on) == effective(off):
            yield f"{factor}: the switch changes no effective configuration (regime {regime})"
        elif digests.of(on) == digests.of(off):
            yield (
                f"{factor}: dead switch in regime {regime}; on and off train the same parameters "
                f"over {steps} steps, so nothing could be learned about it"
            )
    if full.config.method == "cal" and full.config.cal is not None:
        for mechanism, more in doubled.items():
            if digests.of(more) == digests.of(full.config):
                yield (
                    f"{mechanism}: dead switch in regime {regime}; twice its strength trains the "
                    f"same parameters over {steps} steps, so its strength is never applied"
                )
        twin = neutral_twin(full.config)  # alone: in a pack both would be CAL's code
        joint = full.config.model_copy(update={"method": "joint"})
        if digests.of(twin) != digests.of(joint):
            yield f"neutral: CAL with everything off is not joint training (regime {regime})"
    yield from _twins([*first.values()], digests, regime)


def _switched(
    plan: Plan, factor: str, cells: Sequence[Arm], first: Mapping[str, Run]
) -> tuple[Config, Config]:
    """With the factor and without: the two cells that differ in least, of these those with most on.
    A fraction has no such neighbours, so its full cell is switched by hand.
    """
    if plan.design.kind == "fractional":
        on = first[cells[0].name].config
        return on, parse(merge(on.model_dump(mode="json"), plan.neutrals[factor]))
    pairs = [(a, b) for a in cells if a.switches[factor] for b in cells if not b.switches[factor]]
    arm, other = min(
        pairs,
        key=lambda pair: (
            sum(on != pair[1].switches[name] for name, on in pair[0].switches.items()),
            -sum(pair[0].switches.values()),
        ),
    )
    return first[arm.name].config, first[other.name].config


def _doubled(config: Config) -> Iterator[tuple[str, Config]]:
    """Twice alpha, twice beta. The noise of the bottleneck acts without its KL: on and off differ
    even where beta is never applied.
    """
    for mechanism, strength in (("acceleration", "alpha"), ("bottleneck", "beta")):
        section = getattr(config.mechanisms, mechanism)
        if section.enabled:
            more = section.model_copy(update={strength: 2 * getattr(section, strength)})
            cal = config.mechanisms.model_copy(update={mechanism: more})
            yield mechanism, config.model_copy(update={"cal": cal})


def _twins(runs: Iterable[Run], digests: "_Digests", regime: str) -> Iterator[str]:
    """Arms with other effective forms that train the same parameters: a control that controls
    nothing. Compared are those that differ in what the metric says and whom it guides, nothing
    else: other differences (a schedule, noise at evaluation) may well act later or not on them.
    """
    seen: dict[tuple[str, str], Run] = {}
    # A shuffled W may fall like another by chance over a few updates: look longer before refusing.
    longer = _Digests(4 * digests.steps)
    for run in runs:
        if run.config.cal is None:
            continue
        other = seen.setdefault((_unguided(run.config), digests.of(run.config)), run)
        if other.hash != run.hash and longer.of(run.config) == longer.of(other.config):
            yield (
                f"{run.arms[0]}: trains the same parameters as {other.arms[0]} "
                f"though their configurations differ (regime {regime})"
            )


def _unguided(config: Config) -> str:
    """The configuration without the metric and the asymmetry."""
    assert config.cal is not None
    asymmetry = {"asymmetry": fields.Bottleneck().asymmetry}
    plain = config.cal.model_copy(
        update={
            "contribution": Contribution(),
            "bottleneck": config.cal.bottleneck.model_copy(update=asymmetry),
        }
    )
    return config.model_copy(update={"cal": plain}).model_dump_json()


def _per_epoch(config: Config) -> int:
    return Trainer([config]).per_epoch


class _Digests:
    """Parameters after a fixed number of steps, each configuration trained once."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self._known: dict[str, str] = {}

    def train(self, configs: Iterable[Config]) -> None:
        """Those that will be asked for, in packs."""
        groups: dict[Shape, list[Config]] = {}
        for config in {_text(config): config for config in configs}.values():
            groups.setdefault(shape(config), []).append(config)
        for group in groups.values():
            most = 1 if alone(group[0]) else TOGETHER
            for part in packs(group, target=most, largest=most):
                members = [group[i] for i in part]
                found = parameters_after(members, self.steps)
                self._known |= dict(zip(map(_text, members), found, strict=True))

    def of(self, config: Config) -> str:
        """Of one configuration, trained alone if it was not trained yet."""
        if _text(config) not in self._known:
            (self._known[_text(config)],) = parameters_after([config], self.steps)
        return self._known[_text(config)]


def _text(config: Config) -> str:
    """The effective form would map a neutral twin onto joint: what is written."""
    return config.model_dump_json()
