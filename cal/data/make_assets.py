"""Makes the packaged data files from their sources, and prints their digests.

    python -m cal.data.make_assets --mfeat DIR --out cal/data/assets

``--mfeat``: the UCI "Multiple Features" views as mfeat-{fac,fou,kar,mor,pix,zer}.csv (row 0: column
numbers, last column: the digit). The digits come from scikit-learn, which only this script needs.
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

from cal.modalities import VIEWS


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mfeat", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for view in VIEWS:
        path = options.mfeat / f"mfeat-{view}.csv"
        table = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.float64)
        arrays[view] = table[:, :-1].astype(np.float32)
        labels = table[:, -1].astype(np.uint8)
        if not np.array_equal(arrays.setdefault("labels", labels), labels):
            raise ValueError(f"{path}: labels differ from those of the other views")
    digits = load_digits()
    images = digits.images.astype(np.uint8)
    np.savez_compressed(options.out / "handwritten.npz", allow_pickle=False, **arrays)
    np.savez_compressed(
        options.out / "digits.npz", images=images, labels=digits.target.astype(np.uint8)
    )
    for name in ("handwritten.npz", "digits.npz"):
        print(name, hashlib.sha256((options.out / name).read_bytes()).hexdigest())


if __name__ == "__main__":
    main()
