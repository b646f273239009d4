"""A leader board with known truth: how often does a test tell methods apart that are equal, and how
often those that are not? Pure. Legend: S studies, n blocks (seeds), k methods.
"""

from itertools import combinations

import numpy as np

from ablations.known_truth import ALPHA, AT_MOST, NOMINAL, REPORTED, Flags, Found, rate
from evidence.statistics import Array, critical_difference, friedman_p, pairwise, ranks

METHODS, BLOCKS, CLEAR, UNEVEN = 10, 10, 2.0, 3.0
HALF = np.arange(METHODS) < METHODS // 2
EQUAL = np.zeros(METHODS)
SETTINGS = {  # means and standard deviations of the methods
    "all equal": (EQUAL, EQUAL + 1),
    "5 equal, 5 clear": (np.where(HALF, 0.0, CLEAR), EQUAL + 1),
    "all equal, uneven": (EQUAL, np.where(HALF, 1.0, UNEVEN)),
}


def many_methods(studies: int, generator: np.random.Generator) -> list[Found]:
    """Friedman's test, Nemenyi's critical difference, and Holm over all pairs of paired t tests."""
    found = []
    for blocks in (5, BLOCKS):
        chi2, f = friedman_p(drawn(generator, studies, blocks, *SETTINGS["all equal"]))
        where = f"all equal, n = {blocks}"
        found.append(rate("h", "Friedman's chi2, error", where, chi2 <= ALPHA, AT_MOST))
        found.append(rate("h", "Iman and Davenport's F, error", where, f <= ALPHA, NOMINAL))
    for name, (means, sds) in SETTINGS.items():
        x, where = drawn(generator, studies, BLOCKS, means, sds), f"{name}, n = {BLOCKS}"
        alike = np.array([means[i] == means[j] for i, j in pairs()])
        named = {
            "Holm over paired t tests": pairwise(x) <= ALPHA,
            "Nemenyi's critical difference": beyond(x),
        }
        for procedure, told in named.items():
            even = len(set(sds)) == 1
            claim = AT_MOST if procedure.startswith("Holm") or even else REPORTED
            wrong = np.asarray(told[:, alike].any(-1))
            found.append(rate("h", f"{procedure}, any wrong pair", where, wrong, claim))
            if not alike.all():
                found.append(rate("h", f"{procedure}, pairs found", where, told[:, ~alike]))
    return found


def drawn(
    generator: np.random.Generator, studies: int, blocks: int, means: Array, sds: Array
) -> Array:
    """[S, n, k]: mean of the method + luck of the block + own luck."""
    own = sds * generator.standard_normal((studies, blocks, METHODS))
    return np.asarray(means + generator.standard_normal((studies, blocks, 1)) + own)


def pairs() -> list[tuple[int, int]]:
    """Of methods, in the order of ``pairwise``."""
    return list(combinations(range(METHODS), 2))


def beyond(x: Array) -> Flags:
    """[S, n, k] -> [S, pairs]: whether mean ranks differ by the critical difference."""
    mean = ranks(x).mean(-2)
    least = critical_difference(METHODS, x.shape[-2], alpha=ALPHA)
    return np.stack([np.abs(mean[:, i] - mean[:, j]) >= least for i, j in pairs()], -1)
