"""The bare loop computes what the trainer computes, so their times may be compared."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks import images
from benchmarks.bare import Bare, Loop
from benchmarks.packing import SEEDS, pack
from benchmarks.run import left_out, rewritten
from benchmarks.table import table
from benchmarks.timing import Timing, interleaved, ratio
from cal.config import Config, parse
from cal.data.loading import load
from cal.trainer import Trainer

SMALL: dict[str, Any] = {
    "data": {"labels_per_class": 20},
    "cal": {"contribution": {"start": 0}},
    "train": {"epochs": 5},
}
KEYPAD: dict[str, Any] = {
    **SMALL,
    "gamma": 0,
    "data": {"name": "keypad", "labels_per_class": 20},
    "model": {"encoder": "cnn"},
}


def dense(found: dict[str, Tensor], name: str, layer: str, m: int) -> dict[str, Tensor]:
    """Linear ``name``.0 and LayerNorm ``name``.1 from modality m of a joined layer."""
    given = {key: found[f"{layer}.{key}"][0, m].squeeze(0) for key in ("bias", "scale", "shift")}
    weight = found[f"{layer}.weight"][0, m] if f"{layer}.weight" in found else None
    first, second = (f"{name}.{i}" for i in (0, 1))
    return {
        f"{first}.weight": found[f"encoders.first.{m}"][0].T if weight is None else weight.T,
        f"{first}.bias": given["bias"],
        f"{second}.weight": given["scale"],
        f"{second}.bias": given["shift"],
    }


def renamed(state: dict[str, Tensor], prefix: str, by: int) -> dict[str, Tensor]:
    """``prefix``.i as ``prefix``.(i + by)."""
    found = {}
    for key, value in state.items():
        number, name = key.removeprefix(f"{prefix}.").split(".")
        found[f"{prefix}.{int(number) + by}.{name}"] = value
    return found


def weights(trainer: Trainer) -> dict[str, Tensor]:
    """The trainer's only run as the bare network has it."""
    found = {key: value.detach() for key, value in trainer.network.state_dict().items()}
    state: dict[str, Tensor] = {}
    for m in range(len(trainer.config.modalities)):
        encoder = f"encoders.{m}"
        if trainer.config.model.encoder == "mlp":
            for i in range(len(trainer.config.model.hidden)):
                state |= renamed(dense(found, encoder, f"encoders.layers.{i}", m), encoder, 3 * i)
        else:
            for i in range(len(trainer.config.model.channels)):
                tower = f"encoders.towers.{m}.{i}"
                state[f"{encoder}.{3 * i}.weight"] = found[f"{tower}.weight"][0]
                state[f"{encoder}.{3 * i + 1}.weight"] = found[f"{tower}.scale"][0]
                state[f"{encoder}.{3 * i + 1}.bias"] = found[f"{tower}.shift"][0]
            last = 3 * len(trainer.config.model.channels) + 2
            state |= renamed(dense(found, encoder, "encoders.last", m), encoder, last)
        for ours, theirs in (("mean", "mean"), ("log_variance", "variance")):
            state[f"{ours}.{m}.weight"] = found[f"slot.{theirs}_weight"][0, m].T
            state[f"{ours}.{m}.bias"] = found[f"slot.{theirs}_bias"][0, m, 0]
        state[f"heads.{m}.weight"] = found["head_weight"][0, m].T
        state[f"heads.{m}.bias"] = found["head_bias"][0, m, 0]
    state["fusion.weight"] = found["fusion.weight"][0].flatten(0, 1).T
    state["fusion.bias"] = found["fusion.bias"][0, 0]
    return state


def loop(config: Config, trainer: Trainer) -> Loop:
    """The bare loop where the trainer begins."""
    bare = Loop(config, trainer.data[0])
    bare.network.load_state_dict(weights(trainer))
    return bare


@pytest.mark.parametrize("tree", [SMALL, KEYPAD], ids=["views", "images"])
def test_the_bare_loop_trains_what_the_trainer_trains(tree: dict[str, Any]) -> None:
    """Twelve steps and more, the metric and k from step 0: rounding of sums in another order."""
    config = parse(tree)
    trainer = Trainer([config], data=[load(config.data, seed=0)])
    bare = loop(config, trainer)
    for _ in range(4):
        for _ in trainer.epoch_steps():
            bare.step()
    assert bare.weights.max() - bare.weights.min() > 0.05  # the metric is at work
    for name, expected in weights(trainer).items():
        found = bare.network.state_dict()[name]
        torch.testing.assert_close(found, expected, atol=2e-4, rtol=1e-3, msg=name)


