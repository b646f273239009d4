"""Preparing: the same whatever interrupts it; nothing half-made is published."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cal.cli import StoppedError
from cal.config import ConfigError
from cal.data import prepare as preparing
from cal.data import shards
from cal.data.journal import Journal
from cal.data.layouts.index import Array, Damaged, Fault, Index, Sample, Settings, SplitName
from cal.data.prepare import Done, Step, prepare
from cal.data.stored import open_stored
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


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three samples of 8 bytes a shard: 0-2, 3-5, 6-8, 9."""
    monkeypatch.setattr(shards, "BYTES", 24)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    for i in range(10):
        (folder / f"{i}.txt").write_text(str(i * 1.5))
    return folder


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


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize(
    ("layout", "settings", "told"),
    [
        (Numbers(), Settings(size=64), "settings.size 256; given 64"),
        (Numbers(count=9), Settings(), "other samples in its lists"),
        (Numbers(name="others"), Settings(), "data_set numbers; given others"),
    ],
)
def test_something_else_is_refused(
    source: Path, begun: bool, layout: Numbers, settings: Settings, told: str
) -> None:
    """By a finished folder and by one that was begun; neither is touched."""
    if begun:
        with pytest.raises(KeyboardInterrupt):
            made(source, flow=interrupted(1))
    else:
        made(source)
    with pytest.raises(ConfigError, match=f"^--out: .*{told}"):
        made(source, layout, settings=settings)
    assert made(source).already is not begun


def test_a_folder_of_something_else_is_refused(source: Path) -> None:
    (source.parent / "out").mkdir()
    with pytest.raises(ConfigError, match="out is there and holds no prepared data"):
        made(source)


def test_faults_are_all_told_and_nothing_is_published(source: Path) -> None:
    layout = Numbers(damaged=frozenset({0, 4, 5}), gone=(Fault("list", "no row", "s99"),))
    with pytest.raises(ConfigError) as caught:
        made(source, layout)
    partial = source.parent / "out.partial"
    assert str(caught.value).splitlines() == [
        f"--source: given {source}; 4 damaged or missing:",
        "list: no row (sample s99)",
        "0.txt: no number (sample s0)",
        "4.txt: no number (sample s4)",
        "5.txt: no number (sample s5)",
        f"all are in {partial / 'faults.txt'}; mend them, or leave those samples out by "
        "--on-error skip",
    ]
    assert not (source.parent / "out").exists()
    assert len((partial / "faults.txt").read_text().splitlines()) == 4


def test_many_faults_are_counted(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "TOLD", 2)
    with pytest.raises(ConfigError) as caught:
        made(source, Numbers(damaged=frozenset(range(1, 6))))
    lines = str(caught.value).splitlines()
    assert lines[1:4] == ["1.txt: no number (sample s1)", "2.txt: no number (sample s2)"] + [
        "and 3 more"
    ]
    assert len((source.parent / "out.partial" / "faults.txt").read_text().splitlines()) == 5


def test_after_mending_only_the_shards_with_faults_are_read_again(source: Path) -> None:
    with pytest.raises(ConfigError, match="1 damaged or missing"):
        made(source, Numbers(damaged=frozenset({4})))
    mended = Numbers()
    done = made(source, mended)
    assert mended.read == [3, 4, 5]
    assert open_stored(done.folder).array("value")[4, 0] == 6
    assert done.manifest["skipped"] == []
    assert done.manifest == made(source, name="whole").manifest


