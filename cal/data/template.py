"""Your own data: copy this file, change what ``load`` and ``encoder`` do. See docs/own-data.md.

It runs as it is, on digits that the package ships::

    python -m cal.data check cal.data.template:MyData
    python -m cal.train data.name=cal.data.template:MyData model.encoder=own

Yours is ``data.name=my_module:MyData`` for a file my_module.py in the current folder.
"""

import numpy as np
from torch import nn

from cal.data.assets import read
from cal.data.raw import Raw
from cal.modalities import Modality


class MyData:
    """Three views of handwritten digits: a picture, its moments, its outline's Fourier terms."""

    modalities = (
        Modality("picture", "image"),  # image [C, Y, X]: spectrograms as well
        Modality("moments", "table"),  # table: anything else; with encoders of yours any shape
        Modality("outline", "table"),
    )
    width = 32  # H, features of a sample that each encoder gives; fewer are filled up with 0

    def load(self) -> Raw:
        """Every sample, not standardised, the same each time. Called in each process once."""
        arrays = read("handwritten", "handwritten.npz")
        picture = arrays["pix"].astype(np.float32).reshape(-1, 1, 16, 15)
        moments = arrays["zer"].astype(np.float32)
        moments[np.random.default_rng(0).random(len(moments)) < 0.2] = np.nan  # missing there
        outline = arrays["fou"].astype(np.float32)
        return Raw(
            inputs=(picture, moments, outline),  # float32 [N, ...], in the order above
            labels=arrays["labels"].astype(np.int64),  # [N], from 0 without gaps
            source={"name": "UCI Multiple Features", "licence": "CC BY 4.0"},
            official=None,  # [N]: 0 train, 1 validation, 2 test, where they are given
            groups=None,  # [N]: who or what must not stand in two parts (data.select_by_group)
        )

    def encoder(self, modality: str) -> nn.Module:
        """[B, ...] -> [B, H], begun at random. Leave it out to use ours: ``mlp``, ``cnn``, ..."""
        if modality == "picture":
            return nn.Sequential(
                nn.Conv2d(1, 8, kernel_size=3, padding=1),
                nn.ReLU(),
                nn.AdaptiveAvgPool2d(4),
                nn.Flatten(),
                nn.Linear(8 * 4 * 4, self.width),
            )
        features = {"moments": 47, "outline": 76}[modality]
        return nn.Sequential(nn.Linear(features, self.width), nn.ReLU())