def test_the_bare_network_has_no_more_parameters_than_the_trainer_s() -> None:
    for tree in (SMALL, KEYPAD):
        config = parse(tree)
        parts = load(config.data, seed=0)
        ours = sum(p.numel() for p in Trainer([config], data=[parts]).network.parameters())
        assert sum(p.numel() for p in Bare(config, parts).parameters()) == ours


TIMES = {"cpu_ms": 6.0, "wall_ms": 6.5}
FOUND: dict[str, Any] = {
    "packing": {
        "hw20": {
            "times": {"bare": TIMES, "R=8": {"cpu_ms": 1.5, "wall_ms": 1.6}},
            "ratio": {"R=8": {"cpu": 4.0, "wall": 4.1}},
        },
        "where": {"date": "2026-11-24", "machine": "m", "versions": {"torch": "2"}, "commit": "c"},
    }
}


def test_the_table_shows_what_was_measured_and_nothing_else() -> None:
    what = "six-view MLP (hw20), full CAL, R=8, against the bare loop"
    assert table(FOUND).splitlines() == [
        "| what | measured | |",
        "|---|---|---|",
        f"| {what} | 4.00 x | 6.00 -> 1.50 ms a step and run |",
        "",
        "2026-11-24, m; torch 2; commit c.",
    ]
    assert table({}).endswith("Nothing was measured yet.")


def test_the_table_shows_packs_with_every_core_at_work_and_the_default_study() -> None:
    """200 core-seconds of steps and 40 of evaluation on 2 cores in 160 s: a quarter is left."""
    took = {"wall_s": 160.2, "train_s": 200.0, "evaluate_s": 40.0, "overhead": 0.25}
    found = FOUND | {
        "cores": {"keypad": {"R=16": {"alone_ms": 3.0, "every_core_ms": 3.3}}},
        "default": {"default": {"runs": 442, **took}},
    }
    cores, default = table(found).splitlines()[3:5]
    assert cores == (
        "| audio-visual CNN (keypad), full CAL, R=16, every core at work | 3.30 ms "
        "| alone 3.00 ms |"
    )
    assert default == (
        "| default study, 442 runs, new store, from the shell to the report | 2 min 40 s "
        "| 25% neither steps nor evaluation; evaluation 0.20 of steps |"
    )


def test_the_table_tells_a_gpu_s_figures_by_the_clock() -> None:
    """There the processor's time says who waited how, not who was fast."""
    ms = {"cpu_ms": 9.0, "wall_ms": 8.0}
    gpu = {
        "times": {"R=1": ms, "R=512": {"cpu_ms": 0.01, "wall_ms": 0.0625}},
        "ratio": {"R=512": {"cpu": 900.0, "wall": 128.0}},
    }
    resnets = {
        "times": {"joint": {"cpu_ms": 1.0, "wall_ms": 40.0}, "cal": {"cpu_ms": 2.0, "wall_ms": 42}},
        "ratio": {"cpu": 2.0, "wall": 1.05},
    }
    found = {
        "gpu": {"hw20": gpu},
        "gpu-resnet18": {"two ResNet-18, on a GPU": resnets},
        "gpu-images": {
            "bfloat16": {
                "images_per_s": {"bare": 4000.0, "joint": 3200.0, "cal": 2000.0},
                "over_bare": {"bare": 1.0, "joint": 1.25, "cal": 2.0},
            }
        },
        "gpu-memory": {"hw20": {"R=1": {"measured_mib": 10.0, "predicted_mib": 11.0}}},
    }
    network = "six-view MLP (hw20)"
    assert table(found).splitlines()[2:7] == [
        f"| {network}, full CAL, R=512, against one run at a time, on a GPU | 128.00 x "
        "| 8.00 -> 0.062 ms a step and run |",
        "| CAL over joint training, two ResNet-18, on a GPU | 1.05 | 40.00 -> 42.00 ms |",
        "| joint training over a bare PyTorch loop, two ResNet-18 on a GPU, bfloat16 | 1.25 "
        "| 4,000 -> 3,200 images/s |",
        "| CAL over a bare PyTorch loop, two ResNet-18 on a GPU, bfloat16 | 2.00 "
        "| 4,000 -> 2,000 images/s |",
        f"| memory of a GPU, {network}, R=1 | 10 MiB | predicted 11 MiB |",
    ]


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_the_bare_resnets_give_logits_in_float32(precision: torch.dtype) -> None:
    logits = images.Bare(2, 10)([torch.randn(2, 3, 32, 32)] * 2, precision)
    assert logits.shape == (2, 10)
    assert logits.dtype is torch.float32


