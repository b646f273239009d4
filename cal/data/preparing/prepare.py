"""The user's copy of a data set -> a folder of prepared data (``cal.data.stored``), once.

Samples are decoded in parallel by whatever map is given, shard by shard; this process alone writes.
Work is kept in OUT.partial, so the same call goes on after any interruption; OUT appears whole, by
one rename.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from cal.cli import StoppedError
from cal.config import ConfigError
from cal.data.layouts.index import Damaged, Fault, Index, Layout, Settings
from cal.data.preparing.journal import Journal, difference
from cal.data.preparing.manifest import described, digest_of_index, repeated_ids, write_all
from cal.data.preparing.rows import Rows
from cal.data.preparing.shards import (
    Decoder,
    Forms,
    decoded,
    forms_of,
    row_bytes,
    shard_size,
    works,
)
from cal.data.stored import FORMAT, MANIFEST, open_stored

T = TypeVar("T")
U = TypeVar("U")
OnError = Literal["fail", "skip"]
TOLD = 20  # faults that are printed; the others are counted


class Map(Protocol):
    """``map``, or one that works in parallel and gives results in any order."""

    def __call__(self, function: Callable[[T], U], items: Iterable[T], /) -> Iterator[U]:
        """Must not run far ahead of what was taken: results are large."""


@dataclass(frozen=True)
class Step:
    """How far it is, in samples."""

    done: int
    total: int
    faults: int


@dataclass(frozen=True)
class Done:
    """``already``: it was there before."""

    folder: Path
    manifest: Mapping[str, Any]
    already: bool


def prepare(
    layout: Layout,
    source: Path,
    out: Path,
    *,
    settings: Settings | None = None,
    on_error: OnError = "fail",
    flow: Map = map,
    seen: Callable[[Step], None] = lambda step: None,
) -> Done:
    """Decode all samples of ``source`` into ``out``.

    ``on_error``: fail lists every fault and publishes nothing, but keeps what was decoded; skip
    leaves the samples out, names them in the manifest and counts them. Raises ``ConfigError`` for
    faults, for an ``out`` that holds or was begun with something else, for too small a disk;
    ``StoppedError`` where writing fails.
    """
    settings = settings or layout.settings
    index = layout.index(source)
    if repeated := repeated_ids(index):
        raise ConfigError(f"--source: given {source}; id {repeated[0]!r} belongs to two samples")
    wanted = {
        "format": FORMAT,
        "data_set": layout.name,
        "settings": asdict(settings),
        "index": digest_of_index(index),
    }
    partial = out.with_name(f"{out.name}.partial")
    if (already := _published(out, wanted, on_error)) is not None:
        shutil.rmtree(partial, ignore_errors=True)  # a rename whose driver died after it
        return Done(out, already, already=True)
    with Journal(partial) as journal:
        begun = journal.begun(wanted)
        forms: Forms = {
            name: (kind, tuple(shape)) for name, (kind, shape) in begun.get("rows", {}).items()
        } or first_forms(layout, source, index, settings)
        size = begun.get("shard", shard_size(forms))
        _room(out, forms, len(index.samples))
        journal.begin({**wanted, "rows": forms, "shard": size})
        decoder = Decoder(layout, source, settings, forms)
        with Rows(journal.data, forms, len(index.samples)) as rows:
            _fill(index, decoder, journal, rows, size=size, flow=flow, seen=seen)
        faults = [*((-1, fault) for fault in index.faults), *journal.faults()]
        if faults and on_error == "fail":
            raise ConfigError(_refusal(source, partial, [fault for _, fault in faults]))
        manifest = described(layout, index, wanted, forms, faults)
        manifest = write_all(journal, index, manifest, faults)
        os.rename(journal.data, out)
        _sync(out.parent)
    shutil.rmtree(partial, ignore_errors=True)
    return Done(out, manifest, already=False)


def _published(out: Path, wanted: Mapping[str, Any], on_error: OnError) -> Mapping[str, Any] | None:
    """The manifest that is there, if it is of the same. Raises ``ConfigError`` for another."""
    if not out.exists():
        return None
    if not (out / MANIFEST).is_file():
        raise ConfigError(f"--out: {out} is there and holds no prepared data; give another")
    manifest = open_stored(out).manifest
    if told := difference(manifest, wanted):
        raise ConfigError(f"--out: {out} holds data of {told}; give another --out, or remove it")
    skipped = len(manifest["skipped"])
    if skipped and on_error == "fail":
        raise ConfigError(
            f"--out: {out} was prepared without {skipped} damaged samples; allowed: --on-error "
            "skip, or another --out"
        )
    return manifest


def first_forms(layout: Layout, source: Path, index: Index, settings: Settings) -> Forms:
    """What the first sample that can be decoded is like. Raises ``ConfigError`` if none can."""
    faults: list[Fault] = []
    for sample in index.samples:
        try:
            return forms_of(decoded(layout, source, sample, settings))
        except Damaged as error:
            faults.append(error.fault)
    first = f"; the first fault: {faults[0]}" if faults else ""
    raise ConfigError(
        f"--source: given {source}; none of {len(faults)} samples can be decoded{first}"
    )


def _room(out: Path, forms: Forms, count: int) -> None:
    """Refuse before hours of work, not after. What was written before is not counted twice."""
    needed = row_bytes(forms) * count
    written = sum(path.stat().st_blocks * 512 for path in _partial_files(out))
    free = shutil.disk_usage(out.parent).free + written
    if needed > free:
        raise ConfigError(
            f"--out: given {out}; needs {needed / 1e9:.1f} GB, free are {free / 1e9:.1f} GB"
        )


def _partial_files(out: Path) -> Iterator[Path]:
    return out.with_name(f"{out.name}.partial").glob("data/*.npy")


def _fill(
    index: Index,
    decoder: Decoder,
    journal: Journal,
    rows: Rows,
    *,
    size: int,
    flow: Map,
    seen: Callable[[Step], None],
) -> None:
    """Decode what is not finished, write it, and then say so in the journal."""
    total, finished = len(index.samples), journal.finished
    done = sum(min(size, total - number * size) for number in finished)
    faults = len(index.faults)
    seen(Step(done, total, faults))
    for shard in flow(decoder, works(index.samples, size, but=finished)):
        try:
            rows.write(shard.first, shard.arrays)
            journal.write(shard)
        except OSError as error:
            raise StoppedError(
                f"--out: {journal.folder} cannot be written ({error.strerror}); what was done "
                "stays: give the command again"
            ) from None
        done, faults = done + shard.size, faults + len(shard.faults)
        seen(Step(done, total, faults))


def listed(faults: Iterable[Fault]) -> list[str]:
    """One line a fault, with the sample where its file does not name it."""
    lines = []
    for fault in faults:
        also = (
            f" (sample {fault.sample})" if fault.sample and fault.sample not in fault.file else ""
        )
        lines.append(f"{fault}{also}")
    return lines


def _refusal(source: Path, partial: Path, faults: list[Fault]) -> str:
    lines = listed(faults)
    file = partial / "faults.txt"
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    more = len(lines) - TOLD
    told = [f"--source: given {source}; {len(lines)} damaged or missing:", *lines[:TOLD]]
    told += [f"and {more} more"] if more > 0 else []
    return "\n".join(
        [*told, f"all are in {file}; mend them, or leave those samples out by --on-error skip"]
    )


def _sync(folder: Path) -> None:
    """The rename is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
