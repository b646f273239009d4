"""Small data of a user's, as modules that a test writes into a folder of its own."""

import sys
from pathlib import Path

import pytest

MODULE = '''
import numpy as np
from torch import nn

from cal.data.raw import Raw
from cal.modalities import Modality


class Tables:
    """Two tables and a useless third one, 240 samples of three classes, eight people."""

    modalities = tuple(Modality(name, "table") for name in ("pulse", "sweat", "shoes"))

    def load(self):
        draw = np.random.default_rng(7)
        labels = np.arange(240) % 3
        person = np.arange(240) // 30
        means = draw.normal(0, 2, (3, 6))
        x = means[labels] + draw.normal(0, 1, (240, 6))
        tables = x[:, :2], x[:, 2:6], draw.normal(0, 1, (240, 2))
        inputs = tuple(table.astype(np.float32) for table in tables)
        return Raw(inputs, labels, groups=person, source={"name": "made up", "licence": "CC0"})


class Encoded(Tables):
    """The same with encoders of its own, and a sixth of the samples without sweat."""

    width = 8

    def load(self):
        raw = super().load()
        raw.inputs[1][::6] = np.nan
        return raw

    def encoder(self, modality):
        features = {"pulse": 2, "sweat": 4, "shoes": 2}[modality]
        return nn.Sequential(nn.Linear(features, 8), nn.ReLU())
'''


def module(folder: Path, patch: pytest.MonkeyPatch, name: str, text: str = MODULE) -> str:
    """Write a module where Python finds it, as in the current folder; its name."""
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    patch.syspath_prepend(folder)
    patch.delitem(sys.modules, name, raising=False)
    return name
