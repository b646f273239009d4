"""A made-up search of three arms as search.json has it: planted scores, nothing was trained."""

import hashlib
import math
from typing import Any

import numpy as np

from cal.config import Config, flatten
from search_spaces import reading
from search_spaces.edges import edges, proposals
from search_spaces.space import Dimension, read_space
from search_spaces.switched_off import off

Tree = dict[str, Any]
CLEAN = {"name": "clean", "title": "accuracy on clean data", "better": "higher", "unit": "share"}
NLL = {"name": "nll", "title": "negative log-likelihood", "better": "lower", "unit": "nats"}
TIME = {"name": "step_time", "title": "time of a step", "better": "lower", "unit": "ms"}
EPOCHS, RUNGS = 20, (2, 7)
TITLES = {"cal": "CAL, all mechanisms", "joint": "joint training", "ogm_ge": "OGM-GE"}
FIELDS = {
    "joint": ("optim.lr", "optim.weight_decay"),
    "ogm_ge": ("optim.lr", "optim.weight_decay", "ogm_ge.alpha"),
    "cal": ("optim.lr", "optim.weight_decay", "cal.bottleneck.schedule", "cal.bottleneck.beta")
    + ("cal.bottleneck.warmup", "cal.acceleration.alpha", "cal.contribution.tau"),
}
CONFIG = {"cal": {}, "joint": {"method": "joint"}, "ogm_ge": {"method": "ogm_ge"}}
SCHEDULE = Dimension(
    name="cal.bottleneck.schedule",
    field="cal.bottleneck.schedule",
    label="scientific",
    kind="categorical",
    choices=("linear", "constant"),
    default="linear",
)


def dimensions(arm: str) -> list[Dimension]:
    """Of the packaged space, and a choice on which another field depends."""
    known = {d.name: d for d in read_space("nuisance").dimensions} | {SCHEDULE.name: SCHEDULE}
    return [known[name] for name in FIELDS[arm]]


def search(*, trials: int = 60, objectives: tuple[Tree, ...] = (CLEAN,), seed: int = 0) -> Tree:
    """A finished search with its confirmation."""
    arms = [
        arm(name, trials, objectives=objectives, seed=seed + i) for i, name in enumerate(TITLES)
    ]
    runs = sum(a["budget"]["runs"] for a in arms)
    epochs = sum(a["budget"]["epochs"] for a in arms)
    several = len(objectives) > 1
    return {
        "schema_version": 1,
        "kind": "search",
        "name": "small",
        "title": "CAL on Handwritten, 20 labels per class",
        "git": "abc1234",
        "command": "python -m search_spaces.explore --space cal --trials 60",
        "space": {"name": "cal", "title": "All of CAL and its optimiser"}
        | {"dimensions": [d.model_dump(mode="json") for d in dimensions("cal")]},
        "base": flatten(Config().model_dump(mode="json")),
        "data": {"name": "handwritten", "title": "hw20: 20 labels per class"},
        "objectives": list(objectives),
        "scalar": f"clean accuracy minus 0.01 x {objectives[1]['name']}" if several else None,
        "sampler": {"name": "tpe", "words": "TPE (Optuna 5.0.0, multivariate, group)"},
        "scheduler": {"name": "asha", "words": "ASHA, rungs at 2 and 7 epochs, a third goes on"},
        "racing": {"seeds_most": 3, "words": "at most 3 seeds, more for contenders"},
        "failure_rule": "a failed trial counts as a guess among 10 classes",
        "seeds": {"search": [1000, 1001, 1002], "confirm": list(range(2000, 2008))},
        "budget": {"trials": 3 * trials, "runs": runs, "epochs": epochs}
        | {"epochs_in_full": 3 * trials * 3 * EPOCHS, "train_s": 310.5, "evaluate_s": 20.25}
        | {"wall_s": 190.0},
        "arms": arms,
        "warm": [{"study": "pilot", "trials": 8, "text": "8 trials of pilot, same data and space"}],
        "warnings": [],
        "confirmed": confirmed(arms, seed=seed) if objectives == (CLEAN,) else None,
        "verdict": [],
        "provenance": {
            "date": "2026-11-26 12:00 UTC",
            "command": "python -m search_spaces.explore --space cal --trials 60",
            "git": "abc1234",
            "versions": {"python": "3.11", "optuna": "5.0.0"},
            "machine": "Linux x86_64",
        },
    }


