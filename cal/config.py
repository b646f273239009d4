"""The frozen configuration tree of one run, and how YAML and the command line become it.

A run is a pure function of this tree (``Config -> Result``). Every field states its range; a
formula that the CAL paper leaves open (arXiv 2510.26289) is a field whose alternatives are values.
Imports neither torch nor ray nor mlflow, so that ``--help`` and input errors are instant.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from cal import rules
from cal.baselines import Arl, MMPareto, OgmGe, Pmr, Qmf, Tmc
from cal.fields import ConfigError as ConfigError
from cal.fields import Count, NonNegative, Number, Place, Positive, Section, Unit, shown
from cal.modalities import Modality
from cal.protocols import Evaluate
from cal.rules import LARGE as LARGE
from cal.source import Data as Data

YAML_VALUES = 100_000  # in one file
CONFIGS = Path(__file__).parent / "configs"  # packaged: one file for each data situation

S = TypeVar("S", bound=BaseModel)


class Model(Section):
    """Encoders -> bottleneck slot -> fusion, and one linear unimodal head per modality."""

    encoder: Literal["mlp", "linear", "cnn", "resnet18", "resnet50", "resnet152", "own"] = "mlp"
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] = (64, 64)  # mlp, linear
    channels: Annotated[tuple[Count, ...], Field(min_length=1)] = (8, 16)  # cnn: channels by layer
    d_z: Count = 16  # width of each modality's latent z^m
    fusion: Literal["linear", "mlp", "average", "energy", "evidence"] = "linear"  # cal/model/late
    fusion_hidden: Count = 64  # mlp fusion only
    pretrained: Place | None = None  # resnet: imagenet (torchvision), or a file
    bert: Place | None = None  # text: a local folder (transformers)


class Contribution(Section):
    """W^m from information quantity I(m) and confidence D(m); off: uniform W."""

    enabled: bool = True
    information: Literal["shapley", "shapley_accuracy", "kl", "entropy"] = "shapley"
    confidence: Literal["true_class", "entropy", "energy"] = "true_class"
    combine: Literal["sum", "product"] = "sum"
    lam: Unit = 0.5  # sum: weight of I against D; 0 is D alone, 1 is I alone
    tau: Positive = 0.2  # softmax temperature; below .05 saturated, above .5 nearly uniform
    ema: Annotated[float, Number, Field(ge=0.0, lt=1.0)] = (
        0.9  # memory of I and D per update; 0 is none
    )
    interval: Count = 5  # steps between updates
    start: Unit = 0.1  # part of all steps with uniform W at the beginning
    floor: NonNegative = 1e-3  # in [0, 1/M): W <- floor + (1 - M floor) W
    probe_batch: Count | None = None  # rotating probe samples per update; null: the whole probe
    permutations: Count = 64  # sampled orders of the modalities where M > 8
    control: Literal["none", "reversed", "permuted"] = "none"  # W turned round, or shuffled


class Acceleration(Section):
    """k^m = 1 + alpha M W^m on what encoder m is updated by; off: k = 1."""

    enabled: bool = True
    alpha: NonNegative = 1.0
    apply: Literal["auto", "gradient", "learning_rate"] = "auto"


class Bottleneck(Section):
    """Asymmetric information bottleneck: loss += sum_m beta(t) s^m KL_m; off: z = mu, KL = 0."""

    enabled: bool = True
    beta: NonNegative = 0.03  # largest beta(t); 0 is no compression
    schedule: Literal["constant", "linear", "cosine", "cyclical", "exponential"] = "linear"
    warmup: Unit = 0.3  # linear, cosine, exponential: part of all steps until beta is reached
    cycles: Count = 4  # cyclical: number of ramps over the run
    asymmetry: Literal["inverse", "linear", "uniform", "reversed"] = "inverse"


class Cal(Section):
    """The three mechanisms of CAL, each with its switch."""

    contribution: Contribution = Contribution()
    acceleration: Acceleration = Acceleration()
    bottleneck: Bottleneck = Bottleneck()


OFF = Cal(
    contribution=Contribution(enabled=False),
    acceleration=Acceleration(enabled=False),
    bottleneck=Bottleneck(enabled=False),
)


class Optim(Section):
    """Optimiser of all parameters."""

    name: Literal["sgd", "adam", "adamw"] = "sgd"
    lr: Positive = 0.05
    momentum: Annotated[float, Number, Field(ge=0.0, lt=1.0)] = 0.9  # sgd only
    weight_decay: NonNegative = 1e-4
    clip: Positive | None = 5.0  # global gradient norm, before k is applied; null: no clipping
    schedule: Literal["cosine", "constant", "step"] = "cosine"
    step_epochs: Count = 70  # step: epochs between multiplications by 0.1


class Train(Section):
    """Length of a run. The last epoch is the result (but see ``evaluate.selection``)."""

    epochs: Count = 100
    batch: Count = 64  # the last, incomplete batch of an epoch is dropped
    validate_every: Count = 10  # epochs between validations on the select part
    precision: Literal["float32", "bfloat16"] = "float32"  # of the encoders; bfloat16 is for GPUs,
    # a CPU computes in float32 and says so: its convolutions in bfloat16 gave NaN (torch 2.11)
    accumulate: Count = 1  # parts of a batch that go through the network one after another
    channels_last: bool = False  # memory layout of images
    compile: Literal["none", "aot_eager", "inductor"] = "none"  # torch.compile's backend


class Config(Section):
    """One run, complete. ``Config -> Result`` is a pure function."""

    data: Data = Data()
    model: Model = Model()
    method: Literal["joint", "ogm_ge", "pmr", "mmpareto", "arl", "qmf", "tmc", "cal"] = "cal"
    gamma: Unit = 1.0  # part of the unimodal losses' gradient that reaches the encoders
    cal: Cal | None = Cal()
    ogm_ge: OgmGe | None = OgmGe()
    pmr: Pmr | None = Pmr()
    mmpareto: MMPareto | None = MMPareto()
    arl: Arl | None = Arl()
    qmf: Qmf | None = Qmf()
    tmc: Tmc | None = Tmc()
    optim: Optim = Optim()
    train: Train = Train()
    evaluate: Evaluate = Evaluate()
    seed: Annotated[int, Number, Field(ge=0, lt=2**31)] = 0

    @property
    def inputs(self) -> tuple[Modality, ...]:
        """The M modalities that the network sees."""
        return self.data.seen

    @property
    def modalities(self) -> tuple[str, ...]:
        """Their names."""
        return self.data.present

    @property
    def mechanisms(self) -> Cal:
        """CAL's section as it acts: all three off under another method."""
        return self.cal if self.method == "cal" and self.cal is not None else OFF

    @model_validator(mode="after")
    def _check(self) -> "Config":
        faults = list(rules.faults(self))
        if faults:
            raise ConfigError("\n".join(faults))
        return self


