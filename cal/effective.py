"""The effective configuration: equal computations get equal configurations, and equal hashes.

With acceleration and bottleneck off the metric has nothing to act on, so such a cell *is* joint
training; fields that nothing reads are reset to their defaults.
"""

import ast
import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cal import home, own
from cal.baselines import Arl, Pmr
from cal.config import (
    LARGE,
    Acceleration,
    Bottleneck,
    Cal,
    Config,
    Contribution,
    Data,
    Model,
    Optim,
)
from cal.content import PLACES, digests
from cal.protocols import Evaluate
from cal.severities import table_of
from cal.source import PREPARED

BASELINES = ("ogm_ge", "pmr", "mmpareto", "arl", "qmf", "tmc")
LIBRARIES = ("torch", "torchvision", "torchaudio", "numpy", "scipy")  # make data and networks
ROOMS = ("data", "model", "mechanisms", "methods")  # what determines results, with FILES
FILES = (
    *("config", "fields", "baselines", "source", "protocols", "severities", "modalities"),
    *("losses", "trainer", "batches", "modulation", "evaluate", "versions", "optim", "rng"),
    *("parallel", "members", "selection"),
)


def effective(config: Config) -> Config:
    """The simplest configuration that computes the same run; places are absolute, since workers
    stand in other folders.
    """
    cal = _cal(config) if config.method == "cal" and config.cal is not None else None
    method = "joint" if config.method == "cal" and cal is None else config.method
    return config.model_copy(
        update={
            "method": method,
            "cal": cal,
            **{name: _own(config, name, method) for name in BASELINES},
            "data": _data(config.data),
            "model": _model(config),
            "optim": _optim(config.optim),
            "evaluate": _evaluate(config.evaluate),
        }
    )


def _own(config: Config, name: str, method: str) -> Any:
    """The section of a baseline under its method; None where nothing reads it."""
    if name != method:
        return None
    if name == "arl" and config.arl is not None and config.arl.as_released:
        return config.arl.model_copy(update={"temperature": Arl().temperature})  # uniform weights
    if name == "pmr" and config.pmr is not None and not (config.pmr.entropy and config.pmr.early):
        return config.pmr.model_copy(update={"entropy": 0.0, "early": Pmr().early})
    return getattr(config, name)


def _cal(config: Config) -> Cal | None:
    """The section with idle mechanisms in their canonical off form; None if nothing acts."""
    assert config.cal is not None
    a, b, c = config.cal.acceleration, config.cal.bottleneck, config.cal.contribution
    accelerated = a.enabled and a.alpha > 0
    compressed = b.enabled and b.beta > 0
    if not accelerated and not compressed:
        return None
    modalities = len(config.modalities)
    asymmetry = b.asymmetry
    if asymmetry == "linear" and modalities == 2:
        asymmetry = "inverse"  # the same function for two modalities
    # Of one modality alone W is 1, whatever is measured.
    guided = c.enabled and modalities > 1 and (accelerated or asymmetry != "uniform")
    apply = a.apply
    if apply == "auto":
        apply = "gradient" if config.optim.name == "sgd" else "learning_rate"
    return Cal(
        contribution=_contribution(c, modalities) if guided else Contribution(enabled=False),
        acceleration=a.model_copy(update={"apply": apply})
        if accelerated
        else Acceleration(enabled=False),
        bottleneck=_bottleneck(b, asymmetry if guided else "uniform")
        if compressed
        else Bottleneck(enabled=False),
    )


def _contribution(c: Contribution, modalities: int) -> Contribution:
    idle: dict[str, Any] = {}
    default = Contribution()
    if c.combine == "product":
        idle["lam"] = default.lam
    if modalities <= 8 or c.information not in ("shapley", "shapley_accuracy"):
        idle["permutations"] = default.permutations
    return c.model_copy(update=idle)


def _bottleneck(b: Bottleneck, asymmetry: str) -> Bottleneck:
    default = Bottleneck()
    idle: dict[str, Any] = {"asymmetry": asymmetry}
    if b.schedule != "cyclical":
        idle["cycles"] = default.cycles
    if b.schedule in ("constant", "cyclical"):
        idle["warmup"] = default.warmup
    return b.model_copy(update=idle)


