"""What a study declares anew once it was reported: the next report has to say it. Pure.

Verdicts hold their error if contrasts, margin, configurations and seeds were declared before the
results. Nothing stops an author from changing them after a report; then the page names the change.
What was declared is kept with the study, regime by regime, whenever a report is made.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from ablations.plan import Plan

FILE = "declared.json"  # kept with the study
JUDGING = ("metric", "margin", "alpha", "conditions")
Tree = Mapping[str, Any]


def declared(plan: Plan, *, trials: int | None = None) -> dict[str, Any]:
    """What a report of this plan rests on, as plain data. ``trials``: of re-tuning."""
    by_hash = {(run.regime, run.hash): run for run in plan.runs}
    primary = sorted(contrast.name for contrast in plan.contrasts if contrast.primary)
    compared = {a for c in plan.contrasts if c.primary for a in (c.arm, c.reference)}
    configs = {
        regime: {
            arm: _digest(by_hash[regime, plan.arm_hashes(regime, arm)[0]].config.model_dump_json())
            for arm in sorted(compared)
        }
        for regime in plan.regimes
    }
    judging = plan.analysis.model_dump(mode="json")
    return {
        "judging": {name: judging[name] for name in JUDGING} | {"primary": primary},
        "tuning": None if trials is None else {"trials": trials, "space": plan.tuning.space},
        "regimes": {
            regime: {
                "seeds": list(plan.seeds[regime]),
                "looks": list(plan.looks.get(regime, ())),
                "configs": configs[regime],
            }
            for regime in plan.regimes
        },
        "revisions": list(plan.revisions),
    }


def _digest(config: str) -> str:
    """Of a configuration without its seed."""
    tree = json.loads(config) | {"seed": 0}
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:16]


def kept(before: Tree | None, now: Tree) -> dict[str, Any]:
    """What to keep: regimes that this report left out stay as they were declared."""
    regimes = {**(before or {}).get("regimes", {}), **now["regimes"]}
    tuning = now["tuning"] or (before or {}).get("tuning")
    return {**now, "regimes": regimes, "tuning": tuning}


def revisions(before: Tree | None, now: Tree) -> tuple[str, ...]:
    """Sentences, those of earlier changes first; ``before``: as it was kept."""
    if before is None:
        return ()
    return tuple(dict.fromkeys((*before["revisions"], *_changes(before, now))))


def _changes(before: Tree, now: Tree) -> Iterator[str]:
    for name in JUDGING:
        old, new = before["judging"][name], now["judging"][name]
        if old != new:
            yield f"{name} was {_text(old)} and is {_text(new)}"
    old_primary, new_primary = (set(tree["judging"]["primary"]) for tree in (before, now))
    if old_primary != new_primary:
        gone, more = (
            ", ".join(sorted(names)) or "none"
            for names in (old_primary - new_primary, new_primary - old_primary)
        )
        yield f"primary contrasts: taken back {gone}; added {more}"
    if before["tuning"] and now["tuning"] and before["tuning"] != now["tuning"]:
        old, new = (
            f"{t['trials']} trials of {t['space']}" for t in (before["tuning"], now["tuning"])
        )
        yield f"re-tuning was {old} and is {new}"
    for regime in now["regimes"]:
        if regime in before["regimes"]:
            yield from _regime(regime, before["regimes"][regime], now["regimes"][regime])


def _regime(name: str, before: Tree, now: Tree) -> Iterator[str]:
    changed = [a for a, d in before["configs"].items() if now["configs"].get(a, d) != d]
    if changed:
        yield f"{name}: {', '.join(changed)} had another configuration"
    old, new = set(before["seeds"]), set(now["seeds"])
    looks = before["looks"], now["looks"]
    if looks[0] and looks[0] == looks[1]:
        return  # as planned: the command begins at the first look again
    if old - new:
        yield f"{name}: {len(old - new)} seeds that had been looked at are left out"
    if looks[0]:
        then, since = _text(looks[0]), _text(looks[1] or len(new))
        yield f"{name}: the looks were planned at {then} seeds and are at {since}"
    elif not looks[0] and new - old:
        yield f"{name}: {len(old)} seeds had been looked at before others came ({len(new)} now)"
    elif not looks[0] and looks[1] and len(old) > looks[1][0]:
        yield f"{name}: {len(old)} seeds had been looked at before looks were planned"


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
