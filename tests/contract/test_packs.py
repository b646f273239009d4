"""A run does not notice its company: packs of any size and mixture, leaving, failing, resuming."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from cal.config import Config, merge, parse
from cal.methods.metric import Metric
from cal.records import Epoch, Failure, Record, Result
from cal.running import Job, resumable
from cal.trainer import Trainer
from tests.contract.test_runs import assert_same

OFF = {"enabled": False}
VIEWS: dict[str, Any] = {
    "data": {"labels_per_class": 20},
    "cal": {"contribution": {"interval": 2}},
    "train": {"epochs": 4, "validate_every": 2},
}
IMAGES: dict[str, Any] = {
    "data": {"name": "keypad", "labels_per_class": 20},
    "model": {"encoder": "cnn"},
    "cal": {"contribution": {"interval": 2}},
    "train": {"epochs": 3, "validate_every": 3},
    "evaluate": {"noise": "none"},
}
RATE = {"apply": "learning_rate"}
UNLIKE: dict[str, dict[str, Any]] = {
    "formulas": {"information": "kl", "confidence": "energy", "combine": "product", "interval": 3},
    "accuracy": {"information": "shapley_accuracy", "confidence": "entropy"},
    "start": {"start": 0.5, "interval": 1},
    "rotating": {"information": "entropy", "probe_batch": 32},
    "always": {"information": "shapley_accuracy", "start": 0, "interval": 1, "probe_batch": 50},
    "permutations": {"permutations": 4},
}
"""Other ways to measure W than that of the base."""
MIXED: list[dict[str, Any]] = [
    {},
    {"method": "joint", "gamma": 0},
    {"gamma": 0.5, "cal": {"bottleneck": OFF, "contribution": UNLIKE["formulas"]}},
    {"cal": {"contribution": OFF}, "optim": {"lr": 0.1, "momentum": 0.5}},
    {
        "cal": {
            "acceleration": OFF,
            "bottleneck": {"asymmetry": "reversed"},
            "contribution": UNLIKE["start"],
        }
    },
    {"cal": {"contribution": {"control": "permuted", "tau": 0.3, "lam": 0.2, "ema": 0.5}}},
    {
        "cal": {"contribution": {"control": "reversed"}, "acceleration": RATE},
        "optim": {"clip": 1, "weight_decay": 0.01},
    },
    {
        "cal": {
            "bottleneck": {"schedule": "cyclical", "beta": 0.1, "asymmetry": "linear"},
            "contribution": UNLIKE["rotating"],
        }
    },
    {"method": "joint", "gamma": 1, "optim": {"schedule": "constant", "clip": None}},
    {"cal": {"contribution": OFF, "bottleneck": OFF, "acceleration": {"alpha": 3, **RATE}}},
    {"cal": {"contribution": {"control": "permuted", **UNLIKE["always"]}, "acceleration": RATE}},
    {"cal": {"contribution": UNLIKE["permutations"]}},
]
"""Every switch, every control, other numbers, formulas and steps: all may share a pack."""


def mixed(count: int, base: dict[str, Any]) -> list[Config]:
    """``count`` runs, each with a seed of its own, through the list above."""
    return [parse(merge(merge(base, MIXED[i % len(MIXED)]), {"seed": i})) for i in range(count)]


def jobs(configs: Sequence[Config], folder: Path, every_s: float = 0) -> list[Job]:
    return [Job(c, f"run{i}", str(folder), every_s) for i, c in enumerate(configs)]


def told(pack: Sequence[Job], **options: Any) -> dict[str, list[Record]]:
    """All records of each run."""
    found: dict[str, list[Record]] = {job.key: [] for job in pack}
    for key, record in resumable(pack, **options):
        found[key].append(record)
    return found


def untimed(records: Sequence[Record]) -> list[object]:
    """Records without what was measured by the clock; predictions as lists."""
    plain: list[object] = []
    for record in records:
        assert not isinstance(record, Failure)
        metrics = {k: v for k, v in record.metrics.items() if not k.startswith("time/")}
        plain.append(metrics)
        if isinstance(record, Result):
            plain += [
                (name, p.ids.tolist(), p.predicted.tolist(), p.nll.tolist())
                for name, p in record.predictions.items()
            ]
    return plain


@pytest.mark.parametrize("size", [1, 2, 5, 8, 24])
def test_mixed_views_in_a_pack_are_bit_equal_to_runs_alone(size: int) -> None:
    """States with every buffer, records, and predictions under all 47 conditions."""
    configs = mixed(size, VIEWS)
    pack = Trainer(configs)
    together = list(zip(*pack.records(), strict=True))
    for r in range(size) if size <= 8 else (0, 2, 10, 11, 12, 16, 19, 23):
        alone = Trainer([configs[r]])
        single = [records[0] for records in alone.records()]
        assert_same(pack.states()[r], alone.states()[0])
        assert untimed(together[r]) == untimed(single)


@pytest.mark.parametrize("size", [2, 5, 8])
def test_mixed_images_in_a_pack_are_bit_equal_to_runs_alone(size: int) -> None:
    configs = mixed(size, IMAGES)
    pack = Trainer(configs)
    together = list(zip(*pack.records(), strict=True))
    for r in {0, 2, size - 1} & set(range(size)):
        alone = Trainer([configs[r]])
        single = [records[0] for records in alone.records()]
        assert_same(pack.states()[r], alone.states()[0])
        assert untimed(together[r]) == untimed(single)


@pytest.mark.parametrize("base", [VIEWS, IMAGES], ids=["views", "images"])
@pytest.mark.parametrize("way", UNLIKE)
def test_two_that_measure_in_unlike_ways_are_bit_equal_to_runs_alone(
    way: str, base: dict[str, Any]
) -> None:
    """One of them also scales the learning rate instead of the gradient."""
    other = {"seed": 1, "cal": {"contribution": UNLIKE[way], "acceleration": RATE}}
    configs = [parse(base), parse(merge(base, other))]
    pack = Trainer(configs)
    assert len(told_apart(pack)) == 2
    for _ in range(2):
        list(pack.epoch_steps())
    for config, state in zip(configs, pack.states(), strict=True):
        alone = Trainer([config])
        for _ in range(2):
            list(alone.epoch_steps())
        assert_same(state, alone.states()[0])


def told_apart(pack: Trainer) -> list[list[int]]:
    """The replicas of each metric."""
    return pack.method.metric.rows  # type: ignore[attr-defined, no-any-return]


def test_unlike_runs_go_on_alone_and_with_others() -> None:
    """Twelve in one pack for two epochs; then each state in a pack of two that were not beside each
    other, in another order.
    """
    configs = mixed(12, VIEWS)
    pack = Trainer(configs)
    records = pack.records()
    next(records)
    next(records)
    states = pack.states()
    rest = list(zip(*records, strict=True))
    for first in range(6):
        members = [first + 6, first]
        company = Trainer([configs[r] for r in members])
        company.load_states([states[r] for r in members])
        for r, found in zip(members, zip(*company.records(), strict=True), strict=True):
            assert untimed(found) == untimed(rest[r])


def test_of_one_kind_the_whole_pack_looks() -> None:
    """No rows are told apart where numbers and controls alone differ."""
    configs = [parse(merge(VIEWS, {"cal": {"contribution": {"tau": tau}}})) for tau in (0.1, 0.3)]
    assert isinstance(Trainer(configs).method.metric, Metric)  # type: ignore[attr-defined]


@pytest.mark.parametrize("optimiser", ["adam", "adamw"])
def test_mixed_packs_under_adaptive_optimisers(optimiser: str) -> None:
    """A replica without a bottleneck has no buffers of its layers, in whatever pack it was."""
    configs = mixed(5, merge(VIEWS, {"optim": {"name": optimiser, "lr": 1e-3}}))
    configs = [c for i, c in enumerate(configs) if i != 3]  # its momentum is sgd's
    pack = Trainer(configs)
    list(pack.records())
    for config, state in zip(configs, pack.states(), strict=True):
        alone = Trainer([config])
        list(alone.records())
        assert_same(state, alone.states()[0])


@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no GPU: what differs there is the order of sums"
)
@pytest.mark.parametrize("base", [VIEWS, IMAGES])
def test_on_a_gpu_a_pack_trains_as_alone_up_to_rounding(base: dict[str, Any]) -> None:
    """cuBLAS and cuDNN choose kernels by the size of a batch. After the first epoch losses differ
    by float32 rounding of some steps (1e-4); later kinks of ReLU let it grow, as on any device.
    """
    configs = mixed(7, base)
    together = next(Trainer(configs, device="cuda").records())
    for r in (0, 6):
        (single,) = next(Trainer([configs[r]], device="cuda").records())
        ours = together[r]
        assert isinstance(ours, Epoch)
        assert isinstance(single, Epoch)
        expected = pytest.approx(single.metrics["train/loss"], rel=1e-4)
        assert ours.metrics["train/loss"] == expected


def alone(config: Config, folder: Path) -> list[object]:
    """What the run tells by itself."""
    return untimed(told(jobs([config], folder))["run0"])


def test_who_pauses_is_not_missed_and_goes_on_in_other_company(tmp_path: Path) -> None:
    """As a scheduler halts trials at rungs: three of four pause after epoch 1 and 2, so the pack
    shrinks; two of them go on together, to the same records as alone.
    """
    configs = mixed(4, VIEWS)
    until = (1, None, 2, 2)
    built: list[int] = []

    def build(members: Sequence[Config]) -> Trainer:
        built.append(len(members))
        return Trainer(members)

    pack = jobs(configs, tmp_path / "pack")
    halted = [replace(job, until=epoch) for job, epoch in zip(pack, until, strict=True)]
    found = told(halted, build=build)
    assert built == [4, 3, 1]
    assert {key: len(records) for key, records in found.items()} == {
        "run0": 1,
        "run1": 5,
        "run2": 2,
        "run3": 2,
    }
    assert untimed(found["run1"]) == alone(configs[1], tmp_path / "alone")
    again = told(halted[2:], build=build)  # its driver died before it heard
    assert again == {key: found[key] for key in ("run2", "run3")}
    assert built == [4, 3, 1]
    on = told([pack[0], pack[3]], build=build)
    assert built == [4, 3, 1, 1, 2]  # the one behind trains alone until they meet
    assert untimed(on["run3"]) == untimed(told(jobs([configs[3]], tmp_path / "own"))["run0"])


def test_a_run_that_went_further_before_says_no_more_than_its_pause(tmp_path: Path) -> None:
    """Trained to 3 by another driver: to one that has it pause after 1 that is all it says."""
    (job,) = jobs(mixed(1, VIEWS), tmp_path / "pack")
    far = told([replace(job, until=3)])["run0"]
    assert told([replace(job, until=1)])["run0"] == far[:1]
    assert told([replace(job, until=3)])["run0"] == far


def test_a_run_that_diverges_is_told_and_its_neighbours_do_not_notice(tmp_path: Path) -> None:
    configs = mixed(3, VIEWS)
    wild = {"optim": {"lr": 1e30, "clip": None, "schedule": "constant"}}
    configs[1] = parse(merge(merge(VIEWS, wild), {"seed": 1}))
    found = told(jobs(configs, tmp_path / "pack"))
    last = found["run1"][-1]
    assert isinstance(last, Failure)
    assert "train/loss is nan at epoch" in last.error
    assert "lower optim.lr" in last.error
    for r in (0, 2):
        assert untimed(found[f"run{r}"]) == alone(configs[r], tmp_path / f"alone{r}")


def test_a_pack_that_dies_goes_on_in_other_company(tmp_path: Path) -> None:
    """Runs 0 to 3 die after epoch 2 and 3 and 4 after epoch 1; then 1, 3 and a new one go on."""
    configs = mixed(5, VIEWS)
    work = jobs(configs, tmp_path / "packs")
    for members, epochs in ((work[:3], 2), (work[3:], 1)):
        records = resumable(members)
        for _ in range(epochs * len(members)):
            assert isinstance(next(records)[1], Epoch)
        records.close()  # type: ignore[attr-defined]
    found = told([work[4], work[1], work[2]]) | told([work[0], work[3]])
    for r, config in enumerate(configs):
        assert untimed(found[f"run{r}"]) == alone(config, tmp_path / f"alone{r}")


def test_members_at_different_epochs_wait_for_each_other(tmp_path: Path) -> None:
    """At epochs 3, 1 and 0: first the last to 1, then two to 3, then all three together."""
    configs = mixed(3, VIEWS)
    work = jobs(configs, tmp_path)
    for job, epochs in ((work[0], 3), (work[1], 1)):
        records = resumable([job])
        for _ in range(epochs):
            next(records)
        records.close()  # type: ignore[attr-defined]
    built: list[int] = []

    def build(members: Sequence[Config]) -> Trainer:
        built.append(len(members))
        return Trainer(members)

    found = told(work, build=build)
    assert built == [1, 2, 3]
    assert [len(records) for records in found.values()] == [5, 5, 5]


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.parametrize("size", [1, 2])
def test_a_state_that_was_loaded_is_not_trained_on(size: int, optimiser: str) -> None:
    """Buffers are updated in place: the trainer has copies of its own."""
    configs = mixed(size, merge(VIEWS, {"optim": {"name": optimiser, "lr": 1e-3}}))
    first, second = Trainer(configs), Trainer(configs)
    next(first.records())
    states = first.states()
    kept = deepcopy(states)
    second.load_states(states)
    next(second.records())
    assert_same(states, kept)


def test_states_of_other_moments_are_refused() -> None:
    configs = mixed(2, VIEWS)
    first, second = Trainer([configs[0]]), Trainer([configs[1]])
    next(first.records())
    with pytest.raises(ValueError, match="stand at the same epoch"):
        Trainer(configs).load_states([*first.states(), *second.states()])


def test_a_layer_that_draws_globally_is_found_in_a_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropout draws from torch's generator: fine for a run alone, which has its own states."""
    configs = mixed(2, VIEWS)
    for members in (configs[:1], configs):
        trainer = Trainer(members)
        plain = trainer.network.encoders.forward

        def dropped(inputs: Any, plain: Any = plain) -> Any:
            return torch.nn.functional.dropout(plain(inputs), 0.1)

        trainer.network.encoders.forward = dropped  # type: ignore[method-assign]
        if len(members) == 1:
            next(trainer.records())
        else:
            with pytest.raises(RuntimeError, match="global generator inside a pack"):
                next(trainer.records())


def test_ordinary_modules_go_alone() -> None:
    base = {"data": {"name": "keypad"}, "model": {"encoder": "resnet18"}}
    with pytest.raises(ValueError, match="2 runs in one pack: resnet18 is an ordinary module"):
        Trainer([parse(merge(base, {"seed": seed})) for seed in (0, 1)])
