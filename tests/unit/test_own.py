"""How a name finds a user's class: an import path, or an entry point of an installed package."""

from pathlib import Path

import numpy as np
import pytest

from cal import own
from cal.config import ConfigError, Data, merge, parse
from cal.content import digests
from cal.data import memory
from cal.data.loading import load
from cal.effective import run_hash
from cal.modalities import KNOWN
from tests.own import MODULE, module

SIZES = {"probe": 24, "select": 24}


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    for cached in (own.found, memory._own, memory._outline, memory._own_content):
        cached.cache_clear()


def installed(folder: Path, patch: pytest.MonkeyPatch, line: str) -> None:
    """A distribution as pip leaves it, with one entry point."""
    info = folder / "ward-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ward\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[cal_lab.data]\n{line}\n")
    patch.syspath_prepend(folder)


def test_a_class_is_found_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"{module(tmp_path, monkeypatch, 'ward_by_path')}:Tables"
    config = parse({"data": {"name": name, **SIZES}})
    assert config.modalities == ("pulse", "sweat", "shoes")
    parts = load(config.data, seed=0)
    assert [tuple(x.shape) for x in parts.train.tensors] == [(144, 2), (144, 4), (144, 2)]
    assert parts.source == {"name": "made up", "licence": "CC0"}


def test_an_entry_point_is_a_short_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that offers one is installed; nothing else has to be said."""
    module(tmp_path, monkeypatch, "ward_installed")
    installed(tmp_path, monkeypatch, "ward = ward_installed:Tables")
    assert "ward" in own.names()
    short = parse({"data": {"name": "ward", **SIZES}})
    long = parse({"data": {"name": "ward_installed:Tables", **SIZES}})
    assert short.modalities == long.modalities
    assert digests(short) == digests(long)
    with pytest.raises(ConfigError, match=r"^data\.name: .*mvsa-single, nyud2, ward, or package"):
        parse({"data": {"name": "wart"}})


def test_an_entry_point_never_takes_a_name_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module(tmp_path, monkeypatch, "ward_impostor")
    installed(tmp_path, monkeypatch, "handwritten = ward_impostor:Tables")
    assert own.names() == tuple(KNOWN)
    assert parse({"data": {"name": "handwritten"}}).modalities[0] == "fac"


def test_an_entry_point_that_is_no_class_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path, monkeypatch, "ward = ward_without_colon")
    with pytest.raises(ConfigError, match=r"^data\.name: given 'ward'; allowed: [^\n]*$"):
        own.found("ward")


BROKEN = {
    "Absent": ("", r"cannot be used: AttributeError: [^\n]*Absent"),
    "Needs": ("__init__ = lambda self, path: None", r"cannot be used: TypeError: "),
    "Silent": ("pass", r"cannot be used: AttributeError: [^\n]*modalities"),
    "Words": ('modalities = ("pulse",)', r"its modalities are \('pulse',\); allowed"),
    "Nothing": ("modalities = ()", r"its modalities are \(\); allowed: at least"),
    "Half": ('modalities = (Modality("half", "table"),)', r"a modality is named 'half'; allowed: "),
    "Slash": ('modalities = (Modality("a/b", "table"),)', r"a modality is named 'a/b'; allowed: "),
    "Twice": ('modalities = (Modality("a", "table"),) * 2', r"its modalities are a, a; allowed: "),
    "Heard": (
        'modalities = (Modality("a", "sound"),); load = print',
        r"a is sound, and load\(\) makes it in memory; allowed: table or image",
    ),
}


@pytest.mark.parametrize("attribute", BROKEN)
def test_what_cannot_be_used_is_one_line(
    attribute: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, reason = BROKEN[attribute]
    text = f"from cal.modalities import Modality\nclass {attribute}: {body}" if body else ""
    name = f"{module(tmp_path, monkeypatch, f'ward_{attribute.lower()}', text)}:{attribute}"
    with pytest.raises(ConfigError, match=rf"^data\.name: given '{name}'; {reason}[^\n]*$"):
        own.found(name)


def test_a_module_that_is_not_there_says_where_it_was_looked_for() -> None:
    with pytest.raises(ConfigError, match=r"No module named 'nowhere'; modules are looked for in"):
        parse({"data": {"name": "nowhere:MyData"}})


def test_load_that_fails_or_errs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = MODULE.replace("draw = np.random", "open('/nowhere'); draw = np.random")
    name = f"{module(tmp_path, monkeypatch, 'ward_failing', text)}:Tables"
    with pytest.raises(ConfigError, match=r"^data\.name: \S+: load\(\) failed: FileNotFoundError"):
        load(Data(name=name, **SIZES), seed=0)
    text = MODULE.replace("labels = np.arange(240) % 3", "labels = np.arange(240) % 3 + 1")
    name = f"{module(tmp_path, monkeypatch, 'ward_from_one', text)}:Tables"
    with pytest.raises(ConfigError, match=r"^data\.name: \S+: load\(\) failed: IndexError"):
        load(Data(name=name, **SIZES), seed=0)
    text = MODULE.replace("Raw(inputs, labels,", "Raw(inputs, labels + 1,")
    name = f"{module(tmp_path, monkeypatch, 'ward_gap', text)}:Tables"
    with pytest.raises(ConfigError, match=r"^data\.name: \S+: labels: class 0 has no sample"):
        load(Data(name=name, **SIZES), seed=0)


def test_a_missing_modality_is_0_and_counts_in_no_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand: mean and deviation are those of the training samples that have it."""
    name = f"{module(tmp_path, monkeypatch, 'ward_missing')}:Encoded"
    raw = own.found(name).load()
    parts = load(Data(name=name, **SIZES), seed=1)
    ids = parts.train.ids.numpy()
    absent = ids % 6 == 0
    sweat = parts.train.tensors[1].numpy()
    assert (sweat[absent] == 0).all()
    there = raw.inputs[1][ids[~absent]].astype(np.float64)
    expected = (there - there.mean(0)) / there.std(0)
    assert np.allclose(sweat[~absent], expected, atol=1e-5)


