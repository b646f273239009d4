"""One arm against another, seed by seed: every effect of the report, as plain trees. Pure.

Legend: S metrics compared at once, n paired seeds, N test samples.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ablations import statistics as st
from ablations.summary.conditions import DROP, LOWER
from ablations.rows import Row, by_seed
from ablations.summary.samples import Samples

Tree = dict[str, Any]
Cell = tuple[Row, ...]
Array = npt.NDArray[np.float64]
SHARES = ("accuracy", "macro_f1")  # kinds to which the margin applies
BRIEF = ("difference", "half_width", "low", "high", "t", "p", "n", "dropped", "better", "verdict")
DERIVED = (
    *("half_width", "low", "high", "t", "p", "p_adjusted", "p_equivalent", "p_equivalent_adjusted"),
    *("p_permutation", "p_wilcoxon", "bca", "d", "improvement", "two_way", "mcnemar"),
    *("minimum_detectable", "seeds_for_margin"),
)
"""Keys of an effect that need an interval, or more than the pairs."""


@dataclass(frozen=True)
class Rules:
    """How differences are judged, declared in the study.

    ``ratio``: n_test / n_train where seeds redraw the test part (Nadeau and Bengio); None where all
    seeds share it. ``classes``: a run that failed counts as guessing among them.
    """

    level: float = 0.95
    alpha: float = 0.05
    margin: float | None = None  # share of accuracy; None: equivalence is not asked
    power: float = 0.8
    ratio: float | None = None
    classes: int = 10


@dataclass(frozen=True)
class Pairs:
    """``a - b`` of one metric. ``deltas`` [n] in the order of ``seeds``; ``guessed``: with failed
    runs as guesses, None where none failed.
    """

    seeds: tuple[int, ...]
    deltas: Array
    dropped: tuple[int, ...] = ()
    scale: float = 1.0  # largest of the compared values: what rounding is measured by
    guessed: Mapping[int, float] | None = None

    @property
    def spread(self) -> bool:
        """Whether there is any, beyond rounding: without it there is no interval."""
        return len(self.deltas) > 1 and np.ptp(self.deltas) > st.RESOLUTION * self.scale


def kind_of(name: str) -> str:
    """``accuracy`` of ``test/clean/accuracy``."""
    return name.rpartition("/")[2]


def better(name: str) -> str:
    """Which way is better: less nll, less ECE, a smaller drop from clean."""
    _, condition, kind = name.split("/")
    return "lower" if kind in LOWER or condition == DROP else "higher"


def margin_of(name: str, rules: Rules) -> float | None:
    """The margin of equivalence: for shares as declared, for nll and ECE none was."""
    return rules.margin if kind_of(name) in SHARES else None


def pairs_of(a: Cell, b: Cell, name: str, *, classes: int) -> Pairs:
    """The pairs of one metric over the seeds that both arms finished."""
    left, right = by_seed(a, metric=name), by_seed(b, metric=name)
    both = tuple(row.seed for row in a if row.seed in left and row.seed in right)
    deltas = np.array([left[seed] - right[seed] for seed in both], dtype=np.float64)
    scale = max((abs(v) for v in (*left.values(), *right.values())), default=1.0)
    dropped = tuple(sorted(left.keys() ^ right.keys()))
    return Pairs(both, deltas, dropped, scale, _guessed(a, b, left, right, name, classes))


def _guessed(
    a: Cell,
    b: Cell,
    left: Mapping[int, float],
    right: Mapping[int, float],
    name: str,
    classes: int,
) -> dict[int, float] | None:
    guess = _guess(name, classes)
    failed = [{row.seed for row in cell if row.status == "FAILED"} for cell in (a, b)]
    if guess is None or not any(failed):
        return None
    full = [
        {**dict.fromkeys(lost, guess), **found}
        for lost, found in zip(failed, (left, right), strict=True)
    ]
    order = [row.seed for row in a if row.seed in full[0] and row.seed in full[1]]
    return {seed: full[0][seed] - full[1][seed] for seed in order}


def _guess(name: str, classes: int) -> float | None:
    """What guessing scores; None for derived conditions, where nothing stands for it."""
    if name.split("/")[1] not in ("clean", "robust"):
        return None
    share = 1.0 / classes
    return {"accuracy": share, "macro_f1": share, "nll": math.log(classes)}.get(kind_of(name))


def effects(
    a: Cell, b: Cell, names: Sequence[str], *, rules: Rules, same: bool = False
) -> dict[str, Tree]:
    """The effect ``a - b`` of each metric. ``same``: both arms are the same computations."""
    found = {name: pairs_of(a, b, name, classes=rules.classes) for name in names}
    failed = [sum(row.status == "FAILED" for row in cell) for cell in (a, b)]
    trees = _effects(found, rules, failures=failed)
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
    trees = {name: _bare(pairs, name, failures) for name, pairs in found.items()}
    groups: dict[tuple[int, ...], list[str]] = {}
    for name, pairs in found.items():
        if pairs.spread:
            groups.setdefault(pairs.seeds, []).append(name)
    for group in groups.values():
        for name, numbers in zip(group, _numbers(found, group, rules), strict=True):
            trees[name] |= numbers
            different, equivalent = decisive(found[name], name, rules)
            trees[name] |= word_for(trees[name], different, equivalent, rules)
    return trees


def _bare(pairs: Pairs, name: str, failures: Sequence[int]) -> Tree:
    """Every key of an effect, filled as far as no interval is needed."""
    return dict.fromkeys(DERIVED) | {
        "difference": float(pairs.deltas.mean()) if len(pairs.deltas) else None,
        "n": len(pairs.deltas),
        "seeds": list(pairs.seeds),
        "dropped": list(pairs.dropped),
        "failures": dict(zip(("arm", "reference"), failures, strict=True)),
        "better": better(name),
        "verdict": "no_interval" if len(pairs.deltas) else "not_measured",
        "reason": "",
    }


def _numbers(found: Mapping[str, Pairs], names: Sequence[str], rules: Rules) -> list[Tree]:
    """All that has an interval, for S metrics over the same n seeds at once."""
    deltas = np.stack([found[name].deltas for name in names])
    n = deltas.shape[-1]
    mean, half = interval(deltas, rules)
    low, high = st.bca(deltas, level=rules.level)
    permuted = st.permutation_p(deltas)
    trees = []
    for s, name in enumerate(names):
        row = deltas[s]
        sd = float(row.std(ddof=1))
        trees.append(
            {
                "half_width": float(half[s]),
                "low": float(mean[s] - half[s]),
                "high": float(mean[s] + half[s]),
                "t": float(mean[s] / _error(row, rules)),
                "p": different_p(row, rules),
                "p_equivalent": equivalent_p(row, name, rules),
                "bca": [float(low[s]), float(high[s])],
                "p_permutation": float(permuted[s]),
                "p_wilcoxon": st.wilcoxon_p(row),
                "d": _named(st.effect_size(row, level=rules.level), "d", "value"),
                "improvement": _improvement(row, name, rules),
                "minimum_detectable": st.minimum_detectable(
                    sd, n, alpha=rules.alpha, power=rules.power
                ),
                "seeds_for_margin": _seeds_for(sd, name, rules),
            }
        )
    return trees


def _named(value: Any, old: str, new: str) -> Tree:
    tree = asdict(value)
    return {new: tree.pop(old), **tree}


def _improvement(deltas: Array, name: str, rules: Rules) -> Tree:
    sign = -1 if better(name) == "lower" else 1
    return asdict(st.improvement(sign * deltas, level=rules.level))


def _seeds_for(sd: float, name: str, rules: Rules) -> int | None:
    margin = margin_of(name, rules)
    if margin is None:
        return None
    return st.seeds_needed(sd, margin, alpha=rules.alpha, power=rules.power)


def interval(deltas: Array, rules: Rules) -> tuple[Array, Array]:
    """Mean and half-width [S] by the interval that fits how seeds draw the test part."""
    if rules.ratio is None:
        return st.mean_interval(deltas, level=rules.level)
    return st.corrected_interval(deltas, ratio=rules.ratio, level=rules.level)


def _error(deltas: Array, rules: Rules) -> float:
    """Standard error of the mean of [n]."""
    n = len(deltas)
    return float(deltas.std(ddof=1)) * math.sqrt(1 / n + (rules.ratio or 0.0))


def different_p(deltas: Array, rules: Rules) -> float:
    """Two-sided p of the (corrected) paired t; 1 without spread around 0, nan for one value."""
    return st.t_p(float(deltas.mean()), _error(deltas, rules), len(deltas))


def equivalent_p(deltas: Array, name: str, rules: Rules) -> float | None:
    """p of both one-sided tests against the margin; None where none is declared."""
    margin = margin_of(name, rules)
    if margin is None:
        return None
    return st.tost_p(deltas, margin, error=_error(deltas, rules))


def decisive(pairs: Pairs, name: str, rules: Rules) -> tuple[float, float]:
    """p of "different" and of "equivalent" that the verdict is made of. Where runs failed it must
    hold among the survivors and with each failed run as a guess; 1 where the signs disagree.
    """
    rows = [pairs.deltas]
    if pairs.guessed is not None and len(pairs.guessed) > 1:
        rows.append(np.array(list(pairs.guessed.values())))
    different = max(different_p(row, rules) for row in rows)
    if len({np.sign(row.mean()) for row in rows}) > 1:
        different = 1.0
    equivalent = [equivalent_p(row, name, rules) for row in rows]
    return different, max((p for p in equivalent if p is not None), default=math.nan)


def word_for(tree: Mapping[str, Any], different: float, equivalent: float, rules: Rules) -> Tree:
    """The verdict, and in words why it is not the one that the pairs alone would give."""
    sign = -1 if tree["better"] == "lower" else 1
    difference = sign * tree["difference"]
    found = st.verdict(difference, different, equivalent, alpha=rules.alpha)
    plain = st.verdict(difference, tree["p"], _or_nan(tree["p_equivalent"]), alpha=rules.alpha)
    reason = ""
    if found != plain and any(tree["failures"].values()):
        reason = "does not hold if the failed runs count as guesses"
    return {"verdict": found, "reason": reason}


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def sampled(a: Cell, b: Cell, condition: str, runs: Mapping[str, Samples], rules: Rules) -> Tree:
    """What test samples add to an effect on accuracy: the interval over seeds and samples, and
    McNemar's test of each seed on clean data. Empty where predictions are missing.
    """
    left, right = ({row.seed: row.hash for row in cell if row.hash in runs} for cell in (a, b))
    seeds = [row.seed for row in a if row.seed in left and row.seed in right]
    tables = [
        [runs[side[seed]].right.get(condition) for seed in seeds] for side in (left, right)
    ]
    if len(seeds) < 2 or any(row is None for table in tables for row in table):
        return {}
    x, y = (np.stack([row for row in table if row is not None]) for table in tables)
    found: Tree = {"two_way": list(st.two_way(x, y, level=rules.level))}
    if condition == "clean":
        tests = [st.mcnemar(p > 0, q > 0) for p, q in zip(x, y, strict=True)]
        found["mcnemar"] = {
            "only_arm": sum(test.only_a for test in tests) / len(tests),
            "only_reference": sum(test.only_b for test in tests) / len(tests),
            "p": [test.p for test in tests],
        }
    return found
