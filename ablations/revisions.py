"""What a study declares anew once results are there: the report has to say it. Pure.

Verdicts hold their error if contrasts, margin and numbers of seeds were declared before the
results. Nothing stops an author from changing them after a look; then the page names the change.
"""

from collections.abc import Iterator

from ablations.plan import Plan

JUDGING = ("metric", "margin", "alpha", "conditions")


def revisions(before: Plan, now: Plan) -> tuple[str, ...]:
    """Sentences, those of earlier changes first; ``before``: the plan under which results came."""
    return tuple(dict.fromkeys((*before.revisions, *_changes(before, now))))


def _changes(before: Plan, now: Plan) -> Iterator[str]:
    for name in JUDGING:
        old, new = getattr(before.analysis, name), getattr(now.analysis, name)
        if old != new:
            yield f"{name} was {_text(old)} and is {_text(new)}"
    old_primary, new_primary = _primary(before), _primary(now)
    if old_primary != new_primary:
        gone = ", ".join(sorted(old_primary - new_primary)) or "none"
        more = ", ".join(sorted(new_primary - old_primary)) or "none"
        yield f"primary contrasts: taken back {gone}; added {more}"
    for regime in now.regimes:
        if regime in before.regimes:
            yield from _seeds(regime, before, now)


def _seeds(regime: str, before: Plan, now: Plan) -> Iterator[str]:
    """Seeds that were added after a look are in the open where the looks were planned."""
    old, new = before.looks.get(regime, ()), now.looks.get(regime, ())
    had, has = len(before.seeds[regime]), len(now.seeds[regime])
    if old and old != new:
        looks = f"were planned at {_text(old)} seeds and are at {_text(new or has)}"
        yield f"{regime}: the looks {looks}"
    elif not old and has > had:
        yield f"{regime}: {had} seeds had been looked at before the others were added ({has} now)"
    elif not old and new and had > new[0]:
        yield f"{regime}: {had} seeds had been looked at before looks were planned ({_text(new)})"


def _primary(plan: Plan) -> set[str]:
    return {contrast.name for contrast in plan.contrasts if contrast.primary}


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
