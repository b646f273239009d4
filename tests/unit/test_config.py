"""Bad input is answered in one line per fault: field, given, allowed, nearest name."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cal.config import (
    Config,
    ConfigError,
    assignments,
    flatten,
    merge,
    parse,
    read_yaml,
)


def fault(tree: dict[str, Any]) -> str:
    """What the user reads."""
    with pytest.raises(ConfigError) as caught:
        parse(tree)
    return str(caught.value)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["cal.acceleration.alpa=2"],
            "cal.acceleration.alpa: unknown field; did you mean cal.acceleration.alpha?",
        ),
        (["optm.lr=1"], "optm: unknown field; did you mean optim?"),
        (
            ["train.qqq=1"],
            "train.qqq: unknown field; allowed: epochs, batch, validate_every, "
            "precision, accumulate, channels_last, compile",
        ),
        (
            ["method=join"],
            "method: given 'join'; allowed: joint, ogm_ge, pmr, mmpareto, arl, qmf, tmc, cal; "
            "did you mean joint?",
        ),
        (
            ["cal.bottleneck.schedule=linar"],
            "cal.bottleneck.schedule: given 'linar'; allowed: constant, linear, cosine, cyclical, "
            "exponential; did you mean linear?",
        ),
        (["optim.lr=0"], "optim.lr: given 0; input should be greater than 0"),
        (["gamma=1.5"], "gamma: given 1.5; input should be less than or equal to 1"),
        (
            ["cal.acceleration.alpha=-1"],
            "cal.acceleration.alpha: given -1; input should be greater than or equal to 0",
        ),
        (["seed=2147483648"], "seed: given 2147483648; input should be less than 2147483648"),
        (
            ["cal.contribution.floor=0.2"],
            "cal.contribution.floor: given 0.2; allowed: 0 <= floor < 1/M = 0.1667",
        ),
        (
            ["data.corrupt_views=[foo]"],
            "data.corrupt_views: given 'foo'; allowed: modalities of handwritten: "
            "fac, fou, kar, mor, pix, zer",
        ),
        (
            ["data.modalities=[pixx, fac]"],
            "data.modalities: given 'pixx'; allowed: modalities of handwritten: "
            "fac, fou, kar, mor, pix, zer",
        ),
        (
            ["data.modalities=[fac, fac]"],
            "data.modalities: given fac, fac; allowed: each modality once",
        ),
        (
            ["data.modalities=[fac, pix]", "cal.contribution.floor=0.5"],
            "cal.contribution.floor: given 0.5; allowed: 0 <= floor < 1/M = 0.5",
        ),
        (
            ["model.encoder=cnn"],
            "model.encoder: given 'cnn'; allowed for data.name=handwritten: mlp or linear",
        ),
        (["cal=null"], "cal: given null; method=cal needs this section"),
        (
            ["evaluate.noise=qmf-2023"],
            "evaluate.noise: given 'qmf-2023' with data.name=handwritten; allowed: standard or "
            "none (qmf-2023 is defined on raw pixels and words: mvsa-single, nyud2)",
        ),
    ],
)
def test_one_line_says_it(words: list[str], line: str) -> None:
    assert fault(assignments(words)) == line


@pytest.mark.parametrize(
    ("words", "start"),
    [
        (["optim.lr=fast"], "optim.lr: given 'fast'; input should be a valid number"),
        (["train.epochs=1.5"], "train.epochs: given 1.5; input should be a valid integer"),
        (["optim.lr=.nan"], "optim.lr: given nan; "),
        (["optim.lr=.inf"], "optim.lr: given inf; input should be a finite number"),
        (["model.hidden=[]"], "model.hidden: given []; "),
        (["model.hidden=[64,0]"], "model.hidden.1: given 0; "),
        (["data=3"], "data: given 3; "),
        (["cal.contribution.enabled=maybe"], "cal.contribution.enabled: given 'maybe'; "),
        (["evaluate.missing_share=[0]"], "evaluate.missing_share.0: given 0; "),
        (["evaluate.salt_pepper_share=[1.1]"], "evaluate.salt_pepper_share.0: given 1.1; "),
        (["evaluate.gaussian_sigma=[-1]"], "evaluate.gaussian_sigma.0: given -1; "),
        (["evaluate.severities=dense"], "evaluate.severities: given 'dense'; allowed: standard, "),
        (["evaluate.audio_snr_db=[0]"], "evaluate.audio_snr_db: only for data with a waveform"),
    ],
)
def test_a_wrong_type_names_its_field(words: list[str], start: str) -> None:
    message = fault(assignments(words))
    assert message.startswith(start)
    assert "\n" not in message


@pytest.mark.parametrize("words", [["train.epochs=true"], ["gamma=true"], ["seed=false"]])
def test_yes_and_no_are_not_numbers(words: list[str]) -> None:
    assert "\n" not in fault(assignments(words))


def test_all_faults_at_once() -> None:
    words = ["optim.lr=-1", "train.epoch=3", "method=call", "gamma=2"]
    lines = fault(assignments(words)).split("\n")
    assert sorted(line.split(":")[0] for line in lines) == [
        "gamma",
        "method",
        "optim.lr",
        "train.epoch",
    ]


def test_all_faults_across_sections_at_once() -> None:
    tree = {"cal": {"contribution": {"floor": 0.5}}, "evaluate": {"audio_snr_db": [0]}}
    assert [line.split(":")[0] for line in fault(tree).split("\n")] == [
        "evaluate.audio_snr_db",
        "cal.contribution.floor",
    ]


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_k_on_gradients_of_an_adaptive_optimiser_is_refused_with_the_reason(name: str) -> None:
    tree: dict[str, Any] = {
        "optim": {"name": name},
        "cal": {"acceleration": {"apply": "gradient"}},
    }
    message = fault(tree)
    assert message.startswith("cal.acceleration.apply: given 'gradient' with optim.name=" + name)
    assert "it would do nothing; allowed: auto or learning_rate" in message
    assert parse(tree | {"method": "joint"}).method == "joint"  # nothing reads the field there
    tree["cal"]["acceleration"]["enabled"] = False
    assert parse(tree).optim.name == name


def test_the_ends_of_ranges_are_as_stated() -> None:
    assert parse({"gamma": 0, "seed": 0, "cal": {"acceleration": {"alpha": 0}}}).gamma == 0
    assert parse({"gamma": 1, "seed": 2**31 - 1}).seed == 2**31 - 1
    assert parse({"cal": {"contribution": {"floor": 0, "lam": 1, "ema": 0, "start": 1}}})
    assert "cal.contribution.ema" in fault({"cal": {"contribution": {"ema": 1}}})


def test_a_configuration_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Config().gamma = 0.0  # type: ignore[misc]


def test_a_configuration_goes_there_and_back() -> None:
    config = parse({"model": {"hidden": [8]}, "optim": {"clip": None}, "ogm_ge": None})
    assert parse(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("optim.lr=1e-3", 1e-3),
        ("optim.clip=null", None),
        ("model.hidden=[8, 16]", [8, 16]),
        ("method=joint", "joint"),
        ("cal.contribution.enabled=false", False),
        ("data.name=", None),
    ],
)
def test_an_assignment_is_read_as_yaml(word: str, value: object) -> None:
    assert list(flatten(assignments([word])).values()) == [value]


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("seed", "seed: given as an argument; allowed: FIELD=VALUE"),
        ("=3", "=3: given as an argument; allowed: FIELD=VALUE"),
        ("seed=[", "seed: given '['; allowed: a YAML value"),
        (
            "seed=!!python/object/apply:os.getcwd []",
            "seed: given '!!python/object/apply:os.getcwd []'; allowed: a YAML value",
        ),
    ],
)
def test_an_unreadable_assignment_is_one_line(word: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        assignments([word])
    assert str(caught.value) == line


def test_later_assignments_win_and_lists_are_replaced() -> None:
    assert assignments(["a.b=1", "a.c=2", "a.b=[3]"]) == {"a": {"b": [3], "c": 2}}
    below = {"a": {"b": [1, 2]}, "c": 1}
    assert merge(below, {"a": {"b": [3]}}) == {"a": {"b": [3]}, "c": 1}
    assert below == {"a": {"b": [1, 2]}, "c": 1}


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("optim: {lr: 1e-3}\nseed: 4\n")
    config = parse(read_yaml(path))
    assert (config.optim.lr, config.seed) == (1e-3, 4)
    path.write_text("")
    assert read_yaml(path) == {}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"!!python/object/apply:os.system ['true']", "not plain YAML: could not determine"),
        (b"a: [1", "not plain YAML: while parsing"),
        (b"\xff\xfe\x00a", "not plain YAML"),
        (b"- 1", "allowed: a YAML mapping of field names"),
        (b"1: 2", "allowed: a YAML mapping of field names"),
    ],
)
def test_a_bad_file_is_one_line(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    message = str(caught.value)
    assert message.startswith(f"--config: given {path}; ")
    assert reason in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read_is_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        read_yaml(tmp_path / name)
    assert "\n" not in str(caught.value)
