"""The main job on real data, real Ray and real MLflow: whole, interrupted, refused."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ablations import preflight
from ablations.plan import make_plan
from ablations.study import read_study
from cal.adapters.ray_backend import Backend, choose
from cal.config import ConfigError
from cal.mechanisms import acceleration, bottleneck, contribution
from cal.trainer import train
from tests.integration.studies import (
    SMALL,
    begun,
    kill_after,
    run,
    small_study,
    summary,
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The small study run once to its end: its home and its report."""
    folder = tmp_path_factory.mktemp("undisturbed")
    done = run(
        "ablations.full", "--config", small_study(folder), "--out", "out", home=folder / "home"
    )
    assert done.returncode == 0, done.stderr
    assert "report:" in done.stdout
    assert "cal - joint" in done.stdout
    return folder / "home", folder / "out"


def test_report_files_hold_every_arm(undisturbed: tuple[Path, Path]) -> None:
    _, out = undisturbed
    found = summary(out)
    variants = found["regimes"]["hw20"]["variants"]
    assert set(variants) >= {"cal", "symmetric", "none", "joint"}
    for place in ("clean", "robust"):
        assert variants["cal"][place]["n"] == 2
        assert 0 < variants["cal"][place]["mean"] <= 1
    for name in ("report.html", "report.md", "runs.csv"):
        assert (out / name).stat().st_size > 1000


def test_a_second_call_runs_nothing_and_tells_the_same(undisturbed: tuple[Path, Path]) -> None:
    home, out = undisturbed
    folder = home.parent
    before = summary(out)
    done = run("ablations.full", "--config", small_study(folder), "--out", "again", home=home)
    assert done.returncode == 0, done.stderr
    assert "preflight" not in done.stderr  # nothing is missing, so nothing is trained
    assert summary(folder / "again") == before


def test_report_is_rebuilt_from_mlflow_alone(undisturbed: tuple[Path, Path]) -> None:
    home, out = undisturbed
    done = run("ablations.report", "--study", "small", "--out", "rebuilt", home=home)
    assert done.returncode == 0, done.stderr
    assert summary(home.parent / "rebuilt") == summary(out)
    for name in ("tables/leader-board-same.tex", "figures/ranks-same-hw20.svg"):
        assert (home.parent / "rebuilt" / name).read_bytes() == (out / name).read_bytes()


def test_an_arm_that_sees_one_modality_is_on_the_board(undisturbed: tuple[Path, Path]) -> None:
    """Beside arms that see six: noise on what it does not see leaves it at its clean accuracy."""
    found = summary(undisturbed[1])
    (board,) = found["leader_board"]["boards"]
    methods = {row["method"] for row in board["regimes"]["hw20"]["robust"]["rows"]}
    assert {"cal", "joint", "alone"} <= methods
    alone = found["regimes"]["hw20"]["variants"]["alone"]
    assert alone["overrides"]["data"] == {"modalities": ["pix"]}
    assert alone["noise"]["missing-single"]["mean"] > alone["clean"]["mean"] * 5 / 6


def test_killed_three_times_at_random_moments_gives_the_same_summary(
    undisturbed: tuple[Path, Path], home: Path, tmp_path: Path
) -> None:
    words = ("ablations.full", "--config", small_study(tmp_path), "--out", "out")
    moments = [random.uniform(4, 20) for _ in range(3)]
    for moment in moments:
        kill_after(*words, home=home, seconds=moment)
    done = run(*words, home=home)
    assert done.returncode == 0, (moments, done.stderr)
    assert summary(tmp_path / "out") == summary(undisturbed[1]), moments


def busy_worker(home: Path) -> int | None:
    """The process id of a worker of the study in ``home`` that trains now."""
    mark = f"CAL_HOME={home}\0".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            trains = (folder / "cmdline").read_bytes().startswith(b"ray::in_worker")
            if trains and mark in (folder / "environ").read_bytes():
                return int(folder.name)
    return None


