"""A search as plain JSON: what its report is made of. ``docs/search.md`` explains every key."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cal.config import flatten
from cal.effective import effective
from search_spaces import racing, trials
from search_spaces.arm import DEFAULT, Arm
from search_spaces.confirm import ranked
from search_spaces.objectives import Objective, guesses, scalar, words
from search_spaces.samplers import SAMPLERS
from search_spaces.searched import ArmSpec, Search
from search_spaces.trials import Trial

Tree = dict[str, Any]
VERSION = 1


def tree_of(
    search: Search,
    arms: Sequence[Arm],
    *,
    confirmed: Tree | None,
    warm: Sequence[Tree],
    warnings: Sequence[str],
    rows: Mapping[str, str],
    provenance: Tree,
    wall_s: float,
    stopping: str,
) -> Tree:
    """``stopping``: what early stopping did, in words. ``rows``: hash -> run id of the ledger.
    Importance, edges and words are added by ``search_spaces.understanding`` and ``writing``.
    """
    every = [trial for arm in arms for trial in arm.trials.values()]
    spent = trials.budget(every, seeds=len(search.seeds))
    return {
        "schema_version": VERSION,
        "kind": "search",
        "name": search.name,
        "title": search.title,
        "git": provenance["git"],
        "command": provenance["command"],
        "space": {
            "name": search.main.space.name,
            "title": search.main.space.title,
            "dimensions": [d.model_dump(mode="json") for d in search.main.dimensions],
        },
        "base": flatten(effective(search.base).model_dump(mode="json")),
        "data": {"name": search.base.data.name, "title": search.title},
        "objectives": [_objective(o) for o in search.objectives],
        "scalar": words(search.objectives),
        "sampler": {"name": search.sampler, "words": SAMPLERS[search.sampler].words},
        "scheduler": {"name": search.scheduler.name, "words": stopping},
        "racing": {"seeds_most": len(search.seeds), "words": racing.words(len(search.seeds))},
        "failure_rule": failure_rule(search.objectives, classes=arms[0].rules.classes),
        "seeds": {
            "search": list(search.seeds),
            "confirm": list(confirmed["seeds"]) if confirmed else [],
        },
        "budget": {
            "trials": spent.trials,
            "runs": spent.runs,
            "epochs": spent.epochs,
            "epochs_in_full": spent.full,
            "train_s": spent.train_s,
            "evaluate_s": spent.evaluate_s,
            "wall_s": wall_s,
        },
        "arms": [arm_tree(*pair, search, rows) for pair in zip(search.arms, arms, strict=True)],
        "warm": list(warm),
        "warnings": list(warnings),
        "confirmed": confirmed,
        "verdict": [],
        "provenance": provenance,
    }


def _objective(o: Objective) -> Tree:
    return {"name": o.name, "title": o.title, "better": o.better, "unit": o.unit}


def failure_rule(objectives: Sequence[Objective], *, classes: int) -> str:
    """What a run that failed or diverged counts as, in words."""
    known = guesses(objectives, classes=classes, default=None)
    parts = [
        f"{o.title} {known[o.name]:.3g}"
        if o.guess
        else f"{o.title} of the default configuration, or the worst so far where it has none"
        for o in objectives
    ]
    return (
        f"A trial one of whose runs fails or diverges is told to the sampler as a guess among "
        f"{classes} classes: {', '.join(parts)}. A run whose worker died is trained again from its "
        "checkpoint, which is no failure."
    )


def arm_tree(spec: ArmSpec, arm: Arm, search: Search, rows: Mapping[str, str]) -> Tree:
    """One arm, without what only understanding adds."""
    order = ranked(arm)
    defaults = [t.number for t in arm.trials.values() if t.origin == DEFAULT]
    several = len(search.objectives) > 1
    spent = trials.budget(list(arm.trials.values()), seeds=len(search.seeds))
    return {
        "name": spec.name,
        "title": spec.title,
        "main": spec is search.main,
        "config": flatten(spec.config),
        "dimensions": [d.model_dump(mode="json") for d in spec.dimensions],
        "trials": [trial_tree(arm, trial, rows) for trial in arm.trials.values()],
        "best": order[0].number if order else None,
        "default": defaults[0] if defaults else None,
        "front": sorted(arm.front()) if several else [],
        "hypervolume": None,
        "history": history(arm),
        "edges": [],
        "proposals": [],
        "off": [],
        "importance": None,
        "budget": {
            "trials": spent.trials,
            "runs": spent.runs,
            "epochs": spent.epochs,
            "train_s": spent.train_s,
        },
    }


def trial_tree(arm: Arm, trial: Trial, rows: Mapping[str, str]) -> Tree:
    """One trial; a twin has the scores of the trial that it is."""
    scores = arm.scored(trial)
    means = {name: score.mean for name, score in scores.items()}
    tree = trials.as_tree(
        trial,
        {
            "scores": means,
            "errors": {name: score.error for name, score in scores.items()},
            "scalar": scalar(arm.rules.objectives, means) if means else None,
        },
    )
    for seed in tree["seeds"]:
        seed["run_id"] = rows.get(seed["hash"], "")
    return tree


def history(arm: Arm) -> list[list[float]]:
    """[epochs trained so far, scalar of the best so far] after each trial that is complete, in the
    order of the trials: the epochs of those that were stopped early are in the sum. The best is one
    with as many seeds as any so far, so its scalar may fall when more seeds are given.
    """
    epochs, best, line = 0, (0, -math.inf), []
    for trial in arm.trials.values():
        epochs += sum(run.epoch for run in trial.runs)
        if trial.status == "complete" and trial.twin is None:
            value = scalar(arm.rules.objectives, arm.means(trial))
            best = max(best, (len(trial.line), value))
            line.append([float(epochs), best[1]])
    return line
