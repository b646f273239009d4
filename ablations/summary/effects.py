"""One arm against another, seed by seed: every effect of the report, as plain trees. Pure.

Legend: S metrics compared at once, n paired seeds, N test samples.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ablations import statistics as st
from ablations.conditions import DROP, LOWER
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
    guessed: Mapping[int, float] | None = None

    @property
    def spread(self) -> bool:
        """Whether there is any, beyond rounding: without it there is no interval."""
        return len(self.deltas) > 1 and not bool(st.without_spread(self.deltas))


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
    dropped = tuple(sorted(left.keys() ^ right.keys()))
    return Pairs(both, deltas, dropped, _guessed(a, b, left, right, name, classes))


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
    a: Cell,
    b: Cell,
    names: Sequence[str],
    *,
    rules: Rules,
    same: bool = False,
    detailed: Collection[str] = (),
) -> dict[str, Tree]:
    """The effect ``a - b`` of each metric. ``same``: both arms are the same computations.

    ``detailed``: metrics that get what takes long as well, 5 ms each: interval of d, power.
    """
    found = {name: pairs_of(a, b, name, classes=rules.classes) for name in names}
    failed = [sum(row.status == "FAILED" for row in cell) for cell in (a, b)]
    trees = _effects(found, rules, failures=failed)
    for name in detailed:
        if found[name].spread and not same:
            trees[name] |= _details(found[name].deltas, name, rules)
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
    n, sd = len(deltas), float(deltas.std(ddof=1))
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


def interval(deltas: Array, rules: Rules) -> tuple[Array, Array]:
    """Mean and half-width [S] by the interval that fits how seeds draw the test part."""
    if rules.ratio is None:
        return st.mean_interval(deltas, level=rules.level)
    return st.corrected_interval(deltas, ratio=rules.ratio, level=rules.level)


def widened(deltas: Array, rules: Rules) -> Array:
    """Differences [S, n] whose plain t test is the corrected one where seeds redraw the test part:
    variance 1/n + ratio instead of 1/n.
    """
    if rules.ratio is None:
        return deltas
    mean = deltas.mean(-1, keepdims=True)
    return np.asarray(mean + (deltas - mean) * math.sqrt(1 + deltas.shape[-1] * rules.ratio))


def decisive(pairs: Pairs, name: str, rules: Rules) -> tuple[float, float]:
    """p of "different" and of "equivalent" (nan: no margin) that the verdict is made of. Where runs
    failed it must hold among the survivors and with each failed run as a guess; 1 where the signs
    disagree.
    """
    rows = [pairs.deltas]
    if pairs.guessed is not None and len(pairs.guessed) > 1:
        rows.append(np.array(list(pairs.guessed.values())))
    different = max(float(st.difference_p(widened(row, rules))) for row in rows)
    if len({np.sign(row.mean()) for row in rows}) > 1:
        different = 1.0
    margin = margin_of(name, rules)
    if margin is None:
        return different, math.nan
    equal = [float(st.equivalence_p(widened(row, rules), margin=margin)) for row in rows]
    return different, max(equal)


def word_for(tree: Mapping[str, Any], different: float, equivalent: float, rules: Rules) -> Tree:
    """The verdict, and in words why it is not the one that the pairs alone would give."""
    sign = -1 if tree["better"] == "lower" else 1
    gain = sign * tree["difference"]
    found = st.verdict(gain, different, equivalent, alpha=rules.alpha)
    plain = st.verdict(gain, tree["p"], tree["p_equivalent"], alpha=rules.alpha)
    failed = found != plain and any(tree["failures"].values())
    reason = "does not hold if the failed runs count as guesses" if failed else ""
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