def test_workers_killed_in_mid_study_change_nothing(
    undisturbed: tuple[Path, Path], home: Path, tmp_path: Path
) -> None:
    words = ("ablations.full", "--config", small_study(tmp_path), "--out", "out")
    killed = set[int]()
    with (
        (tmp_path / "log").open("w") as log,
        begun(*words, home=home, stdout=log, stderr=log) as driver,
    ):
        while driver.poll() is None:
            worker = busy_worker(home)
            if worker is not None and worker not in killed and len(killed) < 3:
                os.kill(worker, signal.SIGKILL)
                killed.add(worker)
            time.sleep(0.05)
    assert driver.returncode == 0, (tmp_path / "log").read_text()
    assert killed
    assert summary(tmp_path / "out") == summary(undisturbed[1])


def test_ctrl_c_says_how_to_go_on(home: Path, tmp_path: Path) -> None:
    study = ("--config", small_study(tmp_path), "--out", "out")
    words = ("ablations.full", *study, "train.epochs=2000")  # minutes: it cannot end by itself
    with begun(*words, home=home, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        while "every switch acts" not in process.stderr.readline():
            assert process.poll() is None
        time.sleep(2)  # runs are under way
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "go on with: python -m ablations.full --config" in errors


def test_a_failing_run_is_named_and_the_rest_completes(home: Path, tmp_path: Path) -> None:
    text = """
name: failing
base: {data: {labels_per_class: 20}, train: {epochs: 2}, evaluate: {noise: none}}
regimes: {hw20: {seeds: 1}}
arms:
  joint: {config: {method: joint}}
  diverges: {config: {method: joint, optim: {lr: 1.0e+9, clip: null}}}
contrasts: [{arm: joint, reference: diverges}]
"""
    words = ("ablations.full", "--config", small_study(tmp_path, text), "--out", "out")
    done = run(*words, home=home)
    assert done.returncode == 1, done.stderr
    failed = summary(tmp_path / "out")["failed"]
    assert len(failed) == 1
    assert "lower optim.lr" in str(failed[0])


def test_a_batch_that_cannot_be_is_named_with_its_arm_before_anything_runs(
    home: Path, tmp_path: Path
) -> None:
    text = TINY.replace("{method: joint}", "{method: joint, train: {batch: 5000}}")
    text = text.replace("reference: joint}", "reference: joint, unpaired: true}")
    done = run("ablations.full", "--config", small_study(tmp_path, text), home=home)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "train.batch: given 5000; allowed: at most the 200 training samples "
        "(regime hw20, arm joint)"
    )


def test_a_cluster_that_does_not_answer_is_one_line(home: Path, tmp_path: Path) -> None:
    words = ("ablations.full", "--config", small_study(tmp_path, TINY))
    done = run(*words, home=home, RAY_ADDRESS="127.0.0.1:1")
    assert done.returncode == 2
    assert done.stderr.startswith("RAY_ADDRESS: given 127.0.0.1:1; no answer (Connection refused)")
    assert done.stderr.count("\n") == 1


TINY = """
name: tiny
base: {data: {labels_per_class: 20}, train: {epochs: 2}, evaluate: {noise: none}}
regimes: {hw20: {seeds: 1}}
arms:
  joint: {config: {method: joint}}
  cal: {config: {cal: {contribution: {interval: 1, start: 0}}}}
contrasts: [{arm: cal, reference: joint}]
"""


def test_ray_train_workers_run_an_ablation_to_the_numbers_of_the_plain_trainer(
    home: Path, tmp_path: Path
) -> None:
    path = small_study(tmp_path, TINY)
    words = ("ablations.full", "--config", path, "--out", "out", "--backend", "ray-train")
    done = run(*words, home=home)
    assert done.returncode == 0, done.stderr
    assert "backend ray-train (as asked)" in done.stderr
    variants = summary(tmp_path / "out")["regimes"]["hw20"]["variants"]
    for planned in make_plan(read_study(str(path))).runs:
        *_, result = train(planned.config)
        assert variants[planned.arms[0]]["clean"]["mean"] == result.metrics["test/clean/accuracy"]