def test_a_large_pack_has_runs_of_their_own_and_few_data_sets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a GPU 512 data sets would take longer to read than the pack to train."""
    monkeypatch.setitem(SEEDS, "cpu", 2)
    trainer = pack("hw20", 5, first=3)
    assert [config.seed for config in trainer.configs] == [3, 4, 5, 6, 7]
    assert [parts.fingerprint for parts in trainer.data] == [
        load(trainer.configs[r % 2].data, seed=3 + r % 2).fingerprint for r in range(5)
    ]


def test_the_table_shows_what_searches_cost_and_what_they_lack() -> None:
    """Of random-64's epochs a sixth, at most half; another target was not reached in what was
    looked at: all of them, or half.
    """
    regret = {"10": {"median": 0.005}, "30": {"median": 0.0025}}
    sixth, more = (
        {"share": 1 / 6, "interval": [0.1, 0.5]},
        {"share": None, "interval": [0.9, None]},
    )
    first = {"reached": {"pick": sixth, "best": more}, "regret": regret, "budget": 64}
    never = {"reached": {"pick": more, "best": more}, "regret": regret, "budget": 32}
    tables = {"hw20, accuracy": {"contestants": {"ours": first, "ours, 1 seed": never}}}
    tables["keypad, nll"] = {"contestants": {"a rival": never}}
    one, other = table({"regret": {**tables, "where": FOUND["packing"]["where"]}}).splitlines()[2:4]
    assert one == (
        "| search on hw20, accuracy, ours: epochs to random-64's pick and best, share of its own "
        "| pick 0.17 (0.10 to 0.50); best over 1.00 (0.90 to over 1.00) "
        "| median regret after 10 / 30 trainings: 0.50 / 0.25 points |"
    )
    assert (
        "over 0.50 (0.90 to over 0.50) | median regret after 10 / 30 trainings: 5.00 / 2.50 m"
        in other
    )


def test_the_table_shows_what_a_search_takes_and_its_driver() -> None:
    search = {
        "trials": 200,
        "seconds_a_trial": {"ours": 1.5, "new processes": 6.0},
        "studies_an_hour": 12.0,
        "ratio": {"new processes": 4.0},
    }
    driver = {"ms_a_trial": {"100": 20.0, "10000": 25.0}, "ratio": 1.25}
    found = {"search": {"3": search, "where": FOUND["packing"]["where"]}, "search-overhead": driver}
    assert table(found).splitlines()[2:5] == [
        "| hw20 search of 200 trials, seeds 3, with confirmation and report, against raw Ray Tune "
        "with OptunaSearch and new processes | 4.0 x | 6.00 -> 1.50 s a trial; 12.0 an hour |",
        "| driver of a search, 100 trials | 20.0 ms a trial | 1.00 x |",
        "| driver of a search, 10000 trials | 25.0 ms a trial | 1.25 x |",
    ]


def test_readme_keeps_all_but_its_table() -> None:
    text = "before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n"
    assert rewritten(text, "new") == "before\n<!-- bench -->\nnew\n<!-- /bench -->\nafter\n"


def test_what_does_not_fit_says_why() -> None:
    assert left_out("resnet18", slow=False) == "takes minutes: --slow"
    assert left_out("packing", slow=False) is None
    if not torch.cuda.is_available():
        assert left_out("gpu-memory", slow=True) == "no GPU"


def test_a_ratio_is_slow_over_fast_and_rounds_alternate() -> None:
    order: list[str] = []
    steps = {name: (partial(order.append, name), 1) for name in ("a", "b")}
    found = interleaved(steps, rounds=3, seconds=1e-9)
    assert order == ["a", "b", *["a", "b"] * 3]
    assert all(0 <= timing.cpu_ms <= timing.cpu_median_ms for timing in found.values())
    slow, fast = Timing(6.0, 8.0, 6.0, 6.0), Timing(2.0, 2.0, 3.0, 3.0)
    assert ratio(slow, fast) == {"cpu": 3.0, "wall": 2.0, "cpu_of_medians": 4.0}
