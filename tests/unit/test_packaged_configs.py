"""Packaged configurations, and files by name or by path."""

from pathlib import Path
from typing import Any

import pytest

from ablations.study import read_study
from cal.config import CONFIGS, ConfigError, find_yaml, flatten, merge, parse, read_yaml
from cal.effective import effective
from cal.modalities import ON_DISK
from cal.train import parser, read

NAMES = sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def packaged(name: str) -> dict[str, Any]:
    tree = read_yaml(CONFIGS / f"{name}.yaml")
    if name == "mvsa-single":  # what lies in the user's folders
        tree = merge(tree, {"data": {"tokenizer": "/bert"}, "model": {"bert": "/bert"}})
    return tree


def test_there_is_one_for_each_data_situation() -> None:
    embedded = {"av-junk", "hw20", "junk", "keypad"}
    assert set(NAMES) == embedded | {*ON_DISK, "crema-d-arl", "crema-d-mmpareto"}


@pytest.mark.parametrize("name", ON_DISK)
def test_a_published_data_set_has_the_recipe_of_its_authors(name: str) -> None:
    """By name; CAL looks every 10 steps at 32 samples, as large networks do."""
    config = parse(packaged(name))
    assert config.data.name == name
    assert config.cal
    assert (config.cal.contribution.interval, config.cal.contribution.probe_batch) == (10, 32)
    assert config.train.batch % config.train.accumulate == 0


@pytest.mark.parametrize("regime", read_study("default").regimes)
def test_a_regime_of_the_default_study_is_the_file_of_its_name(regime: str) -> None:
    """The same computation, so a search and an ablation share their runs."""
    study = read_study("default")
    in_study = merge(study.base, study.regimes[regime].config)
    assert effective(parse(packaged(regime))) == effective(parse(in_study))


def test_keypad_is_as_its_data_set_is() -> None:
    """Default data settings but for the labels; its network and length are those of av-junk."""
    config, junk = parse(packaged("keypad")), parse(packaged("av-junk"))
    assert config.data == parse({"data": {"name": "keypad", "labels_per_class": 30}, **CNN}).data
    assert (config.model, config.train) == (junk.model, junk.train)
    assert (config.gamma, config.cal and config.cal.bottleneck.beta) == (1, 0.003)


CNN: dict[str, Any] = {"model": {"encoder": "cnn"}}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_them_is_idle(name: str) -> None:
    """Every field that a file gives is read by the run: the effective form keeps its value."""
    config = parse(packaged(name))
    given = flatten(packaged(name))
    kept = flatten(effective(config).model_dump(mode="json"))
    assert {path: kept[path] for path in given} == given


@pytest.mark.parametrize("words", [["--config", "junk"], ["--config", str(CONFIGS / "junk.yaml")]])
def test_training_takes_a_name_or_a_path(words: list[str]) -> None:
    found = read(parser().parse_args([*words, "seed=3"]))
    assert found.data.corrupt_views == ("fac", "kar", "pix")
    assert found.seed == 3


def test_a_name_is_looked_up_in_its_folder_first(tmp_path: Path, monkeypatch: Any) -> None:
    """A folder or file of the same name in the working directory does not hide it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hw20").mkdir()
    (tmp_path / "own.yaml").write_text("gamma: 0.5", encoding="utf-8")
    assert find_yaml("hw20", folder=CONFIGS, option="--config") == CONFIGS / "hw20.yaml"
    assert find_yaml("own.yaml", folder=CONFIGS, option="--config") == Path("own.yaml")


def test_an_unknown_name_says_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").touch()
    (tmp_path / "a.yaml").touch()
    with pytest.raises(ConfigError) as caught:
        find_yaml("c", folder=tmp_path, option="--space")
    assert str(caught.value) == "--space: given c; allowed: a YAML file, or a, b"


def test_a_bad_file_is_told_under_the_option_it_came_by(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("- 1", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"^--space: given .*list.yaml; allowed: a YAML mapping"):
        read_yaml(tmp_path / "list.yaml", option="--space")
