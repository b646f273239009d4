"""What a search is: refused in one line, declared, seeded; nothing but the select part is read."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cal.config import ConfigError
from search_spaces.explore import described, read
from search_spaces.options import parser
from search_spaces.searched import Search, read_search
from search_spaces.sections import read_sections
from search_spaces.seeds import FIRST_SEED
from search_spaces.space import read_space

ROW: dict[str, Any] = {
    **{"label": "nuisance", "kind": "float", "low": 0.01, "high": 0.1, "default": 0.05},
    **{"ends": {"low": "slow", "high": "diverges"}},
}


def search(**changes: Any) -> Search:
    given: dict[str, Any] = {
        **{"space": "acceleration", "config": "hw20", "changes": {}, "name": None},
        **{"against": ["joint"], "objectives": ["clean"], "scheduler": "asha", "sampler": "tpe"},
        **{"seeds": 3, "trials": 5},
    }
    return read_search(**{**given, **changes})


def own(tmp_path: Path, fields: dict[str, Any], **more: Any) -> str:
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({"name": "own", "fields": fields, **more}))
    return str(path)


def test_a_search_as_asked() -> None:
    found = search()
    assert found.name == "acceleration-hw20"
    assert [arm.name for arm in found.arms] == ["acceleration", "joint"]
    assert found.seeds == (FIRST_SEED, FIRST_SEED + 1, FIRST_SEED + 2)
    assert found.main.space == read_space("acceleration")
    assert found.arms[1].base.method == "joint"
    assert found.base.evaluate.part == "report"
    assert [arm.name for arm in search(against=None).arms[1:]] == list(read_sections("baselines"))
    assert len(search(against=["none"]).arms) == 1


@pytest.mark.parametrize(("objective", "noise"), [("clean", "none"), ("robust", "standard")])
def test_runs_are_scored_on_the_select_part_and_no_more_than_needed(
    objective: str, noise: str
) -> None:
    changes = {"evaluate": {"noise": "standard", "selection": "test-best"}}
    for arm in search(objectives=[objective], changes=changes).arms:
        assert arm.base.evaluate.part == "select"
        assert arm.base.evaluate.selection == "last"
        assert arm.base.evaluate.noise == noise


@pytest.mark.parametrize("field", ["evaluate.part", "evaluate.selection", "seed"])
def test_how_runs_are_compared_cannot_be_searched(tmp_path: Path, field: str) -> None:
    choices = {"evaluate.part": ["report", "select"], "evaluate.selection": ["last", "test-best"]}
    row = {**{"label": "nuisance", "kind": "categorical"}, "choices": choices.get(field, [1, 2])}
    row["default"] = row["choices"][0]
    with pytest.raises(ConfigError, match=f"{field}.field: given {field} in own, by which a"):
        search(space=own(tmp_path, {field: row}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"scheduler": "ahsa"},
            "--scheduler: given 'ahsa'; allowed: asha, hyperband, median, none",
        ),
        ({"against": ["jiont"]}, "--against: given 'jiont'; allowed: joint, "),
        ({"name": "a/b"}, "--name: given 'a/b'; allowed: letters"),
        ({"objectives": ["speed"]}, "--objective: given 'speed'; allowed: each once of clean"),
        (
            {"objectives": ["step_time", "parameters"]},
            "--scheduler: given asha with objective step_time, parameters, of which nothing",
        ),
    ],
)
def test_bad_input_in_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        search(**changes)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_what_has_no_curve_is_searched_without_early_stopping() -> None:
    assert search(objectives=["parameters"], scheduler="none").scheduler.rungs(0) == ()
    assert search(objectives=["parameters", "clean"]).scheduler.rungs(0) == (20, 50)


def test_what_is_declared_is_plain_and_changes_with_the_search() -> None:
    """Trials, sampler and batch may change; the rest may not."""
    one = search()
    before = one.declared(one.main)
    assert json.loads(json.dumps(before)) == before
    more = search(trials=50, sampler="random")
    assert more.declared(more.main) == before
    for changes, key in (
        ({"seeds": 2}, "number of seeds"),
        ({"scheduler": "median"}, "scheduler"),
        ({"objectives": ["nll"]}, "objective"),
        ({"changes": {"train": {"epochs": 50}}}, "configuration"),
    ):
        other = search(**changes)
        now = other.declared(other.main)
        assert [name for name in now if now[name] != before[name]] == [key]


def test_samplers_are_seeded_by_name_arm_and_what_was_asked() -> None:
    one = search()
    main, joint = one.arms
    seeds = {one.sampler_seed(main, 0), one.sampler_seed(main, 7), one.sampler_seed(joint, 0)}
    assert len(seeds) == 3
    assert one.sampler_seed(main, 7) == search().sampler_seed(main, 7)
    assert search(name="again").sampler_seed(main, 7) not in seeds


def test_the_configuration_itself_is_tried_first(tmp_path: Path) -> None:
    path = own(tmp_path, {"optim.lr": ROW})
    first, *_ = search(space=path).main.firsts()
    assert (first.values, first.origin) == ({"optim.lr": 0.05}, "default")
    moved, *_ = search(space=path, changes={"optim": {"lr": 0.5}}).main.firsts()
    assert moved.values == {"optim.lr": 0.05}
    assert moved.origin == "default, moved into the space's ranges"


def options(*words: str) -> Any:
    return parser().parse_args(["--space", "acceleration", *words])


def test_the_command_line_is_checked_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No confirmation on seeds that a search uses."""
    import sys
    from types import SimpleNamespace

    stub = SimpleNamespace(make_sampler=lambda *a, **k: None)
    monkeypatch.setitem(sys.modules, "search_spaces.samplers", stub)
    found = read(options("--against", "joint", "--trials", "7", "--seeds", "2"))
    lines = described(found)
    assert "acceleration, joint: 7 trials each, 2 seeds at most" in lines[1]
    assert "at most 1400 epochs an arm" in lines[1]
    with pytest.raises(ConfigError, match=r"--confirm-seeds: given 1001; allowed: 1 to 1000"):
        read(options("--confirm-seeds", "1001"))
