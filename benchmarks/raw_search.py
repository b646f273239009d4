"""A search end to end, with seeds, MLflow, confirmation and report, against raw Ray Tune.

    python -m benchmarks.raw_search

Both search space acceleration on hw20 by Optuna's TPE, with one seed a trial and with three. Raw
Tune is what its documentation shows: OptunaSearch and a trainable, every trial its seeds of the
bare loop to the end, two trials at a time; it logs nothing, keeps no checkpoints, confirms nothing,
and its cluster is there. Ours is the whole command, from the shell to the report.
"""

import json
import statistics
import tempfile
from functools import partial
from typing import Any

from benchmarks.raw_tune import PLACES, Reused, fitted  # settings of Tune come before Ray
from cal.adapters import ray_cluster

import ray.tune  # isort: skip  authentication (ray_cluster) comes before Ray
import torch
from ray.tune.search.optuna import OptunaSearch

from benchmarks.bare import Loop
from benchmarks.command import search
from cal.config import CONFIGS, parse, read_yaml
from cal.data.loading import load
from search_spaces.convert import suggested
from search_spaces.fields import laid
from search_spaces.space import read_space

SEEDS = (1000, 1001, 1002)
OURS, NEW, REUSED = 200, 12, 32  # trials of each; Tune's cost the same however many there are
SPACE = "acceleration"


def scored(values: dict[str, Any], seeds: int) -> float:
    """Mean accuracy on the select part of runs of the bare loop."""
    return statistics.fmean(_scored(values, seed) for seed in SEEDS[:seeds])


def _scored(values: dict[str, Any], seed: int) -> float:
    torch.set_num_threads(1)
    base = parse(read_yaml(CONFIGS / "hw20.yaml"))
    config = laid(base, {**values, "seed": seed, "evaluate.part": "select"})
    parts = load(config.data, seed=seed, evaluated="select")
    loop = Loop(config, parts)
    for _ in range(loop.steps):
        loop.step()
    loop.network.eval()
    with torch.no_grad():
        hits = loop.network.logits(parts.select.inputs).argmax(-1) == parts.select.labels
    return float(hits.float().mean())


def function(config: dict[str, Any]) -> None:
    """A function trainable: a process of its own for every trial."""
    ray.tune.report({"accuracy": scored(config["values"], config["seeds"])})


def ask(trial: Any, seeds: int) -> dict[str, Any]:
    """A define-by-run space, as OptunaSearch takes it; Tune wants to pickle it."""
    base = parse(read_yaml(CONFIGS / "hw20.yaml"))
    values = suggested(trial, read_space(SPACE).dimensions, base)
    return {"values": values, "seeds": seeds}


class Searched(Reused):
    """The same of a trial of the search."""

    def whole_run(self, config: dict[str, Any]) -> dict[str, float]:
        """What a trial does."""
        return {"accuracy": scored(config["values"], config["seeds"])}


def tuned(trials: int, *, seeds: int, reuse: bool) -> float:
    """Seconds a trial of a search on a cluster that is there."""
    space = partial(ask, seeds=seeds)
    algorithm = OptunaSearch(space, metric="accuracy", mode="max", seed=1)
    own = Searched if reuse else function
    took = fitted(own, trials, None, reuse=reuse, search_alg=algorithm, num_samples=trials)
    return took / trials


def ours(trials: int, *, seeds: int) -> dict[str, float]:
    """Seconds of our command in a new home, and what it trained; the store's tables are there."""
    words = ["--space", SPACE, "--against", "none", "--workers", str(PLACES)]
    with tempfile.TemporaryDirectory() as folder:
        # A store is made once in its life, not in every search.
        warm = ["--trials", "1", "--seeds", "1", "--confirm-seeds", "1", "--name", "first"]
        search(folder, *words, *warm, "train.epochs=10")
        seconds = search(folder, *words, "--trials", str(trials), "--seeds", str(seeds))
        with open(f"{folder}/out/search.json", encoding="utf-8") as file:
            budget = json.load(file)["budget"]
    if budget["trials"] != trials:
        raise RuntimeError(f"our search: {budget['trials']} of {trials} trials")
    return {"seconds": seconds, "epochs": budget["epochs"], "runs": budget["runs"]}


def measure() -> dict[str, Any]:
    """By seeds a trial: seconds a trial of each, and how many times faster ours is."""
    return {str(seeds): _measured(seeds) for seeds in (1, len(SEEDS))}


def _measured(seeds: int) -> dict[str, Any]:
    own = ours(OURS, seeds=seeds)
    ray_cluster.connect(cpus=PLACES)
    try:
        tuned(PLACES, seeds=1, reuse=True)  # what a first Tuner starts
        theirs = {
            "new processes": tuned(NEW, seeds=seeds, reuse=False),
            "reused actors": tuned(REUSED, seeds=seeds, reuse=True),
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
