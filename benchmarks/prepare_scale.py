"""A million samples of 2 kB through ``prepare`` on Ray, one epoch of reading, and the memory.

    python -m benchmarks.prepare_scale [--samples 1000000] [--workers 2] [--folder DIR]

Each sample is a file of its own, 512 float32 in 1000 folders; the folder (about 9 GB for a million)
is made and removed. Reads in random order, batches of 256, as training does, first from the disk.
Memory in MB is this process's own (RssAnon of /proc/self/status): pages of mapped files are the
kernel's to take back.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, overload

import numpy as np

from cal.adapters import ray_cluster
from cal.cli import say
from cal.data.layouts.index import Array, Index, Sample, Settings, SplitName
from cal.data.preparing.prepare import Step, prepare
from cal.data.stored import open_stored
from cal.modalities import Modality

WIDTH, FOLDERS, BATCH = 512, 1000, 256


@dataclass(frozen=True)
class Samples(Sequence[Sample]):
    """Made when they are asked for: a million of them as objects would take 700 MB."""

    count: int

    def __len__(self) -> int:
        return self.count

    @overload
    def __getitem__(self, at: int) -> Sample: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Sample]: ...
    def __getitem__(self, at: Any) -> Any:
        if not 0 <= at < self.count:
            raise IndexError(at)
        split: SplitName = "test" if at % 5 == 4 else "train"
        return Sample(f"s{at}", at % 10, split, {"value": (file_of(at),)})


def file_of(at: int) -> str:
    return f"{at % FOLDERS}/{at}.bin"


def row(at: int) -> np.ndarray:
    """Which no other sample has."""
    return np.arange(at, at + WIDTH, dtype=np.float32)


@dataclass(frozen=True)
class Vectors:
    """A layout of ``count`` files of 2 kB."""

    count: int
    name: str = "vectors"
    modalities: tuple[Modality, ...] = (Modality("value", "table"),)
    settings: Settings = Settings()

    @property
    def published(self) -> Mapping[SplitName, int]:
        return {}

    def index(self, source: Path) -> Index:
        return Index(Samples(self.count), tuple(map(str, range(10))))

    def decode(self, source: Path, sample: Sample, settings: Settings) -> dict[str, Array]:
        (file,) = sample.files["value"]
        return {"value": np.frombuffer((source / file).read_bytes(), np.float32)}


def memory() -> dict[str, int]:
    """MB of this process: own now, mapped files now, and the peak of both."""
    status = dict(
        line.split(":", 1)
        for line in Path("/proc/self/status").read_text().splitlines()
        if ":" in line
    )
    fields = {"own": "RssAnon", "files": "RssFile", "shared": "RssShmem", "peak": "VmHWM"}
    return {name: int(status[field].split()[0]) // 1024 for name, field in fields.items()}


def largest_worker() -> int:
    """MB own of the largest process of Ray."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(b"ray::"):
                lines = (path.parent / "status").read_text().splitlines()
                own = next(line for line in lines if line.startswith("RssAnon"))
                found = max(found, int(own.split()[1]) // 1024)
        except (OSError, StopIteration):  # it has ended
            continue
    return found


class Watch:
    """Memory at every tenth, and the largest of the workers."""

    def __init__(self) -> None:
        self.tenths: dict[int, dict[str, int]] = {}
        self.worker = 0

    def __call__(self, step: Step) -> None:
        tenth = 10 * step.done // step.total
        if tenth not in self.tenths:
            self.tenths[tenth] = memory()
            self.worker = max(self.worker, largest_worker())
            say(f"{step.done} of {step.total}: {self.tenths[tenth]}, worker {self.worker} MB")


def written(folder: Path, count: int) -> Path:
    for i in range(FOLDERS):
        (folder / str(i)).mkdir(parents=True)
    for at in range(count):
        (folder / file_of(at)).write_bytes(row(at).tobytes())
    return folder


def epoch(root: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Ids and rows of each batch, in random order."""
    values = open_stored(root).array("value")
    order = np.random.default_rng(0).permutation(len(values))
    for first in range(0, len(order), BATCH):
        ids = order[first : first + BATCH]
        yield ids, values[ids]


def read(root: Path) -> dict[str, Any]:
    begun, samples, most = time.perf_counter(), 0, memory()["own"]
    for ids, rows in epoch(root):
        assert np.array_equal(rows[:, 0], ids.astype(np.float32))
        samples += len(ids)
        if samples % (BATCH * 100) == 0:
            most = max(most, memory()["own"])
    seconds = time.perf_counter() - begun
    return {"seconds": round(seconds, 1), "samples_per_s": round(samples / seconds), "own": most}


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--samples", type=int, default=1_000_000)
    p.add_argument("--workers", type=int, default=2)
    p.add_argument("--folder", type=Path, default=None)
    options = p.parse_args()
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        begun = time.perf_counter()
        source = written(folder / "source", options.samples)
        say(f"written in {time.perf_counter() - begun:.0f} s")
        say(ray_cluster.connect(cpus=options.workers))
        before, watch, begun = memory(), Watch(), time.perf_counter()
        flow = partial(ray_cluster.flow, ahead=options.workers + 1)
        done = prepare(Vectors(options.samples), source, folder / "out", flow=flow, seen=watch)
        seconds = time.perf_counter() - begun
        told = {"samples": options.samples, "workers": options.workers, "before": before}
        told |= {"prepare_s": round(seconds, 1), "per_s": round(options.samples / seconds)}
        told |= {"by_tenth": watch.tenths, "worker": watch.worker, "after": memory()}
        ray_cluster.disconnect()
        with (done.folder / "value.npy").open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        told |= {"first_epoch": read(done.folder), "second_epoch": read(done.folder)}
        print(json.dumps(told, indent=1))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
