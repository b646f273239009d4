"""Data sets that are made in memory: the embedded ones, and small ones of the user's.

Standardised by the training part, then drowned views, then ranges. A modality that a sample lacks
(a row of NaN) is 0 in standardised units, as under the condition ``missing``.
"""

import hashlib
import json
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from cal import own
from cal.config import ConfigError, Data
from cal.data import handwritten, keypad
from cal.data.assets import read
from cal.data.parts import Part, Parts
from cal.data.raw import Floats, Raw, by_feature, faults, missing
from cal.data.splits import Ids, Labels, Split, split
from cal.digests import SHA256

EMBEDDED: dict[str, Callable[[Data], Raw]] = {
    "handwritten": lambda data: handwritten.load(),
    "keypad": keypad.load,
}
"""The one table of data sets that are shipped."""


def raw_of(data: Data) -> Raw:
    """Every sample, not yet standardised."""
    return EMBEDDED[data.name](data) if data.name in EMBEDDED else _own(data.name)


@lru_cache(maxsize=4)
def _own(name: str) -> Raw:
    """What a user's class loads, checked. Raises ``ConfigError`` with a line for each fault."""
    try:
        raw: Any = own.found(name).load()
    except ConfigError:
        raise
    except Exception as error:  # whatever the user's code raises
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigError(f"data.name: {name}: load() failed: {reason}") from error
    found = [f"data.name: {name}: {fault}" for fault in faults(raw, own.modalities(name))]
    if found:
        raise ConfigError("\n".join(found))
    return cast(Raw, raw)


def forget() -> None:
    """Read a user's data anew, as in a new process."""
    for kept in (_own, _outline, _own_content):
        kept.cache_clear()


@lru_cache(maxsize=8)
def _outline(name: str) -> tuple[Labels, Any, Any]:
    """Labels, published splits and groups: all that a split needs."""
    if name in EMBEDDED:
        (file,) = SHA256[name]
        return read(name, file)["labels"].astype(np.uint8), None, None
    raw = _own(name)
    return raw.labels, raw.official, raw.groups


def ids_of(data: Data, *, seed: int) -> Split:
    """Which samples train, probe, select and report: from labels alone, no input is made."""
    labels, official, groups = _outline(data.name)
    return split(labels, data, seed=seed, official=official, groups=groups)


def content(name: str) -> str:
    """SHA-256 of what a data set holds."""
    if name in EMBEDDED:
        return json.dumps(SHA256[name], sort_keys=True)
    return _own_content(name)


@lru_cache(maxsize=8)
def _own_content(name: str) -> str:
    raw = _own(name)
    digest = hashlib.sha256()
    for x in (*raw.inputs, raw.labels, raw.official, raw.groups):
        array = np.zeros(0) if x is None else np.ascontiguousarray(x)
        digest.update(f"{array.dtype} {array.shape} ".encode() + array.tobytes())
    return digest.hexdigest()


def parts(data: Data, *, seed: int, evaluated: str, fingerprint: str) -> Parts:
    """The parts of one run."""
    raw = raw_of(data)
    names = data.present
    by_name = dict(zip(data.every_modality, raw.inputs, strict=True))
    ids = split(raw.labels, data, seed=seed, official=raw.official, groups=raw.groups)
    fit = np.setdiff1d(ids.train, ids.probe)  # alike whether or not the probe is trained on too
    alone = {m.name: by_feature(raw, m) for m in data.seen}
    moments = {name: _moments(data, name, by_name[name][fit], alone[name]) for name in names}
    inputs = [
        handwritten.drowned(data, name, _standard(by_name[name], moments[name])) for name in names
    ]
    ranges = [_range(x[fit], alone[name]) for name, x in zip(names, inputs, strict=True)]
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
        fingerprint=fingerprint,
        audio_at_snr=audio,
        source=raw.source,
        evaluated_on=evaluated,
    )


def _moments(data: Data, name: str, x: Floats, per_feature: bool) -> tuple[Floats, Floats]:
    axis = 0 if per_feature else None
    there = x[~missing(x)]
    if not len(there):
        raise ConfigError(
            f"data.name: {data.name}: {name} is missing in every training sample; allowed: at "
            "least one that has it, or data.modalities without it"
        )
    deviation = there.std(axis, dtype=np.float64)
    safe = np.where(deviation > 0, deviation, 1.0)  # a constant feature stays 0
    mean = there.mean(axis, dtype=np.float64)
    return np.asarray(mean, dtype=np.float32), np.asarray(safe, dtype=np.float32)


def _standard(x: Floats, moments: tuple[Floats, Floats]) -> Floats:
    values = np.ascontiguousarray((x - moments[0]) / moments[1], dtype=np.float32)
    return np.nan_to_num(values, copy=False, nan=0.0)


def _range(x: Floats, per_feature: bool) -> tuple[Floats, Floats]:
    axis = 0 if per_feature else None
    return np.asarray(x.min(axis)), np.asarray(x.max(axis))


def _part(inputs: tuple[Tensor, ...], labels: Labels, ids: Ids) -> Part:
    index = torch.from_numpy(ids)
    chosen = tuple(x.index_select(0, index) for x in inputs)
    return Part(chosen, torch.from_numpy(labels[ids].astype(np.int64)), index)


def _audio(data: Data, ids: Ids, moments: tuple[Floats, Floats], snr_db: float) -> Tensor:
    spectrograms = keypad.audio_at_snr(data, tuple(ids.tolist()), snr_db)
    return torch.from_numpy(_standard(spectrograms, moments))
