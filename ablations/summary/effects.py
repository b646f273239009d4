"""One arm against another, seed by seed: every effect of the report, as plain trees. Pure.

Legend: S metrics compared at once, n paired seeds, N test samples.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from ablations.summary.pairs import (
    Array,
    Cell,
    Pairs,
    Rules,
    better,
    decisive,
    interval,
    margin_of,
    pairs_of,
    widened,
)
from ablations.summary.samples import Samples, same_samples
from evidence import statistics as st

Tree = dict[str, Any]
BRIEF = ("difference", "half_width", "low", "high", "t", "p", "n", "dropped", "better", "verdict")
DERIVED = (
    *("half_width", "low", "high", "t", "p", "p_adjusted", "p_equivalent", "p_equivalent_adjusted"),
    *("p_permutation", "p_wilcoxon", "bca", "d", "improvement", "two_way", "mcnemar"),
    *("minimum_detectable", "seeds_for_margin"),
)
"""Keys of an effect that need an interval, or more than the pairs."""


def effects(
    a: Cell,
    b: Cell,
    names: Sequence[str],
    *,
    rules: Rules,
    same: bool = False,
    detailed: Mapping[str, float] | None = None,
) -> dict[str, Tree]:
    """The effect ``a - b`` of each metric. ``same``: both arms are the same computations.

    ``detailed``: metrics that get what takes long as well, 5 ms each: the interval of d, and power
    at this error level.
    """
    found = {name: pairs_of(a, b, name, classes=rules.classes) for name in names}
    failed = [sum(row.status == "FAILED" for row in cell) for cell in (a, b)]
    trees = _effects(found, rules, failures=failed)
    for name, alpha in (detailed or {}).items():
        if found[name].spread and not same:
            trees[name] |= _details(found[name].deltas, name, replace(rules, alpha=alpha))
    for tree in trees.values():
        if same and tree["n"]:
            tree |= dict.fromkeys(DERIVED) | {"verdict": "same_runs"}
    return trees


def judged(pairs: Pairs, name: str, rules: Rules) -> Tree:
    """The effect of one metric from differences that were formed elsewhere."""
    return _effects({name: pairs}, rules, failures=(0, 0))[name]


def brief(tree: Mapping[str, Any]) -> Tree:
    """An effect without what only declared contrasts show."""
    return {key: tree[key] for key in BRIEF}


def _effects(
    found: Mapping[str, Pairs], rules: Rules, *, failures: Sequence[int]
) -> dict[str, Tree]:
    """Metrics over the same seeds are computed at once."""
    trees = {name: _bare(pairs, name, rules, failures) for name, pairs in found.items()}
    groups: dict[tuple[int, ...], list[str]] = {}
    for name, pairs in found.items():
        if pairs.spread:
            groups.setdefault(pairs.seeds, []).append(name)
    for group in groups.values():
        for name, numbers in zip(group, _numbers(found, group, rules), strict=True):
            trees[name] |= numbers
            trees[name] |= _judge(trees[name], found[name], name, rules)
    return trees


def _bare(pairs: Pairs, name: str, rules: Rules, failures: Sequence[int]) -> Tree:
    """Every key of an effect, filled as far as no interval is needed."""
    return dict.fromkeys(DERIVED) | {
        "difference": float(pairs.deltas.mean()) if len(pairs.deltas) else None,
        "n": len(pairs.deltas),
        "seeds": list(pairs.seeds),
        "dropped": list(pairs.dropped),
        "failures": dict(zip(("arm", "reference"), failures, strict=True)),
        "better": better(name),
        "alpha": rules.alpha,
        "verdict": "no_interval" if len(pairs.deltas) else "not_measured",
        "reason": "",
    }


def _numbers(found: Mapping[str, Pairs], names: Sequence[str], rules: Rules) -> list[Tree]:
    """All that has an interval, for S metrics over the same n seeds at once."""
    deltas = np.stack([found[name].deltas for name in names])
    mean, half = interval(deltas, rules)
    columns = {
        "half_width": half,
        "low": mean - half,
        "high": mean + half,
        "p": st.difference_p(widened(deltas, rules)),
        "p_permutation": st.permutation_p(deltas),
    }
    bca = np.stack(st.bca(deltas, level=rules.level), axis=-1)
    return [
        {key: float(column[s]) for key, column in columns.items()}
        | {"bca": bca[s].tolist()}
        | _one(deltas[s], name, rules)
        for s, name in enumerate(names)
    ]


def _one(deltas: Array, name: str, rules: Rules) -> Tree:
    """What is computed of each metric by itself."""
    n, sd = len(deltas), float(deltas.std(ddof=1))
    error = float(widened(deltas, rules).std(ddof=1)) / math.sqrt(n)
    margin = margin_of(name, rules)
    return {
        "t": float(deltas.mean()) / error,
        "p_equivalent": None
        if margin is None
        else float(st.equivalence_p(widened(deltas, rules), margin=margin)),
        "p_wilcoxon": st.wilcoxon_p(deltas),
        "d": {"value": float(deltas.mean()) / sd, "low": None, "high": None},
    }


def _details(deltas: Array, name: str, rules: Rules) -> Tree:
    n, sd = len(deltas), float(widened(deltas, rules).std(ddof=1))
    size = st.effect_size(deltas, level=rules.level)
    sign = -1 if better(name) == "lower" else 1
    gain = st.improvement(sign * deltas, level=rules.level)
    assert size is not None  # there is spread
    assert gain is not None
    margin = margin_of(name, rules)
    chances = {"alpha": rules.alpha, "power": rules.power}
    return {
        "d": {"value": size.d, "low": size.low, "high": size.high},
        "improvement": asdict(gain),
        "minimum_detectable": st.minimum_detectable(sd, n, **chances),
        "seeds_for_margin": None if margin is None else st.seeds_needed(sd, margin, **chances),
    }


def verdict_of(tree: Mapping[str, Any], different: float, equivalent: float | None) -> str:
    """The word for a difference and the p of both questions, at ``tree``'s error level."""
    sign = -1 if tree["better"] == "lower" else 1
    p, q = (None if x is None or math.isnan(x) else x for x in (different, equivalent))
    return st.verdict(sign * tree["difference"], p, q, alpha=tree["alpha"])


