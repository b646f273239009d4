"""The worked example on a small file of the same form: what becomes of each recording."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ablations.plan import make_plan
from ablations.study import read_study
from cal import own
from cal.config import ConfigError
from cal.data import memory
from cal.data.layouts.index import Damaged
from cal.suite.run import check
from examples import motions
from tests.motions import recording, write

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    memory.forget()
    path = write(tmp_path / "watch_dataset.npy")
    monkeypatch.setenv("MOTIONS", str(path))
    return path


def test_windows_by_hand() -> None:
    """450 samples are two windows of 200; neighbours 0 and 1 are averaged to .5, 2 and 3 to 2.5."""
    ramp = np.arange(450.0)[:, None] + 1000 * np.arange(6)
    found = motions.windows(ramp)
    assert found.shape == (2, 6, 100)
    assert found.dtype == np.float32
    assert found[0, 0, :3].tolist() == [0.5, 2.5, 4.5]
    assert found[1, 0, :2].tolist() == [200.5, 202.5]
    assert found[0, 5, 0] == 5000.5


def test_every_window_knows_its_person_arm_and_exercise(file: Path) -> None:
    raw = motions.Motions().load()
    acceleration, rotation, arm = raw.inputs
    assert acceleration.shape == rotation.shape == (280, 3, 100)
    first = motions.windows(recording(0, 1, 0, windows=2))  # exercise 0, person 1, left
    assert np.array_equal(acceleration[:2], first[:, :3])
    assert np.array_equal(rotation[:2], first[:, 3:])
    assert arm[:4, 0].tolist() == [0, 0, 1, 1]
    assert np.bincount(raw.labels).tolist() == [40] * 7
    assert raw.groups is not None
    assert raw.official is not None
    assert raw.groups[:6].tolist() == [1, 1, 1, 1, 2, 2]
    assert set(raw.groups[raw.official == 2]) == {8, 9, 10}
    assert not np.isnan(np.concatenate([x.ravel() for x in raw.inputs])).any()


def test_the_gyroscope_is_off_in_half_of_what_is_trained_on(file: Path) -> None:
    """In whole recordings, of nobody who is tested; else nothing differs."""
    raw, full = motions.SavedBattery().load(), motions.Motions().load()
    off = np.isnan(raw.inputs[1]).all((1, 2))
    assert raw.official is not None
    assert not off[raw.official == 2].any()
    assert (off.reshape(140, 2).all(1) == off.reshape(140, 2).any(1)).all()
    assert 0.35 < off[raw.official == 0].mean() < 0.65  # of 98 recordings: 3 deviations
    assert np.array_equal(raw.inputs[1][~off], full.inputs[1][~off])
    assert np.array_equal(raw.inputs[0], full.inputs[0])


def test_encoders_take_their_modality() -> None:
    data = motions.Motions()
    for modality, shape in (("acceleration", (3, 100)), ("rotation", (3, 100)), ("arm", (1,))):
        assert data.encoder(modality)(torch.zeros(5, *shape)).shape == (5, data.width)


@pytest.mark.parametrize("name", ["Motions", "SavedBattery"])
def test_the_contract_suite_finds_nothing_wrong(name: str, file: Path) -> None:
    found = list(check(f"examples.motions:{name}", ["data.select_by_group=true"]))
    assert not [finding for finding in found if finding.verdict == "wrong"]
    assert {f.check for f in found if f.verdict == "note"} == {
        "Motions": set(),
        "SavedBattery": {"missing"},
    }[name]


def test_the_study_is_as_the_docs_tell(file: Path) -> None:
    plan = make_plan(read_study(str(ROOT / "examples/motions.yaml")))
    assert plan.regimes == ("complete", "battery")
    assert len(plan.runs) == 2 * 12 * 12  # cell metric is cell none
    assert {run.config.model.encoder for run in plan.runs} == {"own"}


def test_without_the_file_it_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTIONS", str(tmp_path / "no.npy"))
    with pytest.raises(
        ConfigError, match=r"^MOTIONS: given \S+no\.npy; allowed: [^\n]*seglearn\)$"
    ):
        motions.Motions().load()
    monkeypatch.delenv("MOTIONS")
    monkeypatch.setattr(motions, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"^MOTIONS: given none; allowed: "):
        motions.Motions().load()


def test_the_package_is_found_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A seglearn that would end the program."""
    folder = tmp_path / "seglearn"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('run')")
    path = write(folder / "data" / "watch_dataset.npy", windows=1)
    monkeypatch.delenv("MOTIONS", raising=False)
    monkeypatch.delitem(sys.modules, "seglearn", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert motions.place() == path
    assert len(motions.Motions().load().labels) == 140


def test_code_in_the_file_is_refused(tmp_path: Path) -> None:
    """A pickle that would call print."""
    path = tmp_path / "watch_dataset.npy"
    np.save(path, np.array({"X": print}, dtype=object), allow_pickle=True)
    with pytest.raises(Damaged, match=r"no pickle of a numpy array \(it names builtins\.print\)"):
        motions.read(path)


def test_its_class_is_found_from_the_current_folder(file: Path) -> None:
    assert own.found("examples.motions:Motions").width == 32
