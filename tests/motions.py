"""A small file as examples/motions.py reads it: ten people, seven exercises, either arm."""

from pathlib import Path

import numpy as np

RATE = 50  # Hz


def recording(exercise: int, person: int, arm: int, *, windows: int) -> np.ndarray:
    """[T, 6]: each exercise turns at its own speed about its own axis; 30 samples are over."""
    count = windows * 200 + 30
    draw = np.random.default_rng([exercise, person, arm])
    time = np.arange(count) / RATE
    phase = draw.uniform(0, 2 * np.pi)
    signal = 0.2 * draw.normal(size=(count, 6))
    signal[:, exercise % 3] += np.sin(2 * np.pi * (0.3 + 0.2 * exercise) * time + phase)
    signal[:, 3 + exercise % 2] += 2 * np.cos(2 * np.pi * (0.3 + 0.2 * exercise) * time + phase)
    return signal * (1 if arm else -1)


def write(path: Path, *, windows: int = 2) -> Path:
    """As numpy writes one mapping: a .npy file of objects."""
    who = [(e, p, a) for e in range(7) for p in range(1, 11) for a in (0, 1)]
    content = {
        "X": [recording(*one, windows=windows) for one in who],
        "y": np.array([e for e, _, _ in who]),
        "side": np.array([float(a) for _, _, a in who]),
        "subject": np.array([p for _, p, _ in who]),
        "X_labels": ["ax", "ay", "az", "wx", "wy", "wz"],
        "y_labels": list("ABCDEFG"),
    }
    np.save(path, np.array(content, dtype=object), allow_pickle=True)
    return path
