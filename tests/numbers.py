"""A small layout of one's own: its samples are read, interrupted, damaged and counted in tests."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cal.data.layouts.index import Array, Damaged, Fault, Index, Sample, Settings, SplitName
from cal.data.preparing import shards
from cal.data.preparing.prepare import Done, prepare
from cal.modalities import Modality


@dataclass
class Numbers:
    """A layout of one table: sample i is the file i.txt, which holds a number."""

    count: int = 10
    damaged: frozenset[int] = frozenset()
    gone: tuple[Fault, ...] = ()
    read: list[int] = field(default_factory=list)  # what was decoded
    name: str = "numbers"
    modalities: tuple[Modality, ...] = (Modality("value", "table"),)
    published: dict[SplitName, int] = field(default_factory=dict)
    settings: Settings = Settings()

    def index(self, source: Path) -> Index:
        splits: tuple[SplitName, ...] = ("train", "train", "train", "validation", "test")
        samples = [
            Sample(f"s{i}", i % 2, splits[i % 5], {"value": (f"{i}.txt",)}, f"g{i // 2}")
            for i in range(self.count)
        ]
        return Index(samples, ("even", "odd"), self.gone)

    def decode(self, source: Path, sample: Sample, settings: Settings) -> dict[str, Array]:
        number = int(sample.id[1:])
        self.read.append(number)
        if number in self.damaged:
            raise Damaged(Fault(f"{number}.txt", "no number"))
        value = float((source / f"{number}.txt").read_text())
        return {"value": np.array([value, settings.size], np.float32)}


def of_ten(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """A source of ten, and three samples of 8 bytes a shard: 0-2, 3-5, 6-8, 9."""
    patch.setattr(shards, "BYTES", 24)
    source = folder / "source"
    source.mkdir()
    for i in range(10):
        (source / f"{i}.txt").write_text(str(i * 1.5))
    return source


def made(source: Path, layout: Numbers | None = None, name: str = "out", **given: Any) -> Done:
    return prepare(layout or Numbers(), source, source.parent / name, **given)


def interrupted(after: int) -> Callable[..., Iterator[Any]]:
    """A map that ends as Ctrl-C does after some shards."""

    def flow(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        for done, item in enumerate(items):
            if done == after:
                raise KeyboardInterrupt
            yield function(item)

    return flow
