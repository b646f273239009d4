"""handwritten: six feature views of 2,000 digits (UCI Multiple Features, CC BY 4.0)."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from cal.config import Data
from cal.data.assets import read
from cal.data.noise import key_of, normals
from cal.data.raw import Raw
from cal.modalities import VIEWS

NAMES = VIEWS
SOURCE = {"name": "UCI Multiple Features", "licence": "CC BY 4.0", "doi": "10.24432/C5HC70"}


@lru_cache(maxsize=1)
def load() -> Raw:
    """The views as [2000, D_m] float32, not yet standardised."""
    arrays = read("handwritten", "handwritten.npz")
    inputs = tuple(arrays[name].astype(np.float32) for name in NAMES)
    labels = arrays["labels"].astype(np.uint8)
    return Raw(inputs=inputs, labels=labels, per_feature=True, source=SOURCE)


@lru_cache(maxsize=64)
def _noise(view: str, count: int, width: int) -> npt.NDArray[np.float32]:
    key = key_of("corrupt_views", view)
    return normals(key, np.arange(count), width).astype(np.float32)


def drowned(data: Data, name: str, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A standardised view [2000, D_m], with N(0, sigma^2) added if ``corrupt_views`` names it."""
    if name not in data.corrupt_views:
        return inputs
    return inputs + np.float32(data.corrupt_sigma) * _noise(name, *inputs.shape)
