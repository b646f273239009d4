"""Seeds in blocks until every primary comparison has a verdict (``--until-resolved``). Pure.

The looks are planned before the first, and the p values know of them (statistics.sequential), so
looking again and again does not inflate error. A regime whose comparisons are all settled stops;
the others get another block, all arms alike, so that every table stays balanced.
"""

from collections.abc import Mapping

from ablations.summary.family import resolved
from cal.config import ConfigError

BLOCK = 4  # seeds
MOST = 30  # seeds of a regime
LEAST = 3  # seeds of the first look
Words = Mapping[tuple[str, str, str], str]


def looks(start: int, *, block: int, most: int) -> tuple[int, ...]:
    """Numbers of seeds at which the family is judged: 10, 14, 18, 22 for blocks of 4 up to 22.

    The last block may be smaller; a regime that begins with more has one look.
    """
    return (*range(start, most, block), most) if start < most else (start,)


def planned(seeds: Mapping[str, int], *, block: int, most: int) -> dict[str, tuple[int, ...]]:
    """The looks of every regime; ``seeds``: what each begins with.

    Raises ``ConfigError`` where none could grow, or one begins with fewer than a look needs.
    """
    few = [regime for regime, start in seeds.items() if start < LEAST]
    if few:
        raise ConfigError(
            f"regimes.{few[0]}.seeds: given {seeds[few[0]]} with --until-resolved; allowed: at "
            f"least {LEAST}, so that the first look has a spread to judge by"
        )
    if most <= min(seeds.values()):
        raise ConfigError(
            f"--max-seeds: given {most}; allowed: more than the {min(seeds.values())} seeds of "
            "the study"
        )
    return {regime: looks(start, block=block, most=most) for regime, start in seeds.items()}


def next_seeds(
    words: Words, seeds: Mapping[str, int], looks: Mapping[str, tuple[int, ...]]
) -> dict[str, int] | None:
    """How many seeds each regime has at the next look; None where there is nothing left to do."""
    more = {
        regime: next((n for n in looks[regime] if n > now), now)
        for regime, now in seeds.items()
        if not resolved({key: word for key, word in words.items() if key[0] == regime})
    }
    grown = {**seeds, **more}
    return None if grown == dict(seeds) else grown


def line(words: Words, seeds: Mapping[str, int]) -> str:
    """How far it is, in one line: what is open, after how many seeds."""
    open_ = sum(not resolved({key: word}) for key, word in words.items())
    counts = ", ".join(f"{regime} {n}" for regime, n in seeds.items())
    return f"{len(words) - open_} of {len(words)} primary comparisons settled (seeds: {counts})"
