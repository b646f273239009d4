"""Trials of ``search.json`` as its readers need them: which count, how good each is. Pure.

Rule for all that compares trials. A *complete* trial has a score. A *stopped* one has none: the
scheduler saw that it was weak, so where only ranks matter it counts as worse than every complete
one, and where a score is needed it is left out. A *failed* one and one that still runs are left
out everywhere but in the tables.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cal.config import parse_as
from search_spaces.space import Dimension, holds

Tree = Mapping[str, Any]
SHARES = ("clean", "robust", "area")  # objectives that are shares of 1: pages show percent
SCALAR: Tree = {"name": "scalar", "title": "scalarisation", "better": "higher", "unit": ""}


def dimensions_of(arm: Tree) -> tuple[Dimension, ...]:
    """The typed dimensions of an arm's JSON, those that are fixed left out."""
    found = (parse_as(Dimension, dict(tree)) for tree in arm["dimensions"])
    return tuple(d for d in found if d.label != "fixed")


def target_of(objectives: Sequence[Tree]) -> Tree:
    """What trials are ranked by: the objective, or the scalarisation of several (higher wins)."""
    return objectives[0] if len(objectives) == 1 else SCALAR


def score(trial: Tree, target: Tree) -> float | None:
    """The trial's value of the target, as it was measured; None where there is none."""
    if target["name"] == SCALAR["name"]:
        value = trial.get("scalar")
    else:
        value = (trial.get("scores") or {}).get(target["name"])
    return None if value is None or not math.isfinite(value) else float(value)


def worth(trial: Tree, target: Tree) -> float | None:
    """The score with the sign that makes the higher one better."""
    found = score(trial, target)
    return found if found is None or target["better"] == "higher" else -found


def complete(trials: Iterable[Tree], target: Tree) -> list[Tree]:
    """The trials that have a final score, in the order of their numbers."""
    found = [t for t in trials if t["status"] == "complete" and worth(t, target) is not None]
    return sorted(found, key=lambda t: t["number"])


def judged(trials: Iterable[Tree], target: Tree) -> list[tuple[Tree, float]]:
    """Complete and stopped trials with a number that only ranks: stopped ones are last."""
    listed = list(trials)
    done = [(t, float(worth(t, target) or 0.0)) for t in complete(listed, target)]
    floor = min((value for _, value in done), default=0.0) - 1.0
    return [*done, *((t, floor) for t in listed if t["status"] == "stopped")]


def ranking(trials: Iterable[Tree], target: Tree) -> list[Tree]:
    """Complete trials, the best first; of equal ones the earlier."""
    done = complete(trials, target)
    return sorted(done, key=lambda t: (-float(worth(t, target) or 0.0), t["number"]))


def acting(trial: Tree, dimensions: Iterable[Dimension], ground: Tree) -> Iterator[Dimension]:
    """The dimensions that a trial has a value of. ``ground``: field -> value of the configuration
    it lies on, which decides between two ranges of one field.
    """
    values = {**ground, **trial["values"]}
    several: dict[str, int] = {}
    listed = list(dimensions)
    for d in listed:
        several[d.field] = several.get(d.field, 0) + 1
    for d in listed:
        if d.field in trial["values"] and (several[d.field] == 1 or holds(d.when, values)):
            yield d


def of_number(arm: Tree, number: int | None) -> Tree | None:
    """The trial of that number."""
    return next((t for t in arm["trials"] if t["number"] == number), None)


def main_arm(search: Tree) -> Tree:
    """The arm that is searched for its own sake."""
    arms = search["arms"]
    return next((arm for arm in arms if arm["main"]), arms[0])


def is_share(objective: Tree) -> bool:
    """Whether pages show it in percent, and differences in points."""
    return objective.get("unit") == "share" or objective["name"] in SHARES


def scale_of(objective: Tree) -> float:
    """What a value is multiplied by on a page."""
    return 100.0 if is_share(objective) else 1.0


def counted(trials: Iterable[Tree]) -> dict[str, int]:
    """Status -> how many trials, all four of them."""
    found = dict.fromkeys(("complete", "stopped", "failed", "running"), 0)
    for trial in trials:
        found[trial["status"]] += 1
    return found
