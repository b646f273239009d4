"""What the C library does with freed buffers.

Kept, they cost nothing when they are asked for again. glibc gives large ones back to the system
after each step, which then hands out zeroed pages: up to 2 ms a step and run of a pack of CNNs.
"""

import ctypes
from contextlib import suppress

TRIM_THRESHOLD, MMAP_MAX = -1, -4  # of malloc.h


def keep_freed_memory() -> bool:
    """For the rest of the process; False where the C library has no such setting (no glibc)."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(MMAP_MAX, 0) and mallopt(TRIM_THRESHOLD, 2**31 - 1))


def give_back_memory() -> None:
    """Freed buffers to the system, so that what a process holds is what it uses; glibc only."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
