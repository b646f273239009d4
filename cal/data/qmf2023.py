"""Protocol ``qmf-2023``: test-time noise as the code released with QMF makes it, on raw inputs.

From github.com/QingyangZhang/QMF (Zhang et al. 2023, Provable Dynamic Fusion for Low-Quality
Multimodal Data), text-image-classification/src/data and RGBD-scene-recognition. eps is its option
``noise`` (MVSA) or ``severity`` (NYUD2), in {0, 5, 10}; 0 is clean. A sample's image is hit with
probability .5, and so is its text; where it is hit:

- **Gaussian**: pixels + sigma N, sigma = 10 eps (MVSA) or eps (NYUD2). Before each draw the code
  seeds NumPy with 0, so N [Y, X], one number for all three channels, is the *same pattern for every
  image of one shape*, for RGB and for depth. Sums above 255 become 255; nothing is done below 0,
  and the cast to uint8 cuts off decimals towards 0 and wraps around: -1.5 is 255, -3 is 253.
- **salt and pepper** (MVSA): with a further probability of eps / 10 (so .5 eps / 10 in all) each
  pixel is 0 with probability .05 and 255 with probability .05, all channels alike.
- **words** (MVSA, beside either): split at single spaces, each is ``_`` with probability eps / 10,
  so at eps 10 every word.

Bit-compatible are the pattern, the sums, the clipping, the wrap-around, the splitting and joining:
a hit image has the released code's bytes. Which samples are hit, which pixels are salted and which
words replaced come there from global generators in the order in which 12 loader processes ask; that
cannot be had again, so here they are functions of (noise seed, sample id, modality) of the same
law. Assumed, or not followed:

- One noise seed hits the same samples at eps 5 and 10 (there too: coins do not depend on eps).
- The cast of negative numbers is that of x86-64, where all of its figures come from: the low byte
  of the integer. C leaves it undefined, and ARM gives 0.
- Pixels come as they are when the code adds noise: MVSA resized to 256, not yet cropped; NYUD2
  resized to 224 x 224. Another width gives another pattern. Frames of a video, of which the code
  has none, all get the one pattern.
- There, seeding NumPy for an image also makes the next sample's words repeat; here they do not.
- A later revision (00f4bc8) has eps / 100 in place of eps / 10 for salt and pepper; this is the one
  of the paper (8c16860, 5be07dc).

Legend: B samples, F frames, Y rows, X columns.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from cal.data.corruptions import Condition
from cal.data.noise import Floats, key_of, uniforms
from cal.data.strategies import with_words_masked
from cal.severities import QMF_2023

Pixels = npt.NDArray[np.uint8]
Ids = npt.NDArray[np.int64]
HIT = 0.5  # of a sample's image, and of its text
DENSITY = 0.1  # share of pixels that are salt or pepper
SIGMA = {"mvsa-single": 10.0, "nyud2": 1.0}  # grey levels for each eps


def pattern(rows: int, columns: int) -> Floats:
    """N [Y, X], standard normal: the first Y X numbers of NumPy's old generator, seeded with 0."""
    return _pattern(rows, columns).copy()


@lru_cache(maxsize=64)
def _pattern(rows: int, columns: int) -> Floats:
    return np.random.RandomState(0).normal(size=(rows, columns))


def cast(values: Floats) -> Pixels:
    """As the released code makes bytes of sums: above 255 is 255, below 0 wraps around."""
    return (np.minimum(values, 255).astype(np.int64) & 255).astype(np.uint8)


def with_gaussian(pixels: Pixels, *, sigma: float) -> Pixels:
    """Pixels [..., Y, X, 3], all with the one pattern; ``sigma`` in grey levels, 0 changes none."""
    rows, columns = pixels.shape[-3:-1]
    return cast(sigma * _pattern(rows, columns)[..., None] + pixels)


def with_salt_and_pepper(pixels: Pixels, draws: Floats) -> Pixels:
    """Pixels [..., Y, X, 3] where ``draws`` [..., Y, X] in (0, 1) below .05 are 0, below .1 255."""
    draws = draws[..., None]
    peppered = np.where(draws < DENSITY / 2, 0, pixels)
    salted = (draws >= DENSITY / 2) & (draws < DENSITY)
    return np.where(salted, 255, peppered).astype(np.uint8)


def hits(condition: Condition, ids: Ids, *, modality: str, image: bool) -> npt.NDArray[np.bool_]:
    """Which samples [B] are hit; salt and pepper has a second coin for images."""
    coins = uniforms(_key(condition, "hit", modality), ids, 2)
    found = coins[:, 0] < HIT
    if condition.severity == 0:
        return np.zeros_like(found)
    if image and condition.kind == "qmf_salt_pepper":
        found &= coins[:, 1] < condition.severity / 10
    return found


def corrupted_pixels(
    pixels: Pixels, ids: Ids, condition: Condition, *, modality: str, data_set: str
) -> Pixels:
    """A batch of images [B, Y, X, 3] or frames [B, F, Y, X, 3], uint8, in a new array.

    Raises ``ValueError`` for another kind of noise, array or data set, or eps outside [0, 10].
    """
    _check(condition)
    if pixels.dtype != np.uint8 or pixels.ndim not in (4, 5) or pixels.shape[-1] != 3:
        given = f"{pixels.dtype} {list(pixels.shape)}"
        raise ValueError(f"pixels: given {given}; allowed: uint8 [B, Y, X, 3] or [B, F, Y, X, 3]")
    if data_set not in SIGMA:
        raise ValueError(f"data_set: given {data_set!r}; allowed: {', '.join(SIGMA)}")
    found = pixels.copy()
    struck = np.flatnonzero(hits(condition, ids, modality=modality, image=True))
    if condition.kind == "qmf_gaussian":
        sigma = SIGMA[data_set] * condition.severity
        found[struck] = with_gaussian(pixels[struck], sigma=sigma)
        return found
    key, (rows, columns) = _key(condition, "pixels", modality), pixels.shape[-3:-1]
    for i in struck:  # one by one: a batch of draws would be eight bytes a pixel
        draws = uniforms(key, ids[i : i + 1], rows * columns).reshape(rows, columns)
        found[i] = with_salt_and_pepper(pixels[i], draws)
    return found


def corrupted_texts(
    texts: Sequence[str], ids: Ids, condition: Condition, *, modality: str
) -> list[str]:
    """A batch of texts [B]. Raises ``ValueError`` for another kind of noise or eps."""
    _check(condition)
    struck = hits(condition, ids, modality=modality, image=False)
    key, share = _key(condition, "words", modality), condition.severity / 10
    masked = with_words_masked(texts, ids, key=key, share=share)
    return [new if on else old for old, new, on in zip(texts, masked, struck, strict=True)]


def _key(condition: Condition, purpose: str, modality: str) -> int:
    """Without eps: one noise seed hits the same samples at each."""
    return key_of("qmf-2023", condition.kind, condition.draw, purpose, modality)


def _check(condition: Condition) -> None:
    if condition.kind not in QMF_2023:
        raise ValueError(f"kind: given {condition.kind!r}; allowed: {', '.join(QMF_2023)}")
    if not 0 <= condition.severity <= 10:
        raise ValueError(f"severity: given eps {condition.severity:g}; allowed: 0 to 10")
