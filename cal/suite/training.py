"""Two epochs of joint training and of CAL on a user's data: do they train, resume, stand noise?"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from cal import own
from cal.config import Config, ConfigError, merge, parse
from cal.data.loading import load
from cal.data.parts import Parts
from cal.modalities import Modality
from cal.packed import alone
from cal.records import Failure, Result
from cal.suite.finding import Finding
from cal.suite.states import through_a_file, unlike
from cal.trainer import Trainer, own_encoders

EPOCHS = 2
METHODS = ("joint", "cal")
ROWS = 8  # samples that each encoder is tried on


def network_of(name: str, shapes: Sequence[tuple[int, ...]], seen: Sequence[Modality]) -> str:
    """The encoder to try where the user names none: theirs, or one of ours that takes the inputs.

    Raises ``ConfigError`` where there is none.
    """
    if own.has_encoders(name):
        return "own"
    if all(len(shape) == 1 for shape in shapes):
        return "mlp"
    if all(len(shape) == 3 for shape in shapes) and all(m.kind == "image" for m in seen):
        return "cnn"
    told = ", ".join(f"{m.name} {[*shape]}" for m, shape in zip(seen, shapes, strict=True))
    raise ConfigError(
        f"no encoder of ours takes {told}; allowed: tables [D] (mlp), images [C, Y, X] (cnn), or "
        "encoder(modality) and width in your class"
    )


def configured(tree: dict[str, Any], *, encoder: str) -> Config:
    """The smallest run of these data in which every mechanism acts; ``tree`` is what was asked.

    Raises ``ConfigError`` for wrong fields.
    """
    base = {
        "model": {"encoder": encoder},
        "cal": {"contribution": {"interval": 1, "start": 0}, "bottleneck": {"warmup": 0.1}},
        "train": {"epochs": EPOCHS, "validate_every": 1},
    }
    return parse(merge(base, tree))


def check(config: Config) -> Iterator[Finding]:
    """Each of ``METHODS`` for two epochs, and once more with a stop after the first. A batch that
    gives less than four steps an epoch is made smaller.
    """
    yield _network(config)
    parts = load(config.data, seed=config.seed)
    batch = max(1, min(config.train.batch, len(parts.train.ids) // 4))
    config = config.model_copy(update={"train": config.train.model_copy(update={"batch": batch})})
    if config.model.encoder == "own":
        yield _encoders(config, parts)
    for method in METHODS:
        gamma = 0.0 if method == "joint" else config.gamma
        yield from _trained(config.model_copy(update={"method": method, "gamma": gamma}), parts)


def _network(config: Config) -> Finding:
    reason = alone(config)
    text = f"many runs train as one pack ({config.model.encoder})"
    return Finding("packs", "ok", text if reason is None else f"runs go alone: {reason}")


def _encoders(config: Config, parts: Parts) -> Finding:
    """Each is a module that takes its input, gives features [B, H], and begins alike each time."""
    made, again = own_encoders(config), own_encoders(config)
    assert made is not None  # the configuration says so
    assert again is not None
    told = []
    for m, (name, x) in enumerate(zip(parts.modalities, parts.train.tensors, strict=True)):
        module, other = made.modules[m], again.modules[m]
        if not isinstance(module, nn.Module):
            text = f"{name}: encoder gives {type(module).__name__}; allowed: an nn.Module"
            return Finding("encoders", "wrong", text)
        if unlike(dict(other.state_dict()), dict(module.state_dict())) is not None:
            text = (
                f"{name}: encoder twice begins with other values; allowed: those of torch's "
                "generator, which is seeded"
            )
            return Finding("encoders", "wrong", text)
        with torch.no_grad():
            features = module.eval()(x[:ROWS])
        shape = tuple(features.shape)
        if len(shape) != 2 or shape[0] != len(x[:ROWS]) or shape[1] > made.width:
            text = f"{name}: {[*x[:ROWS].shape]} gives {[*shape]}; allowed: [B, H], H <= width"
            return Finding("encoders", "wrong", f"{text} = {made.width}")
        count = sum(parameter.numel() for parameter in module.parameters())
        told.append(f"{name} {[*x.shape[1:]]} -> {shape[1]} ({count} parameters)")
    return Finding("encoders", "ok", ", ".join(told))


def _trained(config: Config, parts: Parts) -> Iterator[Finding]:
    method = config.method
    whole = Trainer([config], data=[parts])
    last = _last(whole)
    if isinstance(last, Failure):
        yield Finding(method, "wrong", last.error)
        return
    yield Finding(method, "ok", _told(config, last, parts))
    first = Trainer([config], data=[parts])
    next(first.records())
    second = Trainer([config], data=[parts])
    second.load_states([through_a_file(first.states()[0])])
    end = _last(second)
    place = unlike(second.states()[0], whole.states()[0])
    if place is None and isinstance(end, Result):
        place = unlike(_lasting(end), _lasting(last), ".metrics")
    if place is None:
        text = "stopped after an epoch and resumed, the same to the bit"
        yield Finding(f"{method} resumed", "ok", text)
    else:
        text = (
            f"{place.lstrip('.')} differs from a run that was not stopped; allowed: all that an "
            "encoder remembers in its parameters and buffers, and draws by torch's generator"
        )
        yield Finding(f"{method} resumed", "wrong", text)
    if method == "cal":
        yield _noise(last)


def _last(trainer: Trainer) -> Result | Failure:
    """The end of the one run."""
    for (record,) in trainer.records():
        if isinstance(record, Result | Failure):
            return record
    raise RuntimeError("the run ended without a result")


def _lasting(result: Result) -> dict[str, float]:
    """Metrics but for measured seconds."""
    return {name: v for name, v in result.metrics.items() if not name.startswith("time/")}


def _told(config: Config, result: Result, parts: Parts) -> str:
    labels = parts.report.labels
    chance = float(labels.bincount().max()) / len(labels)
    return (
        f"{config.train.epochs} epochs of {len(parts.train.ids) // config.train.batch} steps; "
        f"accuracy {result.metrics['test/clean/accuracy']:.3f}, the largest class {chance:.3f}"
    )


def _noise(result: Result) -> Finding:
    names = [name for name in result.metrics if name.endswith("/nll")]
    broken = [name for name in names if not math.isfinite(result.metrics[name])]
    if broken:
        text = f"{broken[0]} is {result.metrics[broken[0]]}; allowed: finite, whatever the input"
        return Finding("noise", "wrong", text)
    text = f"{len(names) - 1} conditions, robust accuracy {_robust(result)}"
    return Finding("noise", "ok", text)


def _robust(result: Result) -> str:
    value = result.metrics.get("test/robust/accuracy")
    return "not measured" if value is None else f"{value:.3f}"
