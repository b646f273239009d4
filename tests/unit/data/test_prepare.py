"""Preparing: the same whatever interrupts it; nothing half-made is published."""

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cal.cli import StoppedError
from cal.config import ConfigError
from cal.data.layouts.index import Index
from cal.data.preparing import prepare as preparing
from cal.data.preparing import shards
from cal.data.preparing.journal import Journal
from cal.data.preparing.prepare import Step
from cal.data.stored import open_stored
from tests.numbers import Numbers, interrupted, made, of_ten


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return of_ten(tmp_path, monkeypatch)


def test_rows_labels_splits_and_names_are_those_of_the_samples(source: Path) -> None:
    done = made(source)
    stored = open_stored(done.folder)
    assert stored.array("value").tolist() == [[i * 1.5, 256] for i in range(10)]
    assert stored.array("labels").tolist() == [0, 1] * 5
    assert stored.array("splits").tolist() == [0, 0, 0, 1, 2] * 2
    assert stored.array("ids").tolist() == [b"s%d" % i for i in range(10)]
    assert stored.array("groups").tolist() == [b"g%d" % (i // 2) for i in range(10)]
    assert stored.classes == ("even", "odd")
    assert stored.manifest["counts"] == {"train": 6, "validation": 2, "test": 2, "skipped": 0}
    entry = {"kind": "table", "file": "value.npy", "dtype": "float32", "shape": [10, 2]}
    assert stored.manifest["modalities"] == {"value": entry}
    assert not done.already
    assert not (source.parent / "out.partial").exists()


def test_the_sources_checksums_are_those_of_sha256sum(source: Path) -> None:
    done = made(source)
    check = ["sha256sum", "--check", "--strict", str(done.folder / "sources.txt")]
    told = subprocess.run(check, cwd=source, capture_output=True, text=True)
    assert told.stdout.splitlines() == [f"{i}.txt: OK" for i in range(10)]
    (source / "3.txt").write_text("4")
    assert subprocess.run(check, cwd=source, capture_output=True).returncode == 1


def test_the_manifest_names_the_sha256_of_every_file(source: Path) -> None:
    done = made(source)
    names = sorted(path.name for path in done.folder.iterdir() if path.name != "manifest.json")
    assert names == sorted(done.manifest["files"])
    told = subprocess.run(["sha256sum", *names], cwd=done.folder, capture_output=True, text=True)
    found = dict(line.split()[::-1] for line in told.stdout.splitlines())
    assert found == done.manifest["files"]


def test_whoever_maps_the_data_are_the_same(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In another order, and in shards of another size."""

    def backwards(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        return map(function, reversed([*items]))

    digest = made(source).manifest["digest"]
    assert made(source, name="backwards", flow=backwards).manifest["digest"] == digest
    monkeypatch.setattr(shards, "BYTES", 16)
    assert made(source, name="shorter").manifest["digest"] == digest


def test_what_was_done_is_not_done_again(source: Path) -> None:
    """Interrupted after two shards, of samples 0 to 5; the first is read to know its shape."""
    whole = made(source, name="whole").manifest
    with pytest.raises(KeyboardInterrupt):
        made(source, flow=interrupted(2))
    assert not (source.parent / "out").exists()
    layout = Numbers()
    done = made(source, layout)
    assert layout.read == [6, 7, 8, 9]
    assert done.manifest == whole


@pytest.mark.parametrize("times", [(0,), (3,), (1, 1, 1), (2, 0, 1)])
def test_any_number_of_interruptions_changes_nothing(source: Path, times: tuple[int, ...]) -> None:
    """Of four shards, after so many each time."""
    whole = made(source, name="whole").manifest
    for after in times:
        with pytest.raises(KeyboardInterrupt):
            made(source, flow=interrupted(after))
    assert made(source).manifest == whole


def test_a_torn_line_of_the_journal_is_a_shard_that_was_not_finished(source: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        made(source, flow=interrupted(2))
    journal = source.parent / "out.partial" / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-5])  # killed while it was written
    layout = Numbers()
    done = made(source, layout)
    assert layout.read == [*range(3, 10)]
    assert open_stored(done.folder).array("value")[:, 0].tolist() == [i * 1.5 for i in range(10)]


def test_progress_is_told_from_what_was_done_before(source: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        made(source, flow=interrupted(2))
    steps: list[Step] = []
    made(source, seen=steps.append)
    assert [step.done for step in steps] == [6, 9, 10]
    assert {step.total for step in steps} == {10}


def test_what_is_there_is_not_made_again(source: Path) -> None:
    digest = made(source).manifest["digest"]
    layout = Numbers()
    again = made(source, layout)
    assert again.already
    assert again.manifest["digest"] == digest
    assert layout.read == []


def test_after_mending_only_the_shards_with_faults_are_read_again(source: Path) -> None:
    with pytest.raises(ConfigError, match="1 damaged or missing"):
        made(source, Numbers(damaged=frozenset({4})))
    mended = Numbers()
    done = made(source, mended)
    assert mended.read == [3, 4, 5]
    assert open_stored(done.folder).array("value")[4, 0] == 6
    assert done.manifest["skipped"] == []
    assert done.manifest == made(source, name="whole").manifest


def test_one_driver_at_a_time(source: Path) -> None:
    partial = source.parent / "out.partial"
    with Journal(partial), pytest.raises(ConfigError, match="another prepare is at work"):
        made(source)
    assert not made(source).already


def test_a_driver_that_dies_after_the_rename_leaves_the_data(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(folder: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(preparing, "_sync", die)
        with pytest.raises(KeyboardInterrupt):
            made(source)
    assert (source.parent / "out.partial").is_dir()
    assert made(source).already
    assert not (source.parent / "out.partial").exists()


def test_a_disk_that_fills_up_in_mid_way_loses_nothing(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = 0

    def full(descriptor: int, content: Any, at: int) -> int:
        nonlocal written
        written += 1
        if written == 3:
            raise OSError(28, "No space left on device")
        return pwrite(descriptor, content, at)

    pwrite = os.pwrite
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(StoppedError, match="out.partial cannot be written .No space left"):
            made(source)
    layout = Numbers()
    made(source, layout)
    assert layout.read == [6, 7, 8, 9]


def test_a_write_may_be_taken_in_parts(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system does with more than 2 GB at once."""
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, content, at: pwrite(file, content[:5], at))
    stored = open_stored(made(source).folder)
    assert stored.array("value").tolist() == [[i * 1.5, 256] for i in range(10)]


def test_texts_wider_than_bytes_are_kept_whole(source: Path) -> None:
    """Ids are stored as UTF-8: two bytes for each of these letters."""

    class Greek(Numbers):
        def index(self, folder: Path) -> Index:
            index = super().index(folder)
            return replace(index, samples=[replace(s, group="\u03b1" * 9) for s in index.samples])

    stored = open_stored(made(source, Greek()).folder)
    assert stored.array("groups")[0].decode() == "\u03b1" * 9


def test_the_manifest_is_json_that_any_tool_reads(source: Path) -> None:
    done = made(source)
    assert json.loads((done.folder / "manifest.json").read_text()) == done.manifest
