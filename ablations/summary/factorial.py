"""What the summary says of the factors: main effects, interactions, attribution. Pure.

Every effect is a number per seed first, so that its interval is that of a paired difference.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ablations import statistics as st
from ablations.conditions import metric
from ablations.rows import by_seed
from ablations.summary.effects import Array, Cell, Pairs, Rules, brief, interval, judged

CONDITIONS = ("clean", "robust")
Tree = dict[str, Any]
On = frozenset[str]


def factorial(cells: Mapping[On, Cell], factors: Sequence[str], rules: Rules) -> Tree | None:
    """Effects of a design's cells (the factors that are on -> rows) under each condition.

    None where there are no cells, or where nesting or constraints leave effects that these cells
    cannot tell apart.
    """
    if not cells or not st.orthogonal(cells, factors, order=min(3, len(factors))):
        return None
    found = {c: _condition(cells, factors, metric(c), rules) for c in CONDITIONS}
    return found if any(found.values()) else None


def _condition(
    cells: Mapping[On, Cell], factors: Sequence[str], name: str, rules: Rules
) -> Tree | None:
    values = {on: by_seed(cell, metric=name) for on, cell in cells.items()}
    first = next(iter(cells.values()))
    seeds = [row.seed for row in first if all(row.seed in own for own in values.values())]
    if not seeds:
        return None
    table = {on: np.array([own[seed] for seed in seeds]) for on, own in values.items()}
    effects = st.effects(table, factors, order=min(3, len(factors)))
    trees = [
        {"factors": list(words)} | _effect(deltas, seeds, name, rules)
        for words, deltas in effects.items()
    ]
    everything, nothing = frozenset(factors), frozenset[str]()
    total = None
    if everything in table and nothing in table:
        total = _effect(table[everything] - table[nothing], seeds, name, rules)
    return {
        "main": [tree for tree in trees if len(tree["factors"]) == 1],
        "interactions": [tree for tree in trees if len(tree["factors"]) > 1],
        "shapley": _shapley(table, factors, rules),
        "total": total,
    }


def _effect(deltas: Array, seeds: Sequence[int], name: str, rules: Rules) -> Tree:
    return brief(judged(Pairs(tuple(seeds), deltas), name, rules))


def _shapley(table: Mapping[On, Array], factors: Sequence[str], rules: Rules) -> list[Tree]:
    """Each factor's part of the total gain; empty without all 2^k cells."""
    if len(table) != 2 ** len(factors):
        return []
    found = st.shapley(table)
    total = sum(float(values.mean()) for values in found.values())
    trees = []
    for factor in factors:
        mean = float(found[factor].mean())
        tree: Tree = {"factor": factor, "mean": mean, "low": None, "high": None}
        if len(found[factor]) > 1:
            half = float(interval(found[factor], rules)[1])
            tree |= {"low": mean - half, "high": mean + half}
        trees.append(tree | {"share": mean / total if total else None})
    return trees
