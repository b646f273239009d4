"""Several objectives at once: which trials no other beats in all, and how much they dominate."""

from collections.abc import Iterable, Mapping, Sequence

from search_spaces.objectives import Objective, Scores


def ahead(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether ``one`` is nowhere worse and somewhere better; more is better."""
    pairs = list(zip(one, other, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def dominates(one: Scores, other: Scores, objectives: Sequence[Objective]) -> bool:
    """``ahead`` in these objectives."""
    mine, theirs = ([o.sign * scores[o.name] for o in objectives] for scores in (one, other))
    return ahead(mine, theirs)


def beaten(own: Scores, others: Iterable[Scores], objectives: Sequence[Objective]) -> bool:
    """Whether one of the others dominates."""
    return any(dominates(other, own, objectives) for other in others)


def front(scores: Mapping[int, Scores], objectives: Sequence[Objective]) -> list[int]:
    """The trials that no other dominates, in their order: the Pareto front. Of a single objective
    the best.
    """
    if len(objectives) == 1:
        (only,) = objectives
        values = {number: only.sign * own[only.name] for number, own in scores.items()}
        best = max(values.values(), default=0.0)
        return [number for number, value in values.items() if value == best]
    return [
        number for number, own in scores.items() if not beaten(own, scores.values(), objectives)
    ]
