"""A malicious file of every kind that we read: refused, and nothing of it is run.

Each payload would create a canary. Damaged copies of data sets are in ``tests/damages.py``.
"""

import json
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch

from cal import checkpoint
from cal.adapters.tracking_files import read_curves, read_predictions
from cal.config import ConfigError, parse, read_yaml
from cal.data import assets, texts
from cal.data.layouts.index import Damaged
from cal.data.preparing.unpickling import plain_of
from cal.data.stored import open_stored
from cal.effective import run_hash
from cal.model.modules import Bert, resnet
from cal.running import Job, resumable
from search_spaces.samplers import make_sampler
from search_spaces.storage import open_storage
from tests.layouts import prepared
from tests.texts import tiny_bert


class Payload:
    """Unpickled, it makes the canary."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch '{self.canary}'",)


class Indirect(Payload):
    """By ``eval``, which needs no shell."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, (f"open({str(self.canary)!r}, 'w').close()",)


def plain(payload: object) -> bytes:
    return pickle.dumps(payload, protocol=2)  # that of torch


def saved(payload: object, *, old: bool = False) -> bytes:
    buffer = BytesIO()
    torch.save({"x": payload}, buffer, _use_new_zipfile_serialization=not old)
    return buffer.getvalue()


def tar(payload: object) -> bytes:
    """The form of torch before 0.1.10: a tar of pickles."""
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            content = plain(payload)
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, BytesIO(content))
    return buffer.getvalue()


