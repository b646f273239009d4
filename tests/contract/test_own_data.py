"""A user's data through everything a run is: packs, resume, all methods, hashes; in memory and
prepared on disk from a layout of the user's.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ablations import preflight
from ablations.plan import make_plan
from ablations.study import read_study
from cal.adapters.tracking_data import data_of
from cal.config import Config, merge, parse
from cal.data.__main__ import main
from cal.data.layouts.table import find_layout
from cal.effective import effective, run_hash
from cal.methods import METHODS
from cal.packed import alone, check_pack
from cal.records import Epoch, Result
from cal.rules import FUSIONS
from cal.running import Job, resumable
from cal.suite.states import unlike
from cal.trainer import Trainer, train
from tests.own import module

SMALL: dict[str, Any] = {
    "data": {"probe": 24, "select": 24},
    "model": {"d_z": 4, "hidden": [8, 8]},
    "cal": {"contribution": {"interval": 2}},
    "train": {"epochs": 4, "batch": 24, "validate_every": 2},
}


@pytest.fixture
def ward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The module of the tests' classes, of a name of its own."""
    return module(tmp_path, monkeypatch, f"ward_{abs(hash(request.node.name))}")


def of(name: str, **more: Any) -> Config:
    return parse(merge(merge(SMALL, {"data": {"name": name}}), more))


def encoded(name: str, **more: Any) -> Config:
    return of(f"{name}:Encoded", **merge({"model": {"encoder": "own"}}, more))


def fused(method: str) -> dict[str, Any]:
    return {"method": method, "model": {"fusion": FUSIONS.get(method, "linear")}}


def end(config: Config) -> Result:
    *_, last = train(config)
    assert isinstance(last, Result)
    return last


def test_runs_on_own_tables_share_packs_bit_for_bit(ward: str) -> None:
    """Arms of the factorial and seeds, with a sixth of one table missing."""
    off = {"cal": {"bottleneck": {"enabled": False}}}
    runs = [of(f"{ward}:Encoded", seed=seed, **more) for seed in (0, 5) for more in ({}, off)]
    runs.append(of(f"{ward}:Encoded", method="joint", seed=1))
    check_pack(runs)
    pack = Trainer(runs)
    list(pack.records())
    for r, config in enumerate(runs):
        single = Trainer([config])
        list(single.records())
        assert unlike(pack.states()[r], single.states()[0]) is None


def test_own_encoders_go_alone(ward: str) -> None:
    config = encoded(ward)
    assert str(alone(config)).startswith("own is an ordinary module, whose weights")
    with pytest.raises(ValueError, match="2 runs in one pack: own is an ordinary module"):
        check_pack([config, config])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("encoder", ["own", "mlp"])
def test_every_method_trains_resumes_and_stands_noise(
    method: str, encoder: str, ward: str, tmp_path: Path
) -> None:
    """Through the checkpoints that every backend keeps: stopped after two epochs of four."""
    config = of(f"{ward}:Encoded", **merge(fused(method), {"model": {"encoder": encoder}}))
    whole = end(config)
    assert whole.metrics["test/clean/accuracy"] > 0.5  # of three classes
    assert all(np.isfinite(value) for value in whole.metrics.values())
    key = run_hash(config)
    stopped = [r for _, r in resumable([Job(config, key, str(tmp_path), every_s=0, until=2)])]
    assert isinstance(stopped[-1], Epoch)
    *_, (_, last) = resumable([Job(config, key, str(tmp_path))])
    assert isinstance(last, Result)
    timeless = [
        {k: v for k, v in r.metrics.items() if not k.startswith("time/")} for r in (last, whole)
    ]
    assert timeless[0] == timeless[1]


def test_contribution_finds_the_useless_modality(ward: str) -> None:
    """Shoes are noise. Five seeds; had W no idea, shoes were last in all with probability 1/243."""
    for seed in range(5):
        trainer = Trainer([of(f"{ward}:Tables", seed=seed, train={"epochs": 12})])
        list(trainer.records())
        weights = trainer.method.metric.weights[0]
        assert weights.argmin() == 2


def test_a_missing_modality_is_trained_and_evaluated_as_zero(ward: str) -> None:
    """Its encoder sees standardised 0, whatever else the sample has."""
    parts = Trainer([encoded(ward)]).data[0]
    for part in (parts.train, parts.report):
        absent = part.ids % 6 == 0
        assert absent.any()
        assert (part.tensors[1][absent] == 0).all()
        assert (part.tensors[1][~absent] != 0).all()


