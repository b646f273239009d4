"""Damaged copies: each damage has its one line, or is skipped and counted when asked."""

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from cal.config import ConfigError
from cal.data.layouts.index import Fault
from cal.data.layouts.table import LAYOUTS
from cal.data.preparing.checks import check_source
from cal.data.preparing.prepare import Done, OnError, prepare
from cal.data.stored import SKIPPED, open_stored
from tests.damage import Damage
from tests.damages import OF_A_LIST, OF_A_SAMPLE, TWICE
from tests.layouts import make, tiny

Of = Callable[[Damage], Path]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Of:
    """Copies without damage, each made once."""

    @cache
    def made(layout: str, form: str) -> Path:
        return make(layout, tmp_path_factory.mktemp("whole") / "source", form=form)

    return lambda damage: made(damage.layout, damage.form)


@pytest.fixture
def damaged(whole: Of, tmp_path: Path) -> Of:
    """A copy to which the damage was done."""

    def copied(damage: Damage) -> Path:
        source = shutil.copytree(whole(damage), tmp_path / "source")
        damage.do(source)
        return source

    return copied


def run(damage: Damage, source: Path, *, on_error: OnError = "fail") -> Done:
    layout, settings = LAYOUTS[damage.layout], tiny(damage.layout)
    out = source.parent / "out"
    return prepare(layout, source, out, settings=settings, on_error=on_error)


def words(damage: Damage) -> str:
    return damage.what


def test_there_are_more_than_thirty() -> None:
    assert len({damage.what for damage in (*OF_A_SAMPLE, *TWICE, *OF_A_LIST)}) >= 80


@pytest.mark.parametrize("damage", [*OF_A_SAMPLE, *TWICE], ids=words)
def test_a_damage_is_told_in_one_line(tmp_path: Path, damaged: Of, damage: Damage) -> None:
    with pytest.raises(ConfigError) as caught:
        run(damage, damaged(damage))
    head, *lines, tail = str(caught.value).splitlines()
    assert head.endswith("; 1 damaged or missing:")
    assert len(lines) == 1
    assert lines[0].startswith(damage.line)
    assert tail.endswith("--on-error skip")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("damage", [*OF_A_SAMPLE, *TWICE], ids=words)
def test_a_damage_is_skipped_and_counted_when_asked(whole: Of, damaged: Of, damage: Damage) -> None:
    """Every other sample is there, and no row of zeros is taken for one."""
    before = len(LAYOUTS[damage.layout].index(whole(damage)).samples)
    done = run(damage, damaged(damage), on_error="skip")
    stored = open_stored(done.folder)
    (entry,) = stored.manifest["skipped"]
    assert str(Fault(**entry)).startswith(damage.line)
    counts = dict(stored.manifest["counts"])
    assert counts.pop("skipped") == 1
    codes = stored.array("splits")
    assert sum(counts.values()) == int((codes != SKIPPED).sum())
    extra = damage in TWICE or damage.what in MORE
    assert sum(counts.values()) == before - (not extra)
    for name in stored.manifest["modalities"]:
        rows = stored.array(name)
        assert all(len(np.unique(rows[i])) > 1 for i in np.flatnonzero(codes != SKIPPED))


MORE = ("empty class folder", "class folder that class.txt does not name") + (
    *("class folder that train has not", "name of bytes that are no UTF-8"),
)
"""Besides what was there before."""


@pytest.mark.parametrize("damage", OF_A_LIST, ids=words)
@pytest.mark.parametrize("on_error", ["fail", "skip"])
def test_a_copy_that_is_no_such_layout_is_refused(
    tmp_path: Path, damaged: Of, damage: Damage, on_error: OnError
) -> None:
    source = damaged(damage)
    with pytest.raises(ConfigError) as caught:
        run(damage, source, on_error=on_error)
    line = str(caught.value)
    assert len(line.splitlines()) == 1
    assert line.startswith(f"--source: given {source}; ")
    assert damage.line in line
    assert not (tmp_path / "out").exists()


CHECKED = ("JPEG cut short", "missing frame folder", "row with a missing field", "id twice")


@pytest.mark.parametrize(
    "damage", [d for d in (*OF_A_SAMPLE, *TWICE) if d.what in CHECKED], ids=words
)
def test_a_check_finds_the_same(damaged: Of, damage: Damage) -> None:
    report = check_source(LAYOUTS[damage.layout], damaged(damage), settings=tiny(damage.layout))
    (entry,) = report.damaged
    assert f"{entry['file']}: {entry['reason']}".startswith(damage.line)


def test_every_damage_of_one_copy_is_told(tmp_path: Path) -> None:
    """Not only the first: half an hour of decoding is not repeated for each."""
    some = [d for d in OF_A_SAMPLE if d.what in ("JPEG cut short", "WAV with NaN", "unknown label")]
    source = make("crema-d", tmp_path / "source")
    others = sorted((source / "AudioWAV").iterdir())[5:7]
    some[2].do(source)  # makes a row of it: the sample with the other two is gone
    for path in others:
        path.write_bytes(b"")
    with pytest.raises(ConfigError) as caught:
        run(some[0], source)
    assert "3 damaged or missing:" in str(caught.value)
    assert str(caught.value).count("empty, 0 bytes") == 2
