"""Every published layout, from a small copy of it to trained, resumed and evaluated runs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cal.config import Config, merge, parse
from cal.data.layouts.table import LAYOUTS
from cal.data.loading import load
from cal.effective import run_hash
from cal.methods import METHODS
from cal.records import Epoch, Result
from cal.rules import FUSIONS
from cal.trainer import Trainer, train
from tests.layouts import prepared
from tests.texts import tiny_bert

NAMES = tuple(LAYOUTS)


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds every data set, prepared; and a tiny BERT."""
    folder = tmp_path_factory.mktemp("prepared")
    tiny_bert(folder / "bert")
    return folder


def made(name: str, folder: Path, *, more: int = 0) -> Path:
    """A copy with few samples of each class: there are 31 of kinetics-sounds."""
    each = {"kinetics-sounds": 3, "crema-d": 5}.get(name, 8)
    return prepared(name, folder, each=each + more, form="wav" if name == "ave" else "")


def tree(name: str, root: Path, **more: Any) -> dict[str, Any]:
    """The smallest run on one data set."""
    there = root / name / "prepared"
    if not there.exists():
        made(name, root / name)
    text = name == "mvsa-single"
    bert = {"bert": str(root / "bert")} if text else {}
    return {
        "data": {
            "name": name,
            "root": str(there),
            "probe": 4,
            "select": 4,
            "side": 24,
            "tokens": 12,
            **({"tokenizer": str(root / "bert")} if text else {}),
        },
        "model": {"encoder": "resnet18", "d_z": 4, **bert},
        "cal": {"contribution": {"interval": 2, "probe_batch": 2}},
        "train": {"epochs": 2, "batch": 4, "validate_every": 1},
        "optim": {"lr": 0.01},
        "evaluate": {"noise": "none"},
        **more,
    }


def of(name: str, root: Path, **more: Any) -> Config:
    return parse(merge(tree(name, root), more))


def result(config: Config) -> Result:
    *_, last = train(config)
    assert isinstance(last, Result)
    return last


@pytest.mark.parametrize("name", NAMES)
def test_joint_and_cal_train_resume_and_are_evaluated_under_noise(name: str, root: Path) -> None:
    """Two epochs at once, and with a stop after the first, are the same to the bit."""
    few = name.startswith("kinetics-sounds")  # 31 classes: every condition takes seconds there
    for method in ("joint", "cal"):
        standard = method == "cal" and not few
        noise = {"noise": "standard"} if standard else {"gaussian_sigma": [1.0]}
        config = of(name, root, method=method, evaluate=noise)
        whole = result(config)
        first = Trainer([config])
        assert isinstance(next(first.records())[0], Epoch)
        *_, last = train(config, state=first.states()[0])
        assert isinstance(last, Result)
        times = {key for key in whole.metrics if key.startswith("time/")}
        assert {k: v for k, v in last.metrics.items() if k not in times} == {
            k: v for k, v in whole.metrics.items() if k not in times
        }
        assert ("test/robust/accuracy" in whole.metrics) == standard
        assert any(key.startswith("test/gaussian-") for key in whole.metrics)
        assert all(np.isfinite(v) for v in whole.metrics.values())


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"joint", "cal"}))
@pytest.mark.parametrize("name", NAMES)
def test_every_rival_trains(name: str, method: str, root: Path) -> None:
    fusion = {"model": {"fusion": FUSIONS[method]}} if method in FUSIONS else {}
    found = result(of(name, root, method=method, **fusion))
    assert np.isfinite(found.metrics["test/clean/nll"])


@pytest.mark.parametrize("name", NAMES)
def test_the_hash_knows_the_data_and_not_their_folder(name: str, root: Path) -> None:
    config = of(name, root)
    moved = root / f"{name}-elsewhere"
    if not moved.exists():
        moved.symlink_to(Path(config.data.root or ""), target_is_directory=True)
    other = of(name, root, data={"root": str(moved)})
    assert run_hash(other) == run_hash(config)
    assert load(other.data, seed=0).fingerprint == load(config.data, seed=0).fingerprint
    assert run_hash(of(name, root, data={"side": 32})) != run_hash(config)
    more = made(name, root / f"{name}-more", more=1)
    assert run_hash(of(name, root, data={"root": str(more)})) != run_hash(config)


@pytest.mark.parametrize("name", NAMES)
def test_parts_are_the_published_splits_and_share_no_sample(name: str, root: Path) -> None:
    parts = load(of(name, root).data, seed=0)
    ids = [set(part.ids.tolist()) for part in (parts.train, parts.probe, parts.select)]
    ids.append(set(parts.report.ids.tolist()))
    assert len(set.union(*ids)) == sum(map(len, ids))
    splits = np.load(root / name / "prepared" / "splits.npy")
    assert ids[3] == set(np.flatnonzero(splits == 2).tolist())
    if (splits == 1).any():
        assert ids[2] == set(np.flatnonzero(splits == 1).tolist())


def test_qmf_2023_acts_on_raw_pixels_and_words(root: Path) -> None:
    for name in ("mvsa-single", "nyud2"):
        found = result(of(name, root, method="joint", evaluate={"noise": "qmf-2023"}))
        noisy = [key for key in found.metrics if key.startswith("test/qmf_")]
        assert len(noisy) == (2 if name == "mvsa-single" else 1) * 2 * 5 * 4
        changed = {float(found.metrics[k]) for k in noisy if k.endswith("/nll")}
        assert len(changed) > 2


def test_white_noise_acts_on_waveforms(root: Path) -> None:
    config = of("crema-d", root, method="joint", evaluate={"audio_snr_db": [0.0]})
    found = result(config)
    assert found.metrics["test/audio_snr-audio-0/nll"] != found.metrics["test/clean/nll"]


def test_several_frames_are_averaged(root: Path) -> None:
    config = of("crema-d", root, data={"frames": 2}, method="joint")
    part = load(config.data, seed=0).train
    assert part.lazies[1].shape[1:] == (2, 3, 24, 24)
    assert np.isfinite(result(config).metrics["test/clean/nll"])


def test_augmentation_is_a_function_of_seed_epoch_and_sample(root: Path) -> None:
    data = of("nyud2", root).data
    image = load(data, seed=3).train.lazies[0]
    cpu = torch.device("cpu")

    def seen(*rows: int, epoch: int | None, seed: int = 3) -> torch.Tensor:
        part = load(data, seed=seed).train.lazies[0] if seed != 3 else image
        return part.batch(torch.tensor(rows), device=cpu, epoch=epoch)

    together = seen(0, 1, 2, epoch=1)
    assert torch.allclose(together[1:2], seen(1, epoch=1), atol=1e-6)
    assert torch.equal(together, seen(0, 1, 2, epoch=1))
    assert not torch.equal(together, seen(0, 1, 2, epoch=2))
    assert torch.equal(seen(0, epoch=None), seen(0, epoch=None))
    plain = load(of("nyud2", root, data={"augment": False}).data, seed=3).train.lazies[0]
    rows = torch.arange(3)
    assert torch.equal(
        plain.batch(rows, device=cpu, epoch=1), plain.batch(rows, device=cpu, epoch=None)
    )