def arm(name: str, trials: int, *, objectives: tuple[Tree, ...], seed: int) -> Tree:
    """One arm: default first, then what the sampler asked, one of which failed."""
    generator = np.random.default_rng(seed)
    own = dimensions(name)
    listed = [trial(name, own, i, generator, objectives=objectives) for i in range(trials)]
    target = reading.target_of(objectives)
    ranked = reading.ranking(listed, target)
    found: Tree = {
        "name": name,
        "title": TITLES[name],
        "main": name == "cal",
        "config": CONFIG[name],
        "dimensions": [d.model_dump(mode="json") for d in own],
        "trials": listed,
        "best": ranked[0]["number"] if ranked else None,
        "default": 0 if listed else None,
        "front": front(ranked, objectives) if len(objectives) > 1 else [],
        "hypervolume": 0.61 if len(objectives) > 1 else None,
        "history": history(listed, target),
        "budget": {"trials": trials, "runs": sum(len(t["seeds"]) for t in listed)}
        | {"epochs": sum(t["epochs"] for t in listed), "train_s": 100.0},
    }
    best = ranked[0]["values"] if ranked else {}
    found |= {"edges": edges(own, best), "proposals": proposals(own, best)}
    found["off"] = off(found, target, base=flatten(Config().model_dump(mode="json")))
    found["importance"] = importance(own, len(ranked)) if len(ranked) >= 10 else None
    return found


def trial(
    name: str,
    own: list[Dimension],
    number: int,
    generator: np.random.Generator,
    *,
    objectives: tuple[Tree, ...],
) -> Tree:
    """Weak ones are stopped at a rung; number 5 of every arm diverges."""
    values = {d.field: d.default for d in own} if number == 0 else drawn(own, generator)
    if values.get("cal.bottleneck.schedule") == "constant":
        values.pop("cal.bottleneck.warmup")
    truth = accuracy(name, values)
    status, epochs = "complete", EPOCHS
    if number == 5:
        status, epochs = "failed", 1
    elif number and truth < 0.90 - 0.004 * (number < 10):
        status, epochs = "stopped", RUNGS[truth > 0.87]
    count = 1 if status != "complete" else 1 + (truth > 0.92) + (truth > 0.93)
    seeds = [
        run(truth, 1000 + i, status, epochs, generator, objectives, key=f"{name}/{number}")
        for i in range(count)
    ]
    done = status == "complete"
    scores = {
        o["name"]: math.fsum(s["scores"][o["name"]] for s in seeds) / count if done else None
        for o in objectives
    }
    errors = {
        o["name"]: 0.004 / math.sqrt(count) if done and count > 1 else None for o in objectives
    }
    several = len(objectives) > 1
    return {
        "number": number,
        "origin": "default" if number == 0 else "warm: pilot" if number == 1 else "sampler",
        "status": status,
        "values": values,
        "scores": scores,
        "errors": errors,
        "scalar": scores["clean"] - 0.01 * scores[objectives[1]["name"]]
        if several and done
        else None,
        "seeds": seeds,
        "curve": [] if status == "failed" else curve(truth, epochs),
        "epochs": sum(s["epochs"] for s in seeds),
        "reason": {
            "failed": "loss is nan at step 12",
            "stopped": f"below the best third at {epochs} epochs",
        }.get(status, ""),
    }


def drawn(own: list[Dimension], generator: np.random.Generator) -> Tree:
    """Values drawn evenly, on each range's scale."""
    found: Tree = {}
    for d in own:
        if d.kind == "categorical":
            found[d.field] = d.choices[int(generator.integers(len(d.choices)))]
            continue
        low, high = d.range
        u = float(generator.random())
        found[d.field] = low * (high / low) ** u if d.log else low + u * (high - low)
    return found


