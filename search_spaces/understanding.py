"""Which fields matter: importance with intervals over bootstrap samples of trials.

Two evaluators of ``optuna.importance``. fANOVA (Hutter 2014) fits a forest to the scores of the
complete trials and divides their variance. PED-ANOVA (Watanabe 2023) asks in which fields the best
tenth differ from the rest, so it needs ranks alone, and stopped trials count as the worst.

A field that acts only under conditions is judged among the trials in which it acts, together with
the fields that act in all of these; importances of such a group sum to 1. Equal importance of all F
fields of a group is 1/F: what does not rise above it is not shown to matter.
"""

import warnings
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import optuna
from optuna.importance import (
    BaseImportanceEvaluator,
    FanovaImportanceEvaluator,
    PedAnovaImportanceEvaluator,
)
from optuna.storages import InMemoryStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from search_spaces.convert import told
from search_spaces.edges import edges, proposals
from search_spaces.hypervolume import hypervolumes
from search_spaces.reading import (
    acting,
    complete,
    dimensions_of,
    judged,
    of_number,
    target_of,
)
from search_spaces.space import Dimension
from search_spaces.switched_off import off

Tree = Mapping[str, Any]
DRAWS = 50
TREES, DEPTH = 8, 8  # of a forest: each draw has its own, so together they are a large one
LARGEST = 400  # trials of a draw
WORK = 140_000  # trials x fields x draws that fANOVA may take: about 11 s of one core
FEWEST = 10  # complete trials below which nothing is computed
ENOUGH, PER_FIELD = 40, 5  # complete trials, and per field, below which a warning is given
TOP = 0.1  # part of the trials that PED-ANOVA takes for the best, at least 5 of them


class Drawn(Study):
    """A study whose trials are a sample of others, some of them more than once. They are not
    copied, which would take longer than the importance.
    """

    def __init__(self) -> None:
        storage = InMemoryStorage()
        super().__init__(_new_study(storage).study_name, storage)
        self.drawn: list[FrozenTrial] = []

    def get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """All of them are complete."""
        return self.drawn


def _new_study(storage: InMemoryStorage) -> Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(direction="maximize", storage=storage)


def understood(search: Tree) -> dict[str, Any]:
    """search.json with what only looking at all trials tells, in every arm: ``edges``,
    ``proposals``, ``off``, ``importance`` (of baselines with fewer draws), ``hypervolume``.
    """
    target = target_of(search["objectives"])
    several = len(search["objectives"]) > 1
    volumes = hypervolumes(search["arms"], search["objectives"])
    arms = []
    for arm, volume in zip(search["arms"], volumes, strict=True):
        best, ground = of_number(arm, arm["best"]), {**search["base"], **arm["config"]}
        dimensions = list(acting(best, dimensions_of(arm), ground)) if best else []
        draws = DRAWS if arm["main"] else DRAWS // 5
        found = {
            "edges": edges(dimensions, best["values"]) if best else [],
            "proposals": proposals(dimensions, best["values"]) if best else [],
            "off": off(arm, target, base=search["base"]),
            "importance": importance(arm, target, base=search["base"], draws=draws),
            "hypervolume": volume if several else None,
        }
        arms.append({**arm, **found})
    return {**search, "arms": arms}


@dataclass(frozen=True)
class Group:
    """Fields that are judged together: parameters that act in all of these trials, and ``rows``:
    those that act in no other.
    """

    params: tuple[str, ...]
    rows: tuple[str, ...]
    members: frozenset[int]  # numbers of trials