def _data(data: Data) -> Data:
    default, seen = Data(), data.present
    views = tuple(sorted(set(data.corrupt_views) & set(seen)))
    idle: dict[str, Any] = {
        "modalities": () if seen == data.every_modality else seen,
        "corrupt_views": views,
    }
    if own.in_memory(data.name):
        idle |= {name: getattr(default, name) for name in PREPARED}
    else:
        idle |= {name: _absolute(getattr(data, name)) for name in PLACES["data"]}
    if not views:
        idle["corrupt_sigma"] = default.corrupt_sigma
    if data.name != "keypad" or "audio" not in seen:
        idle["snr_db"] = default.snr_db
    if data.name != "keypad" or "image" not in seen:
        idle["image_sigma"] = default.image_sigma
    return data.model_copy(update=idle)


def _absolute(place: str | None) -> str | None:
    """A path as every process finds it; URIs, and torchvision's ``imagenet``, as they are."""
    if place is None or "://" in place or place == "imagenet":
        return place
    return str(home.resolve(place))


def _model(config: Config) -> Model:
    model, default = config.model, Model()
    idle: dict[str, Any] = {name: _absolute(getattr(model, name)) for name in PLACES["model"]}
    if model.encoder != "cnn":
        idle["channels"] = default.channels
    if model.encoder in ("cnn", "linear"):
        idle["hidden"] = model.hidden[-1:]
    if model.encoder in (*LARGE, "own"):
        idle["hidden"] = default.hidden
    if model.fusion != "mlp":
        idle["fusion_hidden"] = default.fusion_hidden
    if all(modality.kind != "text" for modality in config.inputs):
        idle["bert"] = None
    return model.model_copy(update=idle)


def _optim(optim: Optim) -> Optim:
    default = Optim()
    idle: dict[str, Any] = {}
    if optim.name != "sgd":
        idle["momentum"] = default.momentum
    if optim.schedule != "step":
        idle["step_epochs"] = default.step_epochs
    return optim.model_copy(update=idle)


def _evaluate(evaluate: Evaluate) -> Evaluate:
    """Without repeated severities; without the protocol its axis is read by nobody."""
    table = table_of(evaluate.severities) if evaluate.noise == "standard" else {}
    more = {
        "gaussian_sigma": _beyond(evaluate.gaussian_sigma, table.get("gaussian", ())),
        "salt_pepper_share": _beyond(evaluate.salt_pepper_share, table.get("salt_pepper", ())),
        "missing_share": _beyond(evaluate.missing_share, table.get("missing", ())),
    }
    severities = evaluate.severities if evaluate.noise == "standard" else Evaluate().severities
    return evaluate.model_copy(update={**more, "severities": severities})


def _beyond(asked: Sequence[float], there: Sequence[float]) -> tuple[float, ...]:
    return tuple(sorted(set(asked) - set(there)))


def canonical(config: Config) -> str:
    """One line of JSON, the same for equal configurations wherever their files lie."""
    places = {room: set(fields) for room, fields in PLACES.items()}
    tree = effective(config).model_dump(mode="json", exclude=places)
    return json.dumps(tree, sort_keys=True, separators=(",", ":"))


def run_hash(config: Config) -> str:
    """64 hexadecimal digits: configuration with seed, data content and result-making code."""
    text = "\n".join([canonical(config), *digests(effective(config)), code_version()])
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache
def code_version() -> str:
    """A digest of the code that determines results: comments and docstrings do not count."""
    root = Path(__file__).parent
    files = [root / f"{name}.py" for name in FILES]
    files += [path for room in ROOMS for path in sorted((root / room).glob("*.py"))]
    digest = hashlib.sha256("".join(map(version, LIBRARIES)).encode())
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        digest.update(path.name.encode() + _without_docstrings(tree).encode())
    return digest.hexdigest()[:16]


def _without_docstrings(tree: ast.AST) -> str:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            del body[0]  # type: ignore[union-attr]
    return ast.dump(tree)
