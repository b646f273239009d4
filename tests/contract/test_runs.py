"""A run's promises beyond its parameters: whole state, alternatives in packs, an honest probe."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from cal.config import Config, merge, parse
from cal.methods import METHODS
from cal.records import Epoch, Record, Result
from cal.rules import FUSIONS
from cal.running import Job, resumable
from cal.suite.states import through_a_file, unlike
from cal.trainer import Trainer, train

BASE: dict[str, Any] = {
    "data": {"labels_per_class": 20},
    "cal": {"contribution": {"interval": 2}},
    "train": {"epochs": 4, "validate_every": 2},
    "evaluate": {"noise": "none"},
}
ADAM: dict[str, Any] = {"optim": {"name": "adam", "lr": 1e-3}}


def chosen(**fields: object) -> dict[str, Any]:
    """CAL with other values of the contribution's fields."""
    return {"method": "cal", "cal": {"contribution": fields}}


def bottled(**fields: object) -> dict[str, Any]:
    """CAL with other values of the bottleneck's fields."""
    return {"method": "cal", "cal": {"bottleneck": fields}}


FUSED = {name: {"model": {"fusion": fusion}} for name, fusion in FUSIONS.items()}
VARIANTS: dict[str, dict[str, Any]] = {
    name: {"method": name, **FUSED.get(name, {})} for name in METHODS
} | {
    "joint-adam": {"method": "joint", **ADAM},
    "ogm_ge-adam": {"method": "ogm_ge", **ADAM},
    "cal-adam": {"method": "cal", **ADAM},
    "ogm_ge-quiet": {"method": "ogm_ge", "ogm_ge": {"noise": False}},
    "permuted": chosen(control="permuted"),
    "reversed": chosen(control="reversed"),
    "accuracy": chosen(information="shapley_accuracy", confidence="entropy"),
    "kl-product": chosen(information="kl", combine="product"),
    "entropy-energy": chosen(information="entropy", confidence="energy"),
    "rotating": chosen(probe_batch=48),
    "cyclical-linear": bottled(schedule="cyclical", cycles=2, asymmetry="linear"),
    "aib-reversed": bottled(asymmetry="reversed"),
    "mlp-fusion": {"method": "cal", "model": {"fusion": "mlp"}},
    "linear": {"method": "cal", "model": {"encoder": "linear"}},
    "late": {"method": "cal", "model": {"fusion": "average"}},
    "gamma": {"method": "cal", "gamma": 0.3},
}
"""Everything that keeps state of its own, or takes another way through the code."""


def config(name: str, **changes: object) -> Config:
    return parse(merge(merge(BASE, VARIANTS[name]), changes))


def assert_same(found: object, expected: object, path: str = "") -> None:
    """Bit for bit, whatever the nesting; measured seconds aside."""
    assert unlike(found, expected, path) is None


def epochs(trainer: Trainer, count: int) -> list[Record]:
    """The next records of a single run."""
    records = trainer.records()
    return [next(records)[0] for _ in range(count)]


@pytest.mark.parametrize("name", VARIANTS)
def test_the_whole_state_resumes_bit_for_bit(name: str) -> None:
    """Parameters, optimiser, metric, generators and records: 4 epochs are 2 and 2 more."""
    whole = Trainer([config(name)])
    expected = epochs(whole, 4)
    first = Trainer([config(name)])
    before = epochs(first, 2)
    second = Trainer([config(name)])
    second.load_states([through_a_file(state) for state in first.states()])
    assert_same(second.states(), first.states())
    assert before + epochs(second, 2) == expected
    assert_same(second.states(), whole.states())


PACKED: dict[str, list[dict[str, Any]]] = {
    "cal": [
        {"contribution": {"lam": 0.2, "tau": 0.1}, "bottleneck": {"beta": 0.1}},
        {"contribution": {"ema": 0.0, "floor": 0.05}, "acceleration": {"alpha": 0.0}},
        {"acceleration": {"alpha": 3.0}, "bottleneck": {"warmup": 0.9}},
    ],
    "ogm_ge": [{"alpha": 0.1}, {"alpha": 0.8}, {"alpha": 2.0}],
}


