"""Several objectives at once: which trials no other beats in all, and how much they dominate."""

from collections.abc import Mapping, Sequence

from search_spaces.objectives import Objective, Scores


def dominates(one: Scores, other: Scores, objectives: Sequence[Objective]) -> bool:
    """Whether ``one`` is nowhere worse and somewhere better."""
    gaps = [o.sign * (one[o.name] - other[o.name]) for o in objectives]
    return min(gaps) >= 0 and max(gaps) > 0


def front(scores: Mapping[int, Scores], objectives: Sequence[Objective]) -> list[int]:
    """The trials that no other dominates, in their order: the Pareto front."""
    return [
        number
        for number, own in scores.items()
        if not any(dominates(other, own, objectives) for other in scores.values())
    ]
