"""A data set in memory before splitting and standardisation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Raw:
    """Every sample. ``inputs`` M x [N, ...] float32, in which a row of NaN is a modality that the
    sample lacks; ``labels`` [N] from 0.

    ``per_feature``: standardise each feature on its own (tables); otherwise one mean and standard
    deviation a modality (images, spectrograms). ``source``: name, licence, DOI. ``official`` [N]: 0
    train, 1 validation, 2 test, where they are published; ``groups`` [N]: speakers and the like,
    for ``data.select_by_group``.
    """

    inputs: tuple[npt.NDArray[np.float32], ...]
    labels: npt.NDArray[np.integer[Any]]
    per_feature: bool
    source: Mapping[str, str] = field(default_factory=dict)
    official: npt.NDArray[np.integer[Any]] | None = None
    groups: npt.NDArray[Any] | None = None