@pytest.mark.parametrize("name", VARIANTS)
def test_replicas_with_different_numbers_are_bit_equal_to_runs_alone(name: str) -> None:
    method = str(VARIANTS[name]["method"])
    numbers = PACKED.get(method, [{}, {}, {}])
    members = [
        config(
            name,
            seed=r,
            gamma=(0.0, 0.3, 1.0)[r],
            optim={"lr": (1e-3, 2e-3, 5e-2)[r], "weight_decay": 1e-3 * r, "clip": r or None},
            **({method: fields} if fields else {}),
        )
        for r, fields in enumerate(numbers)
    ]
    pack = Trainer(members)
    together = list(pack.records())
    for r, member in enumerate(members):
        alone = Trainer([member])
        single = [record for (record,) in alone.records()]
        packed = dict(pack.network.named_parameters())
        for key, value in alone.network.named_parameters():
            assert torch.equal(packed[key][r], value[0]), (key, r)
        assert [records[r] for records in together[:-1]] == single[:-1]
        ours, theirs = together[-1][r], single[-1]
        assert isinstance(ours, Result)
        assert isinstance(theirs, Result)
        kept, expected = ours.predictions["clean"], theirs.predictions["clean"]
        assert kept.nll.tolist() == expected.nll.tolist()


def images(seed: int) -> Config:
    """A CNN on two modalities, numbers by seed."""
    tree = {"data": {"name": "keypad"}, "model": {"encoder": "cnn"}, "train": {"epochs": 14}}
    return config("cal", **tree, seed=seed, gamma=seed % 3 / 2, optim={"lr": 0.01 + 0.01 * seed})


def test_a_replica_trains_the_same_in_packs_of_any_size() -> None:
    """The CNN for 42 steps of full CAL, alone and in packs of 2, 5 and 12."""
    found: dict[int, dict[str, Tensor]] = {}
    for seeds in ([0], [4], [4, 0], [3, 1, 0, 2, 4], range(12)):
        pack = Trainer([images(seed) for seed in seeds])
        while pack.epoch < 14:
            assert list(pack.epoch_steps())
        assert pack.step == 42
        for r, seed in enumerate(seeds):
            values = {name: p[r] for name, p in pack.network.named_parameters()}
            assert_same(values, found.setdefault(seed, values), f"{seed} of {len(seeds)}")


@pytest.mark.parametrize("name", VARIANTS)
def test_every_number_is_finite(name: str) -> None:
    for record in train(config(name)):
        values = torch.tensor(list(record.metrics.values()))
        assert values.isfinite().all()


@pytest.mark.parametrize("alpha", [20.0, 1000.0])
def test_a_modulation_to_nothing_stays_finite(alpha: float) -> None:
    """1 - tanh(20) is 0 in float32: the leader's gradient is noise alone, not infinite noise."""
    trainer = Trainer([config("ogm_ge", ogm_ge={"alpha": alpha})])
    for record in epochs(trainer, 2):
        assert math.isfinite(record.metrics["train/loss"])


def test_modulation_noise_does_not_clip_the_others_away() -> None:
    """k g + N(0, std(g)^2): the noise is as large as g, whatever k is.

    Fusion and heads take no noise: with and without it their first step is about as long. Noise
    adds at most its own norm to that of which clipping takes its part: a factor below 2.
    """
    moved = {}
    for noise in (False, True):
        trainer = Trainer([config("ogm_ge", ogm_ge={"alpha": 3.0, "noise": noise})])
        before = trainer.network.head_weight.detach().clone()
        next(trainer.epoch_steps())
        moved[noise] = (trainer.network.head_weight - before).norm().item()
    assert moved[True] > moved[False] / 2


@pytest.mark.parametrize(
    ("interval", "size"), [(5, 32), (10, 32), (4, 32), (2, 64), (1, 48), (5, 128), (5, 1000)]
)
def test_a_rotating_probe_shows_every_sample(interval: int, size: int) -> None:
    """Looks of ``size`` of 128 samples: after 8 looks each was seen, whatever the interval."""
    fields = {"interval": interval, "start": 0, "probe_batch": size}
    changes = {"cal": {"contribution": fields}, "train": {"epochs": 3 * interval}}
    trainer = Trainer([config("cal", **changes)])
    # The first feature is replaced by the sample's number, so that a look tells what it saw.
    count = trainer.probe_part.labels.shape[1]
    trainer.probe_part.inputs[0][0, :, 0] = torch.arange(count).float()
    seen: set[float] = set()
    latents = trainer.network.latents

    def watched(inputs: tuple[Tensor, ...]) -> Tensor:
        seen.update(inputs[0][0, :, 0].tolist())
        return latents(inputs)

    trainer.network.latents = watched  # type: ignore[assignment,method-assign]
    for _ in range(3 * interval):
        for _ in trainer.epoch_steps():
            pass
    assert len(seen) == count


