"""A layout of one's own, for test_prepare: its later samples wait for a file named ``go``."""

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cal.data.layouts.index import Array, Index, Sample, Settings, SplitName
from cal.modalities import Modality

COUNT, FREE = 20_000, 4096  # samples of a shard: the first shard does not wait


class Gated:
    """Numbered tables; from number 4096 on they wait for SOURCE/go."""

    name = "gated"
    modalities = (Modality("value", "table"),)
    published: Mapping[SplitName, int] = {}
    settings = Settings()

    def index(self, source: Path) -> Index:
        samples = [Sample(str(i), i % 2, "train" if i % 3 else "test") for i in range(COUNT)]
        return Index(samples, ("even", "odd"))

    def decode(self, source: Path, sample: Sample, settings: Settings) -> dict[str, Array]:
        while int(sample.id) >= FREE and not (source / "go").exists():
            time.sleep(0.05)
        return {"value": np.full(8, int(sample.id), np.float32)}
