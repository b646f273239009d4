"""What is written beside the arrays of the modalities: labels, splits, ids, checksums, manifest."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np

from cal.data.layouts.index import SPLITS, Array, Fault, Index, Layout
from cal.data.preparing.journal import Journal
from cal.data.preparing.rows import file_of
from cal.data.preparing.shards import Forms
from cal.data.stored import MANIFEST, SKIPPED

SOURCES = "sources.txt"
Faults = Sequence[tuple[int, Fault]]  # with their rows; -1: of a row of a list, which has none


def digest_of_index(index: Index) -> str:
    """SHA-256 of every sample as the lists give it, and of the classes."""
    digest = hashlib.sha256(json.dumps(index.classes).encode())
    for sample in index.samples:
        plain: list[Any] = [sample.id, sample.label, sample.split, sample.group, sample.text]
        plain += [[name, *files] for name, files in sorted(sample.files.items())]
        digest.update(json.dumps(plain).encode())
    return digest.hexdigest()


def repeated_ids(index: Index) -> list[str]:
    """Ids of more than one sample. By 64 bits of their hash first, for memory."""
    keys = np.fromiter(
        (_key(sample.id) for sample in index.samples), np.uint64, count=len(index.samples)
    )
    values, counts = np.unique(keys, return_counts=True)
    twice = set(values[counts > 1].tolist())
    if not twice:
        return []
    suspects = Counter(sample.id for sample in index.samples if _key(sample.id) in twice)
    return [id for id, number in suspects.items() if number > 1]


def _key(id: str) -> int:
    return int.from_bytes(hashlib.blake2b(id.encode(), digest_size=8).digest(), "big")


def described(
    layout: Layout, index: Index, wanted: Mapping[str, Any], forms: Forms, faults: Faults
) -> dict[str, Any]:
    """The manifest without the checksums."""
    splits = split_codes(index, faults)
    counts = {name: int((splits == code).sum()) for code, name in enumerate(SPLITS)}
    settings = wanted["settings"]
    modalities = {}
    for modality in layout.modalities:
        kind, shape = forms[modality.name]
        entry: dict[str, Any] = {"kind": modality.kind, "file": file_of(modality.name)}
        entry |= {"dtype": np.dtype(kind).name, "shape": [len(index.samples), *shape]}
        if modality.kind == "sound":
            waveform = len(shape) == 1
            entry |= {"rate": settings["rate"], "form": "waveform" if waveform else "spectrogram"}
        modalities[modality.name] = entry
    return {
        **wanted,
        "modalities": modalities,
        "classes": list(index.classes),
        "counts": counts | {"skipped": len(faults)},
        "notes": list(index.notes),
        "skipped": [asdict(fault) for _, fault in faults],
    }


def split_codes(index: Index, faults: Faults) -> Array:
    """[N] uint8: places in ``SPLITS``; 255 for a sample that was skipped."""
    code = {name: i for i, name in enumerate(SPLITS)}
    splits = np.fromiter((code[s.split] for s in index.samples), np.uint8, count=len(index.samples))
    splits[[row for row, _ in faults if row >= 0]] = SKIPPED
    return splits


def write_all(
    journal: Journal, index: Index, manifest: dict[str, Any], faults: Faults
) -> dict[str, Any]:
    """The other arrays, the checksums of the source, and last the manifest, which it gives."""
    folder, samples = journal.data, index.samples
    labels = np.fromiter((sample.label for sample in samples), np.int64, count=len(samples))
    _save(folder / "labels.npy", labels)
    _save(folder / "splits.npy", split_codes(index, faults))
    _save(folder / "ids.npy", _texts(lambda: (s.id for s in samples), len(samples)))
    _save(folder / "groups.npy", _texts(lambda: (s.group for s in samples), len(samples)))
    with (folder / SOURCES).open("w", encoding="utf-8") as file:
        for line in journal.lines():
            file.writelines(f"{text}\n" for text in line["sums"])
        _to_disk(file)
    files = sorted(path for path in folder.iterdir() if path.suffix in (".npy", ".txt"))
    manifest = {**manifest, "files": {path.name: sha256(path) for path in files}}
    manifest["digest"] = digest_of(manifest)
    with (folder / MANIFEST).open("w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=1)
        _to_disk(file)
    return manifest


def digest_of(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of all but the digest itself; with the files' SHA-256 in it, of the data."""
    told = {key: value for key, value in manifest.items() if key != "digest"}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def sha256(path: Path) -> str:
    """Of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _texts(texts: Callable[[], Iterator[str]], count: int) -> Array:
    """[N] bytes, as wide as the longest."""
    width = max((len(text.encode()) for text in texts()), default=0)
    encoded = (text.encode() for text in texts())
    return np.fromiter(encoded, np.dtype(f"S{max(1, width)}"), count=count)


def _save(path: Path, array: Array) -> None:
    with path.open("wb") as file:
        np.lib.format.write_array(file, array, allow_pickle=False)
        _to_disk(file)


def _to_disk(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())
