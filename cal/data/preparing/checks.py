"""What a copy of a data set, or a folder of prepared data, holds and lacks: plain data for JSON."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from cal.config import ConfigError
from cal.data.layouts.index import SPLITS, Array, Fault, Index, Layout, Settings
from cal.data.preparing.manifest import digest_of, sha256
from cal.data.preparing.prepare import Map, Step, first_forms
from cal.data.preparing.rows import file_of
from cal.data.preparing.shards import Decoder, Shard, files_of, shard_size, works
from cal.data.stored import SKIPPED, Stored, open_stored

NAMED = 20  # duplicates that are named; all are counted
BLOCK = 8 << 20  # bytes that are read at a time
Seen = Callable[[Step], None]


@dataclass
class Report:
    """One check. ``damaged`` empty: everything that the lists name is there and can be read."""

    data_set: str
    where: str
    samples: int = 0
    splits: dict[str, dict[str, int | None]] = field(default_factory=dict)  # found, published
    classes: dict[str, dict[str, int]] = field(default_factory=dict)  # by class, by split
    damaged: list[dict[str, str]] = field(default_factory=list)  # file, reason, sample
    groups: dict[str, int] = field(default_factory=dict)  # how many, and of which pair of splits
    texts: dict[str, Any] = field(default_factory=dict)  # in more than one sample
    files: dict[str, Any] = field(default_factory=dict)  # the same content in several samples
    blank: list[dict[str, str]] = field(default_factory=list)  # silence, pictures of one colour
    notes: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def check_source(
    layout: Layout,
    source: Path,
    *,
    settings: Settings | None = None,
    flow: Map = map,
    seen: Seen = lambda step: None,
) -> Report:
    """Decode everything as ``prepare`` would and keep nothing. Raises ``ConfigError`` where the
    source is no such layout.
    """
    settings, index = settings or layout.settings, layout.index(source)
    samples = index.samples
    report = Report(layout.name, str(source), len(samples), notes=list(index.notes))
    faults = [*index.faults]
    texts, contents = Repeated(), Repeated()
    words = frozenset(m.name for m in layout.modalities if m.kind == "text")
    forms = first_forms(layout, source, index, settings)
    decoder = Decoder(layout, source, settings, forms, kept=words)
    done = 0
    seen(Step(0, len(samples), len(faults)))
    for shard in flow(decoder, works(samples, shard_size(forms))):
        faults += [fault for _, fault in shard.faults]
        _note(shard, index, texts=texts, contents=contents, report=report)
        done += shard.size
        seen(Step(done, len(samples), len(faults)))
    report.damaged = [asdict(fault) for fault in faults]
    codes = np.array([SPLITS.index(sample.split) for sample in samples], np.uint8)
    labels = np.array([sample.label for sample in samples], np.int64)
    published = layout.published if index.published is None else index.published
    _count(report, codes, labels, index.classes, published)
    report.groups = _groups(codes, [sample.group for sample in samples])
    names = _Names(codes, lambda row: samples[row].id)
    report.texts, report.files = names.repeated(texts), names.repeated(contents)
    return report


def _note(
    shard: Shard, index: Index, *, texts: "Repeated", contents: "Repeated", report: Report
) -> None:
    bad = {row for row, _ in shard.faults}
    for i in range(shard.size):
        if (row := shard.first + i) not in bad:
            for array in shard.arrays.values():
                texts.see(row, array[i].tobytes())
    owner = {
        file: row
        for row in range(shard.first, shard.first + shard.size)
        for file in files_of(index.samples[row])
    }
    for line in shard.sums:
        digest, _, file = line.partition("  ")
        contents.see(owner[file], digest.encode())
    report.blank += [
        {"sample": index.samples[row].id, "modality": name} for row, name in shard.blank
    ]


def check_stored(
    root: Path, *, published: Mapping[Any, int] | None = None, seen: Seen = lambda step: None
) -> Report:
    """Checksums, shapes and contents of prepared data. Raises ``ConfigError`` where it is none."""
    open_stored.cache_clear()  # a check reads what is there now
    stored = open_stored(root)
    manifest = stored.manifest
    report = Report(str(manifest["data_set"]), str(root), notes=list(manifest["notes"]))
    faults = [*_wrong_manifest(stored), *_wrong_files(stored, seen)]
    report.damaged = [asdict(fault) for fault in faults]
    if any(fault.file.endswith(".npy") for fault in faults):
        return report  # nothing in it can be counted upon
    codes, labels = np.asarray(stored.array("splits")), np.asarray(stored.array("labels"))
    report.samples = int((codes != SKIPPED).sum())
    _count(report, codes, labels, stored.classes, published or {})
    ids = stored.array("ids")
    report.groups = _groups(codes, (group.decode() for group in stored.array("groups")))
    names = _Names(codes, lambda row: ids[row].decode())
    for name, entry in manifest["modalities"].items():
        texts = Repeated()
        for row, content in _rows(stored.array(name), codes):
            if (content == content.flat[0]).all():
                report.blank.append({"sample": names.id(row), "modality": name})
            if entry["kind"] == "text":
                texts.see(row, content.tobytes())
        if entry["kind"] == "text":
            report.texts = names.repeated(texts)
    left = len(manifest["skipped"])
    report.notes += [f"{left} damaged samples were left out when it was prepared"] if left else []
    return report


def _wrong_manifest(stored: Stored) -> Iterator[Fault]:
    if digest_of(stored.manifest) != stored.digest:
        yield Fault("manifest.json", "its digest is not that of its content; prepare it again")


def _wrong_files(stored: Stored, seen: Seen) -> Iterator[Fault]:
    """Files that are missing, changed, or whose arrays are not what the manifest says."""
    files: Mapping[str, str] = stored.manifest["files"]
    for done, (name, expected) in enumerate(files.items()):
        seen(Step(done, len(files), 0))
        try:
            found = sha256(stored.folder / name)
        except OSError as error:
            yield Fault(name, f"cannot be read ({error.strerror}); prepare it again")
            continue
        if found != expected:
            yield Fault(name, f"SHA-256 {found[:16]}...; allowed: {expected[:16]}...")
    for name, entry in stored.manifest["modalities"].items():
        if entry["file"] not in files or entry["file"] != file_of(name):
            yield Fault(entry["file"], "a modality without its file")
            continue
        try:
            array = stored.array(name)
        except (OSError, ValueError):
            continue  # told above
        if [*array.shape] != entry["shape"] or array.dtype.name != entry["dtype"]:
            wrong = f"{array.dtype} {[*array.shape]}"
            yield Fault(entry["file"], f"{wrong}; allowed: {entry['dtype']} {entry['shape']}")


def _rows(array: Array, codes: Array) -> Iterator[tuple[int, Array]]:
    """Rows that were not skipped, block by block."""
    step = max(1, BLOCK // max(1, array[:1].nbytes))
    for first in range(0, len(array), step):
        block = np.array(array[first : first + step])
        for i, content in enumerate(block):
            if codes[first + i] != SKIPPED:
                yield first + i, content


def _count(
    report: Report,
    codes: Array,
    labels: Array,
    classes: Sequence[str],
    published: Mapping[Any, int],
) -> None:
    for code, split in enumerate(SPLITS):
        mine = codes == code
        report.splits[split] = {"found": int(mine.sum()), "published": published.get(split)}
        counts = np.bincount(labels[mine].astype(np.int64), minlength=len(classes))
        for name, count in zip(classes, counts.tolist(), strict=True):
            report.classes.setdefault(name, {})[split] = count


def _groups(codes: Array, groups: Iterable[str]) -> dict[str, int]:
    """How many speakers there are, and how many speak in two splits."""
    where: dict[str, set[int]] = defaultdict(set)
    for code, group in zip(codes.tolist(), groups, strict=True):
        if group and code != SKIPPED:
            where[group].add(code)
    if not where:
        return {}
    return {"all": len(where), **_pairs(where.values())}


def _pairs(places: Iterable[set[int]]) -> dict[str, int]:
    """Of how many things each pair of splits has the same: ``train+test``."""
    counts: Counter[str] = Counter()
    for codes in places:
        for one, other in itertools.combinations(sorted(codes), 2):
            counts[f"{SPLITS[one]}+{SPLITS[other]}"] += 1
    return dict(counts)


class Repeated:
    """Contents seen in more than one row, known by 128 bits of their hash."""

    def __init__(self) -> None:
        self.rows: dict[bytes, list[int]] = {}

    def see(self, row: int, content: bytes) -> None:
        """One content of one row."""
        rows = self.rows.setdefault(blake2b(content, digest_size=16).digest(), [])
        if row not in rows[-1:]:
            rows.append(row)


@dataclass(frozen=True)
class _Names:
    codes: Array
    id: Callable[[int], str]

    def repeated(self, seen: Repeated) -> dict[str, Any]:
        """Counts of what several samples share, by pair of splits, and the first of them."""
        shared = [sorted(set(rows)) for rows in seen.rows.values() if len(set(rows)) > 1]
        if not shared:
            return {}
        splits = [{int(self.codes[row]) for row in rows} for rows in shared]
        named = [[self.id(row) for row in rows] for rows in shared[:NAMED]]
        return {"shared": len(shared), **_pairs(splits), "samples": named}


def same_data_set(root: Path, name: str) -> None:
    """Raises ``ConfigError`` where prepared data are of another data set."""
    found = open_stored(root).manifest["data_set"]
    if found != name:
        raise ConfigError(f"--root: given {root}; it holds {found}, not {name}")
