"""Each published layout: samples, labels in the published order, splits, files, and one row."""

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from cal.config import ConfigError
from cal.data.layouts.index import Index, Sample
from cal.data.layouts.lists import pictures
from cal.data.layouts.mvsa import agreed
from cal.data.layouts.table import LAYOUTS, find_layout
from cal.modalities import ON_DISK
from tests.layouts import FORMS, make, tiny

EVERY = [(name, form) for name, forms in FORMS.items() for form in forms]


def indexed(name: str, folder: Path, form: str = "") -> tuple[Path, Index]:
    source = make(name, folder / "source", form=form)
    return source, LAYOUTS[name].index(source)


def by_id(index: Index) -> dict[str, Sample]:
    return {sample.id: sample for sample in index.samples}


def test_the_table_is_complete() -> None:
    assert list(LAYOUTS) == list(ON_DISK) == list(FORMS)
    for name, layout in LAYOUTS.items():
        assert layout.name == name
        assert layout.modalities == ON_DISK[name]


@pytest.mark.parametrize(("name", "form"), EVERY)
def test_every_form_is_read_without_a_fault(tmp_path: Path, name: str, form: str) -> None:
    source, index = indexed(name, tmp_path, form)
    assert index.faults == ()
    assert {sample.split for sample in index.samples} >= {"train", "test"}
    assert {sample.label for sample in index.samples} == {*range(len(index.classes))}
    per_class = Counter(sample.label for sample in index.samples)
    assert set(per_class.values()) == {4}
    for sample in index.samples:
        assert all((source / file).is_file() for files in sample.files.values() for file in files)


@pytest.mark.parametrize(("name", "form"), EVERY)
def test_every_sample_has_a_row_of_each_modality(tmp_path: Path, name: str, form: str) -> None:
    layout = LAYOUTS[name]
    source, index = indexed(name, tmp_path, form)
    for sample in (index.samples[0], index.samples[-1]):
        rows = layout.decode(source, sample, tiny(name))
        for modality in layout.modalities:
            assert len(np.unique(rows[modality.name])) > 1
        shapes = {f"shape/{m.name}" for m in layout.modalities if m.kind == "image"}
        assert rows.keys() == shapes | {m.name for m in layout.modalities}


def test_crema_d_knows_speakers_and_emotions(tmp_path: Path) -> None:
    source, index = indexed("crema-d", tmp_path)
    assert index.classes == ("NEU", "HAP", "SAD", "FEA", "DIS", "ANG")
    sample = by_id(index)["1002_IEO_NEU_XX"]
    assert (sample.label, sample.split, sample.group) == (0, "train", "1002")
    assert sample.files["audio"] == ("AudioWAV/1002_IEO_NEU_XX.wav",)
    frames = [f"Image-01-FPS/1002_IEO_NEU_XX/0000{i}.jpg" for i in range(3)]
    assert list(sample.files["image"]) == frames
    by_split = {
        split: {s.group for s in index.samples if s.split == split} for split in ("train", "test")
    }
    assert by_split["train"] == by_split["test"] == {"1001", "1002", "1003"}


def test_crema_d_rows_are_what_the_files_hold(tmp_path: Path) -> None:
    """At the files' own rate nothing is resampled: the bits are those of the WAV, repeated."""
    source, index = indexed("crema-d", tmp_path)
    sample = by_id(index)["1002_IEO_NEU_XX"]
    settings = replace(tiny("crema-d"), rate=16000, seconds=1.0, size=34, frames=1)
    rows = LAYOUTS["crema-d"].decode(source, sample, settings)
    _, wave = wavfile.read(source / sample.files["audio"][0])
    assert np.array_equal(rows["audio"], np.resize(wave, 16000))
    with Image.open(source / sample.files["image"][0]) as image:
        assert rows["shape/image"].tolist() == [image.height, image.width] == [24, 34]
        assert np.array_equal(rows["image"][0], np.asarray(image.resize((34, 34), 2)))


def test_crema_d_films_stand_for_frames_only_where_there_are_none(tmp_path: Path) -> None:
    source, index = indexed("crema-d", tmp_path, "video")
    assert by_id(index)["1002_IEO_NEU_XX"].files["image"] == ("VideoFlash/1002_IEO_NEU_XX.flv",)
    (source / "Image-01-FPS" / "1002_IEO_NEU_XX").mkdir(parents=True)
    with pytest.raises(ConfigError, match="its train split has no sample; the first of 24 faults"):
        LAYOUTS["crema-d"].index(source)


def test_frames_are_in_the_order_of_their_index(tmp_path: Path) -> None:
    """Not of their names, nor of the disk: 2 is before 10, and a thumbs file is none."""
    names = ("frame_10.jpg", "frame_2.jpg", "frame_1.JPG", "Thumbs.db")
    for name in names:
        (tmp_path / name).touch()
    assert pictures(tmp_path, ".") == ("./frame_1.JPG", "./frame_2.jpg", "./frame_10.jpg")


