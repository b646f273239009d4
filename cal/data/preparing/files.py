"""Files of a copy: what may be read at all."""

import stat
from pathlib import Path

from cal.data.layouts.index import Damaged, Fault

LARGEST = 1 << 30  # bytes of a file of one sample
PIXELS = 1 << 26  # of a picture: what is larger is taken for a bomb
VIDEO = (".flv", ".mp4")


def content(source: Path, file: str) -> bytes:
    """The bytes of a file that is there, is a plain file and is not empty."""
    path = source / file
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Damaged(Fault(file, "not a file; allowed: a plain file"))
        if status.st_size > LARGEST:
            raise Damaged(Fault(file, f"{status.st_size} bytes; allowed: at most {LARGEST}"))
        found = path.read_bytes()
    except OSError as error:
        raise Damaged(Fault(file, f"cannot be read ({error.strerror})")) from None
    if not found:
        raise Damaged(Fault(file, "empty, 0 bytes"))
    return found