def test_what_nothing_reads_is_not_in_the_hash(ward: str) -> None:
    """Fields of prepared data and of our encoders; the encoder itself is."""
    config = encoded(ward)
    idle = encoded(ward, data={"side": 64, "snr_db": 3}, model={"hidden": [3], "channels": [3]})
    assert effective(idle) == effective(config)
    assert run_hash(idle) == run_hash(config)
    assert run_hash(of(f"{ward}:Encoded")) != run_hash(config)


def test_the_ledger_says_whose_data_they_are(ward: str) -> None:
    kept = data_of(encoded(ward))
    assert kept.name == f"{ward}:Encoded"
    assert kept.source == "the user's"
    assert kept.digest == Trainer([encoded(ward)]).data[0].fingerprint


STUDY = """
name: ward
base:
  data: {{name: "{name}", probe: 24, select: 24}}
  model: {{encoder: own, d_z: 4}}
  cal: {{contribution: {{interval: 1, start: 0}}, bottleneck: {{warmup: 0.1}}}}
  train: {{epochs: 2, batch: 24}}
regimes:
  ward: {{seeds: 2}}
factors:
  metric: {{neutral: {{cal: {{contribution: {{enabled: false}}}}}}}}
  acceleration: {{neutral: {{cal: {{acceleration: {{enabled: false}}}}}}}}
  bottleneck: {{neutral: {{cal: {{bottleneck: {{enabled: false}}}}}}}}
"""


def test_a_study_of_own_data_passes_its_preflight(ward: str, tmp_path: Path) -> None:
    path = tmp_path / "ward.yaml"
    path.write_text(STUDY.format(name=f"{ward}:Encoded"), encoding="utf-8")
    plan = make_plan(read_study(str(path)))
    assert len(plan.runs) == 2 * 7  # metric alone acts on nothing: it is cell none
    assert list(preflight.check(plan)) == ["ward: every switch acts, neutral forms are bit-equal"]


LAYOUT = '''
import numpy as np

from cal.data.layouts.index import Index, Sample, Settings
from cal.modalities import Modality


class Ward:
    """wards.csv: id,class,split and six numbers"""

    name = "ward"
    modalities = (Modality("pulse", "table"), Modality("sweat", "table"))
    published = {}
    settings = Settings()

    def index(self, source):
        rows = [line.split(",") for line in (source / "wards.csv").read_text().split()]
        samples = [
            Sample(id, int(label), split, {m: ("wards.csv",) for m in ("pulse", "sweat")}, text=x)
            for id, label, split, x in rows
        ]
        return Index(samples, ("a", "b", "c"))

    def decode(self, source, sample, settings):
        values = np.array(sample.text.split(";"), np.float32)
        return {"pulse": values[:2], "sweat": values[2:]}
'''


def wards(folder: Path, count: int = 180) -> Path:
    """Three classes by their means; every sixth sample is tested."""
    draw = np.random.default_rng(3)
    means = draw.normal(0, 2, (3, 6))
    lines = []
    for i in range(count):
        values = ";".join(f"{v:.4f}" for v in means[i % 3] + draw.normal(0, 1, 6))
        lines.append(f"s{i},{i % 3},{'test' if i % 6 > 4 or i % 7 == 0 else 'train'},{values}")
    folder.mkdir()
    (folder / "wards.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_a_layout_of_ones_own_is_checked_prepared_and_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"{module(tmp_path, monkeypatch, 'ward_on_disk', LAYOUT)}:Ward"
    source, out = wards(tmp_path / "source"), tmp_path / "out"
    given = ["--source", str(source), "--workers", "1"]
    assert main(["check", name, *given]) == 0
    assert main(["prepare", name, *given, "--out", str(out)]) == 0
    assert main(["check", name, "--root", str(out), "--json"]) == 0
    told = json.loads("{" + capsys.readouterr().out.partition("\n{")[2])
    assert told["data_set"] == "ward"
    for method in ("joint", "cal"):
        found = end(of(name, method=method, data={"root": str(out)}, train={"epochs": 12}))
        assert found.metrics["test/clean/accuracy"] > 0.5
    moved = tmp_path / "moved"
    out.rename(moved)
    config = of(name, data={"root": str(moved)})
    assert torch.isfinite(torch.tensor(end(config).metrics["test/robust/accuracy"]))


def test_a_layout_may_be_an_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module(tmp_path, monkeypatch, "ward_offered", LAYOUT)
    info = tmp_path / "ward-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ward\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cal_lab.data]\nward = ward_offered:Ward\n")
    assert find_layout("ward").name == "ward"
    assert main(["list"]) == 0
    told = capsys.readouterr().out
    assert told.endswith("ward: pulse (table), sweat (table)\n  yours: ward_offered:Ward\n")
