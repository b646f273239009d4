"""Test-time noise, protocol ``clean-room``: float noise, clipped to the range of the training data,
independent per sample, a function of sample id and condition alone.

Here on standardised floats; raw waveforms and texts: ``cal.data.strategies``; the protocol
``qmf-2023``: ``cal.data.qmf2023``. Kinds and severities: ``cal.severities``.

Legend: M modalities, N samples.
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
from cal.modalities import Modality
from cal.protocols import Evaluate
from cal.severities import (
    CLEAN_ROOM,
    QMF_2023,
    QMF_DRAWS,
    QMF_EPS,
    SEVERITIES,
    applies,
    table_of,
)

KEPT = 2**19  # numbers of one condition's draws that are kept: 2 MB, and 256 conditions of them


@dataclass(frozen=True)
class Condition:
    """One test condition; ``target`` is a modality, ``half`` or ``all``. ``draw``: the noise seed
    of ``qmf-2023``, 0 under ``clean-room``, whose noise has none.
    """

    kind: str
    target: str
    severity: float
    draw: int = 0

    @property
    def name(self) -> str:
        """For example ``gaussian-fac-0.5``; valid in MLflow names. ``missing-fac``: in all samples;
        ``missing-fac-0.5``: in half of them; ``qmf_gaussian-all-5-1``: the last is the draw.
        """
        whole = self.kind == "missing" and self.severity == 1
        tail = "" if whole else f"-{self.severity:g}"
        return f"{self.kind}-{self.target}{tail}" + (f"-{self.draw}" if self.draw else "")


def conditions(config: Config) -> tuple[Condition, ...]:
    """All conditions of a configuration, beside clean: those of the data set, so that arms that see
    fewer modalities are tested in the same world. Noise on what they do not see changes nothing.
    """
    found = config.evaluate
    return conditions_for(
        config.data.every, found.noise, found.audio_snr_db, severities=severities_of(found)
    )


def severities_of(evaluate: Evaluate) -> dict[str, tuple[float, ...]]:
    """Kind -> severities: those of the protocol, then what is asked for beside them."""
    table = table_of(evaluate.severities) if evaluate.noise == "standard" else {}
    more = {
        "gaussian": evaluate.gaussian_sigma,
        "salt_pepper": evaluate.salt_pepper_share,
        "missing": evaluate.missing_share,
    }
    return {kind: (*table.get(kind, ()), *more.get(kind, ())) for kind in CLEAN_ROOM}


def conditions_for(
    modalities: Sequence[Modality],
    protocol: str,
    audio_snr_db: Sequence[float] = (),
    *,
    severities: Mapping[str, Sequence[float]] | None = None,
) -> tuple[Condition, ...]:
    """Conditions of data with these modalities, each name once; what does nothing to a modality
    (Gaussian noise on a text) is not aimed at it, and leaves it alone under ``half`` and ``all``.

    ``protocol``: none, standard or qmf-2023. ``audio_snr_db``: further white noise on every sound.
    ``severities``: kind -> severities; without it those of the protocol. Raises ``ValueError`` for
    an unknown protocol or kind.
    """
    if protocol == "qmf-2023":
        return _qmf_2023(modalities)
    if protocol not in ("none", "standard"):
        raise ValueError(f"protocol: given {protocol!r}; allowed: none, standard, qmf-2023")
    if severities is None:
        severities = SEVERITIES if protocol == "standard" else {}
    table = {**severities, "audio_snr": (*severities.get("audio_snr", ()), *audio_snr_db)}
    found: dict[str, Condition] = {}
    for kind, values in table.items():
        for target in _targets(kind, modalities):
            for severity in values:
                condition = Condition(kind, target, severity)
                found.setdefault(condition.name, condition)
    return tuple(found.values())


def _targets(kind: str, modalities: Sequence[Modality]) -> tuple[str, ...]:
    if kind not in CLEAN_ROOM:
        raise ValueError(f"kind: given {kind!r}; allowed: {', '.join(CLEAN_ROOM)}")
    names = tuple(m.name for m in modalities if applies(kind, m.kind))
    return names if kind in ("missing", "audio_snr") or not names else (*names, "half", "all")


def _qmf_2023(modalities: Sequence[Modality]) -> tuple[Condition, ...]:
    """Image noise of one kind and word noise at once, as the released code has them; salt and
    pepper only beside a text (its code for RGB and depth has none).
    """
    kinds = QMF_2023 if any(m.kind == "text" for m in modalities) else QMF_2023[:1]
    return tuple(
        Condition(kind, "all", eps, draw) for kind in kinds for eps in QMF_EPS for draw in QMF_DRAWS
    )


def hit(condition: Condition, ids: Tensor, modalities: Sequence[str]) -> Tensor:
    """Which modalities of each sample are corrupted: [N, M] bool. ``half``: M // 2, at least 1;
    of ``missing`` the severity is the share of samples.

    Raises ``ValueError`` for a target that is neither ``half``, ``all`` nor a modality.
    """
    mask = _aimed(condition, ids, modalities)
    if condition.kind == "missing" and condition.severity < 1:
        key = key_of(condition.name, "share")
        mask &= torch.from_numpy(uniforms(key, ids.numpy(), 1) < condition.severity)
    return mask


def _aimed(condition: Condition, ids: Tensor, modalities: Sequence[str]) -> Tensor:
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


def _drawn(
    condition: Condition, modality: str, ids: npt.NDArray[np.int64], width: int
) -> npt.NDArray[np.float32]:
    """The condition's raw draws [N, width]."""
    draw = normals if condition.kind == "gaussian" else uniforms
    return draw(key_of(condition.name, modality), ids, width).astype(np.float32)


