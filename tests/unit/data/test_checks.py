"""Checks of a copy and of prepared data: counts, duplicates, speakers, damage."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cal.config import ConfigError
from cal.data.layouts.table import LAYOUTS
from cal.data.preparing import checks, told
from cal.data.preparing.checks import Report, check_source, check_stored
from cal.data.preparing.prepare import Step, prepare
from tests.layouts import FORMS, make, prepared, save_wav, tiny


def checked(name: str, source: Path) -> Report:
    return check_source(LAYOUTS[name], source, settings=tiny(name))


def words(report: Report) -> str:
    return "\n".join(told.told(report))


def copied_row(source: Path, row: int, to: str, **changes: object) -> None:
    """A row of train.jsonl with changes, at the end of another list, with a picture of its own."""
    fields = json.loads((source / "train.jsonl").read_text().splitlines()[row])
    fields = {**fields, "id": f"x{fields['id']}", **changes}
    fields["img"] = f"data/{fields['id']}.jpg"
    Image.new("RGB", (8, 8), (len(fields["id"]) * 40, row * 40, 3)).save(source / fields["img"])
    with (source / to).open("a") as rows:
        rows.write(json.dumps(fields) + "\n")


def test_a_whole_copy_is_told_by_split_class_and_speaker(tmp_path: Path) -> None:
    report = checked("crema-d", make("crema-d", tmp_path / "source"))
    assert report.samples == 24
    assert report.splits == {
        "train": {"found": 18, "published": 6698},
        "validation": {"found": 0, "published": None},
        "test": {"found": 6, "published": 744},
    }
    assert report.classes["FEA"] == {"train": 3, "validation": 0, "test": 1}
    assert report.groups == {"all": 3, "train+test": 3}  # as all 91 actors of the original
    assert report.damaged == report.blank == []
    assert report.texts == report.files == {}
    assert words(report).splitlines()[:4] == [
        f"crema-d in {tmp_path / 'source'}: 24 samples",
        "  train: 18, published 6698 (-6680)",
        "  validation: 0",
        "  test: 6, published 744 (-738)",
    ]
    assert "groups (speakers): 3; 3 in both train and test" in words(report)


@pytest.mark.parametrize("name", FORMS)
def test_every_layout_can_be_checked_before_and_after(tmp_path: Path, name: str) -> None:
    """Both see the same splits, classes and speakers."""
    root = prepared(name, tmp_path)
    before, after = checked(name, tmp_path / "source"), check_stored(root)
    assert before.damaged == after.damaged == []
    assert before.samples == after.samples > 0
    assert before.classes == after.classes
    assert before.groups == after.groups
    found = [{s: c["found"] for s, c in r.splits.items()} for r in (before, after)]
    assert found[0] == found[1]
    json.dumps(before.plain()), json.dumps(after.plain())


def test_texts_in_two_splits_are_counted(tmp_path: Path) -> None:
    """Two texts of train also in test, one of them also in dev; one twice in train itself."""
    source = make("mvsa-single", tmp_path / "source")
    copied_row(source, 0, "test.jsonl")
    copied_row(source, 1, "test.jsonl", label="negative")  # whatever the label
    copied_row(source, 1, "dev.jsonl", id="y")
    copied_row(source, 2, "train.jsonl")
    report = checked("mvsa-single", source)
    assert {key: value for key, value in report.texts.items() if key != "samples"} == {
        "shared": 3,
        "train+test": 2,
        "train+validation": 1,
        "validation+test": 1,
    }
    assert report.texts["samples"][0] == ["1", "x1"]
    assert "texts that several samples share: 3; 2 in both train and test" in words(report)
    layout, settings = LAYOUTS["mvsa-single"], tiny("mvsa-single")
    done = prepare(layout, source, tmp_path / "out", settings=settings)
    assert check_stored(done.folder).texts == report.texts


def test_pictures_of_the_same_content_are_counted(tmp_path: Path) -> None:
    """Under another name, in another split: a sample that was seen in training."""
    source = make("nyud2", tmp_path / "source")
    first = (source / "train/kitchen/0000.png").read_bytes()
    (source / "test/kitchen/0003.png").write_bytes(first)
    report = checked("nyud2", source)
    assert report.files == {
        "shared": 1,
        "train+test": 1,
        "samples": [["train/kitchen/0000", "test/kitchen/0003"]],
    }
    assert (
        "contents that several samples share: 1; 1 in both train and test "
        "(the first: train/kitchen/0000, test/kitchen/0003)"
    ) in words(report)


def test_frames_that_repeat_within_a_clip_are_no_duplicates(tmp_path: Path) -> None:
    source = make("crema-d", tmp_path / "source")
    clip = source / "Image-01-FPS" / "1001_DFA_NEU_XX"
    (clip / "00001.jpg").write_bytes((clip / "00000.jpg").read_bytes())
    assert checked("crema-d", source).files == {}


def test_silence_is_told_and_is_no_damage(tmp_path: Path) -> None:
    """One recording of the original is known to be silent."""
    root = prepared("crema-d", tmp_path / "a")
    assert check_stored(root).blank == []
    source = make("crema-d", tmp_path / "source")
    save_wav(source / "AudioWAV/1001_DFA_NEU_XX.wav", np.zeros(4000, np.int16))
    report = checked("crema-d", source)
    assert report.blank == [{"sample": "1001_DFA_NEU_XX", "modality": "audio"}]
    assert report.damaged == []
    assert "audio of one value throughout (silent, blank): 1001_DFA_NEU_XX" in words(report)
    settings = tiny("crema-d")
    done = prepare(LAYOUTS["crema-d"], source, tmp_path / "out", settings=settings)
    assert check_stored(done.folder).blank == report.blank


def test_damage_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make("crema-d", tmp_path / "source")
    wavs = sorted((source / "AudioWAV").iterdir())
    for path in wavs[:3]:
        path.write_bytes(b"")
    report = checked("crema-d", source)
    named = sorted(entry["file"] for entry in report.damaged)
    assert named == [f"AudioWAV/{path.name}" for path in wavs[:3]]
    assert report.samples == 24
    assert "damaged or missing: 3\n" in words(report)
    monkeypatch.setattr(told, "TOLD", 2)
    assert "and 1 more (--json lists all)" in words(report)
    assert words(report).count("empty, 0 bytes") == 2


def test_classes_without_a_sample_are_named(tmp_path: Path) -> None:
    source = make("kinetics-sounds", tmp_path / "source", each=2)
    for name in ("my_train.txt", "my_test.txt"):
        rows = (source / name).read_text().splitlines(keepends=True)
        (source / name).write_text("".join(r for r in rows if not r.endswith(",10,5\n")))
    report = words(checked("kinetics-sounds", source))
    assert "31 classes of 0 (5) to 2 (0) samples" in report
    assert "classes without a sample: 5" in report


def test_counts_as_published_are_told_so(tmp_path: Path) -> None:
    report = checked("nyud2", make("nyud2", tmp_path / "source"))
    report.splits["train"] = {"found": 795, "published": 795}
    assert "  train: 795, as published" in words(report)


def test_the_raw_form_is_not_held_against_the_counts_of_the_lists(tmp_path: Path) -> None:
    report = checked("mvsa-single", make("mvsa-single", tmp_path / "source", form="raw"))
    assert report.splits["train"] == {"found": 6, "published": None}
    assert "note: 1 pairs left out: text and picture contradict each other" in words(report)


def test_progress_is_told(tmp_path: Path) -> None:
    steps: list[Step] = []
    source = make("nyud2", tmp_path / "source")
    check_source(LAYOUTS["nyud2"], source, settings=tiny("nyud2"), seen=steps.append)
    assert [step.done for step in steps] == [0, 12]


def flipped(path: Path) -> None:
    """One bit of the last byte."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("file", "damage", "line"),
    [
        ("image.npy", flipped, "image.npy: SHA-256 "),
        ("labels.npy", flipped, "labels.npy: SHA-256 "),
        ("sources.txt", flipped, "sources.txt: SHA-256 "),
        ("image.npy", Path.unlink, "image.npy: cannot be read (No such file or directory)"),
        ("ids.npy", lambda path: path.write_bytes(b""), "ids.npy: SHA-256 "),
    ],
)
def test_a_changed_file_of_prepared_data_is_named(
    tmp_path: Path, file: str, damage: Any, line: str
) -> None:
    root = prepared("nyud2", tmp_path)
    damage(root / file)
    report = check_stored(root)
    assert len(report.damaged) == 1
    assert line in words(report)