def accuracy(name: str, values: Tree) -> float:
    """A hill over the learning rate; CAL gains from a small beta and nothing from alpha."""
    found = 0.925 - 0.03 * math.log(values["optim.lr"] / 0.04) ** 2
    if name == "cal":
        found += 0.02 - 0.008 * math.log(values["cal.bottleneck.beta"] / 3e-4)
    return found


def run(
    truth: float,
    seed: int,
    status: str,
    epochs: int,
    generator: np.random.Generator,
    objectives: tuple[Tree, ...],
    *,
    key: str,
) -> Tree:
    """One seed of a trial."""
    value = truth + 0.004 * float(generator.normal())
    known = {
        "clean": value,
        "robust": value - 0.1,
        "nll": 2 - 1.9 * value,
        "step_time": 4 + abs(float(generator.normal())),
    }
    finished = status == "complete"
    return {
        "seed": seed,
        "status": "finished" if finished else status,
        "epochs": epochs,
        "scores": {o["name"]: known[o["name"]] if finished else None for o in objectives},
        "hash": hashlib.sha256(f"{key}/{seed}".encode()).hexdigest()[:16],
        "run_id": f"run-{key.replace('/', '-')}-{seed}",
        "error": "loss is nan at step 12" if status == "failed" else "",
    }


def curve(truth: float, epochs: int) -> list[list[float]]:
    """Validation accuracy that saturates at the truth."""
    return [[e, truth * (1 - math.exp(-e / 3))] for e in range(1, epochs + 1)]


def history(trials: list[Tree], target: Tree) -> list[list[float]]:
    """Best score so far over epochs so far."""
    found: list[list[float]] = []
    spent, best = 0, -math.inf
    for one in trials:
        spent += one["epochs"]
        value = reading.worth(one, target) if one["status"] == "complete" else None
        if value is not None and value > best:
            best = value
            found.append([spent, value])
    return found


def front(ranked: list[Tree], objectives: tuple[Tree, ...]) -> list[int]:
    """Numbers of the trials that no other beats in every objective."""
    costs = [
        [(-1 if o["better"] == "higher" else 1) * t["scores"][o["name"]] for o in objectives]
        for t in ranked
    ]
    return [
        t["number"]
        for t, mine in zip(ranked, costs, strict=True)
        if not any(all(a <= b for a, b in zip(c, mine, strict=True)) and c != mine for c in costs)
    ]


def importance(own: list[Dimension], trials: int) -> Tree:
    """The first field stands out; made up, because units have no Optuna."""
    rows = [
        {"field": d.name, "mean": 0.6 if i == 0 else 0.4 / len(own), "trials": trials}
        | {"low": 0.45 if i == 0 else 0.01, "high": 0.75 if i == 0 else 0.2, "even": 1 / len(own)}
        for i, d in enumerate(own)
    ]
    evaluators = [
        {"name": name, "draws": 50, "words": "complete trials", "rows": rows}
        for name in ("fANOVA", "PED-ANOVA")
    ]
    return {"evaluators": evaluators, "draws": 50, "warning": ""}


def confirmed(arms: list[Tree], *, seed: int) -> Tree:
    """The best three of the main arm, its default, and the best of each baseline."""
    generator = np.random.default_rng(seed + 100)
    seeds = list(range(2000, 2008))
    found = []
    for one in arms:
        ranked = reading.ranking(one["trials"], reading.target_of((CLEAN,)))
        chosen = ranked[: 3 if one["main"] else 1]
        found += [fresh(one, t, i + 1, seeds, generator) for i, t in enumerate(chosen)]
    default = reading.of_number(arms[0], 0)
    assert default is not None
    found.insert(3, fresh(arms[0], default, 0, seeds, generator) | {"name": "cal default"})
    best = found[0]
    contrasts = [contrast(best, other, primary=True) for other in found[3:]]
    contrasts += [contrast(other, found[3], primary=False) for other in found[1:3]]
    return {
        "seeds": seeds,
        "margin": 0.005,
        "alpha": 0.05,
        "conditions": ["clean", "robust"],
        "arms": found,
        "contrasts": contrasts,
    }


