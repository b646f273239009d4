"""Spaces made of spaces, their published settings, and where conditional fields act."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cal.config import Config, ConfigError, parse
from cal.effective import effective
from search_spaces.branches import completed, reached, settings_for
from search_spaces.fields import laid
from search_spaces.space import Space, parse_space, read_space

ENDS = {"low": "hardly moves", "high": "diverges"}
BETA: dict[str, Any] = {
    "label": "scientific",
    "kind": "float",
    "low": 0.001,
    "high": 0.1,
    "log": True,
    "default": 0.03,
    "ends": ENDS,
    "when": {"cal.bottleneck.enabled": True},
}
ENABLED: dict[str, Any] = {
    "label": "scientific",
    "kind": "categorical",
    "choices": [True, False],
    "default": True,
    "when": {"method": "cal"},
}
SWITCH = {"cal.bottleneck.enabled": ENABLED, "cal.bottleneck.beta": BETA}


def names(space: Space) -> list[str]:
    return [d.name for d in space.dimensions]


def written(folder: Path, **files: Any) -> str:
    """Files NAME.yaml in a folder; the path of the first."""
    for name, tree in files.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), "utf-8")
    return str(folder / f"{next(iter(files))}.yaml")


def test_included_rows_come_first_and_in_order() -> None:
    own = {"include": ["optimiser", {"bottleneck": ["gamma"]}], "fields": SWITCH}
    assert names(parse_space(own)) == [*names(read_space("optimiser")), "gamma", *SWITCH]


def test_all_of_cal_is_its_parts_each_row_once() -> None:
    """Acceleration and bottleneck both have the asymmetry."""
    parts = [read_space(name) for name in ("bottleneck", "acceleration", "optimiser")]
    rows = [d for part in parts for d in part.dimensions]
    whole = read_space("cal").dimensions
    assert list(whole) == [d for i, d in enumerate(rows) if d not in rows[:i]]
    assert len(whole) == len(rows) - 2


def test_a_part_is_some_fields_with_all_their_rows() -> None:
    """The learning rate has two rows."""
    space = parse_space({"include": [{"optimiser": ["optim.lr"]}]})
    assert names(space) == ["optim.lr", "optim.lr@adaptive"]


def test_a_row_of_its_own_replaces_an_included_one_in_its_place() -> None:
    narrow = BETA | {"low": 0.01}
    space = parse_space({"include": ["bottleneck"], "fields": {"cal.bottleneck.beta": narrow}})
    assert names(space) == names(read_space("bottleneck"))
    (beta,) = [d for d in space.dimensions if d.field == "cal.bottleneck.beta"]
    assert beta.low == 0.01


def test_files_beside_a_file_can_be_included(tmp_path: Path) -> None:
    path = written(tmp_path, own={"include": ["more.yaml"]}, more={"fields": SWITCH})
    assert names(read_space(path)) == list(SWITCH)


INCLUDES: dict[str, tuple[dict[str, Any], str]] = {
    "no such space": (
        {"include": ["optimizer"]},
        "include: given optimizer; allowed: a YAML file, or acceleration, ",
    ),
    "a word for a list": ({"include": "cal"}, "include: given 'cal'; allowed: a list of names"),
    "sections": (
        {"include": ["baselines"]},
        "include: baselines: fields: given none, but sections",
    ),
    "no such field of it": (
        {"include": [{"optimiser": ["optim.lrr"]}]},
        "include.optimiser: given 'optim.lrr', which is no field of this space; did you mean optim",
    ),
    "no list of fields": (
        {"include": [{"optimiser": "optim.lr"}]},
        "include.optimiser: given 'optim.lr'; allowed: a list of fields",
    ),
    "two that differ": (
        {"include": ["optimiser", "nuisance", "bottleneck"]},
        "include: bottleneck has another cal.bottleneck.beta than one before it; allowed: equal",
    ),
    "a condition that is asked later": (
        {"include": [{"bottleneck": ["cal.bottleneck.beta"]}, "bottleneck"]},
        "cal.bottleneck.beta.when: cal.bottleneck.enabled is searched itself; allowed: place it",
    ),
    "nothing": ({"include": []}, "fields: given None; allowed: a mapping of at least one field"),
}


@pytest.mark.parametrize("fault", INCLUDES)
def test_a_fault_of_an_include_is_one_line(fault: str) -> None:
    tree, line = INCLUDES[fault]
    with pytest.raises(ConfigError) as caught:
        parse_space(tree)
    assert str(caught.value).splitlines()[0].startswith(line)


def test_a_circle_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, a={"include": ["b.yaml"]}, b={"include": ["a.yaml"]})
    with pytest.raises(ConfigError) as caught:
        read_space(path)
    assert str(caught.value) == (
        "include: b.yaml: a.yaml: given a, which includes itself; allowed: no circle"
    )


def test_a_fault_in_an_included_file_says_where(tmp_path: Path) -> None:
    bad = {"fields": {"optim.lrr": BETA}}
    path = written(tmp_path, own={"include": ["more.yaml"]}, more=bad)
    with pytest.raises(ConfigError, match=r"^include: more.yaml: optim.lrr.field: given 'optim.l"):
        read_space(path)


def published(*rows: Any, **more: Any) -> Space:
    return parse_space({"fields": SWITCH, "published": list(rows), **more})


def test_published_settings_are_kept_with_their_source() -> None:
    row = {"source": "a paper", "values": {"cal.bottleneck.beta": 0.01}}
    (setting,) = published(row).published
    assert (setting.source, setting.values) == ("a paper", {"cal.bottleneck.beta": 0.01})


PUBLISHED: dict[str, tuple[Any, str]] = {
    "no source": (
        {"values": {"cal.bottleneck.beta": 0.01}},
        "published.0.source: given .*; field required",
    ),
    "no values": ({"source": "a", "values": {}}, "published.0.values: given {}; dictionary should"),
    "a word": ("a paper", "published.0.configuration: given 'a paper'; input should be"),
    "another field": (
        {"source": "a", "values": {"cal.bottleneck.betta": 0.01}},
        "published.0.values: given 'cal.bottleneck.betta', which is no field of .*; did you mean c",
    ),
    "a field that is not searched": (
        {"source": "a", "values": {"optim.lr": 0.05}},
        "published.0.values: given 'optim.lr', which is no field of this space",
    ),
    "no value of the field": (
        {"source": "a", "values": {"cal.bottleneck.beta": -1}},
        "published.0.values.cal.bottleneck.beta: given -1; input should be greater",
    ),
    "out of range": (
        {"source": "a", "values": {"cal.bottleneck.beta": 0.2}},
        "published.0.values.cal.bottleneck.beta: given 0.2; allowed: a value of its range",
    ),
    "a condition on no field": (
        {"source": "a", "values": {"cal.bottleneck.beta": 0.01}, "when": {"modell": 1}},
        "published.0.when: given 'modell', which is no field",
    ),
}


@pytest.mark.parametrize("fault", PUBLISHED)
def test_a_fault_of_a_published_setting_is_one_line(fault: str) -> None:
    row, line = PUBLISHED[fault]
    with pytest.raises(ConfigError, match=f"^{line}") as caught:
        published(row)
    assert "\n" not in str(caught.value)


def test_published_is_a_list() -> None:
    with pytest.raises(ConfigError, match=r"^published: given {}; allowed: a list of source"):
        parse_space({"fields": SWITCH, "published": {}})


def test_settings_come_along_with_an_include_unless_out_of_range() -> None:
    """beta .03 (MLP) and .003 (CNN); then from .01 on; then none, by the file's own word."""
    both = parse_space({"include": ["bottleneck"]})
    assert len(both.published) == 2
    narrow = {"cal.bottleneck.beta": BETA | {"low": 0.01}}
    (left,) = parse_space({"include": ["bottleneck"], "fields": narrow}).published
    assert left.values["cal.bottleneck.beta"] == 0.03
    assert not parse_space({"include": ["bottleneck"], "published": []}).published


