"""A data set before splitting and standardisation."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Raw:
    """Every sample. ``inputs`` M x [N, ...] float32; ``labels`` [N].

    ``per_feature``: standardise each feature on its own (tables); otherwise one mean and standard
    deviation a modality (images, spectrograms). ``source``: name, licence, DOI.
    """

    inputs: tuple[npt.NDArray[np.float32], ...]
    labels: npt.NDArray[np.uint8]
    per_feature: bool
    source: Mapping[str, str]
