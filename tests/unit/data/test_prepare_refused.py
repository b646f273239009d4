"""Preparing: what is refused, and what is left out when asked."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cal.config import ConfigError
from cal.data.layouts.index import Array, Fault, Index, Sample, Settings
from cal.data.preparing import prepare as preparing
from cal.data.preparing.prepare import prepare
from cal.data.stored import open_stored
from tests.numbers import Numbers, interrupted, made, of_ten


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return of_ten(tmp_path, monkeypatch)


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


def test_a_full_disk_is_told_before_the_work(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rows of 8 bytes."""
    usage = shutil.disk_usage(source)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=79))
    layout = Numbers()
    with pytest.raises(ConfigError, match=r"--out: given .*; needs 0.0 GB, free are 0.0 GB"):
        made(source, layout)
    assert layout.read == [0]


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