def objects(payload: object) -> bytes:
    buffer = BytesIO()
    np.save(buffer, np.array([payload, None], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def npz(payload: object) -> bytes:
    """Predictions whose ids are objects."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("conditions", "ids", "labels", "predicted", "confidence", "nll"):
            archive.writestr(f"{name}.npy", objects(payload))
    return buffer.getvalue()


@dataclass(frozen=True)
class Kind:
    """How a file is made of a payload, how it is read, and what comes of that."""

    make: Callable[[object], bytes]
    read: Callable[[Path], object]
    raises: type[Exception] | tuple[type[Exception], ...]
    name: str = "file"


def one_checkpoint(path: Path) -> object:
    return checkpoint.load(str(path.parent), path.stem)


def weights(path: Path) -> object:
    return resnet("resnet18", 3, seed=0, pretrained=str(path))


KINDS = {
    "checkpoint, torch": Kind(saved, one_checkpoint, checkpoint.DamagedError, "k.pt"),
    "checkpoint, old torch": Kind(
        lambda p: saved(p, old=True), one_checkpoint, checkpoint.DamagedError, "k.pt"
    ),
    "checkpoint, plain pickle": Kind(plain, one_checkpoint, checkpoint.DamagedError, "k.pt"),
    "checkpoint, tar": Kind(tar, one_checkpoint, checkpoint.DamagedError, "k.pt"),
    "checkpoint, array": Kind(objects, one_checkpoint, checkpoint.DamagedError, "k.pt"),
    "weights of a ResNet, torch": Kind(saved, weights, ConfigError, "w.pth"),
    "weights of a ResNet, pickle": Kind(plain, weights, ConfigError, "w.pth"),
    "weights of a ResNet, tar": Kind(tar, weights, ConfigError, "w.pth"),
    "AVE's pickle": Kind(
        plain, lambda path: plain_of(path.name, path.read_bytes()), Damaged, "a.pkl"
    ),
    "predictions of the ledger": Kind(npz, read_predictions, ValueError, "predictions.npz"),
    "curves of the ledger": Kind(plain, read_curves, ValueError, "curves.json"),
    "configuration": Kind(plain, read_yaml, ConfigError, "c.yaml"),
}


@pytest.mark.parametrize("payload", [Payload, Indirect])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_refused_and_nothing_is_run(
    kind: str, payload: type[Payload], tmp_path: Path
) -> None:
    canary, found = tmp_path / "canary", KINDS[kind]
    path = tmp_path / found.name
    path.write_bytes(found.make(payload(canary)))
    with pytest.raises(found.raises):
        found.read(path)
    assert not canary.exists()


@pytest.mark.parametrize("payload", [Payload, Indirect])
def test_the_payload_would_make_the_canary(payload: type[Payload], tmp_path: Path) -> None:
    """So that a test above cannot pass because of a payload that does nothing."""
    pickle.loads(pickle.dumps(payload(tmp_path / "canary")))  # noqa: S301
    assert (tmp_path / "canary").exists()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared("nyud2", tmp_path_factory.mktemp("nyud2"), each=2)


@pytest.mark.parametrize("file", ["labels", "splits", "ids", "image", "depth"])
def test_prepared_arrays_are_numbers(file: str, made: Path, tmp_path: Path) -> None:
    for array in made.iterdir():
        (tmp_path / array.name).write_bytes(array.read_bytes())
    canary = tmp_path / "canary"
    assert (tmp_path / f"{file}.npy").is_file()
    (tmp_path / f"{file}.npy").write_bytes(objects(Payload(canary)))
    stored = open_stored(tmp_path)
    for read in (stored.array, stored.all, stored.rows):
        with pytest.raises(ValueError, match="pickle|object"):
            read(file)
    assert not canary.exists()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[" * 100_000, "is no JSON"),
        ("\ud800", "is no JSON"),
        ('{"format": 1e999}', "its format is inf"),
        ("[1]", "its format is None"),
        ("!!python/object/apply:os.system ['x']", "is no JSON"),
    ],
)
def test_a_manifest_is_plain_json(text: str, line: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigError, match=line) as caught:
        open_stored(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_array_that_says_it_were_huge_is_not_made(made: Path, tmp_path: Path) -> None:
    """A header of a petabyte over no data: neither memory nor disk is asked for it."""
    for array in made.iterdir():
        (tmp_path / array.name).write_bytes(array.read_bytes())
    with (tmp_path / "labels.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<i8", "fortran_order": False, "shape": (2**47,)}
        )
    stored = open_stored(tmp_path)
    for read in (stored.array, stored.all):
        with pytest.raises((ValueError, MemoryError)):
            read("labels")


def test_our_own_assets_are_known_by_their_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary"
    (tmp_path / "handwritten.npz").write_bytes(npz(Payload(canary)))
    monkeypatch.setattr(assets, "FOLDER", tmp_path)
    with pytest.raises(ConfigError, match="with SHA-256"):
        assets.read("handwritten", "handwritten.npz")
    assert not canary.exists()


EVIL_CODE = "import pathlib\npathlib.Path({!r}).touch()\n"


@pytest.fixture
def evil_bert(tmp_path: Path) -> Path:
    """A folder of transformers that brings its own code, and weights as a pickle."""
    folder = tmp_path / "bert"
    tiny_bert(folder)
    (folder / "evil.py").write_text(EVIL_CODE.format(str(tmp_path / "canary")), encoding="utf-8")
    for name, key in (("config.json", "AutoConfig"), ("tokenizer_config.json", "AutoTokenizer")):
        path = folder / name
        tree = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        code = ["evil.Evil", "evil.Evil"] if key == "AutoTokenizer" else "evil.Evil"
        tree |= {"model_type": "evil", "auto_map": {key: code}, "tokenizer_class": "Evil"}
        path.write_text(json.dumps(tree), encoding="utf-8")
    for weights in folder.glob("*.safetensors"):
        weights.unlink()
    (folder / "pytorch_model.bin").write_bytes(saved(Payload(tmp_path / "canary")))
    return folder


def test_code_beside_a_bert_is_not_imported(evil_bert: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="model.bert: given"):
        Bert(str(evil_bert), seed=0)
    with pytest.raises(ConfigError, match="data.tokenizer: given"):
        texts.tokenizer(str(evil_bert))
    assert not (tmp_path / "canary").exists()


def test_weights_of_a_bert_that_are_a_pickle_are_not_opened(tmp_path: Path) -> None:
    tiny_bert(tmp_path / "bert")
    for file in (tmp_path / "bert").glob("*.safetensors"):
        file.unlink()
    (tmp_path / "bert" / "pytorch_model.bin").write_bytes(saved(Payload(tmp_path / "canary")))
    Bert(str(tmp_path / "bert"), seed=0)
    assert not (tmp_path / "canary").exists()


def journal_with(state: bytes, where: Path) -> optuna.Study:
    """A storage of a search by CMA-ES, in which a stranger has put a state of their own."""
    study = optuna.create_study(
        storage=open_storage(str(where)), sampler=make_sampler("cmaes", seed=0, objectives=1)
    )
    study.optimize(lambda t: t.suggest_float("x", 0, 1) + t.suggest_float("y", 0, 1), 14)
    trial = study.get_trials()[-1]
    attrs = {**trial.system_attrs, "cma:optimizer:0": state.hex()}
    study.add_trial(
        optuna.trial.create_trial(
            params=trial.params,
            distributions=trial.distributions,
            value=0.0,
            system_attrs=attrs,
        )
    )
    return study


def test_a_state_of_cma_es_in_the_storage_is_no_program(tmp_path: Path) -> None:
    """Optuna itself would run it: whoever may write the storage would own every driver."""
    canary = tmp_path / "canary"
    study = journal_with(plain(Payload(canary)), tmp_path / "journal.log")
    with pytest.raises(ConfigError, match=r"no state of CMA-ES .*names posix.system") as caught:
        study.ask(two())
    assert "\n" not in str(caught.value)
    assert not canary.exists()
    study.sampler = optuna.samplers.CmaEsSampler(seed=0, n_startup_trials=1)
    with pytest.raises(Exception):  # noqa: B017, PT011 (what it makes is no optimiser)
        study.ask(two())
    assert canary.exists(), "Optuna's own restores it: when it does not, ours can go"


def two() -> dict[str, Any]:
    return {name: optuna.distributions.FloatDistribution(0, 1) for name in ("x", "y")}


def test_cma_es_goes_on_from_its_own_state(tmp_path: Path) -> None:
    """The restricted reader takes what Optuna wrote, generation after generation."""
    study = optuna.create_study(
        storage=open_storage(str(tmp_path / "journal.log")),
        sampler=make_sampler("cmaes", seed=0, objectives=1),
    )
    study.optimize(lambda t: t.suggest_float("x", 0, 1) ** 2 + t.suggest_float("y", 0, 1), 60)
    states = [t for t in study.get_trials() if any("cma:optimizer" in k for k in t.system_attrs)]
    assert len(states) >= 3
    assert study.best_value < 0.1


@pytest.mark.parametrize("text", ['{"op_code": 99}\n', "[" * 10_000 + "\n"])
def test_a_journal_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="--storage: given") as caught:
        open_storage(str(path))
    assert "\n" not in str(caught.value)


def test_a_database_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(plain(Payload(tmp_path / "canary")))
    with pytest.raises(ConfigError, match="--storage: given"):
        open_storage(f"sqlite:///{tmp_path}/x.db")
    assert not (tmp_path / "canary").exists()


def test_a_run_begins_anew_where_its_checkpoint_is_malicious(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = parse({"train": {"epochs": 1}, "evaluate": {"noise": "none"}})
    key, canary = run_hash(config), tmp_path / "canary"
    (tmp_path / f"{key}.pt").write_bytes(saved(Payload(canary)))
    found = list(resumable([Job(config, key, str(tmp_path))]))
    assert "the run begins anew" in caplog.text
    assert not canary.exists()
    assert len(found) == 2, "an epoch and the result"
