"""``python -m cal.data``: what it prints, its exit codes, and what it refuses. Without Ray."""

import json
from pathlib import Path

import pytest

from cal.config import ConfigError
from cal.data.__main__ import main
from cal.data.layouts.table import LAYOUTS
from cal.data.preparing.prepare import Step
from cal.data.preparing.watching import Watching
from cal.data.stored import open_stored
from tests.layouts import make

SMALL = ("--size", "24", "--workers", "1")


def test_the_list_tells_every_layout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines[::3]] == list(LAYOUTS)
    assert lines[:3] == [
        "crema-d: audio (sound), image (image)",
        "  published: train 6698, test 744",
        "  train.csv, test.csv (ID,EMOTION); AudioWAV/ID.wav; Image-01-FPS/ID/*.jpg or "
        "VideoFlash/ID.flv",
    ]
    assert lines[7] == "  published: no counts"  # ARL


def test_prepare_tells_what_it_made_and_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = make("nyud2", tmp_path / "source"), tmp_path / "out"
    command = ["prepare", "nyud2", "--source", str(source), "--out", str(out), *SMALL]
    assert main(command) == 0
    digest = open_stored(out).digest[:16]
    told = f"samples: train 9, validation 0, test 3, skipped 0\ndigest {digest}\n"
    assert capsys.readouterr().out == f"prepared: nyud2 in {out}\n{told}"
    assert main(command) == 0
    assert capsys.readouterr().out == f"already there: nyud2 in {out}\n{told}"


def test_every_setting_can_be_given(tmp_path: Path) -> None:
    source, out = make("crema-d", tmp_path / "source", each=2), tmp_path / "out"
    given = ["--size", "8", "--frames", "2", "--rate", "4000", "--seconds", "0.25"]
    given += ["--text-bytes", "9", "--workers", "1"]
    assert main(["prepare", "crema-d", "--source", str(source), "--out", str(out), *given]) == 0
    stored = open_stored(out)
    assert stored.array("image").shape == (12, 2, 8, 8, 3)
    assert stored.array("audio").shape == (12, 1000)
    assert stored.manifest["settings"] == {
        **{"size": 8, "frames": 2, "rate": 4000, "seconds": 0.25, "text_bytes": 9}
    }


def test_without_settings_those_of_the_authors_are_taken(tmp_path: Path) -> None:
    source, out = make("crema-d", tmp_path / "source", each=2), tmp_path / "out"
    command = ["prepare", "crema-d", "--source", str(source), "--out", str(out), "--workers", "1"]
    assert main(command) == 0
    assert open_stored(out).array("audio").shape == (12, 3 * 22050)


def test_a_damaged_copy_is_refused_or_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = make("nyud2", tmp_path / "source"), tmp_path / "out"
    (source / "test/office/0003.png").write_bytes(b"")
    command = ["prepare", "nyud2", "--source", str(source), "--out", str(out), *SMALL]
    with pytest.raises(ConfigError, match="test/office/0003.png: empty, 0 bytes"):
        main(command)
    assert not out.exists()
    assert main([*command, "--on-error", "skip"]) == 0
    assert "test 2, skipped 1" in capsys.readouterr().out


def test_check_ends_with_1_where_something_is_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = make("nyud2", tmp_path / "source")
    command = ["check", "nyud2", "--source", str(source), "--workers", "1"]
    assert main(command) == 0
    assert "damaged or missing: nothing" in capsys.readouterr().out
    (source / "test/office/0003.png").write_bytes(b"")
    assert main([*command, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["damaged"] == [
        {"file": "test/office/0003.png", "reason": "empty, 0 bytes", "sample": "test/office/0003"}
    ]


def test_check_reads_prepared_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = make("nyud2", tmp_path / "source"), tmp_path / "out"
    main(["prepare", "nyud2", "--source", str(source), "--out", str(out), *SMALL])
    capsys.readouterr()
    assert main(["check", "nyud2", "--root", str(out)]) == 0
    assert capsys.readouterr().out.startswith(f"nyud2 in {out}: 12 samples\n")
    with pytest.raises(ConfigError, match="it holds nyud2, not ave"):
        main(["check", "ave", "--root", str(out)])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["prepare", "nyud2"], "the following arguments are required: --source, --out"),
        (["check", "nyud2"], "one of the arguments --source --root is required"),
        (["check", "nyud", "--root", "."], "NAME: given nyud; .*did you mean nyud2?"),
        (["check", "nyud2", "--source", "no-folder"], "--source: given .*no-folder; allowed: a"),
        (["check", "nyud2", "--root", "no-folder"], "--root: given .*no-folder; allowed: a"),
        (["check", "nyud2", "--root", ".", "--seconds", "0"], "--seconds: given 0; allowed: above"),
        (["check", "nyud2", "--source", ".", "--seconds", "1e-9"], "--seconds: given 1e-09; allow"),
        (["check", "nyud2", "--root", ".", "--seconds", "nan"], "--seconds: given nan; allowed"),
        (["check", "nyud2", "--root", ".", "--seconds", "x"], "--seconds: given x; allowed"),
        (["check", "nyud2", "--root", ".", "--size", "0"], "--size: given 0; allowed: 1 or more"),
        (
            ["check", "nyud2", "--root", ".", "--sizes"],
            "unrecognized arguments: --sizes",
        ),
    ],
)
def test_a_wrong_command_is_told_in_one_line(words: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        main(words)
    assert len(str(caught.value).splitlines()) == 1


def test_the_time_left_is_by_the_speed_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """200 of 1000 were there; 400 more took 80 s: 400 are left, 80 s."""
    now = 0.0
    monkeypatch.setattr("cal.data.preparing.watching.time.monotonic", lambda: now)
    watching = Watching()
    assert watching.headline() == "0 of 0 samples, - left"
    watching(Step(200, 1000, 0))
    assert watching.headline() == "200 of 1000 samples, - left"
    now = 80.0
    watching(Step(600, 1000, 2))
    assert Watching("files").headline() == "0 of 0 files, - left"
    assert watching.headline() == "600 of 1000 samples, 2 damaged or missing, 1 min 20 s left"
