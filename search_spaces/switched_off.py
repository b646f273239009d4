"""The search's own ablation: would it switch a mechanism off? Pure, without a model.

A trial has a mechanism *nearly off* where its switch is off, or its strength lies in the fifth of
the range next to where it does nothing. Compared is how often that is so among the best 15 % of
the trials and among the others; which trials are best is itself uncertain, so trials are drawn
anew with replacement. Intervals hold those of these draws (percentiles) and those of the shares as
they are (Wilson 1927, Newcombe 1998), which have a width even where none or all are nearly off.

What it does not do: a sampler that learns tries good regions more often, so the trials are no
random sample of the space, and a mechanism that does nothing drifts anywhere. Hence *undecided* is
a frequent answer, and never means that the mechanism has no effect.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from search_spaces.reading import acting, dimensions_of, judged
from search_spaces.space import Dimension

Tree = Mapping[str, Any]
NEAR = 0.2  # part of a range that counts as nearly off
BEST = 0.15  # part of the trials that counts as the best
FEWEST_BEST, FEWEST = 5, 20  # best trials, trials, below which nothing is said
DRAWS = 1000
Z = 1.959964  # two-sided 95 %


@dataclass(frozen=True)
class Mechanism:
    """What is switched off, and by which value of a field: ``low`` or ``high`` end of a range, or
    ``choices``.
    """

    name: str
    field: str
    end: str = ""
    choices: tuple[Any, ...] = ()


MECHANISMS = (
    Mechanism("acceleration", "cal.acceleration.enabled", choices=(False,)),
    Mechanism("acceleration", "cal.acceleration.alpha", end="low"),
    Mechanism("bottleneck", "cal.bottleneck.enabled", choices=(False,)),
    Mechanism("bottleneck", "cal.bottleneck.beta", end="low"),
    Mechanism("contribution metric", "cal.contribution.enabled", choices=(False,)),
    Mechanism("contribution metric", "cal.contribution.tau", end="high"),
    Mechanism("asymmetry of the bottleneck", "cal.bottleneck.asymmetry", choices=("uniform",)),
    Mechanism("unimodal losses", "gamma", end="low"),
    Mechanism("modulation of gradients", "ogm_ge.alpha", end="low"),
)
WORDS = {
    "off": "the search would switch it off",
    "leans_off": "leans towards off",
    "kept": "the search keeps it on",
    "undecided": "undecided",
}


def off(arm: Tree, target: Tree, *, base: Tree, seed: int = 0) -> list[dict[str, Any]]:
    """Of each mechanism that the arm searches, by field: ``verdict`` (a key of ``WORDS``),
    ``share`` of the best trials that have it nearly off with ``low`` and ``high``, ``rest``: that
    share among the others, ``chance``: among values drawn evenly, ``best``, ``trials``: how many
    were looked at, and ``text``. Shares are None where there are too few trials.

    ``arm``: of search.json. ``base``: field -> value that the arm lies on. Complete and stopped
    trials count, in which the field acts.
    """
    dimensions = dimensions_of(arm)
    ground = {**base, **arm["config"]}
    ranked = judged(arm["trials"], target)
    found = []
    for mechanism, dimension, is_off in _asked(dimensions):
        mine = [
            (value, is_off(trial["values"][dimension.field]))
            for trial, value in ranked
            if dimension in acting(trial, dimensions, ground)
        ]
        done = sum(t["status"] == "complete" for t, _ in ranked)
        if mine:
            found.append(_judge(mechanism, dimension, mine, done=done, seed=seed))
    return found


def _asked(
    dimensions: Sequence[Dimension],
) -> Iterator[tuple[Mechanism, Dimension, Callable[[Any], bool]]]:
    for mechanism in MECHANISMS:
        for d in dimensions:
            test = _test(mechanism, d) if d.field == mechanism.field else None
            if test is not None:
                yield mechanism, d, test


def _test(mechanism: Mechanism, d: Dimension) -> Callable[[Any], bool] | None:
    """Whether a value has the mechanism nearly off; None where no value of this range has."""
    if d.kind == "categorical":
        wanted = mechanism.choices
        if mechanism.end:
            numbers = [c for c in d.choices if isinstance(c, int | float)]
            wanted = (min(numbers) if mechanism.end == "low" else max(numbers),) if numbers else ()
        return (lambda value: value in wanted) if set(wanted) & set(d.choices) else None
    if not mechanism.end:
        return None
    if mechanism.end == "low":
        return lambda value: d.position(value) <= NEAR
    return lambda value: d.position(value) >= 1 - NEAR


def _judge(
    mechanism: Mechanism,
    d: Dimension,
    trials: Sequence[tuple[float, bool]],
    *,
    done: int,
    seed: int,
) -> dict[str, Any]:
    count = best_of(len(trials))
    head = {"mechanism": mechanism.name, "field": d.name, "trials": len(trials)}
    empty = dict.fromkeys(("share", "low", "high", "rest", "apart_low", "apart_high"))
    chance = 1 / len(d.choices) if d.kind == "categorical" else NEAR
    head |= {"best": count, "chance": chance, **empty, "verdict": "undecided"}
    # The best must be complete trials: those that were stopped are not told apart.
    if len(trials) < FEWEST or count < FEWEST_BEST or done < count:
        why = f"{len(trials)} trials, {done} complete"
        rule = f"at least {FEWEST} and {FEWEST_BEST} best are needed"
        return head | {"text": f"{mechanism.name} ({d.name}): too few trials ({why}; {rule})"}
    found = shares(
        np.array([value for value, _ in trials]), np.array([near for _, near in trials]), seed=seed
    )
    head |= found | {"verdict": verdict(found, chance)}
    return head | {"text": _sentence(head, d)}


def best_of(count: int) -> int:
    """How many of so many trials are the best."""
    return max(FEWEST_BEST, math.ceil(BEST * count)) if count >= FEWEST else 0


def shares(values: Any, near: Any, *, seed: int) -> dict[str, Any]:
    """``share`` nearly off among the best with ``low`` and ``high``, ``rest``: among the others,
    and ``apart_low``, ``apart_high``: the interval of their difference.
    """
    count = best_of(len(values))
    share, rest = _split(values, near, count)
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, len(values), (DRAWS, len(values)))
    found = np.array([_split(values[i], near[i], count) for i in drawn])
    low, high = np.percentile(found[:, 0], (2.5, 97.5))
    apart = np.percentile(found[:, 0] - found[:, 1], (2.5, 97.5))
    below, above = wilson(share, count)
    rest_below, rest_above = wilson(rest, len(values) - count)
    less = share - rest - math.hypot(share - below, rest_above - rest)
    more = share - rest + math.hypot(above - share, rest - rest_below)
    return {
        "share": share,
        "low": float(min(low, below)),
        "high": float(max(high, above)),
        "rest": rest,
        "apart_low": float(min(apart[0], less)),
        "apart_high": float(max(apart[1], more)),
    }


def _split(values: Any, near: Any, count: int) -> tuple[float, float]:
    order = np.argsort(-values, kind="stable")
    return float(near[order[:count]].mean()), float(near[order[count:]].mean())


def wilson(share: float, count: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    middle = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * math.sqrt(share * (1 - share) / count + (Z / (2 * count)) ** 2)
    return max(0.0, middle - half), min(1.0, middle + half)


def verdict(found: Tree, chance: float) -> str:
    """off: most of the best have it nearly off, and not by the width of what counts as that.
    kept: the best have it nearly off more rarely than evenly drawn values and than the others.
    leans_off: the best have it nearly off more often than the others, without being most.
    """
    if found["low"] > max(0.5, chance) and found["apart_high"] >= 0:
        return "off"
    if found["high"] < chance or (found["high"] < 0.5 and found["apart_high"] < 0):
        return "kept"
    if found["apart_low"] > 0 and found["low"] > chance:
        return "leans_off"
    return "undecided"


def _sentence(found: Tree, d: Dimension) -> str:
    """The verdict and what it rests on."""
    where = "off" if d.kind == "categorical" else f"within a fifth of the {_off_end(found)} end"
    return (
        f"{found['mechanism']} ({found['field']}): {WORDS[found['verdict']]}; "
        f"{100 * found['share']:.0f} % ({100 * found['low']:.0f} to {100 * found['high']:.0f}) of "
        f"the best {found['best']} trials have it {where}, {100 * found['rest']:.0f} % of the "
        f"others, {100 * found['chance']:.0f} % if values were drawn evenly"
    )


def _off_end(found: Tree) -> str:
    own = next(m for m in MECHANISMS if found["field"].startswith(m.field) and m.end)
    return "lower" if own.end == "low" else "upper"
