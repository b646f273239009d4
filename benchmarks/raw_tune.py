"""A study end to end, with MLflow and its report, against raw Ray Tune over the bare loop.

    python -m benchmarks.raw_tune

Both train full CAL on hw20 for 300 steps a run and evaluate it under all 47 conditions, two at a
time. Tune logs nothing and keeps no checkpoints; its cluster is there. Ours is the whole command,
from the shell to the report: a larger study is cheaper a run.
"""

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "60")

from cal.adapters import ray_cluster  # noqa: E402, I001  authentication comes before Ray

import ray.tune  # noqa: E402
import torch  # noqa: E402
import yaml  # noqa: E402
from torch import Tensor  # noqa: E402

from benchmarks.bare import Loop  # noqa: E402
from benchmarks.cases import REGIMES, regime  # noqa: E402
from benchmarks.command import full  # noqa: E402
from cal.data.corruptions import conditions, corrupt  # noqa: E402
from cal.data.loading import load  # noqa: E402

PLACES = 2  # runs at a time
RUNS, REUSED_RUNS, NEW_RUNS = 96, 48, 24  # of our study, and of Tune's


def bare_run(seed: int) -> dict[str, float]:
    """One run of the bare loop and its accuracy under every condition."""
    torch.set_num_threads(1)
    config = regime("hw20", seed=seed)
    parts = load(config.data, seed=seed)
    loop = Loop(config, parts)
    for _ in range(loop.steps):
        loop.step()
    loop.network.eval()
    labels = parts.report.labels

    def accuracy(inputs: tuple[Tensor, ...]) -> float:
        with torch.no_grad():
            return float((loop.network.logits(inputs).argmax(-1) == labels).float().mean())

    noisy = {c.name: accuracy(corrupt(parts, c)) for c in conditions(config)}
    return noisy | {"clean": accuracy(parts.report.inputs)}


def function(config: dict[str, int]) -> None:
    """A function trainable: a process of its own for every trial."""
    ray.tune.report(bare_run(config["seed"]))


class Reused(ray.tune.Trainable):  # type: ignore[misc]
    """A class trainable, whose process goes on to the next trial."""

    def setup(self, config: dict[str, Any]) -> None:
        """Nothing is kept between trials but the process and what it loaded."""
        self.given = config

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The next trial."""
        self.given = new_config
        return True

    def step(self) -> dict[str, Any]:
        """The whole run."""
        return self.whole_run(self.given) | {"done": True}

    def whole_run(self, config: dict[str, Any]) -> dict[str, float]:
        """What a trial does."""
        return bare_run(config["seed"])


def tuned(runs: int, *, reuse: bool) -> float:
    """Seconds of ``runs`` trials on a cluster that is there."""
    space = {"seed": ray.tune.grid_search(list(range(runs)))}
    trainable = Reused if reuse else function
    return fitted(trainable, runs, space, reuse=reuse, metric="clean", mode="max")


def fitted(
    trainable: Any, trials: int, space: dict[str, Any] | None, *, reuse: bool, **tune: Any
) -> float:
    """Seconds of a Tuner, two trials at a time. ``tune``: of its ``TuneConfig``."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        results = ray.tune.Tuner(
            ray.tune.with_resources(trainable, {"cpu": 1}),
            param_space=space,
            tune_config=ray.tune.TuneConfig(
                max_concurrent_trials=PLACES, reuse_actors=reuse, **tune
            ),
            run_config=ray.tune.RunConfig(
                storage_path=folder,
                verbose=0,
                checkpoint_config=ray.tune.CheckpointConfig(checkpoint_at_end=False)
                if reuse
                else None,
            ),
        ).fit()
        seconds = time.perf_counter() - begin
    if results.errors or len(results) != trials:
        raise RuntimeError(f"raw Tune: {len(results.errors)} of {trials} trials failed")
    return seconds


def study(runs: int) -> float:
    """Seconds of our command for as many runs, in a new home; the store's tables are there."""
    tree = {
        "name": "speed",
        "base": REGIMES["hw20"],
        "regimes": {"hw20": {"seeds": runs // 2}},
        "arms": {"cal": {}, "half": {"config": {"cal": {"acceleration": {"alpha": 0.5}}}}},
        "contrasts": [{"arm": "cal", "reference": "half"}],
    }
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "speed.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
        words = ["--config", str(Path(folder, "speed.yaml")), "--workers", str(PLACES)]
        # A store is made once in its life, not in every study.
        full(folder, *words, "--seeds", "1", "train.epochs=1", "evaluate.noise=none")
        seconds = full(folder, *words)
        summary = json.loads(Path(folder, "out", "summary.json").read_text(encoding="utf-8"))
    if summary["failed"]:
        raise RuntimeError(f"our study: {len(summary['failed'])} runs failed")
    return seconds


def measure() -> dict[str, Any]:
    """Seconds a run of each, and how many times faster ours is."""
    ours = study(RUNS) / RUNS
    ray_cluster.connect(cpus=PLACES)
    try:
        tuned(PLACES, reuse=True)  # what a first Tuner starts
        theirs = {
            "new processes": tuned(NEW_RUNS, reuse=False) / NEW_RUNS,
            "reused actors": tuned(REUSED_RUNS, reuse=True) / REUSED_RUNS,
        }
    finally:
        ray_cluster.disconnect()
    return {
        "seconds_a_run": {"ours": ours, **theirs},
        "ratio": {name: seconds / ours for name, seconds in theirs.items()},
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
