"""``search_spaces.check``: what it says of a space, and its exit codes."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cal.config import CONFIGS, Config, ConfigError, merge, parse, read_yaml
from search_spaces.check import Told, main, notes, range_words, size
from search_spaces.space import parse_space, read_space

ENDS = {"low": "hardly moves", "high": "diverges"}
FIELDS: dict[str, Any] = {
    "cal.bottleneck.schedule": {
        "label": "scientific",
        "kind": "categorical",
        "choices": ["linear", "cyclical"],
        "default": "linear",
        "when": {"cal.bottleneck.enabled": True},
    },
    "cal.bottleneck.cycles": {
        "label": "nuisance",
        "kind": "int",
        "low": 1,
        "high": 8,
        "log": True,
        "default": 4,
        "unit": "periods",
        "ends": ENDS,
        "when": {"cal.bottleneck.schedule": "cyclical"},
    },
    "optim.clip": {
        "label": "nuisance",
        "kind": "categorical",
        "choices": [None, 5.0],
        "default": 5.0,
        "unit": "of the gradient's norm",
    },
    "optim.momentum": {"label": "fixed", "kind": "float", "default": 0.8},
    "ogm_ge.noise": {
        "label": "nuisance",
        "kind": "categorical",
        "choices": [True, False],
        "default": True,
        "when": {"method": "ogm_ge"},
    },
}
SPACE = parse_space({"fields": FIELDS}, name="own")


def base(**over: Any) -> Config:
    return parse(merge(read_yaml(CONFIGS / "hw20.yaml"), over))


def test_a_range_is_written_with_its_unit_and_scale() -> None:
    assert [range_words(d) for d in SPACE.dimensions] == [
        "linear | cyclical",
        "int 1 to 8 periods, log",
        "null | 5",
        "fixed",
        "true | false",
    ]


def test_notes_say_units_ends_and_where_a_field_acts() -> None:
    assert list(notes(Told.of(SPACE, base()))) == [
        "cal.bottleneck.cycles: acts where cal.bottleneck.schedule cyclical",
        "cal.bottleneck.cycles = 1: hardly moves",
        "cal.bottleneck.cycles = 8: diverges",
        "optim.clip: of the gradient's norm",
        "ogm_ge.noise: acts nowhere on this base, it needs method ogm_ge",
    ]


def test_the_size_counts_what_can_be_reached() -> None:
    """Two schedules times two clips; cycles in their branch; neither fixed fields nor OGM-GE's."""
    told = Told.of(SPACE, base())
    assert size(told) == "2 fields of choices (at most 4 combinations) and 1 range of numbers"
    other = Told.of(SPACE, base(method="ogm_ge"))
    assert size(other) == "2 fields of choices (at most 4 combinations)"
    fixed = parse_space({"fields": {"optim.momentum": FIELDS["optim.momentum"]}})
    assert size(Told.of(fixed, base())) == "nothing to search, all fields are fixed"


def test_a_field_of_two_rows_counts_once() -> None:
    """9 choices: 2 asymmetry rows are one field, of which one acts for six modalities."""
    assert size(Told.of(read_space("cal"), base())) == (
        "9 fields of choices (at most 23,040 combinations) and 12 ranges of numbers"
    )


def test_a_space_that_does_nothing_on_a_base_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^--space: given acceleration, of which no field acts"):
        Told.of(read_space("acceleration"), base(method="joint"))


def test_a_condition_under_which_a_field_does_nothing_is_refused() -> None:
    """Cycles where the schedule is searched, but without their condition on it."""
    row = {k: v for k, v in FIELDS["cal.bottleneck.cycles"].items() if k != "when"}
    wide = parse_space({"fields": FIELDS | {"cal.bottleneck.cycles": row}})
    with pytest.raises(ConfigError, match=r"^cal.bottleneck.cycles.when: holds where .* nothing"):
        Told.of(wide, base())


def test_it_prints_all_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bottleneck"]) == 0
    words = capsys.readouterr().out.split()
    text = " ".join(words)
    for d in read_space("bottleneck").dimensions:
        assert d.name in words
        assert d.ends is None or {*d.ends.low.split(), *d.ends.high.split()} <= set(words)
    assert "in a branch" in text
    assert "begins with (declared choice of this project (no released code)" in text
    assert "cal.bottleneck.beta 0.03" in text
    assert "1 published for other configurations than hw20" in text


def test_it_explains_each_section_on_its_own_base(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["baselines", "--config", "keypad", "optim.name=adam"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    titles = ("joint: joint training", "joint+unimodal: joint training with", "ogm_ge: OGM-GE")
    assert [text.count(title) for title in titles] == [1, 1, 1]
    assert "begins with (Peng et al. 2022, released code, CREMA-D): ogm_ge.alpha 0.8" in text
    assert "optim.momentum: acts nowhere on this base, it needs optim.name sgd" in text


def test_a_file_with_both_is_explained_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = {"title": "Mine", "fields": FIELDS, "sections": {"b": {"include": ["optimiser"]}}}
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    assert main([str(path)]) == 0
    shown = capsys.readouterr().out
    assert shown.index("own: Mine") < shown.index("b: b")


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (["acelr"], ["--space: given acelr; allowed: a YAML file, or acceleration, baselines"]),
        (["cal", "--config", "hw2"], ["--config: given hw2; allowed: a YAML file, or av-junk"]),
        (["cal", "gama=1"], ["gama: unknown field; did you mean gamma?"]),
        (["cal", "method=joint", "gamma=2"], ["gamma: given 2"]),
        (["acceleration", "method=joint"], ["--space: given acceleration, of which no field"]),
        (["two.yaml"], ["optim.lr.default: given 9;", "gamma.high: given 2.0"]),
        ([], ["the following arguments are required: SPACE"]),
    ],
)
def test_bad_input_is_a_line_a_fault_and_code_2(
    words: list[str], lines: list[str], tmp_path: Path
) -> None:
    rate = {"label": "nuisance", "kind": "float", "low": 0.1, "high": 0.2, "ends": ENDS}
    rows = {"optim.lr": rate | {"default": 9}, "gamma": rate | {"high": 2, "default": 0.1}}
    (tmp_path / "two.yaml").write_text(yaml.safe_dump({"fields": rows}, sort_keys=False), "utf-8")
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-m", "search_spaces.check", *words],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    found = done.stderr.splitlines()
    assert len(found) == len(lines)
    assert all(line.startswith(start) for line, start in zip(found, lines, strict=True))