def test_kinetics_sounds_labels_are_numbers(tmp_path: Path) -> None:
    _, index = indexed("kinetics-sounds", tmp_path)
    assert index.classes == tuple(map(str, range(31)))
    sample = by_id(index)["k07_000002"]
    assert (sample.label, sample.split) == (7, "train")
    assert sample.files["audio"] == ("audio/k07_000002.wav",)
    assert sample.files["image"][0] == "k07_000002/frame_00001.jpg"


def test_kinetics_sounds_frames_may_lie_below_visual(tmp_path: Path) -> None:
    source, _ = indexed("kinetics-sounds", tmp_path)
    (source / "visual").mkdir()
    for folder in source.glob("k*"):
        shutil.move(folder, source / "visual")
    index = LAYOUTS["kinetics-sounds"].index(source)
    assert by_id(index)["k07_000002"].files["image"][0] == "visual/k07_000002/frame_00001.jpg"


def test_kinetics_sounds_films_are_taken_where_there_are_no_frames(tmp_path: Path) -> None:
    """Frames that are there are what the authors used."""
    source, index = indexed("kinetics-sounds", tmp_path, "video")
    film = ("video/k07_000002.mp4",)
    assert by_id(index)["k07_000002"].files == {"audio": film, "image": film}
    for sample in index.samples:
        (source / sample.id).mkdir()
        (source / sample.id / "frame_00001.jpg").touch()
    files = by_id(LAYOUTS["kinetics-sounds"].index(source))["k07_000002"].files
    assert files == {"audio": film, "image": ("k07_000002/frame_00001.jpg",)}


def test_the_two_families_of_kinetics_sounds_have_other_classes(tmp_path: Path) -> None:
    """So their accuracies are of different tasks, and they are two data sets."""
    _, numbered = indexed("kinetics-sounds", tmp_path / "a")
    source, named = indexed("kinetics-sounds-arl", tmp_path / "b")
    assert not set(numbered.classes) & set(named.classes)
    assert named.classes == tuple((source / "class.txt").read_text().split())


def test_arl_pairs_sounds_with_frames_of_the_other_folder(tmp_path: Path) -> None:
    _, index = indexed("kinetics-sounds-arl", tmp_path)
    sample = by_id(index)["laughing/clip3"]
    assert (sample.label, sample.split) == (1, "test")
    assert sample.files["audio"] == ("audio/test/laughing/clip3.wav",)
    folder = "visual/val_img/Image-01-FPS/laughing/clip3"
    assert sample.files["image"] == tuple(f"{folder}/0000{i}.jpg" for i in range(3))


def test_ave_numbers_classes_as_they_appear_in_the_test_list(tmp_path: Path) -> None:
    """Church bell is first in train; testSet.txt begins with Bark."""
    source, index = indexed("ave", tmp_path)
    assert (source / "trainSet.txt").read_text().startswith("Church bell&")
    assert index.classes == ("Bark", "Male speech", "Church bell")
    assert Counter(s.split for s in index.samples) == {"train": 6, "validation": 3, "test": 3}
    assert by_id(index)["-Bz0_Q"].label == 0


def test_ave_spectrograms_are_stored_as_they_are(tmp_path: Path) -> None:
    import pickle

    source, index = indexed("ave", tmp_path)
    sample = index.samples[0]
    found = LAYOUTS["ave"].decode(source, sample, tiny("ave"))["audio"]
    assert found.dtype == np.float32
    with (source / sample.files["audio"][0]).open("rb") as file:
        assert np.array_equal(found, pickle.load(file))  # noqa: S301  made by this test


def test_aves_published_spectrogram_has_1004_steps(tmp_path: Path) -> None:
    """16 kHz, 10 s, windows of 512 that overlap by 353."""
    source = make("ave", tmp_path / "source", each=3, settings=LAYOUTS["ave"].settings)
    layout = LAYOUTS["ave"]
    sample = layout.index(source).samples[0]
    rows = layout.decode(source, sample, layout.settings)
    assert rows["audio"].shape == (257, 1004)
    assert rows["image"].shape == (4, 256, 256, 3)


def test_ave_lists_may_have_a_header(tmp_path: Path) -> None:
    source, before = indexed("ave", tmp_path)
    for name in ("trainSet.txt", "testSet.txt"):
        rows = (source / name).read_text()
        (source / name).write_text(f"Category&VideoID&Quality&StartTime&EndTime\n{rows}")
    assert LAYOUTS["ave"].index(source) == before


def test_mvsa_numbers_labels_as_they_appear_in_train(tmp_path: Path) -> None:
    source, index = indexed("mvsa-single", tmp_path)
    first = json.loads((source / "train.jsonl").read_text().splitlines()[0])
    assert index.classes == ("positive", "neutral", "negative")
    assert index.classes[0] == first["label"]
    sample = by_id(index)["2"]
    assert (sample.label, sample.split, sample.files) == (1, "train", {"image": ("data/2.jpg",)})
    rows = LAYOUTS["mvsa-single"].decode(source, sample, tiny("mvsa-single"))
    assert bytes(rows["text"]).rstrip(b"\0").decode() == "table house street #2 \u03b1"