def test_a_changed_manifest_is_noticed(tmp_path: Path) -> None:
    """By its digest, or by arrays that it describes otherwise."""
    root = prepared("nyud2", tmp_path)
    manifest = json.loads((root / "manifest.json").read_text())
    manifest["modalities"]["image"]["shape"][0] = 13
    (root / "manifest.json").write_text(json.dumps(manifest))
    assert [entry["reason"].split(";")[-1] for entry in check_stored(root).damaged] == [
        " prepare it again",
        " allowed: uint8 [13, 1, 24, 24, 3]",
    ]


def test_samples_that_were_left_out_are_not_counted(tmp_path: Path) -> None:
    source = make("nyud2", tmp_path / "source")
    (source / "train/kitchen/0000.png").write_bytes(b"")
    layout, settings = LAYOUTS["nyud2"], tiny("nyud2")
    done = prepare(layout, source, tmp_path / "out", settings=settings, on_error="skip")
    report = check_stored(done.folder, published=layout.published)
    assert report.samples == 11
    assert report.splits["train"] == {"found": 8, "published": 795}
    assert report.blank == report.damaged == []
    assert report.notes == ["1 damaged samples were left out when it was prepared"]


def test_blocks_of_any_size_are_read_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a row each, for rows are larger than the block."""
    root = prepared("mvsa-single", tmp_path)
    whole = check_stored(root)
    monkeypatch.setattr(checks, "BLOCK", 1)
    assert check_stored(root) == whole


def test_what_is_no_prepared_data_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no prepared data there"):
        check_stored(tmp_path)
