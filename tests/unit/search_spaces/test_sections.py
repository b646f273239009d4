"""Sections of a space file: one method each, tuned by its own space over the same base."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ablations.study import read_study
from cal.config import CONFIGS, Config, ConfigError, merge, parse, read_yaml
from search_spaces.sections import read_sections
from search_spaces.space import fields_for, read_space

RATE: dict[str, Any] = {
    "label": "nuisance",
    "kind": "float",
    "low": 0.01,
    "high": 0.15,
    "log": True,
    "default": 0.05,
    "ends": {"low": "hardly moves", "high": "diverges"},
}


def file(folder: Path, sections: Any, **more: Any) -> str:
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump({"sections": sections, **more}, sort_keys=False), "utf-8")
    return str(path)


def base(over: dict[str, Any]) -> Config:
    return parse(merge(read_yaml(CONFIGS / "hw20.yaml"), over))


def test_the_baselines_are_arms_of_the_default_study() -> None:
    """And of the study that compares them all, beside one modality alone (another in each regime)
    and joint-probe, a control of CAL's.
    """
    found, study = read_sections("baselines"), read_study("baselines")
    assert {*found, "cal", "unimodal", "joint-probe"} == set(study.arms)
    for arms in (study.arms, read_study("default").arms):
        for name in found.keys() & arms.keys():
            section = found[name]
            assert (section.title, section.config) == (arms[name].title, arms[name].config)
            assert section.space.name == section.name == name


def test_a_baseline_is_tuned_as_carefully_as_cal() -> None:
    """Optimiser and width of the latent in the very same ranges; beside them what is its own."""
    cal = {d.name: d for d in read_space("cal").dimensions}
    shared = ["model.d_z", "optim.lr", "optim.momentum", "optim.weight_decay"]
    own = {
        "ogm_ge": ["ogm_ge.alpha"],
        "pmr": ["pmr.alpha", "pmr.momentum", "pmr.entropy"],
        "mmpareto": ["mmpareto.scale"],
        "arl": ["arl.temperature", "arl.unimodal"],
        "qmf": ["qmf.rank"],
        "tmc": ["tmc.annealing"],
    }
    for name, section in read_sections("baselines").items():
        fields = fields_for(section.space, base(section.config))
        assert [d.name for d in fields] == [*shared, *own.get(name, [])]
        assert [d for d in fields if d.name in cal] == [cal[path] for path in shared]


def test_ogm_ge_begins_with_what_its_authors_published() -> None:
    """benchmarks.md: .8 on CREMA-D, .1 on VGGSound; both well inside the range."""
    section = read_sections("baselines")["ogm_ge"]
    (alpha,) = [d for d in section.space.dimensions if d.field == "ogm_ge.alpha"]
    values = [setting.values["ogm_ge.alpha"] for setting in section.space.published]
    assert values == [0.8, 0.1]
    assert all(0.1 < alpha.position(float(value)) < 0.9 for value in (0.8, 0.1))


def test_a_plain_space_has_none() -> None:
    assert read_sections("cal") == {}


def test_a_file_may_have_fields_and_sections(tmp_path: Path) -> None:
    sections = {"mine": {"config": {"gamma": 0.3}, "include": ["optimiser"]}}
    path = file(tmp_path, sections, fields={"optim.lr": RATE})
    assert [d.name for d in read_space(path).dimensions] == ["optim.lr"]
    (mine,) = read_sections(path).values()
    assert (mine.name, mine.title, mine.config) == ("mine", "mine", {"gamma": 0.3})
    assert mine.space.dimensions == read_space("optimiser").dimensions


def test_a_file_of_sections_is_no_space() -> None:
    with pytest.raises(ConfigError, match=r"^fields: given none, but sections; allowed: in basel"):
        read_space("baselines")


def test_a_section_may_change_what_only_a_base_makes_whole(tmp_path: Path) -> None:
    """``encoder: cnn`` alone is no configuration, for the default data have no images."""
    path = file(tmp_path, {"a": {"config": {"model": {"encoder": "cnn"}}, "fields": {}}})
    with pytest.raises(ConfigError, match=r"^sections.a.fields: given {}; allowed: a mapping"):
        read_sections(path)
    path = file(tmp_path, {"a": {"config": {"model": {"encoder": "cnn"}}, "include": ["cal"]}})
    assert read_sections(path)["a"].config == {"model": {"encoder": "cnn"}}


FAULTS: dict[str, tuple[Any, str]] = {
    "a list": (["joint"], "sections: given .*; allowed: names, each with"),
    "a word": ({"a": "joint"}, "sections.a.fields: given 'joint'; allowed: title, config, include"),
    "no fields": ({"a": {"config": {}}}, "sections.a.fields: given None; allowed: a mapping of at"),
    "a misspelt key": (
        {"a": {"confg": {}, "fields": {"optim.lr": RATE}}},
        "sections.a.confg: unknown field; allowed: title, config, include, fields, published",
    ),
    "a misspelt field": (
        {"a": {"config": {"metod": "joint"}, "fields": {"optim.lr": RATE}}},
        "sections.a.config: given 'metod', which is no field .*; did you mean method?",
    ),
    "no such value": (
        {"a": {"config": {"method": "jont"}, "fields": {"optim.lr": RATE}}},
        "sections.a.config.method: given 'jont'; input should be",
    ),
    "a config of another kind": (
        {"a": {"config": "joint", "fields": {"optim.lr": RATE}}},
        "sections.a.config: given 'joint'; allowed: a part of the configuration",
    ),
    "a bad row": (
        {"a": {"fields": {"optim.lr": RATE | {"default": 1}}}},
        "sections.a.optim.lr.default: given 1; allowed: 0.01 to 0.15",
    ),
    "a bad setting": (
        {"a": {"fields": {"optim.lr": RATE}, "published": [{"source": "x", "values": {"a": 1}}]}},
        "sections.a.published.0.values: given 'a', which is no field",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_section_is_one_line(fault: str, tmp_path: Path) -> None:
    sections, line = FAULTS[fault]
    with pytest.raises(ConfigError, match=f"^{line}") as caught:
        read_sections(file(tmp_path, sections))
    assert "\n" not in str(caught.value)


def test_faults_of_all_sections_come_at_once(tmp_path: Path) -> None:
    bad = {"config": {"gamma": 2}, "fields": {"optim.lr": RATE}}
    with pytest.raises(ConfigError) as caught:
        read_sections(file(tmp_path, {"a": bad, "b": bad}))
    assert len(str(caught.value).splitlines()) == 2
