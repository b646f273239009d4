"""Test-time noise, protocol ``clean-room``: float noise, clipped to the range of the training data,
independent per sample, a function of sample id and condition alone.

Legend: M modalities, N samples. Severities: gaussian sigma in standardised units; salt_pepper the
share of features set to their training minimum or maximum; missing 1; audio_snr dB.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cal.config import Config
from cal.data.noise import key_of, normals, uniforms
from cal.data.parts import Parts

SEVERITIES: dict[str, tuple[float, ...]] = {
    "gaussian": (0.5, 1.0, 2.0),
    "salt_pepper": (0.1, 0.3),
    "missing": (1.0,),
}
"""The one table of corruptions of feature values and their standard severities."""


@dataclass(frozen=True)
class Condition:
    """One test condition; ``target`` is a modality, ``half`` or ``all``."""

    kind: str
    target: str
    severity: float

    @property
    def name(self) -> str:
        """For example ``gaussian-fac-0.5``; valid in MLflow names."""
        tail = "" if self.kind == "missing" else f"-{self.severity:g}"
        return f"{self.kind}-{self.target}{tail}"


def conditions(config: Config) -> tuple[Condition, ...]:
    """All conditions of a configuration, beside clean: those of the data set, so that arms that see
    fewer modalities are tested in the same world. Noise on what they do not see changes nothing.
    """
    if config.evaluate.noise == "none":
        standard = []
    else:
        names = config.data.every_modality
        standard = [
            Condition(kind, target, severity)
            for kind, severities in SEVERITIES.items()
            for target in (names if kind == "missing" else (*names, "half", "all"))
            for severity in severities
        ]
    extra = config.evaluate.audio_snr_db if "audio" in config.data.every_modality else ()
    return (*standard, *(Condition("audio_snr", "audio", snr) for snr in extra))


def hit(condition: Condition, ids: Tensor, modalities: Sequence[str]) -> Tensor:
    """Which modalities of each sample are corrupted: [N, M] bool. ``half``: M // 2, at least 1.

    Raises ``ValueError`` for a target that is neither ``half``, ``all`` nor a modality.
    """
    count = len(modalities)
    if condition.target == "all":
        return torch.ones(len(ids), count, dtype=torch.bool)
    if condition.target == "half":
        key = key_of(condition.name, "half")
        ranks = uniforms(key, ids.numpy(), count).argsort(1).argsort(1)
        return torch.from_numpy(ranks < max(1, count // 2))
    if condition.target not in modalities:
        allowed = ", ".join((*modalities, "half", "all"))
        raise ValueError(f"target: given {condition.target!r}; allowed: {allowed}")
    mask = torch.zeros(len(ids), count, dtype=torch.bool)
    mask[:, modalities.index(condition.target)] = True
    return mask


@lru_cache(maxsize=256)
def _draws(
    condition: Condition, modality: str, ids: tuple[int, ...], width: int
) -> npt.NDArray[np.float32]:
    """The condition's raw draws [N, width], kept: runs of one process share the evaluated part."""
    key, samples = key_of(condition.name, modality), np.array(ids, dtype=np.int64)
    draw = normals if condition.kind == "gaussian" else uniforms
    return draw(key, samples, width).astype(np.float32)


def corrupted(
    inputs: Tensor, ids: Tensor, condition: Condition, *, modality: str, low: Tensor, high: Tensor
) -> Tensor:
    """One modality's inputs [N, ...] with every sample corrupted; ``low``, ``high`` [...]."""
    if condition.kind not in SEVERITIES:
        raise ValueError(f"kind: given {condition.kind!r}; allowed: {', '.join(SEVERITIES)}")
    if condition.kind == "missing":
        return torch.zeros_like(inputs)
    draws = _draws(condition, modality, tuple(ids.tolist()), inputs[0].numel())
    noise = torch.from_numpy(draws).view_as(inputs)
    if condition.kind == "gaussian":
        noisy = inputs + condition.severity * noise
        return torch.minimum(torch.maximum(noisy, low), high)
    half = condition.severity / 2
    salted = torch.where(noise < half, low, inputs)
    return torch.where(noise > 1 - half, high, salted)


def corrupt(parts: Parts, condition: Condition) -> tuple[Tensor, ...]:
    """The evaluated part's inputs M x [N, ...] under a condition."""
    part, every = parts.evaluated, parts.every_modality or parts.modalities
    if condition.target in every and condition.target not in parts.modalities:
        return part.inputs
    if condition.kind == "audio_snr":
        if parts.audio_at_snr is None:
            raise ValueError("audio_snr: only for data with a waveform")
        audio = parts.audio_at_snr(condition.severity)
        names = parts.modalities
        return tuple(
            audio if name == "audio" else x for name, x in zip(names, part.inputs, strict=True)
        )
    mask = hit(condition, part.ids, every)
    found = []
    for m, (name, x) in enumerate(zip(parts.modalities, part.inputs, strict=True)):
        struck = mask[:, every.index(name)]
        if not struck.any():
            found.append(x)
            continue
        low, high = parts.low[m], parts.high[m]
        noisy = corrupted(x, part.ids, condition, modality=name, low=low, high=high)
        rows = struck.view(-1, *[1] * (x.dim() - 1))
        found.append(torch.where(rows, noisy, x))
    return tuple(found)


def robust(values: Mapping[str, float], modalities: Sequence[str]) -> float | None:
    """Mean of four group means: gaussian on single modalities, gaussian on a random half,
    salt_pepper on all, one modality missing. None where a condition is absent.
    """
    targets = {"gaussian": tuple(modalities), "missing": tuple(modalities), "salt_pepper": ("all",)}
    groups = [
        [Condition(kind, t, s).name for t in names for s in SEVERITIES[kind]]
        for kind, names in targets.items()
    ]
    groups.append([Condition("gaussian", "half", s).name for s in SEVERITIES["gaussian"]])
    if any(name not in values for group in groups for name in group):
        return None
    return float(np.mean([np.mean([values[name] for name in group]) for group in groups]))
