"""Reading packaged data files: digest checked, arrays only (no pickle)."""

import hashlib
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cal.config import ConfigError
from cal.digests import SHA256

FOLDER = Path(__file__).parent / "assets"


def read(data_set: str, file: str) -> dict[str, npt.NDArray[np.generic]]:
    """The arrays of one file. Raises ``ConfigError`` if it is missing or not what we shipped."""
    path = FOLDER / file
    expected = SHA256[data_set][file]
    content = b""
    try:
        content = path.read_bytes()
        found = hashlib.sha256(content).hexdigest()
    except OSError as error:
        found = f"none ({error.strerror})"
    if found != expected:
        raise ConfigError(
            f"data.name: {data_set} needs {path} with SHA-256 {expected}, found {found}; "
            "install the package again"
        )
    with np.load(BytesIO(content), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