def importance(
    arm: Tree, target: Tree, *, base: Tree, draws: int = DRAWS, seed: int = 0
) -> dict[str, Any] | None:
    """``evaluators``: [``name``, ``draws``, ``words``, ``rows``: [``field``, ``mean``, ``low``,
    ``high`` (percentiles 2.5 and 97.5 of the draws), ``trials``, ``even``: 1/F]], ``draws``,
    ``warning``. The most important field is first. None below 10 complete trials or two fields.

    ``arm``: of search.json. ``base``: field -> value that the arm lies on.
    """
    done = complete(arm["trials"], target)
    ranked = judged(arm["trials"], target)
    dimensions = dimensions_of(arm)
    if len(done) < FEWEST or len(dimensions) < 2:
        return None
    ground = {**base, **arm["config"]}
    frozen = partial(frozen_trials, dimensions=dimensions, ground=ground)
    scored, ranks = frozen(ranked[: len(done)]), frozen(ranked)
    groups = list(_groups(scored))
    if len(scored) < FEWEST or not groups:
        return None
    work = sum(len(g.members) * len(g.params) for g in groups)
    forests = max(5, min(draws, WORK // max(1, work)))
    evaluators = [
        _evaluate("fANOVA", scored, groups, draws=forests, seed=seed),
        _evaluate("PED-ANOVA", ranks, list(_groups(ranks)), draws=draws, seed=seed),
    ]
    warning = _warning(len(scored), len(dimensions))
    return {"evaluators": evaluators, "draws": draws, "warning": warning}


def frozen_trials(
    ranked: Sequence[tuple[Tree, float]], *, dimensions: Sequence[Dimension], ground: Tree
) -> list[FrozenTrial]:
    """Trials of Optuna with values to be maximised; those with a value out of range left out."""
    study = _new_study(InMemoryStorage())
    for trial, value in ranked:
        own = list(acting(trial, dimensions, ground))
        if all(d.contains(trial["values"][d.field]) for d in own):
            params, distributions = told(own, trial["values"])
            study.add_trial(create_trial(params=params, distributions=distributions, value=value))
    return study.get_trials(deepcopy=False)


def _groups(trials: Sequence[FrozenTrial]) -> Iterator[Group]:
    """The fields by the trials in which they act; what never varies there is no field to judge."""
    where: dict[str, set[int]] = {}
    for trial in trials:
        for name in trial.params:
            where.setdefault(name, set()).add(trial.number)
    for members in dict.fromkeys(frozenset(found) for found in where.values()):
        params = tuple(name for name, found in where.items() if members <= found)
        rows = tuple(name for name in params if where[name] == members)
        if len(params) > 1 and len(members) >= FEWEST:
            yield Group(params, rows, members)


def _evaluate(
    name: str, trials: Sequence[FrozenTrial], groups: Sequence[Group], *, draws: int, seed: int
) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    study = Drawn()
    found: dict[str, list[float]] = {row: [] for group in groups for row in group.rows}
    for draw in range(draws):
        size = min(len(trials), LARGEST)
        sample = [trials[i] for i in generator.integers(0, len(trials), size)]
        for group in groups:
            study.drawn = [t for t in sample if t.number in group.members]
            if len(study.drawn) < FEWEST or len({t.value for t in study.drawn}) < 2:
                continue  # equal scores: there is nothing to divide
            shares = _shares(name, study, group.params, seed=seed + draw)
            for row in group.rows:
                found[row].append(shares[row])
    rows = [
        _row(row, found[row], trials=len(group.members), fields=len(group.params))
        for group in groups
        for row in group.rows
        if found[row]
    ]
    rows.sort(key=lambda row: (-row["mean"], row["field"]))
    return {"name": name, "draws": draws, "words": _words(name, len(trials)), "rows": rows}


def _shares(name: str, study: Drawn, params: Sequence[str], *, seed: int) -> dict[str, float]:
    """Importances of the parameters in the study's trials, which sum to 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of too few trials in a sample, which the interval shows
        found = optuna.importance.get_param_importances(
            study, evaluator=_evaluator(name, len(study.drawn), seed), params=list(params)
        )
    return {field: float(value) for field, value in found.items()}


def _evaluator(name: str, count: int, seed: int) -> BaseImportanceEvaluator:
    if name == "fANOVA":
        return FanovaImportanceEvaluator(n_trees=TREES, max_depth=DEPTH, seed=seed % 2**32)
    return PedAnovaImportanceEvaluator(target_quantile=min(0.5, max(TOP, 5 / count)))


def _row(field: str, draws: Sequence[float], *, trials: int, fields: int) -> dict[str, Any]:
    low, high = np.percentile(draws, (2.5, 97.5))
    found = {"field": field, "mean": float(np.mean(draws)), "low": float(low), "high": float(high)}
    return found | {"trials": trials, "even": 1 / fields}


def _words(name: str, trials: int) -> str:
    size = f"draws of {LARGEST} of {trials}" if trials > LARGEST else f"{trials}"
    if name == "fANOVA":
        return f"complete trials alone ({size}), {TREES} trees of depth {DEPTH} for each draw"
    return f"complete and stopped trials ({size}), stopped ones as the worst; best {TOP:.0%}"


def _warning(trials: int, fields: int) -> str:
    """What is said where the trials are too few for their fields; empty where they are enough."""
    needed = max(ENOUGH, PER_FIELD * fields)
    if trials >= needed:
        return ""
    return (
        f"{trials} complete trials are few for {fields} fields: below {needed} (the larger of "
        f"{ENOUGH} and {PER_FIELD} for each field) the order of fields is a hint at most"
    )
