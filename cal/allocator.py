"""Keep freed buffers in the process: glibc gives large ones back to the system after each step,
which then hands out zeroed pages again, for up to 2 ms a step and run of a pack of CNNs.
"""

import ctypes

TRIM_THRESHOLD, MMAP_MAX = -1, -4  # of malloc.h


def keep_freed_memory() -> bool:
    """For the rest of the process; False where the C library has no such setting (no glibc)."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(MMAP_MAX, 0) and mallopt(TRIM_THRESHOLD, 2**31 - 1))