def test_a_setting_applies_where_its_condition_holds() -> None:
    mlp, cnn = read_space("bottleneck").published
    keypad = parse({"data": {"name": "keypad"}, "model": {"encoder": "cnn"}})
    assert settings_for(read_space("bottleneck"), parse({})) == (mlp,)
    assert settings_for(read_space("bottleneck"), keypad) == (cnn,)


def test_a_setting_is_completed_by_the_base_in_the_order_of_asking() -> None:
    """lr is the base's own .1; apply is what auto comes to; tau .9 is out of range, so .2."""
    base = parse({"optim": {"lr": 0.1}, "cal": {"contribution": {"tau": 0.9}}})
    full = completed(read_space("cal").dimensions, base, {"cal.bottleneck.schedule": "cyclical"})
    assert (full["optim.lr"], full["cal.acceleration.apply"]) == (0.1, "gradient")
    assert full["cal.contribution.tau"] == 0.2
    assert full["cal.bottleneck.cycles"] == 4
    assert "cal.bottleneck.warmup" not in full
    assert laid(base, full).cal is not None


def test_without_a_bottleneck_none_of_its_fields_is_asked() -> None:
    space = read_space("bottleneck")
    full = completed(space.dimensions, parse({}), {"cal.bottleneck.enabled": False})
    assert [path for path in full if "bottleneck" in path] == ["cal.bottleneck.enabled"]


