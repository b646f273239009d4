"""Studies with known truth, thousands at a time: how often do the procedures, as used, go wrong?

Pure; numpy and the statistics room only. Legend: S studies, m comparisons, n seeds, K looks, N
test samples. Differences have the scale of accuracies: margin .005, sd of a few thousandths.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from ablations.known_truth import (
    ALPHA,
    AT_LEAST,
    AT_MOST,
    COVERAGE,
    MARGIN,
    NOMINAL,
    REPORTED,
    Flags,
    Found,
    noise,
    rate,
)
from ablations.simulated_ranks import many_methods
from evidence.statistics import (
    Array,
    Refusal,
    bca,
    crossing_probability,
    difference_p,
    equivalence_p,
    mean_interval,
    over_regimes,
    permutation_p,
    reached_constant,
    shares,
    step_down,
    two_way,
    verdicts,
    wilcoxon_p,
)

FAMILY = 18
LOOKS = (10, 14, 18, 22)
SIDES = (2, 1)  # of the test of a difference, and of an equivalence
Words = npt.NDArray[np.str_]
Judge = Callable[[Array, Array], tuple[Array, Array]]

_HALF = FAMILY // 2
_THIRD = np.resize([1.0, -1.0], FAMILY // 3)
TRUTHS = {
    "all 0": np.zeros(FAMILY),
    "all at the margin": MARGIN * np.resize([1.0, -1.0], FAMILY),
    "6 at 0, 6 at the margin, 6 clear": np.concatenate(
        [np.zeros(FAMILY // 3), MARGIN * _THIRD, 4 * MARGIN * _THIRD]
    ),
    "9 at 0, 9 clear": np.concatenate([np.zeros(_HALF), 2 * MARGIN * np.ones(_HALF)]),
}
MIXED, DECIDABLE = list(TRUTHS)[2:]


def fixed_n(studies: int, generator: np.random.Generator) -> list[Found]:
    """One comparison, one look: t test, its interval, TOST."""
    found = []
    for shape, skewness in (("normal", 0.0), ("skewness .5", 0.5)):
        for n in (5, 10, 12):
            x, where = noise(generator, (studies, n), skewness=skewness), f"{shape}, n = {n}"
            wrong = difference_p(x) <= ALPHA
            found.append(rate("a", "paired t, error", where, wrong, NOMINAL))
            mean, half = mean_interval(0.02 + 0.01 * noise(generator, x.shape, skewness=skewness))
            covered = np.abs(mean - 0.02) <= half
            found.append(rate("a", "t interval, coverage", where, covered, COVERAGE))
    for n in (5, 10):
        x = MARGIN + 0.003 * noise(generator, (studies, n))
        wrong = equivalence_p(x, margin=MARGIN) <= ALPHA
        found.append(rate("a", "TOST, error at the margin", f"normal, n = {n}", wrong, AT_MOST))
    return found


def judged(
    deltas: Array, p_different: Array, p_equivalent: Array, adjust: Judge = step_down
) -> Words:
    """Verdict words [S, m] of deltas [S, m, n] from their p-values."""
    p, q = adjust(p_different, p_equivalent)
    return verdicts(deltas.mean(-1), p, q, alpha=ALPHA)


def wrong(words: Words, truth: Array) -> Flags:
    """[S, m] -> [S]: helps or hurts where the truth is 0 or of the other sign, or equivalent where
    it is at least the margin.
    """
    return np.asarray(
        (
            ((words == "helps") & (truth <= 0))
            | ((words == "hurts") & (truth >= 0))
            | ((words == "equivalent") & (np.abs(truth) >= MARGIN))
        ).any(-1)
    )


def _single(p: Array, q: Array) -> tuple[Array, Array]:
    return p, q


def family(studies: int, generator: np.random.Generator) -> list[Found]:
    """18 comparisons, one look: the whole verdict procedure."""
    found = []

    def add(
        procedure: str,
        truth: str,
        bounds: tuple[float, float],
        *,
        n: int = 10,
        sd: float = 0.003,
        rho: float = 0,
        skewness: float = 0,
        adjust: Judge = step_down,
    ) -> None:
        x = noise(generator, (studies, FAMILY, n), rho=rho, skewness=skewness)
        x = TRUTHS[truth][:, None] + sd * x
        words = judged(x, difference_p(x), equivalence_p(x, margin=MARGIN), adjust)
        where = f"{truth}; sd {sd:g}, n = {n}" + f", correlation {rho:g}" * (rho > 0)
        where += f", skewness {skewness:g}" * (skewness > 0)
        found.append(rate("b", procedure, where, wrong(words, TRUTHS[truth]), bounds))

    procedure = "step-down over 18, any wrong verdict"
    for truth in TRUTHS:
        for rho in (0.0, 0.5):
            add(procedure, truth, AT_MOST, rho=rho)
    add(procedure, "all 0", AT_MOST, sd=0.02)
    add(procedure, MIXED, AT_MOST, n=5)
    for skewness in (0.5, 1.0):
        for truth in ("all at the margin", MIXED):
            add(procedure, truth, REPORTED, skewness=skewness)
    single = "each of 18 on its own, any wrong verdict"
    add(single, "all 0", REPORTED, sd=0.02, adjust=_single)
    add(single, MIXED, REPORTED, adjust=_single)
    return found


def sequential(
    deltas: Array, looks: Sequence[int], *, corrected: bool = True
) -> tuple[Words, npt.NDArray[np.int_]]:
    """The stopping rule on deltas [S, m, max seeds]: words [S, m] when it stops, and seeds [S].

    Seeds are added until every comparison has a verdict, or the last look. Without correction
    each look is judged as if it were the only one, and the first verdict of a comparison stays.
    """
    fractions = shares(looks)
    p = np.stack([difference_p(deltas[..., :n]) for n in looks], axis=-1)
    q = np.stack([equivalence_p(deltas[..., :n], margin=MARGIN) for n in looks], axis=-1)
    words = np.full(deltas.shape[:-1], "undecided", dtype="U12")
    seeds, going = np.full(len(deltas), looks[-1]), np.ones(len(deltas), dtype=np.bool_)
    for k, n in enumerate(looks):
        a, b = p[going, :, : k + 1], q[going, :, : k + 1]
        if corrected:
            a, b = (quick_p(x, fractions, sides=s) for x, s in zip((a, b), SIDES, strict=True))
        else:
            a, b = a[..., -1], b[..., -1]
        new, old = judged(deltas[going, :, :n], a, b), words[going]
        words[going] = new if corrected else np.where(old == "undecided", new, old)
        seeds[going] = n
        going &= (words == "undecided").any(-1)
    return words, seeds


def quick_p(p_values: Array, fractions: Sequence[float], *, sides: int) -> Array:
    """``sequential_p`` by linear interpolation of its logarithm; agrees to 1e-4 of itself."""
    c = reached_constant(p_values, fractions, sides=sides)
    return np.exp(np.interp(c, *_table(tuple(fractions), sides)))


@cache
def _table(fractions: tuple[float, ...], sides: int) -> tuple[Array, Array]:
    """Constants and the logarithms of their crossing probabilities."""
    grid = np.linspace(-8, 12, 2001)
    return grid, np.log(np.maximum(crossing_probability(grid, fractions, sides=sides), 1e-300))


def stopping(studies: int, generator: np.random.Generator) -> list[Found]:
    """Several looks, stopping when every comparison has a verdict."""
    right, naive = (
        "sequential p, step-down, {}: any wrong verdict",
        "peeking, {}: any wrong verdict",
    )
    found = []

    def add(truth: Array, where: str, looks: Sequence[int], *, sd: float, rho: float = 0) -> None:
        x = truth[:, None] + sd * noise(generator, (studies, len(truth), looks[-1]), rho=rho)
        size = f"family of {len(truth)}" if len(truth) > 1 else "1 comparison"
        setting = f"{where}, sd {sd:g}; looks at {', '.join(map(str, looks))}"
        setting += f"; correlation {rho:g}" * (rho > 0)
        for name, corrected, bounds in ((right, True, AT_MOST), (naive, False, REPORTED)):
            words, seeds = sequential(x, looks, corrected=corrected)
            found.append(rate("c", name.format(size), setting, wrong(words, truth), bounds))
            if corrected:
                found.append(_mean("c", f"seeds used, {size}", setting, seeds))

    for looks in (LOOKS, (5, 10, 15, 20), (4, 6, 8, 10, 12, 14, 16, 18, 20)):
        add(np.zeros(1), "0", looks, sd=0.02)
        add(TRUTHS["all at the margin"], "all at the margin", looks, sd=0.005)
    add(TRUTHS["all 0"], "all 0", LOOKS, sd=0.02)
    for truth in ("all 0", MIXED, DECIDABLE):
        add(TRUTHS[truth], truth, LOOKS, sd=0.005)
    add(TRUTHS[MIXED], MIXED, LOOKS, sd=0.005, rho=0.5)
    add(TRUTHS[DECIDABLE], DECIDABLE, (5, 10, 15, 20), sd=0.003)
    return found


def _mean(part: str, procedure: str, setting: str, values: npt.NDArray[np.int_]) -> Found:
    error = float(values.std() / math.sqrt(len(values)))
    value = float(values.mean())
    return Found(part, procedure, setting, value, error, 0, 0, len(values), unit="seeds")


def distribution_free(studies: int, generator: np.random.Generator) -> list[Found]:
    """Sign flips and signed ranks."""
    found = []
    for shape, skewness in (("normal", 0.0), ("skewness .5", 0.5)):
        for n in (5, 10, 12, 16):
            x, where = noise(generator, (studies, n), skewness=skewness), f"{shape}, n = {n}"
            bounds = REPORTED if skewness else AT_MOST  # their null is a symmetric distribution
            hits = permutation_p(x) <= ALPHA
            found.append(rate("d", "permutation p, error", where, hits, bounds))
            ranks = np.array([wilcoxon_p(row) for row in x], dtype=np.float64) <= ALPHA
            found.append(rate("d", "Wilcoxon p, error", where, ranks, bounds))
    return found


def _blocks(studies: int, size: int) -> Iterable[tuple[int, int]]:
    """Number and size of blocks: each resamples with its own seed."""
    return ((i, min(size, studies - i * size)) for i in range(-(-studies // size)))


def bootstrap(studies: int, generator: np.random.Generator) -> list[Found]:
    """Coverage of the intervals that are reported and never decide."""
    found = []
    for shape, skewness in (("normal", 0.0), ("skewness 1", 1.0)):
        for n in (5, 10, 20):
            hits = []
            for i, size in _blocks(studies, 500):
                low, high = bca(noise(generator, (size, n), skewness=skewness), seed=i)
                hits.append((low <= 0) & (high >= 0))
            name = f"{shape}, n = {n}"
            found.append(rate("e", "BCa interval, coverage", name, np.concatenate(hits)))
    for n, samples, sds in (
        (10, 200, (1.0, 0.1, 1.0)),
        (10, 200, (1.0, 4.0, 1.0)),
        (10, 200, (0.1, 4.0, 1.0)),
        (10, 200, (0.5, 1.0, 8.0)),
        (5, 200, (1.0, 4.0, 1.0)),
    ):
        hits = [
            _crossed(generator, size, n, samples, sds, seed=i) for i, size in _blocks(studies, 100)
        ]
        where = f"{n} seeds (sd {sds[0]:g}), {samples} samples ({sds[1]:g}), rest {sds[2]:g}"
        name = "two-way bootstrap, coverage"
        found.append(rate("e", name, where, np.concatenate(hits), AT_LEAST))
    return found


def _crossed(
    generator: np.random.Generator,
    studies: int,
    n: int,
    samples: int,
    sds: Sequence[float],
    *,
    seed: int,
) -> Flags:
    """Whether the two-way interval holds the truth, 0: seed + sample + rest, [S, n, N].

    ``sds``: of the seed's effect on its mean, of a sample's and of the rest in a single cell.
    """
    over_seeds = sds[0] * generator.standard_normal((studies, n, 1))
    over_samples = sds[1] * generator.standard_normal((studies, 1, samples))
    rest = sds[2] * generator.standard_normal((studies, n, samples))
    a = over_seeds + over_samples + rest
    low, high = two_way(a, np.zeros_like(a), seed=seed)
    return np.asarray((low <= 0) & (high >= 0))


def over_data_sets(studies: int, generator: np.random.Generator) -> list[Found]:
    """Coverage of the mean over regimes, with standard errors of unequal size."""
    found = []
    for k, tau in ((5, 0.0), (5, 0.01), (10, 0.01)):
        errors = np.geomspace(0.002, 0.01, k)
        y = np.hypot(tau, errors) * noise(generator, (studies, k))
        pooled = [over_regimes(row, errors) for row in y]
        hits = np.array([not isinstance(p, Refusal) and p.low <= 0 <= p.high for p in pooled])
        where = f"{k} regimes, tau {tau:g}"
        found.append(rate("g", "mean over regimes, coverage", where, hits))
    return found


def power(studies: int, generator: np.random.Generator) -> list[Found]:
    """What the looks cost and save: one comparison, and a family, against a fixed number."""
    found = []

    def add(truth: Array, where: str, sd: float) -> None:
        x = truth[:, None] + sd * noise(generator, (studies, len(truth), LOOKS[-1]))
        asked = np.abs(truth) > 0 if (truth != 0).any() else np.ones(len(truth), dtype=np.bool_)
        expected = np.where(truth == 0, "equivalent", "helps")
        for n in (LOOKS[0], LOOKS[-1]):
            part = x[..., :n]
            words = judged(part, difference_p(part), equivalence_p(part, margin=MARGIN))
            hits = (words == expected)[:, asked]
            found.append(rate("f", f"right verdict, fixed n = {n}", where, hits))
        words, seeds = sequential(x, LOOKS)
        name = f"sequential, looks at {', '.join(map(str, LOOKS))}"
        found.append(rate("f", f"right verdict, {name}", where, (words == expected)[:, asked]))
        found.append(_mean("f", f"seeds used, {name}", where, seeds))

    for size in (0.005, 0.007):
        add(np.full(1, size), f"1 comparison of {size:g}, sd 0.008", 0.008)
    add(np.zeros(1), "1 comparison of 0 (equivalent), sd 0.005", 0.005)
    for size in (0.006, 0.01):
        truth = np.concatenate([np.zeros(_HALF), np.full(_HALF, size)])
        add(truth, f"9 of {size:g} among 18, sd 0.003", 0.003)
    return found


PARTS: dict[str, Callable[[int, np.random.Generator], list[Found]]] = {
    "a": fixed_n,
    "b": family,
    "c": stopping,
    "d": distribution_free,
    "e": bootstrap,
    "f": power,
    "g": over_data_sets,
    "h": many_methods,
}


def simulate(studies: int, *, seed: int = 0, parts: Iterable[str] = PARTS) -> list[Found]:
    """All parts; each has its own generator, so that one can be repeated without the others."""
    return [
        found
        for part in parts
        for found in PARTS[part](studies, np.random.default_rng([seed, ord(part)]))
    ]