def fresh(one: Tree, trial: Tree, rank: int, seeds: list[int], generator: Any) -> Tree:
    """An arm of the confirmation."""
    truth = accuracy(one["name"], trial["values"]) - 0.006
    conditions = {}
    for name, lower in (("clean", 0.0), ("robust", 0.12)):
        values = [truth - lower + 0.004 * float(generator.normal()) for _ in seeds]
        conditions[name] = around(values) | {"values": values}
    score = trial["scores"]["clean"]
    mean = score - conditions["clean"]["mean"]
    half = conditions["clean"]["high"] - conditions["clean"]["mean"]
    return {
        "name": f"{one['name']} #{trial['number']}",
        "arm": one["name"],
        "trial": trial["number"],
        "rank": rank,
        "title": one["title"],
        "values": trial["values"],
        "search_score": score,
        "fresh": conditions,
        "optimism": {"mean": mean, "low": mean - half, "high": mean + half} if rank else None,
        "hashes": [f"{one['name']}-{trial['number']}-{seed}" for seed in seeds],
        "failed": 0,
    }


def around(values: list[float]) -> Tree:
    """Mean and t interval of eight values."""
    mean, half = float(np.mean(values)), 2.3646 * float(np.std(values, ddof=1)) / math.sqrt(8)
    return {"mean": mean, "low": mean - half, "high": mean + half}


def contrast(one: Tree, other: Tree, *, primary: bool) -> Tree:
    """Paired over the fresh seeds."""
    found: Tree = {"arm": one["name"], "reference": other["name"], "primary": primary}
    for name in ("clean", "robust"):
        pairs = zip(one["fresh"][name]["values"], other["fresh"][name]["values"], strict=True)
        effect = around([a - b for a, b in pairs])
        helps, hurts = effect["low"] > 0, effect["high"] < 0
        small = effect["low"] > -0.005 and effect["high"] < 0.005
        verdict = "equivalent" if small else "helps" if helps else "hurts" if hurts else "undecided"
        p = 0.001 if helps or hurts else 0.4
        found[name] = {
            "difference": effect["mean"],
            "low": effect["low"],
            "high": effect["high"],
            "n": 8,
            "p": p,
            "p_adjusted": 4 * p if primary and 4 * p < 1 else 1.0 if primary else None,
            "p_equivalent": 0.3,
            "p_equivalent_adjusted": 0.6 if primary else None,
            "verdict": verdict,
        }
    return found


def bare(tree: Tree) -> Tree:
    """The same search before anything ran."""
    for one in tree["arms"]:
        one |= {"trials": [], "best": None, "default": None, "front": [], "hypervolume": None}
        one |= {"history": [], "edges": [], "proposals": [], "off": [], "importance": None}
        one["budget"] = {"trials": 0, "runs": 0, "epochs": 0, "train_s": 0.0}
    empty = dict.fromkeys(("trials", "runs", "epochs", "epochs_in_full"), 0)
    tree["budget"] = empty | dict.fromkeys(("train_s", "evaluate_s", "wall_s"), 0.0)
    return tree | {"confirmed": None, "warm": []}


def failing(tree: Tree) -> Tree:
    """Every trial failed."""
    tree = tree | {"confirmed": None}
    for one in tree["arms"]:
        for t in one["trials"]:
            t |= {"status": "failed", "scalar": None, "curve": [], "reason": "loss is nan"}
            t["scores"] = dict.fromkeys(t["scores"])
            t["errors"] = dict.fromkeys(t["errors"])
            for s in t["seeds"]:
                s |= {
                    "status": "failed",
                    "error": "loss is nan",
                    "scores": dict.fromkeys(s["scores"]),
                }
        one |= {"best": None, "history": [], "edges": [], "proposals": [], "importance": None}
        one |= {"off": [], "front": [], "hypervolume": None}
    return tree
