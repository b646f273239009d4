"""Confirmation: what a search found, trained again on fresh seeds and judged on the report part.

Which configuration is the search's answer was settled before, by its scores on the select part: the
report part chooses nothing. The answer against the default configuration and against each
baseline's best are the primary comparisons; everything else is exploratory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from cal.config import Config
from cal.effective import effective, run_hash
from cal.protocols import NO_MORE
from cal.runs import Run
from evidence import statistics as st
from search_spaces.fields import laid
from search_spaces.objectives import scalar
from search_spaces.searched import ArmSpec, Search
from search_spaces.trials import Trial

if TYPE_CHECKING:
    from cal.adapters.tracking_ledger import Ledger
    from search_spaces.arm import Arm

EXPERIMENT = "confirm"
CONDITIONS = ("clean", "robust")
MARGIN, ALPHA = 0.005, 0.05  # share of accuracy; error of the family of primary comparisons
Tree = dict[str, Any]
Values = Mapping[str, Mapping[int, float | None]]
"""Condition -> seed -> accuracy, None for a run that failed."""


@dataclass(frozen=True)
class Finalist:
    """One configuration to be confirmed. ``trial``: None for the default configuration.

    ``searched``: its accuracies under the search's seeds, where one was an objective.
    """

    name: str
    arm: str
    title: str
    rank: int
    config: Config
    trial: int | None = None
    values: dict[str, Any] = field(default_factory=dict)
    searched: tuple[float, ...] = ()
    condition: str = ""  # of ``searched``


def ranked(arm: "Arm") -> list[Trial]:
    """Complete trials, the best first: it is one of those with the most seeds, which are compared
    under the same ones, and no other beats it in every objective. The rest follow by the scalar of
    their corrected means.
    """
    objectives = arm.rules.objectives
    done = [t for t in arm.trials.values() if t.status == "complete" and t.twin is None]
    best = set(arm.front())

    def order(trial: Trial) -> tuple[bool, float, int]:
        value = scalar(objectives, arm.means(trial))
        return trial.number not in best, -value, trial.number

    return sorted(done, key=order)


def finalists(search: Search, arms: Sequence["Arm"], *, most: int) -> list[Finalist]:
    """The best ``most`` trials of the main arm, its default configuration, and the best trial of
    each baseline. Empty where the main arm has no complete trial.
    """
    found, *others = (
        [_of_trial(search, spec, arm, t, i + 1) for i, t in enumerate(ranked(arm)[:best])]
        for spec, arm, best in zip(search.arms, arms, [most, *[1] * len(arms[1:])], strict=True)
    )
    if not found:
        return []
    main = search.main
    default = Finalist("default", main.name, "as configured", 0, _reported(search, main, {}))
    return [*found, default, *chain.from_iterable(others)]


def _of_trial(search: Search, spec: ArmSpec, arm: "Arm", trial: Trial, rank: int) -> Finalist:
    aims = [o.name for o in arm.rules.objectives if o.name in CONDITIONS]
    searched = tuple(run.scores[aims[0]] for run in trial.line) if aims else ()
    return Finalist(
        f"{spec.name} #{trial.number}",
        spec.name,
        spec.title,
        rank,
        _reported(search, spec, trial.values),
        trial.number,
        trial.values,
        searched,
        aims[0] if aims else "",
    )


def _reported(search: Search, spec: ArmSpec, values: Mapping[str, Any]) -> Config:
    """A configuration of an arm as it is reported: on the report part, under noise."""
    kept = search.base.evaluate
    scored: dict[str, Any] = {"part": "report", "noise": "standard", "selection": kept.selection}
    scored |= {name: getattr(kept, name) for name in NO_MORE}
    own = {f"evaluate.{key}": value for key, value in scored.items()}
    return effective(laid(spec.base, {**values, **own}))


def runs_of(found: Sequence[Finalist], seeds: Sequence[int]) -> list[Run]:
    """One run for each distinct computation, with the names of all that share it."""
    runs: dict[str, Run] = {}
    for one in found:
        for seed in seeds:
            config = laid(one.config, {"seed": seed})
            key = run_hash(config)
            names = (*(runs[key].arms if key in runs else ()), one.name)
            runs[key] = Run(key, EXPERIMENT, seed, config, names)
    return list(runs.values())


def accuracies(
    name: str,
    condition: str,
    seeds: Sequence[int],
    keys: Mapping[tuple[str, int], str],
    ledger: "Ledger",
) -> dict[int, float | None]:
    """Seed -> accuracy of a finalist, as the ledger has it. ``keys``: (name, seed) -> hash."""
    found: dict[int, float | None] = {}
    for seed in seeds:
        row = ledger.find(EXPERIMENT, keys[name, seed])
        done = row is not None and row.status == "FINISHED"
        found[seed] = row.metrics.get(f"test/{condition}/accuracy") if done and row else None
    return found


def confirmed(
    found: Sequence[Finalist], seeds: Sequence[int], values: Mapping[str, Values], *, classes: int
) -> Tree:
    """The ``confirmed`` part of search.json. ``values``: by name of the finalist."""
    contrasts = _contrasts(found)
    same = {
        (a.name, b.name): a.config == b.config for a in found for b in found
    }  # equal computations, seed by seed
    trees: list[Tree] = [
        {"arm": a, "reference": b, "primary": primary}
        | {c: _effect(values[a][c], values[b][c], classes, same[a, b]) for c in CONDITIONS}
        for a, b, primary in contrasts
    ]
    _judge(trees)
    return {
        "seeds": list(seeds),
        "margin": MARGIN,
        "alpha": ALPHA,
        "conditions": list(CONDITIONS),
        "arms": [_arm_tree(one, values[one.name], seeds) for one in found],
        "contrasts": trees,
    }


def _contrasts(found: Sequence[Finalist]) -> list[tuple[str, str, bool]]:
    """(arm, reference, primary): the answer against default and baselines; the other finalists
    against the default, and baselines against it, are exploratory.
    """
    answer = found[0]
    others = [one for one in found if one.trial is None or one.arm != answer.arm]
    pairs = [(answer.name, one.name, True) for one in others]
    rest = [one for one in found[1:] if one.trial is not None and one.arm == answer.arm]
    return pairs + [(one.name, "default", False) for one in rest]


def _pairs(
    a: Mapping[int, float | None], b: Mapping[int, float | None], guess: float | None
) -> np.ndarray:
    """Differences over the seeds; a failed run counts as ``guess``, None leaves its seed out."""
    filled = [(a[s] if a[s] is not None else guess, b[s] if b[s] is not None else guess) for s in a]
    return np.array([x - y for x, y in filled if x is not None and y is not None], dtype=float)


def _effect(
    a: Mapping[int, float | None], b: Mapping[int, float | None], classes: int, same: bool
) -> Tree:
    """Difference, its interval, and p of both questions: with failed runs left out and as guesses,
    the larger counts.
    """
    deltas = _pairs(a, b, None)
    tree: Tree = dict.fromkeys(("difference", "low", "high", "p", "p_equivalent"))
    tree |= {"n": len(deltas), "verdict": "same_runs" if same else "undecided"}
    if not len(deltas):
        return tree | {"verdict": "not_measured"}
    tree["difference"] = float(deltas.mean())
    if same or len(deltas) < 2 or bool(st.without_spread(deltas)):
        return tree if same else tree | {"verdict": "no_interval"}
    mean, half = (float(x) for x in st.mean_interval(deltas))
    rows = [deltas, _pairs(a, b, 1 / classes)]
    different, equal = st.unanimous_p(rows, margin=MARGIN)
    return tree | {"low": mean - half, "high": mean + half, "p": different, "p_equivalent": equal}


def _judge(trees: Sequence[Tree]) -> None:
    """Verdicts: of primary comparisons together (``statistics.step_down``), of others alone."""
    family = [t[c] for t in trees if t["primary"] for c in CONDITIONS if t[c]["p"] is not None]
    if family:
        pair = st.step_down([e["p"] for e in family], [e["p_equivalent"] for e in family])
        for effect, different, equivalent in zip(family, *pair, strict=True):
            effect |= {
                "p_adjusted": float(different),
                "p_equivalent_adjusted": float(equivalent),
            }
    for tree in trees:
        for condition in CONDITIONS:
            effect = tree[condition]
            p = effect.setdefault("p_adjusted", None)
            q = effect.setdefault("p_equivalent_adjusted", None)
            if effect["verdict"] == "undecided":
                if not tree["primary"]:
                    p, q = effect["p"], effect["p_equivalent"]
                effect["verdict"] = st.verdict(effect["difference"], p, q, alpha=ALPHA)


def _arm_tree(one: Finalist, values: Values, seeds: Sequence[int]) -> Tree:
    fresh = {}
    for condition in CONDITIONS:
        known = [v for v in values[condition].values() if v is not None]
        sample = st.describe(known)
        half, mean = sample.half_width, sample.mean
        bounded = half is not None and mean is not None
        fresh[condition] = {
            "mean": mean,
            "low": mean - half if bounded else None,  # type: ignore[operator]
            "high": mean + half if bounded else None,  # type: ignore[operator]
            "values": list(values[condition].values()),
        }
    finished = [values["clean"][seed] is not None for seed in seeds]
    return {
        "name": one.name,
        "arm": one.arm,
        "trial": one.trial,
        "rank": one.rank,
        "title": one.title,
        "values": one.values,
        "search_score": float(np.mean(one.searched)) if one.searched else None,
        "fresh": fresh,
        "optimism": _optimism(one, values),
        "hashes": [run_hash(laid(one.config, {"seed": seed})) for seed in seeds],
        "failed": finished.count(False),
    }


def _optimism(one: Finalist, values: Values) -> Tree | None:
    """Search score minus fresh score, with Welch's interval over seeds; both parts have samples of
    their own, whose difference is in it and not in the interval. No interval without spread.
    """
    if not one.searched:
        return None
    fresh = [v for v in values[one.condition].values() if v is not None]
    if not fresh:
        return None
    mean = float(np.mean(one.searched) - np.mean(fresh))
    samples = [np.array(values, dtype=float) for values in (one.searched, fresh)]
    if any(len(sample) < 2 or bool(st.without_spread(sample)) for sample in samples):
        return {"mean": mean, "low": None, "high": None}
    interval = stats.ttest_ind(*samples, equal_var=False).confidence_interval(0.95)
    return {"mean": mean, "low": float(interval.low), "high": float(interval.high)}