def test_a_label_that_train_never_uses_comes_last(tmp_path: Path) -> None:
    source, _ = indexed("mvsa-single", tmp_path)
    rows = (source / "train.jsonl").read_text().splitlines(keepends=True)
    (source / "train.jsonl").write_text("".join(r for r in rows if "neutral" not in r))
    index = LAYOUTS["mvsa-single"].index(source)
    assert index.classes == ("positive", "negative", "neutral")


@pytest.mark.parametrize(
    ("text", "image", "label"),
    [
        ("positive", "positive", "positive"),
        ("neutral", "neutral", "neutral"),
        ("neutral", "negative", "negative"),
        ("positive", "neutral", "positive"),
        ("positive", "negative", ""),
        ("negative", "positive", ""),
    ],
)
def test_two_opinions_of_one_pair_are_combined_as_published(
    text: str, image: str, label: str
) -> None:
    assert agreed(text, image) == label


def test_raw_mvsa_leaves_out_contradictions_and_is_cut_by_the_ids(tmp_path: Path) -> None:
    """What is cut depends on ids alone: the order of the list does not matter."""
    source, index = indexed("mvsa-single", tmp_path, "raw")
    assert index.notes[0] == "1 pairs left out: text and picture contradict each other"
    assert index.published == {}
    assert "99" not in by_id(index)
    assert index.classes == ("negative", "neutral", "positive")
    assert Counter(s.split for s in index.samples) == {"train": 6, "validation": 3, "test": 3}
    head, *rows = (source / "labelResultAll.txt").read_text().splitlines(keepends=True)
    (source / "labelResultAll.txt").write_text("".join([head, *reversed(rows)]))
    again = LAYOUTS["mvsa-single"].index(source)
    assert {s.id: s.split for s in again.samples} == {s.id: s.split for s in index.samples}


def test_both_forms_of_mvsa_hold_the_same_texts(tmp_path: Path) -> None:
    layout, settings = LAYOUTS["mvsa-single"], tiny("mvsa-single")
    texts = []
    for form in ("jsonl", "raw"):
        source, index = indexed("mvsa-single", tmp_path / form, form)
        rows = {s.id: bytes(layout.decode(source, s, settings)["text"]) for s in index.samples}
        texts.append(rows)
    assert texts[0] == texts[1]


def test_nyud2_splits_a_picture_at_half_its_width(tmp_path: Path) -> None:
    source, index = indexed("nyud2", tmp_path)
    assert index.classes == ("bathroom", "kitchen", "office")
    sample = by_id(index)["test/kitchen/0003"]
    assert (sample.label, sample.split) == (1, "test")
    rows = LAYOUTS["nyud2"].decode(source, sample, replace(tiny("nyud2"), size=28))
    assert rows["shape/image"].tolist() == rows["shape/depth"].tolist() == [24, 28]
    with Image.open(source / "test/kitchen/0003.png") as both:
        left, right = both.crop((0, 0, 28, 24)), both.crop((28, 0, 56, 24))
        assert np.array_equal(rows["image"][0], np.asarray(left.resize((28, 28), 2)))
        assert np.array_equal(rows["depth"][0], np.asarray(right.resize((28, 28), 2)))


@pytest.mark.parametrize("change", ["bom", "crlf", "blank lines", "no last newline"])
def test_lists_as_other_systems_write_them_are_fine(tmp_path: Path, change: str) -> None:
    source, before = indexed("crema-d", tmp_path)
    for name in ("train.csv", "test.csv"):
        content = (source / name).read_bytes()
        changed = {
            "bom": b"\xef\xbb\xbf" + content,
            "crlf": content.replace(b"\n", b"\r\n"),
            "blank lines": content.replace(b"\n", b"\n\n"),
            "no last newline": content.rstrip(b"\n"),
        }[change]
        (source / name).write_bytes(changed)
    assert LAYOUTS["crema-d"].index(source) == before


@pytest.mark.parametrize("name", FORMS)
def test_an_empty_folder_is_no_layout(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=f"^--source: given {tmp_path}; "):
        LAYOUTS[name].index(tmp_path)


def test_a_misspelt_name_is_told_the_nearest() -> None:
    with pytest.raises(ConfigError, match="NAME: given cremad; .*did you mean crema-d?"):
        find_layout("cremad")


def test_ones_own_layout_is_found_by_its_import_path() -> None:
    assert find_layout("cal.data.layouts.ave:Ave").name == "ave"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no.such.module:Mine", "it cannot be made"),
        ("cal.data.layouts.ave:Mine", "it cannot be made"),
        ("cal.data.layouts.ave:CLASSES", "it cannot be made"),
        ("pathlib:Path", "it has no modalities, published, settings, index, decode"),
    ],
)
def test_what_is_no_layout_is_told(name: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=f"NAME: given {name}; {reason}"):
        find_layout(name)
