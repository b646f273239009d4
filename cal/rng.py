"""A run's random numbers: a generator for each purpose, and the global states as plain data.

Our code draws only from its own generators, each part from another, so that adding a part leaves
the others as they were. Dropout and third-party code draw from the global states (Python, NumPy,
torch), of which a run has its own set.
"""

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

State = dict[str, Any]


def derived_seed(seed: int, part: str) -> int:
    """A 63-bit seed for one purpose (``"encoders"``, ``"order"``) of the run with ``seed``."""
    digest = hashlib.sha256(f"{seed}:{part}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generators(seeds: Sequence[int], part: str) -> list[torch.Generator]:
    """One CPU generator per replica."""
    return [torch.Generator().manual_seed(derived_seed(seed, part)) for seed in seeds]


class Draws:
    """A pack's generators: of each run one for every purpose, whatever company it is in."""

    def __init__(self, seeds: Sequence[int], *purposes: str) -> None:
        self.by_purpose = {purpose: generators(seeds, purpose) for purpose in purposes}

    def permutations(self, purpose: str, count: int) -> Tensor:
        """[R, count]: an order of ``count`` items for each run."""
        draws = self.by_purpose[purpose]
        return torch.stack([torch.randperm(count, generator=draw) for draw in draws])

    def normals(self, purpose: str, shape: Sequence[int], *, on: Sequence[bool]) -> Tensor:
        """[R, *shape] standard normal; 0 and nothing drawn where a run is not ``on``."""
        drawn = torch.zeros(len(on), *shape)
        for own, draw, wanted in zip(drawn, self.by_purpose[purpose], on, strict=True):
            if wanted:
                torch.randn(*shape, generator=draw, out=own)
        return drawn

    def state(self, r: int) -> dict[str, Tensor]:
        """The generators' states of run ``r``."""
        return {purpose: draws[r].get_state() for purpose, draws in self.by_purpose.items()}

    def load(self, states: Sequence[Mapping[str, Tensor]]) -> None:
        """One of ``state`` for each run."""
        for purpose, draws in self.by_purpose.items():
            for draw, state in zip(draws, states, strict=True):
                draw.set_state(state[purpose])


def capture() -> State:
    """All global states, loadable with ``torch.load(weights_only=True)``."""
    name, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    version, internal, normal = random.getstate()
    state: State = {
        "python": (version, internal, normal),
        "numpy": (
            name,
            torch.from_numpy(np.asarray(keys).astype(np.int64)),
            position,
            has_gauss,
            gauss,
        ),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def restore(state: State) -> None:
    """Set all global states to what ``capture`` saw."""
    version, internal, normal = state["python"]
    random.setstate((version, tuple(internal), normal))
    name, keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, gauss))
    torch.set_rng_state(state["torch"])
    if "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"])


def seeded(seed: int) -> State:
    """The states right after seeding everything with ``seed``; the caller's are left alone."""
    with borrowed(None) as own:
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.default_generator.manual_seed(seed)
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.manual_seed(seed)
        own.update(capture())
    return own


@contextmanager
def borrowed(state: State | None) -> Iterator[State]:
    """Run a block under ``state`` (None: the present one); afterwards the caller's come back.

    Yields a dict that the block may fill.
    """
    outside = capture()
    if state is not None:
        restore(state)
    try:
        yield {}
    finally:
        restore(outside)