@pytest.mark.parametrize(
    ("encoder", "devices", "name", "gpus"),
    [("mlp", 0, "packed", 0), ("mlp", 8, "packed", 1), ("resnet18", 8, "ray-train", 1)]
    + [("resnet18", 0, "ray-train", 0), ("own", 8, "worker", 1), ("own", 0, "worker", 0)],
)
def test_the_backend_is_chosen_by_network_and_devices(
    encoder: str, devices: int, name: str, gpus: int, tmp_path: Path
) -> None:
    plan = make_plan(read_study(str(small_study(tmp_path, TINY))))
    run = plan.runs[0]
    model = run.config.model.model_copy(update={"encoder": encoder})
    config = run.config.model_copy(update={"model": model})
    chosen = choose([config], Backend("auto", None, None), devices=devices)
    assert (chosen.name, chosen.gpus) == (name, gpus)
    assert chosen.why.startswith("auto: ")
    asked = Backend("worker", None, 0.5)
    assert choose([config], asked, devices=devices) == asked


def dead_acceleration(weights: Tensor, *, alpha: Tensor) -> Tensor:
    """Planted: alpha is never applied."""
    return torch.ones_like(weights)


def dead_beta(progress: float, **given: object) -> float:
    """Planted: beta is never applied."""
    return 0.0


def dead_weights(information: Tensor, confidence: Tensor, **given: object) -> Tensor:
    """Planted: W is always uniform."""
    return torch.full_like(information, 1 / information.shape[1])


@pytest.mark.parametrize(
    ("module", "name", "dead", "switch"),
    [
        (acceleration, "coefficients", dead_acceleration, "acceleration"),
        (contribution, "weights", dead_weights, "metric"),
    ],
)
def test_preflight_names_a_planted_dead_switch(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    module: object,
    name: str,
    dead: Callable[..., object],
    switch: str,
) -> None:
    plan = make_plan(read_study(str(small_study(tmp_path))), seeds=1)
    assert list(preflight.check(plan))  # alive as it is
    monkeypatch.setattr(module, name, dead)
    with pytest.raises(ConfigError, match=f"^{switch}: dead switch in regime hw20"):
        list(preflight.check(plan))


def test_preflight_names_a_bottleneck_whose_beta_is_never_applied(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = make_plan(read_study(str(small_study(tmp_path))), seeds=1)
    monkeypatch.setattr(bottleneck, "beta_at", dead_beta)
    with pytest.raises(ConfigError, match="^bottleneck: dead switch in regime hw20"):
        list(preflight.check(plan))


def test_arms_that_differ_later_or_in_their_evaluation_are_no_dead_controls(
    tmp_path: Path,
) -> None:
    """A step schedule acts from epoch 70 on; both are CAL and both are worth a run."""
    arms = """arms:
  stepped: {config: {optim: {schedule: step}, train: {epochs: 100}}}
  constant: {config: {optim: {schedule: constant}, train: {epochs: 100}}}
contrasts: []
"""
    text = SMALL[: SMALL.index("arms:")] + arms
    plan = make_plan(read_study(str(small_study(tmp_path, text))), seeds=1)
    assert list(preflight.check(plan))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["cal.acceleration.alpa=2"], "cal.acceleration.alpa: unknown field; did you mean"),
        (["optim.name=adam", "cal.acceleration.apply=gradient"], "cal.acceleration.apply: given"),
        (["data.labels_per_class=1000"], "data.labels_per_class: given 1000"),
        (["--config", "absent.yaml"], "--config: given absent.yaml"),
        (["--config", "tag.yaml"], "--config: given tag.yaml; not plain YAML"),
        (["--config", "list.yaml"], "--config: given list.yaml; allowed: a YAML mapping"),
    ],
)
def test_bad_input_of_a_run_is_one_line(tmp_path: Path, words: list[str], line: str) -> None:
    (tmp_path / "tag.yaml").write_text("seed: !!python/object/apply:os.getpid []\n")
    (tmp_path / "list.yaml").write_text("- 1\n")
    done = run("cal.train", *words, home=tmp_path / "home")
    assert done.returncode == 2
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "home" / "mlflow.db").exists()


def test_unwritable_out_is_one_line_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run("ablations.full", "--out", "file/out", home=tmp_path / "home")
    assert done.returncode == 2
    assert done.stderr.startswith("--out: given ")
    assert not (tmp_path / "home" / "mlflow.db").exists()
