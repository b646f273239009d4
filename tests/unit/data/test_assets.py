"""Packaged data files: what is read is what was shipped, or one line says what is wrong."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cal.config import ConfigError, Data
from cal.data import assets, handwritten, keypad
from cal.data.loading import load, loaded
from cal.data.memory import EMBEDDED as DATA_SETS
from cal.digests import SHA256
from cal.modalities import VIEWS

FILES = [(name, file) for name, files in SHA256.items() for file in files]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the data files that a test may damage."""
    shutil.copytree(assets.FOLDER, tmp_path / "assets")
    monkeypatch.setattr(assets, "FOLDER", tmp_path / "assets")
    return tmp_path / "assets"


@pytest.mark.parametrize(("name", "file"), FILES)
def test_an_intact_file_is_read(folder: Path, name: str, file: str) -> None:
    arrays = assets.read(name, file)
    assert all(len(array) == len(arrays["labels"]) for array in arrays.values())


@pytest.mark.parametrize(("name", "file"), FILES)
def test_one_flipped_bit_is_refused(folder: Path, name: str, file: str) -> None:
    content = bytearray((folder / file).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / file).write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        assets.read(name, file)
    line = str(caught.value)
    assert "\n" not in line
    for part in (name, file, SHA256[name][file], hashlib.sha256(content).hexdigest()):
        assert part in line


@pytest.mark.parametrize(("name", "file"), FILES)
def test_a_missing_file_is_refused(folder: Path, name: str, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(ConfigError) as caught:
        assets.read(name, file)
    line = str(caught.value)
    assert "\n" not in line
    for part in (name, file, SHA256[name][file], "found none (No such file or directory)"):
        assert part in line


@pytest.mark.parametrize("name", DATA_SETS)
def test_loading_a_data_set_checks_its_files(folder: Path, name: str) -> None:
    for file in SHA256[name]:
        (folder / file).write_bytes(b"")
    for cached in (loaded, handwritten.load, keypad._load, keypad.tones):
        cached.cache_clear()
    with pytest.raises(ConfigError, match=r"data\.name"):
        load(Data(name=name), seed=0)


def test_a_pickled_array_is_never_unpickled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even with the right digest: numpy refuses object arrays."""
    np.savez(folder / "bad.npz", labels=np.array([{}], dtype=object))
    digest = hashlib.sha256((folder / "bad.npz").read_bytes()).hexdigest()
    monkeypatch.setitem(SHA256, "bad", {"bad.npz": digest})
    with pytest.raises(ValueError, match="allow_pickle=False"):
        assets.read("bad", "bad.npz")


def test_every_data_file_is_attributed() -> None:
    text = (assets.FOLDER / "README.md").read_text(encoding="utf-8")
    assert "CC BY 4.0" in text
    for source in (handwritten.SOURCE, keypad.SOURCE):
        assert source["doi"] in text
    for path in assets.FOLDER.glob("*.npz"):
        assert path.name in text


def test_no_data_set_needs_scikit_learn() -> None:
    """It is the source of the digits, not a runtime dependency."""
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "from cal.data.loading import load; from cal.config import Data\n"
        "for name in ('handwritten', 'keypad'): load(Data(name=name), seed=0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def csvs(tmp_path: Path) -> Path:
    """The shipped views written back in the layout of the source."""
    arrays = assets.read("handwritten", "handwritten.npz")
    for view in VIEWS:
        width = arrays[view].shape[1]
        head = ",".join(map(str, [*range(width), 0]))
        table = np.column_stack([arrays[view].astype(np.float64), arrays["labels"]])
        path = tmp_path / f"mfeat-{view}.csv"
        np.savetxt(path, table, delimiter=",", fmt="%.9g", header=head, comments="")
    return tmp_path


def remake(source: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_assets = pytest.importorskip("cal.data.make_assets", reason="needs scikit-learn")
    words = ["make_assets", "--mfeat", str(source), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", words)
    make_assets.main()


def test_the_files_can_be_made_again_from_their_sources(
    csvs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal arrays; the bytes also depend on the zlib at hand."""
    remake(csvs, tmp_path, monkeypatch)
    for name, file in FILES:
        shipped = assets.read(name, file)
        with np.load(tmp_path / file, allow_pickle=False) as made:
            assert set(made.files) == set(shipped)
            for key, array in shipped.items():
                assert made[key].dtype == array.dtype
                assert np.array_equal(made[key], array)


def test_views_that_disagree_on_a_label_are_refused(
    csvs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (csvs / "mfeat-zer.csv").read_text(encoding="utf-8").splitlines()
    lines[-1] = lines[-1].rpartition(",")[0] + ",3"
    (csvs / "mfeat-zer.csv").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ValueError, match=r"mfeat-zer\.csv: labels differ"):
        remake(csvs, tmp_path, monkeypatch)
