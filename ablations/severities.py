"""Accuracy against severity, a line for each kind of noise and what it is aimed at. Pure."""

import math
from collections.abc import Iterable, Mapping

from ablations.conditions import Noise, noise_of
from cal.severities import CLEAN_ROOM, QMF_2023

SINGLE, HALF, ALL = "single", "half", "all"
Line = dict[float, float]
"""Place on the axis -> accuracy; 0 is clean."""
KINDS = (*CLEAN_ROOM, *QMF_2023)
TARGETS = (SINGLE, HALF, ALL)


def lines(values: Mapping[str, float]) -> dict[str, Line]:
    """``gaussian-half``, ``gaussian-fac``, ... -> its line, from the accuracies of one run's
    conditions. ``gaussian-single`` is the mean over single modalities; where there is only one, it
    stands for it. No line without a clean value. Raises ``ValueError`` for conditions of two
    protocols.
    """
    if "clean" not in values:
        return {}
    protocol_of(values)
    members: dict[str, dict[float, list[float]]] = {}
    single: dict[str, set[str]] = {}
    for condition, value in values.items():
        noise = noise_of(condition)
        if noise is None:
            continue
        at = place(noise)
        members.setdefault(noise.curve, {}).setdefault(at, []).append(value)
        if noise.target not in (HALF, ALL):
            single.setdefault(noise.kind, set()).add(noise.target)
            members.setdefault(f"{noise.kind}-{noise.target}", {}).setdefault(at, []).append(value)
    alone = {f"{kind}-{next(iter(names))}" for kind, names in single.items() if len(names) == 1}
    return {
        name: {0.0: values["clean"]} | {at: _mean(found[at]) for at in sorted(found)}
        for name, found in sorted(members.items(), key=lambda item: order(item[0]))
        if name not in alone
    }


def place(noise: Noise) -> float:
    """Where a condition stands on the axis: its severity; of a signal-to-noise ratio the noise's
    amplitude over the signal's, 10^(-dB / 20), so that clean is 0.
    """
    return 10 ** (-noise.severity / 20) if noise.kind == "audio_snr" else noise.severity


def label(line: str, at: float) -> str:
    """A place on a line as it was asked for: ``0.5``, ``-5 dB``, ``25 %``, ``clean``."""
    kind = line.partition("-")[0]
    if at == 0:
        return "clean"
    if kind == "audio_snr":
        return f"{round(-20 * math.log10(at), 6) + 0.0:.6g} dB"
    return f"{100 * at:.6g} %" if kind in ("salt_pepper", "missing") else f"{at:g}"


def order(line: str) -> tuple[int, int, str]:
    """Sort key: kinds as in the table, single modalities together, half, all, then one by one."""
    kind, _, target = line.partition("-")
    rank = TARGETS.index(target) if target in TARGETS else len(TARGETS)
    return KINDS.index(kind), rank, target


def main(line: str) -> bool:
    """Whether a line is no single modality among several."""
    return line.partition("-")[2] in TARGETS


def protocol_of(conditions: Iterable[str]) -> str:
    """``clean-room``, ``qmf-2023``, or empty without noise. The two are never mixed: ``ValueError``
    where they are.
    """
    found = {noise.kind in QMF_2023 for name in conditions if (noise := noise_of(name))}
    if len(found) > 1:
        raise ValueError(
            "noise: given conditions of clean-room and of qmf-2023; allowed: one protocol, as "
            "their figures cannot be compared (docs/noise.md)"
        )
    return {True: "qmf-2023", False: "clean-room"}[found.pop()] if found else ""


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)
