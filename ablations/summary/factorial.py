"""What the summary says of the factors: main effects, interactions, attribution. Pure.

Every effect is a number per seed first, so that its interval is that of a paired difference. Words
that the cells cannot tell apart (the aliases of a fraction) are one effect under its shortest name.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ablations.conditions import CONDITIONS, metric
from ablations.rows import by_seed
from ablations.summary.effects import brief, judged
from ablations.summary.pairs import Array, Cell, Pairs, Rules, interval, lost, with_guesses
from evidence import statistics as st

ORDER = 3  # factors of the largest interaction that is looked at
Tree = dict[str, Any]
On = frozenset[str]
Word = tuple[str, ...]
Values = Mapping[On, Mapping[int, float]]
"""Cell -> seed -> value."""


def factorial(
    cells: Mapping[On, Cell], factors: Sequence[str], rules: Rules, *, fraction: bool = False
) -> Tree | None:
    """Effects of a design's cells (the factors that are on -> rows) under each condition.

    None where there are no cells, or where nesting or constraints leave effects that these cells
    cannot tell apart. ``fraction``: the design says itself which.
    """
    order = min(ORDER, len(factors))
    if not cells or not st.orthogonal(cells, factors, order=order):
        return None
    groups = aliases(list(cells), factors, order)
    if not fraction and any(len(words) > 1 for words in groups):
        return None
    found = {c: _condition(cells, factors, metric(c), groups, rules) for c in CONDITIONS}
    return found if any(found.values()) else None


def aliases(cells: Sequence[On], factors: Sequence[str], order: int) -> list[list[Word]]:
    """Words of up to ``order`` factors in groups of the same column of signs, up to its sign; what
    is constant over the cells is left out.
    """
    words = st.effects({cell: [float(i)] for i, cell in enumerate(cells)}, factors, order=order)
    groups: dict[tuple[int, ...], list[Word]] = {}
    for word in words:
        column = tuple(math.prod(1 if f in cell else -1 for f in word) for cell in cells)
        groups.setdefault(max(column, tuple(-sign for sign in column)), []).append(word)
    return list(groups.values())


def _condition(
    cells: Mapping[On, Cell],
    factors: Sequence[str],
    name: str,
    groups: Sequence[Sequence[Word]],
    rules: Rules,
) -> Tree | None:
    values = {on: by_seed(cell, metric=name) for on, cell in cells.items()}
    failed = any(lost(cell, name) for cell in cells.values())
    guesses = {on: with_guesses(cell, name, rules.classes) for on, cell in cells.items()}
    first = next(iter(cells.values()))
    found = _table(values, [row.seed for row in first])
    if not found[0]:
        return None
    full = _table(guesses, [row.seed for row in first]) if failed else None
    trees = [_effect(words, found, full, factors, name, rules) for words in groups]
    everything, nothing = frozenset(factors), frozenset[str]()
    total = None
    if everything in cells and nothing in cells:
        pairs = _pairs(found, full, lambda table: table[everything] - table[nothing])
        total = brief(judged(pairs, name, rules))
    return {
        "main": [tree for tree in trees if len(tree["factors"]) == 1],
        "interactions": [tree for tree in trees if len(tree["factors"]) > 1],
        "shapley": _shapley(found[1], factors, rules),
        "total": total,
    }


Table = tuple[list[int], dict[On, Array]]


def _table(values: Values, seeds: Sequence[int]) -> Table:
    """The seeds that every cell has, and its values in their order."""
    kept = [seed for seed in seeds if all(seed in own for own in values.values())]
    return kept, {on: np.array([own[seed] for seed in kept]) for on, own in values.items()}


def _pairs(found: Table, full: Table | None, form: Any) -> Pairs:
    """The effect that ``form`` makes of a table [n]; with failed runs as guesses beside it."""
    guessed = None
    if full is not None:
        guessed = dict(zip(full[0], form(full[1]).tolist(), strict=True)) if full[0] else {}
    return Pairs(tuple(found[0]), form(found[1]), guessed=guessed)


def _effect(
    words: Sequence[Word],
    found: Table,
    full: Table | None,
    factors: Sequence[str],
    name: str,
    rules: Rules,
) -> Tree:
    """An effect under its shortest word, and the words that it may be as well."""
    first, *others = words
    pairs = _pairs(found, full, lambda table: st.effects(table, factors, order=ORDER)[first])
    tree = {"factors": list(first), "aliases": [list(word) for word in others]}
    return tree | brief(judged(pairs, name, rules))


def _shapley(table: Mapping[On, Array], factors: Sequence[str], rules: Rules) -> list[Tree]:
    """Each factor's part of the total gain; empty without all 2^k cells."""
    if len(table) != 2 ** len(factors):
        return []
    found = st.shapley(table)
    total = sum(float(values.mean()) for values in found.values())
    trees = []
    for factor in factors:
        deltas = found[factor]
        tree: Tree = {"factor": factor, "mean": float(deltas.mean()), "low": None, "high": None}
        if Pairs(tuple(range(len(deltas))), deltas).spread:
            mean, half = interval(deltas, rules)
            tree |= {"low": float(mean - half), "high": float(mean + half)}
        trees.append(tree | {"share": tree["mean"] / total if total else None})
    return trees