def test_a_modality_without_any_training_sample_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = MODULE + (
        "\n\nclass Late(Tables):\n    def load(self):\n        raw = super().load()\n"
        "        raw.inputs[0][:180] = np.nan\n"
        "        official = np.repeat([0, 2], [180, 60])\n"
        "        return Raw(raw.inputs, raw.labels, official=official)\n"
    )
    name = f"{module(tmp_path, monkeypatch, 'ward_late', text)}:Late"
    with pytest.raises(ConfigError, match=r"pulse is missing in every training sample; allowed"):
        load(Data(name=name, **SIZES), seed=0)
    load(Data(name=name, modalities=("sweat", "shoes"), **SIZES), seed=0)


def test_whole_people_are_kept_for_validation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{module(tmp_path, monkeypatch, 'ward_people')}:Tables"
    parts = load(Data(name=name, select_by_group=True, **SIZES), seed=0)
    people = [set((part.ids // 30).tolist()) for part in (parts.train, parts.probe, parts.select)]
    assert not people[2] & (people[0] | people[1])


def test_the_hash_knows_values_and_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the code of a base class in a file of its own."""
    base = module(tmp_path, monkeypatch, "ward_base")
    child = "from ward_base import Tables\n\n\nclass Child(Tables):\n    pass\n"
    name = f"{module(tmp_path, monkeypatch, 'ward_child', child)}:Child"
    config = parse({"data": {"name": name, **SIZES}})
    assert [place.name for place in own.files(name)] == ["ward_child.py", "ward_base.py"]
    before = run_hash(config)
    assert run_hash(config) == before
    (tmp_path / f"{base}.py").write_text(MODULE + "\n# another encoder\n", encoding="utf-8")
    assert run_hash(config) != before


def test_encoders_are_asked_for_only_where_there_are_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = module(tmp_path, monkeypatch, "ward_encoders")
    tree = {"model": {"encoder": "own"}, "data": {"name": f"{name}:Encoded", **SIZES}}
    assert parse(tree).model.encoder == "own"
    with pytest.raises(ConfigError, match=r"^model\.encoder: given 'own'; \S+:Tables has none"):
        parse(merge(tree, {"data": {"name": f"{name}:Tables"}}))
    with pytest.raises(ConfigError, match=r"given 'cnn'; allowed for \S+: mlp or linear or own$"):
        parse(merge(tree, {"model": {"encoder": "cnn"}}))
    with pytest.raises(ConfigError, match=r"^data\.root: given /x; \S+ is made in memory"):
        parse(merge(tree, {"data": {"root": "/x"}}))