def test_the_probe_is_looked_at_without_gradient_or_noise() -> None:
    trainer = Trainer([config("cal")])
    view, again = trainer._look(None, 0), trainer._look(None, 1)
    logits = view.coalitions(torch.ones(1, 6))
    assert not logits.requires_grad
    assert torch.equal(logits, again.coalitions(torch.ones(1, 6)))
    assert logits.shape == (1, 1, 10, 128)
    assert view.unimodal.shape == (1, 6, 10, 128)


def test_a_pack_of_different_kinds_is_refused() -> None:
    for other in (
        config("ogm_ge"),
        config("cal", train={"epochs": 9}),
        config("cal", optim={"name": "adam"}),
        config("cal", model={"fusion": "mlp"}),
        config("cal", model={"d_z": 8}),
    ):
        with pytest.raises(ValueError, match="the runs of one pack"):
            Trainer([config("cal"), other])


def test_a_batch_larger_than_the_data_is_refused() -> None:
    with pytest.raises(ValueError, match="train.batch: given 512; allowed: at most the 200"):
        Trainer([config("joint", train={"batch": 512})])


def read(job: Job, count: int | None = None) -> list[Record]:
    """Records of a fresh process, which dies after ``count`` of them."""
    records = resumable([job])
    if count is None:
        return [record for _, record in records]
    found = [next(records)[1] for _ in range(count)]
    records.close()  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("deaths", [[1], [2, 3], [4, 4], [1, 2, 3, 4]])
def test_however_often_it_dies_all_records_come(deaths: list[int], tmp_path: Path) -> None:
    """Every process tells the run from its first epoch."""
    whole = [record for record in train(config("cal")) if isinstance(record, Epoch)]
    job = Job(config("cal"), "key", str(tmp_path), every_s=0)
    for count in deaths:
        assert read(job, count) == whole[:count]
    records = read(job)
    assert records[:-1] == whole
    assert isinstance(records[-1], Result)
    assert read(job)[:-1] == whole  # also when it was finished before


def test_a_damaged_checkpoint_costs_the_run_its_progress_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job = Job(config("cal"), "key", str(tmp_path), every_s=0)
    whole = read(job)
    (tmp_path / "key.pt").write_bytes(b"")  # as a power cut may leave it
    assert read(job)[:-1] == whole[:-1]
    assert "no checkpoint" in caplog.text
    assert "the run begins anew" in caplog.text


def test_checkpoints_come_by_the_clock_and_at_the_end(tmp_path: Path) -> None:
    job = Job(config("joint"), "key", str(tmp_path), every_s=3600)
    read(job, 3)
    assert not list(tmp_path.iterdir())
    read(job, 4)
    assert [path.name for path in tmp_path.iterdir()] == ["key.pt"]


def test_the_last_epoch_is_validated_and_every_second_before() -> None:
    found = [r for r in train(config("joint", train={"epochs": 5})) if isinstance(r, Epoch)]
    assert [r.epoch for r in found if "val/accuracy" in r.metrics] == [2, 4, 5]
    assert [r.step for r in found] == [3, 6, 9, 12, 15]  # 200 samples are 3 batches of 64


def test_a_modality_that_dies_is_warned_of() -> None:
    """KL under 0.1 nats while the probe accuracy of the modality falls."""
    trainer = Trainer([config("cal")])
    metric = trainer.method.metric  # type: ignore[attr-defined]
    metric.accuracy, metric.best = torch.full((1, 6), 0.5), torch.full((1, 6), 0.5)
    metric.best[0, 2] = 0.9
    kl = torch.full((1, 6), 0.05)
    (lines,) = trainer.method.warnings(kl)
    assert len(lines) == 1
    assert lines[0].startswith("kar: KL 0.050 nats < 0.1 while its probe accuracy falls")
    assert trainer.method.warnings(kl + 1) == [[]]