def _judge(tree: Mapping[str, Any], pairs: Pairs, name: str, rules: Rules) -> Tree:
    """The verdict of this comparison alone, and why it is not what its pairs would give."""
    found = verdict_of(tree, *decisive(pairs, name, rules))
    reason = ""
    if found != verdict_of(tree, tree["p"], tree["p_equivalent"]):
        reason = "does not hold if the failed runs count as guesses"
        if not pairs.guessed:
            reason = "runs failed, and nothing stands for their value"
    return {"verdict": found, "reason": reason}


def sampled(a: Cell, b: Cell, condition: str, runs: Mapping[str, Samples], rules: Rules) -> Tree:
    """What test samples add to an effect on accuracy: the interval over seeds and samples, and
    McNemar's test of each seed on clean data. Empty where predictions are missing.
    """
    left, right = ({row.seed: row.hash for row in cell if row.hash in runs} for cell in (a, b))
    seeds = [row.seed for row in a if row.seed in left and row.seed in right]
    tables = [[runs[side[seed]].right.get(condition) for seed in seeds] for side in (left, right)]
    if len(seeds) < 2 or any(row is None for table in tables for row in table):
        return {}
    if not same_samples(runs[side[seed]] for side in (left, right) for seed in seeds):
        return {}  # other samples: nothing is paired sample by sample
    x, y = (np.stack([row for row in table if row is not None]) for table in tables)
    bounds = st.two_way(x, y, level=rules.level)
    found: Tree = {"two_way": [float(bound) for bound in bounds]}
    if condition == "clean":
        tests = [st.mcnemar(p > 0, q > 0) for p, q in zip(x, y, strict=True)]
        found["mcnemar"] = {
            "only_arm": sum(test.only_a for test in tests) / len(tests),
            "only_reference": sum(test.only_b for test in tests) / len(tests),
            "p": [test.p for test in tests],
        }
    return found