def test_skipped_samples_are_named_and_counted(source: Path) -> None:
    gone = Fault("list, line 7", "no row", "s99")
    layout = Numbers(damaged=frozenset({0, 4}), gone=(gone,))
    done = made(source, layout, on_error="skip")
    stored = open_stored(done.folder)
    assert stored.array("splits").tolist() == [255, 0, 0, 1, 255, 0, 0, 0, 1, 2]
    assert stored.array("value")[[0, 4]].tolist() == [[0, 0], [0, 0]]
    assert stored.manifest["counts"] == {"train": 5, "validation": 2, "test": 1, "skipped": 3}
    assert stored.manifest["skipped"] == [
        {"file": "list, line 7", "reason": "no row", "sample": "s99"},
        {"file": "0.txt", "reason": "no number", "sample": "s0"},
        {"file": "4.txt", "reason": "no number", "sample": "s4"},
    ]
    assert "0.txt" not in (done.folder / "sources.txt").read_text()


def test_data_without_some_samples_are_not_taken_for_whole_ones(source: Path) -> None:
    layout = Numbers(damaged=frozenset({4}))
    made(source, layout, on_error="skip")
    assert made(source, layout, on_error="skip").already
    with pytest.raises(ConfigError, match="was prepared without 1 damaged samples"):
        made(source)


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


def test_a_full_disk_is_told_before_the_work(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rows of 8 bytes."""
    usage = shutil.disk_usage(source)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=79))
    layout = Numbers()
    with pytest.raises(ConfigError, match=r"--out: given .*; needs 0.0 GB, free are 0.0 GB"):
        made(source, layout)
    assert layout.read == [0]


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


def test_an_out_that_cannot_be_made_is_told(source: Path) -> None:
    (source.parent / "file").touch()
    with pytest.raises(ConfigError, match="--out: .*cannot be written .(Not a directory|File)"):
        prepare(Numbers(), source, source.parent / "file" / "out")


def test_two_samples_of_one_id_are_refused(source: Path) -> None:
    class Twice(Numbers):
        def index(self, folder: Path) -> Index:
            index = super().index(folder)
            return replace(index, samples=[*index.samples, index.samples[3]])

    with pytest.raises(ConfigError, match="id 's3' belongs to two samples"):
        made(source, Twice())


def test_a_row_that_is_unlike_the_others_is_damage(source: Path) -> None:
    class Longer(Numbers):
        def decode(self, folder: Path, sample: Sample, settings: Settings) -> dict[str, Array]:
            rows = super().decode(folder, sample, settings)
            return {"value": np.resize(rows["value"], 3)} if sample.id == "s5" else rows

    reason = r"5.txt: value float32 \[3\]; the first sample's is float32 \[2\]"
    with pytest.raises(ConfigError, match=reason):
        made(source, Longer())


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ({}, "no value; allowed: one row of each modality"),
        ({"value": np.zeros(2)}, "value as float64 of 1 axes; allowed: float32 of 1 axes"),
        ({"value": np.zeros((2, 2), np.float32)}, "value as float32 of 2 axes"),
    ],
)
def test_a_layout_that_gives_no_rows_of_the_format_is_told(
    source: Path, rows: dict[str, Array], told: str
) -> None:
    class Wrong(Numbers):
        def decode(self, folder: Path, sample: Sample, settings: Settings) -> dict[str, Array]:
            return rows

    with pytest.raises(ConfigError, match=f"numbers: decode gives {told}"):
        made(source, Wrong())


def test_a_layout_of_its_own_may_not_leave_the_source(source: Path) -> None:
    class Outside(Numbers):
        def index(self, folder: Path) -> Index:
            index = super().index(folder)
            moved = replace(index.samples[1], files={"value": ("../1.txt",)})
            return replace(index, samples=[index.samples[0], moved])

    with pytest.raises(ConfigError, match=r"../1.txt: given '../1.txt'; allowed: a path within"):
        made(source, Outside())


def test_if_no_sample_can_be_decoded_the_first_fault_is_told(source: Path) -> None:
    layout = Numbers(damaged=frozenset(range(10)))
    told = "none of 10 samples can be decoded; the first fault: 0.txt: no number"
    for on_error in ("fail", "skip"):
        with pytest.raises(ConfigError, match=told):
            made(source, layout, on_error=on_error)


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
