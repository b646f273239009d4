"""Fractional factorials of two-level factors: the fewest runs of a resolution, and what is aliased.

A 2^(p-k) fraction runs all combinations of p - k base factors; each other factor follows the
product of some base factors (its generator), levels coded +1 on, -1 off. Products of words that are
constant over the fraction are its defining words; the shortest has as many letters as the
resolution: 3 mixes main effects with two-way interactions, 4 these with one another, 5 neither
(Box, Hunter and Hunter 2005, chapter 6). Generators have the sign +, so everything on is a cell.

Legend: p factors as bits of a mask, a word is a mask, the group holds all defining words and 0.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product

LONGEST = 3  # letters of the words in the alias table
MOST = 10  # factors: the search looks at every set of generators
JOIN = "*"  # between the factors of a word; no name of a factor has it


@dataclass(frozen=True)
class Fraction:
    """``generators``: factor's index -> mask of base factors; ``group``: defining words and 0."""

    factors: int
    base: int
    generators: tuple[int, ...]
    group: tuple[int, ...]

    @property
    def resolution(self) -> int:
        """Letters of the shortest defining word."""
        return min(word.bit_count() for word in self.group if word)

    def levels(self) -> Iterator[tuple[bool, ...]]:
        """On or off of each factor in each of the 2^base cells, everything on first."""
        for chosen in product((True, False), repeat=self.base):
            off = sum(1 << i for i, on in enumerate(chosen) if not on)
            derived = ((mask & off).bit_count() % 2 == 0 for mask in self.generators)
            yield (*chosen, *derived)


@lru_cache
def fewest_runs(factors: int, resolution: int) -> Fraction | None:
    """The smallest fraction of at least this resolution, of these the one with least aberration
    (fewest short defining words, Fries and Hunter 1980), of these the first in the order of words.

    None where only the full factorial has the resolution. Raises ``ValueError`` for more factors
    than ``MOST``.
    """
    if factors > MOST:
        raise ValueError(f"factors: given {factors}; allowed: at most {MOST}")
    for base in range(1, factors):
        found = [
            Fraction(factors, base, generators, group)
            for generators, group in _extensions(factors, base, resolution)
        ]
        if found:
            return min(found, key=_aberration)  # the first of equals
    return None


def _aberration(fraction: Fraction) -> tuple[int, ...]:
    """Defining words of 1, 2, 3, ... letters."""
    lengths = [word.bit_count() for word in fraction.group]
    return tuple(lengths.count(n) for n in range(1, fraction.factors + 1))


def _extensions(
    factors: int, base: int, resolution: int
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """All sets of generators on ``base`` factors whose words have ``resolution`` letters."""
    candidates = [
        sum(1 << i for i in chosen)
        for letters in range(resolution - 1, base + 1)
        for chosen in combinations(range(base), letters)
    ]

    def extend(
        start: int, generators: tuple[int, ...], group: tuple[int, ...]
    ) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        factor = base + len(generators)
        if factor == factors:
            yield generators, group
            return
        for i in range(start, len(candidates)):
            word = candidates[i] | 1 << factor
            new = [word ^ other for other in group]
            if min(w.bit_count() for w in new) >= resolution:
                yield from extend(i + 1, (*generators, candidates[i]), (*group, *new))

    yield from extend(0, (), (0,))


def generators_of(fraction: Fraction, names: Sequence[str]) -> tuple[str, ...]:
    """For example ``D = A*B*C``."""
    return tuple(
        f"{names[fraction.base + i]} = {_word(mask, names)}"
        for i, mask in enumerate(fraction.generators)
    )


def aliases_of(fraction: Fraction, names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Words of up to ``LONGEST`` letters that cannot be told from one another, all of sign +.

    ``I`` is the mean. A short word that stands in no class is aliased with longer words alone.
    """
    classes: dict[int, list[int]] = {min(fraction.group): [0]}
    for letters in range(1, LONGEST + 1):
        for chosen in combinations(range(fraction.factors), letters):
            word = sum(1 << i for i in chosen)
            classes.setdefault(min(word ^ other for other in fraction.group), []).append(word)
    return tuple(
        tuple(_word(word, names) for word in members)
        for members in classes.values()
        if len(members) > 1
    )


def _word(mask: int, names: Sequence[str]) -> str:
    return JOIN.join(name for i, name in enumerate(names) if mask >> i & 1) or "I"
