"""A search end to end, with seeds, MLflow, confirmation and report, against raw Ray Tune.

    python -m benchmarks.raw_search

Both search space acceleration on hw20 by Optuna's TPE, two trials at a time. Raw Tune is what its
documentation shows: OptunaSearch and a trainable, every trial one seed of the bare loop to the end;
it logs nothing, keeps no checkpoints, confirms nothing, and its cluster is there. Ours is the whole
command, from the shell to the report.
"""

import json
import os
import tempfile
import time
from typing import Any

os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "60")

from cal.adapters import ray_cluster  # noqa: E402, I001  authentication comes before Ray

import ray.tune  # noqa: E402
import torch  # noqa: E402
from ray.tune.search.optuna import OptunaSearch  # noqa: E402

from benchmarks.bare import Loop  # noqa: E402
from benchmarks.command import search  # noqa: E402
from cal.config import CONFIGS, parse, read_yaml  # noqa: E402
from cal.data import load  # noqa: E402
from search_spaces.convert import suggested  # noqa: E402
from search_spaces.fields import laid  # noqa: E402
from search_spaces.space import read_space  # noqa: E402

PLACES = 2
SEED = 1000
OURS, NEW, REUSED = 100, 16, 48  # trials of each
SPACE = "acceleration"


def scored(values: dict[str, Any]) -> float:
    """Accuracy on the select part of one run of the bare loop."""
    torch.set_num_threads(1)
    base = parse(read_yaml(CONFIGS / "hw20.yaml"))
    config = laid(base, {**values, "seed": SEED, "evaluate.part": "select"})
    parts = load(config.data, seed=SEED, evaluated="select")
    loop = Loop(config, parts)
    for _ in range(loop.steps):
        loop.step()
    loop.network.eval()
    with torch.no_grad():
        hits = loop.network.logits(parts.select.inputs).argmax(-1) == parts.select.labels
    return float(hits.float().mean())


def function(config: dict[str, Any]) -> None:
    """A function trainable: a process of its own for every trial."""
    ray.tune.report({"accuracy": scored(config["values"])})


class Reused(ray.tune.Trainable):  # type: ignore[misc]
    """A class trainable, whose process goes on to the next trial."""

    def setup(self, config: dict[str, Any]) -> None:
        """Nothing is kept between trials but the process and what it loaded."""
        self.values = config["values"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The next trial."""
        self.values = new_config["values"]
        return True

    def step(self) -> dict[str, Any]:
        """The whole run."""
        return {"accuracy": scored(self.values), "done": True}


def tuned(trials: int, *, reuse: bool) -> float:
    """Seconds of a search on a cluster that is there."""
    base, space = parse(read_yaml(CONFIGS / "hw20.yaml")), read_space(SPACE)

    def ask(trial: Any) -> dict[str, Any]:
        return {"values": suggested(trial, space.dimensions, base)}

    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        results = ray.tune.Tuner(
            ray.tune.with_resources(Reused if reuse else function, {"cpu": 1}),
            tune_config=ray.tune.TuneConfig(
                search_alg=OptunaSearch(ask, metric="accuracy", mode="max", seed=1),
                num_samples=trials,
                max_concurrent_trials=PLACES,
                reuse_actors=reuse,
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


def ours(trials: int) -> dict[str, float]:
    """Seconds of our command in a new home, and what it trained; the store's tables are there."""
    words = ["--space", SPACE, "--against", "none", "--workers", str(PLACES)]
    with tempfile.TemporaryDirectory() as folder:
        # A store is made once in its life, not in every search.
        warm = ["--trials", "1", "--seeds", "1", "--confirm-seeds", "1", "--name", "first"]
        search(folder, *words, *warm, "train.epochs=10")
        seconds = search(folder, *words, "--trials", str(trials))
        with open(f"{folder}/out/search.json", encoding="utf-8") as file:
            budget = json.load(file)["budget"]
    if budget["trials"] != trials:
        raise RuntimeError(f"our search: {budget['trials']} of {trials} trials")
    return {"seconds": seconds, "epochs": budget["epochs"], "runs": budget["runs"]}


def measure() -> dict[str, Any]:
    """Seconds a trial of each, and how many times faster ours is."""
    own = ours(OURS)
    ray_cluster.connect(cpus=PLACES)
    try:
        tuned(PLACES, reuse=True)  # what a first Tuner starts
        theirs = {
            "new processes": tuned(NEW, reuse=False) / NEW,
            "reused actors": tuned(REUSED, reuse=True) / REUSED,
        }
    finally:
        ray_cluster.disconnect()
    mine = own["seconds"] / OURS
    return {
        "trials": OURS,
        "epochs": own["epochs"],
        "runs": own["runs"],
        "seconds_a_trial": {"ours": mine, **theirs},
        "studies_an_hour": 3600 / own["seconds"],
        "ratio": {name: seconds / mine for name, seconds in theirs.items()},
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
