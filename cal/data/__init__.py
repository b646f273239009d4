"""Data sets, splits and corruptions: ``load(config.data, seed=...)`` gives a run's ``Parts``."""

import hashlib
import json
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cal.config import Data
from cal.data import handwritten, keypad
from cal.data.assets import read
from cal.data.corruptions import Condition, conditions, corrupt, robust
from cal.data.parts import Part, Parts, SealedError
from cal.data.raw import Raw
from cal.data.splits import Ids, Split, split
from cal.digests import SHA256

__all__ = [
    "DATA_SETS",
    "Condition",
    "Part",
    "Parts",
    "SealedError",
    "conditions",
    "corrupt",
    "fingerprint",
    "ids_of",
    "load",
    "robust",
]

DATA_SETS: dict[str, Callable[[Data], Raw]] = {
    "handwritten": lambda data: handwritten.load(),
    "keypad": keypad.load,
}
"""The one table of data sets."""

Floats = npt.NDArray[np.float32]


@lru_cache(maxsize=2)
def _labels(name: str) -> npt.NDArray[np.uint8]:
    (file,) = SHA256[name]
    return np.asarray(read(name, file)["labels"].astype(np.uint8))


@lru_cache(maxsize=1024)
def ids_of(data: Data, *, seed: int) -> Split:
    """Which samples train, probe, select and report: from labels alone, no input is made.

    Raises ``ConfigError`` for a damaged data file or too few samples.
    """
    return split(_labels(data.name), data, seed=seed)


def fingerprint(data: Data, *, seed: int) -> str:
    """SHA-256 of content, options and sample ids of every part, as in ``Parts``."""
    return _fingerprint(data, ids_of(data, seed=seed))


def _fingerprint(data: Data, ids: Split) -> str:
    digest = hashlib.sha256(json.dumps(SHA256[data.name], sort_keys=True).encode())
    digest.update(json.dumps(data.model_dump(mode="json"), sort_keys=True).encode())
    for part in (ids.train, ids.probe, ids.select, ids.report):
        digest.update(part.astype("<i8").tobytes() + b"|")
    return digest.hexdigest()


def load(data: Data, *, seed: int, evaluated: str = "report") -> Parts:
    """The parts of one run: standardised by the training part, then drowned views, then ranges.

    ``evaluated``: report, or select for a tuning run, whose parts hold no report sample. Raises
    ``ConfigError`` for a damaged data file or too few samples. Kept per process.
    """
    return loaded(data, seed, evaluated)


@lru_cache(maxsize=32)
def loaded(data: Data, seed: int, evaluated: str) -> Parts:
    """The memory of ``load``."""
    raw = DATA_SETS[data.name](data)
    names = data.present
    by_name = dict(zip(data.every_modality, raw.inputs, strict=True))
    ids = split(raw.labels, data, seed=seed)
    fit = np.setdiff1d(ids.train, ids.probe)  # alike whether or not the probe is trained on too
    moments = {name: _moments(by_name[name][fit], per_feature=raw.per_feature) for name in names}
    inputs = [
        handwritten.drowned(data, name, _standard(by_name[name], moments[name])) for name in names
    ]
    ranges = [_range(x[fit], per_feature=raw.per_feature) for x in inputs]
    part = partial(_part, tuple(map(torch.from_numpy, inputs)), raw.labels)
    chosen = {"report": ids.report, "select": ids.select}[evaluated]
    audio = None
    if data.name == "keypad" and "audio" in names:
        audio = partial(_audio, data, chosen, moments["audio"])
    return Parts(
        train=part(ids.train),
        probe=part(ids.probe),
        select=part(ids.select),
        evaluated=part(chosen),
        low=tuple(torch.from_numpy(low) for low, _ in ranges),
        high=tuple(torch.from_numpy(high) for _, high in ranges),
        classes=int(raw.labels.max()) + 1,
        modalities=names,
        every_modality=data.every_modality,
        fingerprint=_fingerprint(data, ids),
        audio_at_snr=audio,
        source=raw.source,
        evaluated_on=evaluated,
    )


def _moments(x: Floats, *, per_feature: bool) -> tuple[Floats, Floats]:
    axis = 0 if per_feature else None
    deviation = x.std(axis, dtype=np.float64)
    safe = np.where(deviation > 0, deviation, 1.0)  # a constant feature stays 0
    mean = x.mean(axis, dtype=np.float64)
    return np.asarray(mean, dtype=np.float32), np.asarray(safe, dtype=np.float32)


def _standard(x: Floats, moments: tuple[Floats, Floats]) -> Floats:
    return np.ascontiguousarray((x - moments[0]) / moments[1], dtype=np.float32)


def _range(x: Floats, *, per_feature: bool) -> tuple[Floats, Floats]:
    axis = 0 if per_feature else None
    return np.asarray(x.min(axis)), np.asarray(x.max(axis))


def _part(inputs: tuple[Tensor, ...], labels: npt.NDArray[np.uint8], ids: Ids) -> Part:
    index = torch.from_numpy(ids)
    chosen = tuple(x.index_select(0, index) for x in inputs)
    return Part(chosen, torch.from_numpy(labels[ids].astype(np.int64)), index)


def _audio(data: Data, ids: Ids, moments: tuple[Floats, Floats], snr_db: float) -> Tensor:
    spectrograms = keypad.audio_at_snr(data, tuple(ids.tolist()), snr_db)
    return torch.from_numpy(_standard(spectrograms, moments))
