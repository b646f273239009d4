"""The leader board: every method beside every other, in each regime and over all. Pure.

A block is a seed; all seeds of a regime share one report part. Groups are decided by paired t
tests with Holm over all pairs of one column (a regime under one condition), as verdicts are.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ablations.conditions import CONDITIONS, metric
from ablations.summary.evidence import Evidence
from ablations.summary.pairs import Cell, Rules, decisive, pairs_of, with_guesses
from ablations.summary.variants import sample
from ablations.tuning import TUNED
from evidence import statistics as st
from evidence.statistics.regimes import LEAST

if TYPE_CHECKING:
    from ablations.plan import Plan

Tree = dict[str, Any]
Cells = Mapping[str, Cell]
"""Method -> its rows in one regime."""


def leader_boards(evidence: Evidence) -> list[Tree]:
    """One board of the arms as the study has them, and one of each at its best where arms were
    re-tuned.
    """
    plain, tuned = _methods(evidence.plan)
    found = [_board(evidence, "same", plain)]
    return found + ([_board(evidence, "tuned", tuned)] if tuned else [])


def _methods(plan: "Plan") -> tuple[dict[str, str], dict[str, str]]:
    """Method -> arm: the study's own, and the re-tuned ones."""
    names = [arm.name for arm in plan.arms]
    tuned = {name: TUNED.format(name) for name in names if TUNED.format(name) in names}
    return {name: name for name in names if name not in tuned.values()}, tuned


def _board(evidence: Evidence, settings: str, arms: Mapping[str, str]) -> Tree:
    regimes = {
        regime: {
            condition: _standing(evidence, regime, arms, condition) for condition in CONDITIONS
        }
        for regime in evidence.plan.regimes
    }
    return {
        "settings": settings,
        "arms": dict(arms),
        "regimes": regimes,
        "over_regimes": {
            condition: _over({name: found[condition] for name, found in regimes.items()}, evidence)
            for condition in CONDITIONS
        },
    }


def _standing(
    evidence: Evidence, regime: str, arms: Mapping[str, str], condition: str
) -> Tree | None:
    """One column: means, mean ranks and groups. None with fewer than two methods or blocks."""
    plan, rules = evidence.plan, evidence.rules[regime]
    name = metric(condition, plan.analysis.metric)
    cells = {method: evidence.cell(regime, arm) for method, arm in arms.items()}
    seeds, kept, table = _blocks(cells, name, plan.seeds[regime], rules)
    if min(table.shape) < 2:
        return None
    means = {method: sample(cells[method], name, rules.level) for method in kept}
    rank = dict(zip(kept, st.ranks(table).mean(0), strict=True))
    order = sorted(kept, key=lambda method: (-means[method]["mean"], rank[method]))
    pairs = _pairs({method: cells[method] for method in order}, name, rules)
    return {
        "blocks": list(seeds),
        "left_out": [method for method in arms if method not in kept],
        "rows": [{"method": m, **means[m], "rank": float(rank[m])} for m in order],
        "friedman": _friedman(table),
        "critical_difference": st.critical_difference(len(kept), len(seeds), alpha=rules.alpha),
        "groups": _groups(order, pairs, rules.alpha),
        "pairs": pairs,
    }


def _blocks(
    cells: Cells, name: str, seeds: Sequence[int], rules: Rules
) -> tuple[list[int], list[str], npt.NDArray[np.float64]]:
    """The seeds that all have, the methods with any value, and the table [seeds, methods]. A run
    that failed counts as a guess.
    """
    found = {method: with_guesses(cell, name, rules.classes) for method, cell in cells.items()}
    measured = {method for method, cell in cells.items() if sample(cell, name, rules.level)["n"]}
    kept = [method for method in cells if method in measured]
    both = [seed for seed in seeds if kept and all(seed in found[method] for method in kept)]
    table = np.array([[found[method][seed] for method in kept] for seed in both], dtype=np.float64)
    return both, kept, table.reshape(len(both), len(kept))


def _pairs(cells: Cells, name: str, rules: Rules) -> list[Tree]:
    """Every pair, the method of the higher mean first, with its p over all of them."""
    found, p = [], []
    for one, other in combinations(cells, 2):
        pairs = pairs_of(cells[one], cells[other], name, classes=rules.classes)
        alone = decisive(pairs, name, rules)[0] if pairs.spread else np.nan
        difference = float(pairs.deltas.mean()) if len(pairs.deltas) else None
        found.append({"method": one, "other": other, "difference": difference})
        p.append(alone)
    adjusted = st.holm(p)
    return [
        tree | {"p": None if np.isnan(alone) else alone, "p_adjusted": float(q)}
        for tree, alone, q in zip(found, p, adjusted, strict=True)
    ]


def _groups(order: Sequence[str], pairs: Sequence[Tree], alpha: float) -> list[list[str]]:
    apart = np.zeros((len(order), len(order)), dtype=np.bool_)
    for pair in pairs:
        if pair["p_adjusted"] <= alpha:
            i, j = order.index(pair["method"]), order.index(pair["other"])
            apart[i, j] = apart[j, i] = True
    return [[order[i] for i in members] for members in st.groups(apart)]


def _over(columns: Mapping[str, Tree | None], evidence: Evidence) -> Tree | None:
    """The mean over regimes of each method's rank by its mean there; the test over data sets
    (Demsar 2006) where there are enough. None where no regime was measured.
    """
    known = {regime: found for regime, found in columns.items() if found is not None}
    if not known:
        return None
    means = {
        regime: {row["method"]: row["mean"] for row in found["rows"]}
        for regime, found in known.items()
    }
    shared = [m for m in next(iter(means.values())) if all(m in row for row in means.values())]
    table = np.array([[row[m] for m in shared] for row in means.values()])
    rank = st.ranks(table).mean(0)
    order = sorted(range(len(shared)), key=lambda i: float(rank[i]))
    tree: Tree = {
        "regimes": list(known),
        "ranks": [{"method": shared[i], "rank": float(rank[i])} for i in order],
    }
    if len(known) < LEAST:
        return tree | {"refused": _refusal(len(known))}
    least = st.critical_difference(len(shared), len(known), alpha=evidence.plan.analysis.alpha)
    apart = np.abs(rank[order][:, None] - rank[order]) >= least
    return tree | {
        "friedman": _friedman(table),
        "critical_difference": least,
        "groups": [[shared[order[i]] for i in members] for members in st.groups(apart)],
    }


def _friedman(table: npt.NDArray[np.float64]) -> Tree | None:
    """Where all blocks agree F is infinite, which JSON has not: null."""
    test = st.friedman(table)
    return None if test is None else vars(test) | {"f": test.f if np.isfinite(test.f) else None}


def _refusal(regimes: int) -> str:
    return (
        f"{regimes} regime{'' if regimes == 1 else 's'} cannot carry a test over data sets: it "
        f"takes {LEAST} at least"
    )
