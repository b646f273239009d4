"""Protocol ``clean-room`` on raw inputs: waveforms and texts, a batch at a time.

What standardised floats can carry is in ``cal.data.corruptions`` (tables, images, depth,
spectrograms). As there, noise is a function of sample id and condition alone: equal in any order,
batch and process. Arrays that are given are never changed.

Legend: B samples, S samples of sound.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cal.data.corruptions import Condition
from cal.data.noise import key_of, normals, uniforms

Waves = npt.NDArray[np.int16] | npt.NDArray[np.float32] | npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]
MASK = "_"  # stands for a word


def corrupted_waves(waves: Waves, ids: Ids, condition: Condition, *, modality: str) -> Waves:
    """Waveforms [B, S] with white noise at ``severity`` dB below (or, if negative, above) the
    clip's own mean power; of the same dtype.

    y = x + sqrt(mean(x^2) 10^(-dB / 10)) N(0, 1). A silent clip has no power to compare with and
    stays silent. int16 is rounded and limited to its range, as a converter would; floats are not
    limited. Raises ``ValueError`` for another kind (a missing sound is a spectrogram of zeros, see
    ``corrupted``) or another array.
    """
    _allow(condition, "audio_snr")
    if waves.ndim != 2 or waves.dtype not in (np.int16, np.float32, np.float64):
        given = f"{waves.dtype} {list(waves.shape)}"
        raise ValueError(f"waves: given {given}; allowed: int16, float32 or float64 [B, S]")
    clean = waves.astype(np.float64)
    power = np.square(clean).mean(1, keepdims=True)
    noise = normals(key_of(condition.name, modality), ids, waves.shape[1])
    noisy = clean + np.sqrt(power * 10 ** (-condition.severity / 10)) * noise
    if waves.dtype == np.int16:
        limits = np.iinfo(np.int16)
        noisy = np.clip(np.rint(noisy), limits.min, limits.max)
    return noisy.astype(waves.dtype)


def corrupted_texts(
    texts: Sequence[str], ids: Ids, condition: Condition, *, modality: str
) -> list[str]:
    """Texts [B]: under ``salt_pepper`` each word is ``_`` with probability ``severity``; missing is
    the empty text; ``gaussian`` does nothing. Raises ``ValueError`` for another kind.
    """
    _allow(condition, "salt_pepper", "missing", "gaussian")
    if condition.kind == "missing":
        return [""] * len(texts)
    if condition.kind == "gaussian":
        return list(texts)
    key = key_of(condition.name, modality)
    return with_words_masked(texts, ids, key=key, share=condition.severity)


def with_words_masked(texts: Sequence[str], ids: Ids, *, key: int, share: float) -> list[str]:
    """Each word, what stands between single spaces, is ``_`` with probability ``share``; two spaces
    hold an empty word. A sample's draws do not depend on the other texts.
    """
    words = [text.split(" ") for text in texts]
    if not words:
        return []
    masked = uniforms(key, ids, max(map(len, words))) < share
    return [
        " ".join(MASK if gone else word for word, gone in zip(own, row, strict=False))
        for own, row in zip(words, masked, strict=True)
    ]


def _allow(condition: Condition, *kinds: str) -> None:
    if condition.kind not in kinds:
        raise ValueError(f"kind: given {condition.kind!r}; allowed: {', '.join(kinds)}")
