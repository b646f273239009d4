"""What the summary says of each declared contrast, and of every arm beside its references. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ablations.conditions import (
    AREA,
    CONDITIONS,
    DROP,
    GROUP,
    KINDS,
    LOWER,
    by_condition,
    metric,
    order,
)
from ablations.summary.effects import effects, sampled
from ablations.summary.pairs import Cell, Pairs, Rules, interval
from ablations.summary.samples import Samples, recalls

if TYPE_CHECKING:
    from ablations.plan import Contrast

Tree = dict[str, Any]


def contrast(
    declared: "Contrast",
    a: Cell,
    b: Cell,
    runs: Mapping[str, Samples],
    rules: Rules,
    *,
    same: bool,
    family: int = 1,
) -> tuple[Tree, dict[str, Tree]]:
    """One contrast in one regime, and its effects on every metric by name.

    ``family``: comparisons among which a primary one is judged, for what seeds could have found.
    """
    names = test_metrics((*a, *b))
    alpha = rules.alpha / max(1, family) if declared.primary else rules.alpha
    shown = {n: alpha for n in names if n.split("/")[1] in (*CONDITIONS, DROP)}
    found = effects(a, b, names, rules=rules, same=same, detailed=shown)
    for condition in CONDITIONS:
        if metric(condition) in found and not same:
            found[metric(condition)] |= sampled(a, b, condition, runs, rules)

    def of(condition: str, kind: str = "accuracy") -> Tree:
        name = metric(condition, kind)
        return found[name] if name in found else effects(a, b, [name], rules=rules)[name]

    def within(prefix: str) -> Tree:
        names = dict.fromkeys(name.split("/")[1] for name in found)
        return {c.removeprefix(prefix): of(c) for c in names if c.startswith(prefix)}

    tree = {
        "name": declared.name,
        "arm": declared.arm,
        "reference": declared.reference,
        "label": "primary" if declared.primary else "exploratory",
        "pairing": declared.pairing,
        **{condition: of(condition) for condition in CONDITIONS},
        "metrics": {k: {c: of(c, k) for c in CONDITIONS} for k in KINDS if k != "accuracy"},
        DROP: of(DROP),
        "area": within(AREA),
        "noise": within(GROUP),
        "per_class": [] if same else _per_class(a, b, runs, rules),
    }
    return tree, found


def test_metrics(cell: Sequence[Any]) -> list[str]:
    """Every test metric of the rows by name. Groups, areas and drops are of accuracy: of the other
    kinds the measured conditions suffice.
    """
    found = dict[str, None]()
    for row in cell:
        for condition, kinds in by_condition(row.metrics).items():
            derived = condition == DROP or condition.startswith((AREA, GROUP))
            for kind in kinds:
                if not derived or kind not in LOWER:
                    found[metric(condition, kind)] = None
    return sorted(found, key=lambda name: (order(name.split("/")[1]), name))


def _per_class(a: Cell, b: Cell, runs: Mapping[str, Samples], rules: Rules) -> list[Tree]:
    """Difference of each class's recall on clean data, with its interval over seeds."""
    sides = [
        {row.seed: recalls(runs[row.hash]) for row in cell if row.hash in runs} for cell in (a, b)
    ]
    seeds = sorted(sides[0].keys() & sides[1].keys())
    if len(seeds) < 2:
        return []
    found = []
    for label in sorted(sides[0][seeds[0]]):
        deltas = np.array([sides[0][s][label] - sides[1][s][label] for s in seeds])
        tree: Tree = {"class": label, "difference": float(deltas.mean()), "low": None, "high": None}
        if Pairs(tuple(seeds), deltas).spread:
            mean, half = interval(deltas, rules)
            tree |= {"low": float(mean - half), "high": float(mean + half)}
        found.append(tree)
    return found


def lines(
    study: str, regime: str, declared: "Contrast", found: Mapping[str, Tree]
) -> Iterator[dict[str, object]]:
    """The rows of effects.csv of one contrast in one regime."""
    for name, tree in found.items():
        _, condition, kind = name.split("/")
        yield {
            "study": study,
            "regime": regime,
            "contrast": declared.name,
            "arm": declared.arm,
            "reference": declared.reference,
            "label": "exploratory" if tree["p_adjusted"] is None else "primary",
            "condition": condition,
            "metric": kind,
            **{key: tree[key] for key in ("n", "difference", "low", "high", "t", "p")},
            **{key: tree[key] for key in ("p_adjusted", "p_equivalent", "p_equivalent_adjusted")},
            **{key: tree[key] for key in ("p_permutation", "p_wilcoxon")},
            **_both("bca", tree["bca"]),
            **_both("two_way", tree["two_way"]),
            "d": None if tree["d"] is None else tree["d"]["value"],
            "better": tree["better"],
            "verdict": tree["verdict"],
        }


def _both(name: str, bounds: Sequence[float] | None) -> Tree:
    low, high = bounds if bounds is not None else (None, None)
    return {f"{name}_low": low, f"{name}_high": high}
