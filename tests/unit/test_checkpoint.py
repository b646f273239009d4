"""A checkpoint is the old state or the new one, plain data, found by its key."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pyarrow import fs

from cal import checkpoint
from cal.config import ConfigError

KEY = "0" * 64


def state(value: float) -> dict[str, Any]:
    return {"w": torch.full((2, 3), value), "step": 3, "names": ["a"], "none": None, "t": (1, 2.5)}


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_state_goes_there_and_back(form: str, tmp_path: Path) -> None:
    folder = form.format(tmp_path / "deep" / "folder")
    checkpoint.save(state(0.1), folder, KEY)
    found = checkpoint.load(folder, KEY)
    assert found is not None
    assert torch.equal(found["w"], state(0.1)["w"])
    assert {k: v for k, v in found.items() if k != "w"} == {
        k: v for k, v in state(0.1).items() if k != "w"
    }


def test_a_state_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert checkpoint.load(str(tmp_path), KEY) is None
    assert checkpoint.load(str(tmp_path / "nowhere"), KEY) is None
    assert not (tmp_path / "nowhere").exists()


def test_the_newest_state_is_the_only_file(tmp_path: Path) -> None:
    for value in (1.0, 2.0):
        checkpoint.save(state(value), str(tmp_path), KEY)
    found = checkpoint.load(str(tmp_path), KEY)
    assert found is not None
    assert found["w"][0, 0] == 2
    assert [path.name for path in tmp_path.iterdir()] == [f"{KEY}.pt"]


def test_keys_do_not_meet(tmp_path: Path) -> None:
    checkpoint.save(state(1.0), str(tmp_path), "a")
    assert checkpoint.load(str(tmp_path), "b") is None


def test_a_failed_write_leaves_the_old_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies when all bytes are written but the name is still the old one's."""
    checkpoint.save(state(1.0), str(tmp_path), KEY)

    def dies(*paths: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", dies)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(state(2.0), str(tmp_path), KEY)
    found = checkpoint.load(str(tmp_path), KEY)
    assert found is not None
    assert found["w"][0, 0] == 1
    assert [path.name for path in tmp_path.iterdir()] == [f"{KEY}.pt"]


def test_nothing_is_revived_by_running_code(tmp_path: Path) -> None:
    """weights_only: a pickled function call is refused, not made."""

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "evil",)  # type: ignore[return-value]

    torch.save({"x": Evil()}, tmp_path / f"{KEY}.pt")
    with pytest.raises(Exception, match="[Ww]eights"):
        checkpoint.load(str(tmp_path), KEY)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"PK\3\4 half of a file"])
def test_a_file_that_is_no_checkpoint_is_said_to_be_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / f"{KEY}.pt").write_bytes(content)
    with pytest.raises(checkpoint.DamagedError, match=f"{KEY}.pt: no checkpoint"):
        checkpoint.load(str(tmp_path), KEY)


def test_what_others_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "left" / "deep").mkdir(parents=True)
    for _ in range(2):
        checkpoint.remove(str(tmp_path), "left")
    assert not list(tmp_path.iterdir())


def test_an_unknown_kind_of_storage_is_one_line() -> None:
    with pytest.raises(
        ConfigError, match="CAL_HOME: given nowhere://x; cannot be opened"
    ) as caught:
        checkpoint.load("nowhere://x", KEY)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("folder", ["/a/b", "/a/b/", "s3://bucket/b"])
def test_a_location_is_the_key_in_the_folder(folder: str) -> None:
    assert checkpoint.location(folder, "k") == f"{folder.rstrip('/')}/k.pt"


def test_object_storage_gets_one_whole_put(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store without renames (pyarrow's in-memory one) sees the final name only."""
    memory = fs._MockFileSystem()
    monkeypatch.setattr(checkpoint, "_filesystem", lambda folder: (memory, "bucket/lab"))
    checkpoint.save(state(1.0), "s3://bucket/lab", KEY)
    files = memory.get_file_info(fs.FileSelector("bucket", recursive=True))
    assert [f.path for f in files if f.type == fs.FileType.File] == [f"bucket/lab/{KEY}.pt"]
    assert checkpoint.load("s3://bucket/lab", KEY) is not None