def config(**tree: Any) -> Config:
    return parse({"cal": {"bottleneck": tree}})


@pytest.mark.parametrize(
    ("name", "base", "schedule", "enabled"),
    [
        ("cal.bottleneck.cycles", config(), "cyclical", True),
        ("cal.bottleneck.cycles", config(enabled=False), "cyclical", True),
        ("cal.bottleneck.warmup", config(schedule="constant"), "linear", True),
        ("cal.bottleneck.warmup", config(schedule="cosine"), "cosine", True),
        ("cal.bottleneck.enabled", config(enabled=False), "linear", False),
    ],
)
def test_a_branch_is_reached_by_the_fields_that_are_searched(
    name: str, base: Config, schedule: str, enabled: bool
) -> None:
    space = read_space("bottleneck")
    (dimension,) = [d for d in space.dimensions if d.name == name]
    branch = reached(dimension, space.dimensions, base)
    assert branch is not None
    bottleneck = branch.mechanisms.bottleneck
    assert (bottleneck.schedule, bottleneck.enabled) == (schedule, enabled)


def test_what_the_search_cannot_change_is_never_reached() -> None:
    """Two modalities on a data set of six, and everything of CAL under another method."""
    space = read_space("bottleneck")
    (two,) = [d for d in space.dimensions if d.name == "cal.bottleneck.asymmetry@two"]
    assert reached(two, space.dimensions, parse({})) is None
    joint = parse({"method": "joint"})
    found = [d.name for d in space.dimensions if reached(d, space.dimensions, joint)]
    assert found == ["model.d_z"]


def test_alpha_0_is_within_reach_and_off() -> None:
    (alpha,) = [d for d in read_space("acceleration").dimensions if d.name.endswith("alpha")]
    assert alpha.extremes() == (0, 3)
    off = effective(laid(parse({}), {alpha.field: 0.0}))
    assert not off.mechanisms.acceleration.enabled


@pytest.mark.parametrize("data", [{}, {"data": {"name": "keypad"}, "model": {"encoder": "cnn"}}])
def test_both_ends_of_the_floor_are_below_1_over_m(data: dict[str, Any]) -> None:
    """1/6 for handwritten, 1/2 for keypad."""
    (floor,) = [d for d in read_space("bottleneck").dimensions if d.name.endswith("floor")]
    for end in floor.extremes():
        assert laid(parse(data), {floor.field: end}).cal is not None
