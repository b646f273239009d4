"""From the courses of the contestants to the figures of the regret benchmark. Pure.

Everything is told by what a contestant *recommends* after so many epochs, valued by its true worth
(the mean over the table's seeds), since that is what a user takes home. Targets, each the median
over thousands of draws of 64 random configurations (through the same nearest points), fully trained
under one seed:

* ``best``: the best of the 64 by true worth, which the one who drew them does not know;
* ``pick``: what random search recommends, the best of the 64 by its one seed.

Epochs to a target: the least budget at which the median over repetitions is no worse. Intervals:
95 % percentile bootstrap over repetitions.

Legend: N repetitions, G budgets.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from benchmarks.regret_course import Pick

Floats = npt.NDArray[np.float64]
RANDOM = 64  # full trainings
BUDGETS = (10, 20, 30)  # full trainings, at which regret is told
DRAWS = 2000  # of the bootstrap
COVERED = (2.5, 97.5)  # percent


@dataclass(frozen=True)
class Setting:
    """What all contestants of one table share. ``true``: worth of each point; ``targets``: by name;
    ``epochs``: of a full training; ``every``: between two that are looked at; ``budget``: of the
    searches, full trainings.
    """

    true: Floats
    targets: Mapping[str, float]
    epochs: int
    every: int
    budget: int = RANDOM

    @property
    def budgets(self) -> npt.NDArray[np.int64]:
        """[G] epochs."""
        return np.arange(self.every, self.budget * self.epochs + 1, self.every)


def targets(
    near: Sequence[Sequence[int]], true: Floats, seen: Floats, *, draws: int
) -> dict[str, float]:
    """What 64 random configurations give. ``near``: of random configurations the points, the
    nearest first, of which each search has the first that it has not had; ``seen`` [points]: values
    under the first seed.
    """
    draw, rows = np.random.default_rng(0), np.zeros((draws, RANDOM), dtype=int)
    for n in range(draws):
        had: dict[int, None] = {}
        for order in draw.integers(len(near), size=RANDOM):
            had[next((i for i in near[order] if i not in had), near[order][0])] = None
        rows[n] = np.resize(list(had), RANDOM)
    picked = rows[np.arange(draws), seen[rows].argmax(1)]
    return {
        "best": float(np.median(true[rows].max(1))),
        "pick": float(np.median(true[picked])),
    }


def agreement(ends: Floats, share: float) -> float:
    """How far seeds agree on the best points: of the best ``share`` by one seed, the rank
    correlation of the values [points, 3] under two others; the mean over which is the one. Where it
    is near 0 the best are told apart by luck, and no search can do better.
    """
    found = []
    for s in range(ends.shape[1]):
        own, (one, other) = ends[:, s], np.delete(ends, s, axis=1).T[:2]
        best = own >= np.quantile(own, 1 - share)
        found.append(stats.spearmanr(one[best], other[best]).statistic)
    return float(np.mean(found))


def worths(courses: Sequence[Sequence[Pick]], setting: Setting) -> Floats:
    """True worth [N, G] of what was recommended within each budget; of nothing the least."""
    least = setting.true.min()
    found = np.full((len(courses), len(setting.budgets)), least)
    for n, picks in enumerate(courses):
        spent = np.array([epochs for epochs, _ in picks])
        values = np.array([least, *(setting.true[index] for _, index in picks)])
        found[n] = values[np.searchsorted(spent, setting.budgets, side="right")]
    return found


def epochs_to(target: float, worth: Floats, setting: Setting) -> float:
    """Epochs until the median over repetitions is no worse than the target; inf: never."""
    good = np.median(worth, 0) >= target - 1e-12
    return float(setting.budgets[good.argmax()]) if good.any() else math.inf


def _interval(worth: Floats, figure: Callable[[Floats], float]) -> list[float]:
    draw = np.random.default_rng(0)
    rows = draw.integers(len(worth), size=(DRAWS, len(worth)))
    low, high = np.percentile(
        [figure(worth[row]) for row in rows], COVERED, method="closest_observation"
    )
    return [float(low), float(high)]


def summary(courses: Sequence[Sequence[Pick]], setting: Setting) -> dict[str, Any]:
    """The figures of one contestant: shares are of random-64's epochs; None: more
    than the budget."""
    worth = worths(courses, setting)
    full = RANDOM * setting.epochs
    reached = {}
    for name, target in setting.targets.items():
        epochs = epochs_to(target, worth, setting)
        low, high = _interval(worth, lambda w, t=target: epochs_to(t, w, setting))  # type: ignore[misc]
        shares = [_finite(number / full) for number in (epochs, low, high)]
        reached[name] = {"epochs": _finite(epochs), "share": shares[0], "interval": shares[1:]}
    best = float(setting.true.max())
    regret = {}
    for budget in (b for b in BUDGETS if b <= setting.budget):
        at = int(np.searchsorted(setting.budgets, budget * setting.epochs))
        column = best - worth[:, at : at + 1]
        interval = _interval(column, lambda c: float(np.median(c)))
        regret[str(budget)] = {"median": float(np.median(column)), "interval": interval}
    return {"repetitions": len(courses), "reached": reached, "regret": regret}


def _finite(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
