"""Random numbers that are a function of (key, sample id, index): equal in any order and batch.

A counter-based generator: SplitMix64's finaliser (Steele, Lea and Flood 2014) over counters, all
samples at once. No state, so no state can leak between samples, workers or batches.
"""

import hashlib

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def key_of(*names: object) -> int:
    """A 64-bit key for one purpose, for example a corruption, its severity and modality."""
    text = "/".join(map(str, names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _mixed(words: Words) -> Words:
    words = (words ^ (words >> np.uint64(30))) * _FIRST
    words = (words ^ (words >> np.uint64(27))) * _SECOND
    return words ^ (words >> np.uint64(31))


def _unit(words: Words) -> Floats:
    """The upper 52 bits as the midpoint of one of 2^52 equal cells of (0, 1).

    53 bits would round the last midpoint up to 1, whose normal is infinite.
    """
    return ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def uniforms(key: int, ids: npt.NDArray[np.int64], count: int) -> Floats:
    """[N, count] uniform in (0, 1) for sample ids [N]."""
    streams = _mixed(_mixed(ids.astype(np.uint64) * _GOLDEN + np.uint64(key)))
    counters = np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN
    return _unit(_mixed(streams[:, None] + counters))


def between(values: Floats, low: float, high: float) -> Floats:
    """Uniform in (0, 1) -> uniform in (low, high)."""
    return low + (high - low) * values


def normals(key: int, ids: npt.NDArray[np.int64], count: int) -> Floats:
    """[N, count] standard normal for sample ids [N]."""
    return np.asarray(ndtri(uniforms(key, ids, count)))
