"""Which exercise? A smartwatch's accelerometer, its gyroscope, and the arm that wears it.

Real data: 140 recordings at 50 Hz of ten people doing seven shoulder exercises with either arm
(Burns et al. 2018, arXiv 1802.01489), as the package seglearn ships them (BSD 3-clause licence)::

    .venv/bin/pip install --no-deps seglearn    # 18 MB; only its data file is read
    .venv/bin/python -m cal.data check examples.motions:Motions
    .venv/bin/python -m ablations.full --config examples/motions.yaml

``MOTIONS=/path/to/watch_dataset.npy`` names the file where the package is not installed.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from cal.config import ConfigError
from cal.data.preparing.unpickling import plain_of
from cal.data.raw import Raw
from cal.modalities import Modality

WINDOW = 200  # samples: 4 s at 50 Hz, one or two repetitions of an exercise
TESTED = (8, 9, 10)  # people nobody trains on
SOURCE = {
    "name": "seglearn watch_dataset (Burns et al. 2018, arXiv 1802.01489)",
    "licence": "BSD 3-Clause, D. Burns",
}


class Motions:
    """Windows of 4 s: acceleration and rotation [3, 100] at 25 Hz, arm [1]. Three people tested."""

    modalities = (
        Modality("acceleration", "table"),
        Modality("rotation", "table"),
        Modality("arm", "table"),
    )
    width = 32

    def load(self) -> Raw:
        """Every window, none overlapping another."""
        recordings = read(place())
        parts = [windows(recording) for recording in recordings["X"]]
        counts = [len(part) for part in parts]
        signal = np.concatenate(parts)
        arm, label, person = (np.repeat(recordings[k], counts) for k in ("side", "y", "subject"))
        signal[np.repeat(self.off(len(counts)), counts) & ~np.isin(person, TESTED), 3:] = np.nan
        return Raw(
            inputs=(signal[:, :3], signal[:, 3:], arm[:, None].astype(np.float32)),
            labels=label.astype(np.int64),
            source=SOURCE,
            official=np.where(np.isin(person, TESTED), 2, 0),
            groups=person.astype(np.int64),
        )

    def off(self, recordings: int) -> npt.NDArray[np.bool_]:
        """[recordings]: in which the gyroscope was off. In none."""
        return np.zeros(recordings, dtype=np.bool_)

    def encoder(self, modality: str) -> nn.Module:
        """[B, 3, 100] or [B, 1] -> [B, 32]."""
        if modality == "arm":
            return nn.Sequential(nn.Linear(1, self.width), nn.ReLU())
        return nn.Sequential(
            nn.Conv1d(3, 16, kernel_size=9, stride=2, padding=4),
            nn.ReLU(),
            nn.Conv1d(16, self.width, kernel_size=9, stride=2, padding=4),
            nn.ReLU(),
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
        )


class SavedBattery(Motions):
    """The same with the gyroscope off, to save the battery, in a random half of the recordings that
    are trained on: rows of NaN. Tested people have both sensors.
    """

    def off(self, recordings: int) -> npt.NDArray[np.bool_]:
        """The same half each time."""
        return np.asarray(np.random.default_rng(0).permutation(recordings) % 2 == 0)


def place() -> Path:
    """The data file. Raises ``ConfigError`` where it is not there."""
    found = find_spec("seglearn")  # which is found, and not run
    given = os.environ.get("MOTIONS")
    if given is None and found is not None and found.origin:
        given = str(Path(found.origin).with_name("data") / "watch_dataset.npy")
    if given is None or not Path(given).is_file():
        raise ConfigError(
            f"MOTIONS: given {given or 'none'}; allowed: the path of watch_dataset.npy, or none "
            "with seglearn installed (pip install --no-deps seglearn)"
        )
    return Path(given)


def read(path: Path) -> dict[str, Any]:
    """A .npy file of one mapping: X, a list of [T, 6] (3 axes of acceleration, 3 of rotation); y,
    side and subject [len(X)]. Read without running anything that a pickle may name.
    """
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        content = file.read()
    return dict(plain_of(path.name, content).item())


def windows(recording: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """[T, 6] -> [T // 200, 6, 100]: the rest is left out, two neighbours are averaged."""
    count = len(recording) // WINDOW
    whole = recording[: count * WINDOW].reshape(count, WINDOW // 2, 2, 6).mean(2)
    return np.ascontiguousarray(whole.transpose(0, 2, 1), dtype=np.float32)
