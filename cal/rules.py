"""Rules of the configuration that span fields; each message carries the cure."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cal import own, source
from cal.protocols import protocol_faults

if TYPE_CHECKING:
    from cal.config import Config

LARGE = ("resnet18", "resnet50", "resnet152")  # ordinary modules with batch normalisation
FUSIONS = {"qmf": "energy", "tmc": "evidence"}  # of methods that are a way to fuse
ENCODERS = {"table": ("mlp", "linear"), "image": ("cnn", *LARGE)}
"""Encoders by the kind of input; sound is seen as an image. Text has its own (``model.bert``)."""
IDLE_GRADIENT = (
    "an adaptive optimiser divides a constant gradient factor out again, so it would do nothing; "
    "allowed: auto or learning_rate"
)


def faults(config: "Config") -> list[str]:
    """Rules that span fields; each message carries the cure."""
    found = list[str]()
    names = config.modalities
    found += source.faults(config.data)
    found += _model_faults(config)
    found += _train_faults(config)
    found += protocol_faults(config.evaluate, data_set=config.data.name)
    if config.evaluate.audio_snr_db and all(m.kind != "sound" for m in config.data.every):
        found.append("evaluate.audio_snr_db: only for data with a waveform (data.name=keypad)")
    if config.evaluate.part == "select" and config.evaluate.selection == "test-best":
        found.append(
            "evaluate.selection: given 'test-best' with evaluate.part=select, whose report part is "
            "sealed; allowed: last"
        )
    method = config.method
    if method != "joint" and getattr(config, method) is None:
        found.append(f"{method}: given null; method={method} needs this section")
    if config.model.fusion != FUSIONS.get(method, config.model.fusion):
        found.append(
            f"model.fusion: given {config.model.fusion!r}; allowed for method={method}: "
            f"{FUSIONS[method]}"
        )
    cal = config.cal
    most = 1 / max(1, len(names))
    if cal is not None and cal.contribution.floor >= most:
        found.append(
            f"cal.contribution.floor: given {cal.contribution.floor}; "
            f"allowed: 0 <= floor < 1/M = {most:.4g}"
        )
    measures = config.method == "cal" and cal is not None and cal.contribution.enabled
    if measures and config.data.probe_in_training:
        found.append(
            "data.probe_in_training: given true with a contribution metric, which must not measure "
            "on samples that are trained on; allowed: method=joint, or "
            "cal.contribution.enabled=false"
        )
    gradient = cal is not None and cal.acceleration.enabled and cal.acceleration.apply == "gradient"
    if config.method == "cal" and gradient and config.optim.name != "sgd":
        found.append(
            f"cal.acceleration.apply: given 'gradient' with optim.name={config.optim.name}; "
            f"{IDLE_GRADIENT}"
        )
    return found


def _model_faults(config: "Config") -> Iterator[str]:
    """Does the network take these inputs?"""
    model, kinds = config.model, {m.kind for m in config.inputs}
    also = " or own" if own.has_encoders(config.data.name) else ""
    if model.encoder != "own":
        kind = "table" if "table" in kinds else "image"
        images = len(kinds - {"table"}) if kind == "table" else 0
        if images:
            yield (
                f"model.encoder: given {model.encoder!r}; {config.data.name} has tables beside "
                f"{', '.join(sorted(kinds - {'table'}))}; allowed: own"
            )
        elif model.encoder not in ENCODERS[kind]:
            yield (
                f"model.encoder: given {model.encoder!r}; "
                f"allowed for data.name={config.data.name}: {' or '.join(ENCODERS[kind])}{also}"
            )
    elif not also:
        yield (
            f"model.encoder: given 'own'; {config.data.name} has none; allowed: for own data whose "
            "class has encoder(modality) and width"
        )
    if model.pretrained is not None and model.encoder not in LARGE:
        yield f"model.pretrained: given {model.pretrained}; allowed: for {', '.join(LARGE)}"
    if config.data.frames > 1 and model.encoder == "cnn":
        yield f"data.frames: given {config.data.frames}; allowed: 1 for model.encoder=cnn"
    if "text" in kinds and model.encoder in ("cnn", "mlp", "linear"):
        yield f"model.encoder: given {model.encoder!r}; with text: {', '.join(LARGE)} or own"
    if "text" in kinds and model.bert is None and model.encoder != "own":
        yield (
            f"model.bert: given null; {config.data.name} has text; allowed: a local folder of a "
            "BERT of transformers (with config.json alone: it begins at random)"
        )


def _train_faults(config: "Config") -> Iterator[str]:
    """How a batch goes through the network."""
    train, modules = config.train, config.model.encoder in (*LARGE, "own")
    for name, given, idle in (
        ("precision", train.precision, "float32"),
        ("channels_last", train.channels_last, False),
        ("compile", train.compile, "none"),
    ):
        if given != idle and not modules:
            yield (
                f"train.{name}: given {given}; allowed for model.encoder={config.model.encoder}: "
                f"{idle}"
            )
    if train.batch % train.accumulate:
        yield (
            f"train.accumulate: given {train.accumulate}; "
            f"allowed: a divisor of train.batch={train.batch}"
        )
    if train.accumulate > 1 and config.method == "mmpareto":
        yield (
            f"train.accumulate: given {train.accumulate}; allowed: 1 for method=mmpareto, which "
            "compares gradients of the whole batch"
        )