@lru_cache(maxsize=256)
def _draws(
    condition: Condition, modality: str, ids: tuple[int, ...], width: int
) -> npt.NDArray[np.float32]:
    """Small ones are kept: runs of one process share the evaluated part."""
    return _drawn(condition, modality, np.array(ids, dtype=np.int64), width)


def corrupted(
    inputs: Tensor, ids: Tensor, condition: Condition, *, modality: str, low: Tensor, high: Tensor
) -> Tensor:
    """One modality's standardised inputs [N, ...] with every sample corrupted; missing is 0.

    ``low``, ``high``: the valid range, of a shape that broadcasts to one sample: [D] of a table,
    [3, 1, 1] of an image's channels, one number of a spectrogram.
    """
    if condition.kind not in SEVERITIES:
        raise ValueError(f"kind: given {condition.kind!r}; allowed: {', '.join(SEVERITIES)}")
    if condition.kind == "missing":
        return torch.zeros_like(inputs)
    if inputs.numel() <= KEPT:
        draws = _draws(condition, modality, tuple(ids.tolist()), inputs[0].numel())
    else:
        draws = _drawn(condition, modality, ids.numpy(), inputs[0].numel())
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
        return part.tensors
    if condition.kind == "audio_snr" and parts.raw is None:
        if parts.audio_at_snr is None:
            raise ValueError("audio_snr: only for data with a waveform")
        audio = parts.audio_at_snr(condition.severity)
        names = parts.modalities
        return tuple(
            audio if name == "audio" else x for name, x in zip(names, part.tensors, strict=True)
        )
    mask = hit(condition, part.ids, every)  # of qmf-2023 all: who is hit is drawn there
    found = []
    for m, (name, x) in enumerate(zip(parts.modalities, part.tensors, strict=True)):
        struck = mask[:, every.index(name)]
        if not struck.any():
            found.append(x)
            continue
        low, high = parts.low[m], parts.high[m]
        made = None if parts.raw is None else parts.raw(m, condition)
        if made is None:
            made = corrupted(x, part.ids, condition, modality=name, low=low, high=high)
        rows = struck.view(-1, *[1] * (x.dim() - 1))
        found.append(torch.where(rows, made, x))
    return tuple(found)


def robust(
    values: Mapping[str, float], modalities: Sequence[str], *, texts: Sequence[str] = ()
) -> float | None:
    """Mean of four group means: gaussian on single modalities, gaussian on a random half,
    salt_pepper on all, one modality missing; at the standard severities, whatever else was
    measured. ``texts``: modalities that have no gaussian noise. None where a condition is absent.
    """
    names = tuple(name for name in modalities if name not in texts)
    targets = {"gaussian": names, "missing": tuple(modalities), "salt_pepper": ("all",)}
    groups = [
        [Condition(kind, t, s).name for t in names for s in SEVERITIES[kind]]
        for kind, names in targets.items()
    ]
    groups.append([Condition("gaussian", "half", s).name for s in SEVERITIES["gaussian"]])
    if any(name not in values for group in groups for name in group):
        return None
    return float(np.mean([np.mean([values[name] for name in group]) for group in groups]))
