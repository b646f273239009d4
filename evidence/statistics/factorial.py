"""What each factor contributes: main effects, interactions, Shapley attribution.

A cell is the set of factors that are on; it has a value per seed. Every effect is a vector over
seeds too, so its interval and its p are those of any paired difference.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np

from evidence.statistics.arrays import Array, Values, vector

Cell = frozenset[str]


def effects(
    values: Mapping[Cell, Values], factors: Sequence[str], *, order: int = 3
) -> dict[tuple[str, ...], Array]:
    """Main effects and interactions up to ``order`` factors: {(f,): [n], (f, g): [n], ...}.

    On is +1, off is -1; an interaction's sign is the product of its factors' signs. An effect is
    the mean over the cells of sign + minus the mean over those of sign -. So the main effect is
    the mean gain of switching the factor on, and the interaction of two is half of the difference
    between one's gain with the other on and with it off (Box, Hunter and Hunter 2005, chapter 5).

    In a fractional design aliased effects are the same column and get the same numbers, and an
    effect of constant sign, a defining word, is left out. Cells that leave effects correlated
    without being aliased (nested factors, forbidden cells) would mix them: ``ValueError``.

    Example: none 70, A 73, B 71, AB 76 has A = (3 + 5) / 2 = 4, B = 2, AB = (5 - 3) / 2 = 1.
    """
    cells, table = _table(values, factors)
    columns = _signs(cells, factors, order)
    varied = {name: sign for name, sign in columns.items() if abs(sign.sum()) != len(cells)}
    _check_orthogonal(varied)
    return {name: sign @ table / (len(cells) / 2) for name, sign in varied.items()}


def orthogonal(cells: Iterable[Cell], factors: Sequence[str], *, order: int = 3) -> bool:
    """Whether ``effects`` can take these cells apart."""
    try:
        effects({cell: [0.0] for cell in cells}, factors, order=order)
    except ValueError:
        return False
    return True


def shapley(values: Mapping[Cell, Values]) -> dict[str, Array]:
    """Attribution of v(all on) - v(none on): {factor: [n]}, which sums to it in every seed.

    A factor's share is its mean gain over all orders of switching the factors on (Shapley 1953):
    sum over coalitions S without it of |S|! (k - |S| - 1)! / k! (v(S + f) - v(S)). Needs all 2^k
    cells. Interactions are divided equally among their factors, so a share is no effect that
    switching the factor would have anywhere.

    Example: none 70, A 73, B 71, AB 76: A = (3 + 5) / 2 = 4, B = (1 + 3) / 2 = 2, together 6.
    """
    factors = sorted(frozenset().union(*values))
    cells, table = _table(values, factors)
    row = {cell: table[i] for i, cell in enumerate(cells)}
    k = len(factors)
    if len(row) != 2**k:
        raise ValueError(f"cells: given {len(row)}; allowed: all {2**k} of {k} factors")
    shares = {}
    for factor in factors:
        others = [name for name in factors if name != factor]
        gain = np.zeros(table.shape[1])
        for size in range(k):
            weight = math.factorial(size) * math.factorial(k - size - 1) / math.factorial(k)
            for on in map(frozenset, combinations(others, size)):
                gain += weight * (row[on | {factor}] - row[on])
        shares[factor] = gain
    return shares


def _table(values: Mapping[Cell, Values], factors: Sequence[str]) -> tuple[list[Cell], Array]:
    """Cells in a fixed order and their values [cells, n]."""
    cells = sorted(values, key=lambda cell: (len(cell), sorted(cell)))
    rows = [vector("cell", values[cell]) for cell in cells]
    strangers = sorted(frozenset().union(*cells) - set(factors))
    if strangers:
        raise ValueError(f"cells: given {strangers[0]}; allowed: {', '.join(factors)}")
    if len({len(row) for row in rows}) != 1:
        raise ValueError("cells: given unequal numbers of seeds; allowed: the seeds all cells have")
    return cells, np.stack(rows)


def _signs(
    cells: Sequence[Cell], factors: Sequence[str], order: int
) -> dict[tuple[str, ...], Array]:
    one = {f: np.array([1.0 if f in cell else -1.0 for cell in cells]) for f in factors}
    names = (name for size in range(1, order + 1) for name in combinations(factors, size))
    return {name: np.prod([one[f] for f in name], axis=0) for name in names}


def _check_orthogonal(signs: Mapping[tuple[str, ...], Array]) -> None:
    allowed = "allowed: an orthogonal design"
    for name, sign in signs.items():
        if sign.sum() != 0:
            raise ValueError(f"{' x '.join(name)}: given more cells of one sign; {allowed}")
    for (a, left), (b, right) in combinations(signs.items(), 2):
        if abs(left @ right) not in (0, len(left)):
            words = f"{' x '.join(a)} and {' x '.join(b)}"
            raise ValueError(f"{words}: given cells that mix them; {allowed}")