INNER = re.compile(r"\[key\]|[a-z][a-z-]*\[.*\]")  # steps in an error's path that are no fields


def _allowed(model: type[BaseModel], path: Sequence[object]) -> tuple[type[BaseModel] | None, str]:
    """The section that ``path`` leads into, and its dotted name."""
    section: type[BaseModel] | None = model
    for part in path:
        if section is None:
            return None, ""
        field = section.model_fields.get(str(part))
        section = _section_of(field.annotation) if field is not None else None
    return section, ".".join(map(str, path))


def _section_of(annotation: object) -> type[BaseModel] | None:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def explain(model: type[BaseModel], error: ValidationError) -> str:
    """One line per fault of a pydantic error: field, given, allowed, nearest name."""
    return "\n".join(_line(model, fault) for fault in error.errors())


def _line(model: type[BaseModel], fault: Mapping[str, Any]) -> str:
    path = [part for part in fault["loc"] if not INNER.fullmatch(str(part))]
    path = path or list(fault["loc"])
    name = ".".join(map(shown, path)) or "configuration"
    given = fault["input"]
    if fault["type"] == "extra_forbidden":
        section, _ = _allowed(model, path[:-1])
        fields = list(section.model_fields) if section is not None else []
        near = difflib.get_close_matches(str(path[-1]), fields, n=1, cutoff=0.5)
        hint = f"did you mean {'.'.join([*map(shown, path[:-1]), near[0]])}?" if near else ""
        return f"{name}: unknown field; {hint or 'allowed: ' + ', '.join(fields)}"
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    message = str(fault["msg"])
    if fault["type"] == "literal_error":
        section, _ = _allowed(model, path[:-1])
        field = section.model_fields.get(str(path[-1])) if section is not None else None
        values = [str(v) for v in get_args(field.annotation)] if field is not None else []
        near = difflib.get_close_matches(str(given), values, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"{name}: given {shown(repr(given))}; allowed: {', '.join(values)}{hint}"
    return f"{name}: given {shown(repr(given))}; {message[:1].lower()}{message[1:]}"


def parse(tree: Mapping[str, Any]) -> Config:
    """Nested plain data -> ``Config``. Raises ``ConfigError`` with one line per fault."""
    return parse_as(Config, tree)


def parse_as(model: type[S], tree: Mapping[str, Any]) -> S:
    """The same for any section type (a study file has its own)."""
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(explain(model, error)) from None


def is_there(path: Path) -> bool:
    """Whether there is such a file, also of a name too long for one."""
    try:
        return path.exists()
    except OSError:
        return False


def find_yaml(name_or_path: str, *, folder: Path, option: str) -> Path:
    """A YAML file by the name of one in ``folder``, or by path. Raises ``ConfigError``."""
    packaged = folder / f"{name_or_path}.yaml"
    path = packaged if is_there(packaged) else Path(name_or_path)
    if not is_there(path):
        names = ", ".join(sorted(found.stem for found in folder.glob("*.yaml")))
        raise ConfigError(
            f"{option}: given {shown(name_or_path)}; allowed: a YAML file, or {names}"
        )
    return path


def read_yaml(path: str | Path, *, option: str = "--config") -> dict[str, Any]:
    """A YAML mapping from a file, by the safe loader. Raises ``ConfigError`` in one line."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        tree = yaml.safe_load(text)
        large = _counted(tree, most=YAML_VALUES) > YAML_VALUES
    except OSError as error:
        raise ConfigError(f"{option}: given {path}; cannot be read: {error.strerror}") from None
    except RecursionError:
        raise ConfigError(f"{option}: given {path}; nested too deep") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: no text, or no such date
        reason = " ".join(str(error).split())
        raise ConfigError(f"{option}: given {path}; not plain YAML: {reason}") from None
    if large:
        raise ConfigError(
            f"{option}: given {path}; allowed: {YAML_VALUES} values, those behind aliases counted "
            "each time"
        )
    if tree is None:
        return {}
    if not isinstance(tree, dict) or not all(isinstance(key, str) for key in tree):
        raise ConfigError(f"{option}: given {path}; allowed: a YAML mapping of field names")
    return tree


def _counted(tree: Any, *, most: int) -> int:
    """Values in a tree, at most ``most + 1``: a few aliases of aliases in a short file can stand
    for billions, and whatever walks over the tree would never come back.
    """
    number, left = 0, [tree]
    while left and number <= most:
        value = left.pop()
        number += 1
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
    return number


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with the leaves of ``over`` laid on top; neither is changed."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(below, value) if both else value  # type: ignore[arg-type]
    return merged


def assignments(words: Sequence[str]) -> dict[str, Any]:
    """``["cal.acceleration.alpha=2"]`` -> nested tree; values are read as YAML scalars.

    Raises ``ConfigError`` for a word without ``=`` and for unreadable values.
    """
    tree: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise ConfigError(f"{word}: given as an argument; allowed: FIELD=VALUE")
        try:
            value: Any = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError):  # ValueError: no such date
            raise ConfigError(f"{key}: given {text!r}; allowed: a YAML value") from None
        value = _scientific(value)
        for part in reversed(key.split(".")):
            value = {part: value}
        tree = merge(tree, value)
    return tree


def _scientific(value: Any) -> Any:
    """YAML 1.1 reads ``1e-3`` as text; a user means the number."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"a": {"b": 1}}`` -> ``{"a.b": 1}``."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        flat |= flatten(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat
