"""Seeds of searches and of their samplers. Pure."""

import hashlib

FIRST_SEED = 1000  # of searches and of tuning; those of reports lie below


def sampler_seed(*words: str) -> int:
    """A seed that depends on the words alone: which study, which arm."""
    return int.from_bytes(hashlib.sha256("/".join(words).encode()).digest()[:4], "big")
