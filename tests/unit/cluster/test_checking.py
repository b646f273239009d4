from pathlib import Path

import pytest

from cal.config import ConfigError
from cluster.checking import checked


def check(*words: str) -> int:
    def problems(text: str) -> list[str]:
        return [f"line of {len(line)} characters" for line in text.splitlines() if len(line) > 3]

    return checked("cluster.x", None, words, problems=problems, sound=lambda text: "short lines")


def test_every_file_is_read_and_all_that_is_wrong_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text("a\nb\n")
    bad.write_text("long\nlonger\n")
    assert check(str(good)) == 0
    assert check(str(bad), str(good)) == 1
    out, err = capsys.readouterr()
    assert out == f"{good}: short lines\n" * 2
    assert err == f"{bad}: line of 4 characters\n{bad}: line of 6 characters\n"


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="^FILE: given .*none; cannot be read: No such file"):
        check(str(tmp_path / "none"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read: not UTF-8$"):
        check(str(tmp_path / "binary"))
