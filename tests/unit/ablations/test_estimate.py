"""The forecast by hand, and the dry run as a user gives it: without Ray, MLflow or a ledger."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ablations import full
from ablations.estimate import beyond, described, forecast, here, measured, seconds_of
from ablations.plan import make_plan
from ablations.study import read_study
from cal.config import ConfigError, merge, parse
from cal.footprint import Size
from cal.runs import Run
from cal.units import network_of

SMALL = """
name: small
base: {data: {labels_per_class: 20}, train: {epochs: 4}}
regimes: {hw20: {seeds: 2}, more: {seeds: 3, config: {gamma: 0}}}
design: {kind: fractional, resolution: 3}
factors:
  metric: {neutral: {cal: {contribution: {enabled: false}}}}
  acceleration: {neutral: {cal: {acceleration: {enabled: false}}}}
  bottleneck: {neutral: {cal: {bottleneck: {enabled: false}}}}
arms: {joint: {config: {method: joint}}}
contrasts: [{arm: bottleneck, reference: joint, primary: true}]
"""


def runs(count: int, **fields: Any) -> list[Run]:
    base = {"data": {"labels_per_class": 20}, "train": {"epochs": 10}}
    configs = [parse(merge(merge(base, fields), {"seed": i})) for i in range(count)]
    return [Run(str(i), "a", i, config, ("arm",)) for i, config in enumerate(configs)]


def test_seconds_of_a_run_are_its_steps_and_its_evaluation() -> None:
    """200 samples in batches of 64 are 3 steps: 10 epochs of 3 steps of 10 ms, and .7 s."""
    (run,) = runs(1)
    assert seconds_of(run.config, Size(4, 8, 0.010, "", 0.7)) == pytest.approx(1.0)


def test_hours_and_cost_by_hand() -> None:
    """3600 runs of one second are one core-hour: 30 minutes on two cores, and 5 at that price."""
    found = runs(3600)
    sizes = {network_of(found[0].config): Size(4, 8, 0.010, "", 0.7)}
    lines = list(forecast(found, sizes, places=2, price=5))
    assert lines[1] == "  a: 3600 runs of 1.00 s (30 steps of 10.00 ms, evaluation 0.70 s)"
    assert lines[2].startswith("  together 1 core-hours, about 30.0 min with 2 at a time")
    assert lines[3] == "  cost: 5 at 5 per core-hour"


def test_half_a_gpu_costs_half() -> None:
    found = runs(3600)
    sizes = {network_of(found[0].config): Size(4, 8, 0.010, "", 0.7)}
    lines = list(forecast(found, sizes, places=4, price=3, gpus=0.5))
    assert lines[2].startswith("  together 0.5 GPU-hours, about 15.0 min with 4")
    assert lines[3] == "  cost: 1.5 at 3 per GPU-hour"


def test_without_a_price_it_is_asked_for_and_what_nobody_measured_is_counted() -> None:
    lines = list(forecast(runs(2), {}, places=1))
    assert lines[1] == "  a: 2 runs more, of a network that was not measured"
    assert lines[-1] == "  cost: --price P gives it (currency per core-hour)"


def test_a_network_that_goes_alone_is_measured_too() -> None:
    keypad = {"name": "keypad", "labels_per_class": 10}
    short = {"epochs": 1, "batch": 16}
    quiet = {"noise": "none"}
    (run,) = runs(1, data=keypad, model={"encoder": "resnet18"}, train=short, evaluate=quiet)
    ((_, size),) = measured([run], here(workers=1, gpus=0), packed=True)
    assert (size.target, size.why) == (1, "goes alone")
    assert size.step_s > 0 < size.evaluate_s


def test_the_default_study_is_described() -> None:
    text = "\n".join(described(make_plan(read_study("default"))))
    assert "design factorial of 3 factors: 8 cells" in text
    assert "hw20: 15 arms x 10 seeds = 150, 130 distinct runs" in text
    assert "family of primary comparisons: 18" in text
    assert "margin 0.5 points" in text
    assert "cal - joint-probe: exploratory, paired (the reference trains on the 128" in text


def test_a_dry_run_tells_design_hours_and_cost_in_a_minute(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The arms are everything on, each factor alone, joint; nothing is written."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    begin = time.monotonic()
    code = full.main(["--config", str(path), "--dry-run", "--price", "0.05", "--workers", "2"])
    assert time.monotonic() - begin < 60
    out = capsys.readouterr().out
    assert code == 0
    first, design, aliases, *_ = out.splitlines()
    assert first == "study small: 2 regimes x 5 arms, 25 cells x seeds, 20 distinct runs"
    assert design == (
        "design fractional of 3 factors: 4 cells, resolution 3, "
        "generators bottleneck = metric*acceleration"
    )
    assert "metric = acceleration*bottleneck" in aliases
    assert "hw20: 5 arms x 2 seeds = 10, 8 distinct runs" in out
    assert "family of primary comparisons: 4" in out
    assert "measuring in this process" in out
    assert "  more: 12 runs of " in out
    assert "at 0.05 per core-hour" in out
    assert [file.name for file in tmp_path.iterdir()] == ["small.yaml"]


@pytest.mark.parametrize("price", ["-1", "cheap", "inf", "nan"])
def test_a_price_is_a_number(price: str) -> None:
    line = f"--price: given {price}; allowed: 0 or more"
    with pytest.raises(ConfigError, match=line):
        full.parser().parse_args([f"--price={price}"])


def test_what_re_tuning_and_later_looks_add_at_most_by_hand(tmp_path: Path) -> None:
    """Half fraction of three factors and joint: 5 arms, of which bottleneck and joint are compared.
    4 trials x 3 seeds x 2 arms x 2 regimes = 48, and each at its best on 2 + 3 seeds: 10 more. To 6
    seeds 4 and 3 more of each distinct arm.
    """
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    plan = replace(make_plan(read_study(str(path))), looks={"hw20": (2, 6), "more": (3, 6)})
    sizes = {network_of(plan.runs[0].config): Size(4, 8, 0.010, "", 0.7)}
    distinct = {r: len({run.hash for run in plan.runs if run.regime == r}) for r in plan.regimes}
    each = [distinct["hw20"] // 2, distinct["more"] // 3]
    lines = list(beyond(plan, sizes, places=2, trials=4))
    assert lines[0].startswith("  re-tuning, 4 trials of 2 arms and each at its best: at most 58 ")
    assert f"at most {4 * each[0] + 3 * each[1]} runs more" in lines[1]
    assert list(beyond(make_plan(read_study(str(path))), sizes, places=2, trials=None)) == []
