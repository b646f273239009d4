"""The first screen of a search in sentences, none of which says more than its interval. Pure.

Each begins with what it speaks of and a colon.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from evidence.numbers import PLACES, listed, word
from search_spaces.reading import counted, main_arm, of_number, score, target_of
from search_spaces.switched_off import WORDS
from search_spaces.wording.figures import (
    as_effect,
    counts,
    gain,
    lasting,
    score_text,
    sentence,
    value_text,
)

Tree = Mapping[str, Any]
NAMED = 6  # values in a sentence


def verdict(search: Tree) -> list[str]:
    """What was found, against what it was confirmed, what matters, what it cost."""
    found = [*_found(search), *_against(search), *_optimism(search), *_front(search)]
    return [
        *found,
        *_fields(search),
        *_edges(search),
        *_off(search),
        *_cost(search),
        *_open(search),
    ]


def _found(search: Tree) -> Iterator[str]:
    arm = main_arm(search)
    best = of_number(arm, arm["best"])
    if best is None:
        yield f"Found: nothing yet; no trial of {arm['name']} has a score."
        return
    target = target_of(search["objectives"])
    value = score_text(score(best, target), target)
    where = (
        f"{value} {target['title']}" if len(search["objectives"]) == 1 else f"scalarisation {value}"
    )
    if best["number"] == arm["default"]:
        yield (
            f"Found: nothing better than the default; its {where} in the search is the best of "
            f"{counts(len(arm['trials']), 'trial')}."
        )
        return
    yield (
        f"Found: trial {best['number']} of {arm['name']} ({values_words(best['values'])}), "
        f"{where} in the search ({counts(len(best['seeds']), 'seed')}), a score that having been "
        "selected makes too good."
    )


def values_words(values: Tree) -> str:
    """``optim.lr 0.04, ...``: as many fields as a sentence bears."""
    shown = [f"{field} {value_text(value)}" for field, value in list(values.items())[:NAMED]]
    more = len(values) - len(shown)
    return ", ".join(shown) + (f" and {counts(more, 'more field')}" if more > 0 else "")


def _against(search: Tree) -> Iterator[str]:
    """The primary contrasts on fresh seeds and the report part."""
    confirmed = search["confirmed"]
    if not confirmed and main_arm(search)["best"] is None:
        return
    if not confirmed:
        yield (
            "Not confirmed: nothing was trained on fresh seeds, so no comparison with the default "
            "or a baseline is made here: scores of the search are too good by their selection."
        )
        return
    primary = [c for c in confirmed["contrasts"] if c["primary"]]
    for contrast in primary:
        yield f"{contrast['arm']} against {contrast['reference']}: {compared(contrast, confirmed)}."
    if not primary:
        yield "Confirmed on fresh seeds, but no primary contrast was declared: see the table."


def compared(contrast: Tree, confirmed: Tree) -> str:
    """``better on clean data, +1.75 points (+1.27 to +2.23); ...`` on fresh seeds."""
    better = {"helps": "better", "hurts": "worse"}
    pair = (contrast["arm"], contrast["reference"])
    lost = any(arm["failed"] for arm in confirmed["arms"] if arm["name"] in pair)
    parts = []
    for condition in confirmed["conditions"]:
        effect = as_effect(contrast.get(condition))
        verdict = effect["verdict"]
        if verdict == "not_measured":
            continue
        said = better.get(verdict, word(verdict, confirmed.get("margin")))
        figures = "" if effect["difference"] is None else f", {gain(effect)}"
        parts.append(f"{said} {PLACES.get(condition, condition)}{figures}{unsettled(effect, lost)}")
    seeds = max((contrast[c]["n"] for c in confirmed["conditions"] if contrast.get(c)), default=0)
    return f"{'; '.join(parts) or 'not measured'}, on {counts(seeds, 'fresh seed')}"


def unsettled(effect: Tree, lost: bool) -> str:
    """Why an interval that leaves out 0 is undecided all the same; empty where it holds 0."""
    low, high = effect.get("low"), effect.get("high")
    if effect["verdict"] != "undecided" or low is None or high is None or low <= 0 <= high:
        return ""
    if lost:
        return ", not settled with failed runs counted as guesses"
    return ", not settled over all primary comparisons together"


def _optimism(search: Tree) -> Iterator[str]:
    """How much the search flattered what it found."""
    arms = (search["confirmed"] or {}).get("arms") or ()
    first = next((a for a in arms if a["rank"] == 1 and a.get("optimism")), None)
    if first is None:
        return
    effect = as_effect(first["optimism"])
    if effect["low"] is None:
        said = "it has no interval"
    elif effect["low"] > 0:
        said = "the search's score is too high"
    elif effect["high"] < 0:
        said = "the search's score is too low"
    else:
        said = "not told apart from 0"
    yield (
        f"Optimism of the search: {gain(effect, search['objectives'][0])} for {first['name']}, the "
        f"score in the search minus the one on fresh seeds; {said}. The luck of the selection is "
        "in it, and that the report part has other samples."
    )


def _front(search: Tree) -> Iterator[str]:
    arm = main_arm(search)
    if len(search["objectives"]) < 2 or not arm["front"]:
        return
    names = listed(o["title"] for o in search["objectives"])
    volume = arm["hypervolume"]
    size = "" if volume is None else f"; hypervolume {volume:.3f} of the box of all that was seen"
    yield (
        f"Trade-off: {counts(len(arm['front']), 'trial')} of {arm['name']} that no other beats in "
        f"all of {names}{size}."
    )


def _fields(search: Tree) -> Iterator[str]:
    """Fields whose interval lies above equal importance by both evaluators, or by one."""
    found = main_arm(search)["importance"]
    if not found:
        yield "Fields that matter: not computed, there are too few complete trials."
        return
    above = {e["name"]: [r for r in e["rows"] if r["low"] > r["even"]] for e in found["evaluators"]}
    names = [[row["field"] for row in rows] for rows in above.values()]
    both = [field for field in names[0] if all(field in other for other in names)]
    single = list(dict.fromkeys(f for fields in names for f in fields if f not in both))
    parts = []
    if both:
        parts.append(f"{listed(_share(field, found) for field in both)} by both measures")
    if single:
        parts.append(f"{listed(_share(field, found) for field in single)} by one measure alone")
    few = f" But {found['warning']}." if found["warning"] else ""
    none = "none stands out from equal importance of all"
    yield f"Fields that matter: {'; '.join(parts) or none}.{few}"


def _share(field: str, found: Tree) -> str:
    """Importance by each evaluator, in percent, with its interval."""
    parts = []
    for evaluator in found["evaluators"]:
        row = next((r for r in evaluator["rows"] if r["field"] == field), None)
        if row is not None:
            low, mean, high = (f"{100 * row[key]:.0f}" for key in ("low", "mean", "high"))
            parts.append(f"{evaluator['name']} {mean} %, {low} to {high}")
    return f"{field} ({'; '.join(parts)})"


def _edges(search: Tree) -> Iterator[str]:
    arm = main_arm(search)
    if arm["best"] is None:
        return
    for told in arm["edges"]:
        field = told.partition(" = ")[0]
        own = [p for p in arm["proposals"] if p["field"] == field]
        yield f"At the edge: {told}. {_proposed(own)}"
    if not arm["edges"]:
        yield "Edges: no value of the best trial lies at the end of its range."


def _proposed(own: list[Tree]) -> str:
    if not own:
        return "The field takes nothing beyond it."
    return f"A search from {own[0]['low']:g} to {own[0]['high']:g} would tell."


def _off(search: Tree) -> Iterator[str]:
    """The search's own ablation, a sentence for each mechanism that is not undecided."""
    found = main_arm(search)["off"]
    told = [entry for entry in found if entry["verdict"] != "undecided"]
    for entry in told:
        yield f"By where the best trials lie, {entry['text']}."
    open_ = [entry["mechanism"] for entry in found if entry["verdict"] == "undecided"]
    if open_:
        yield (
            f"{WORDS['undecided'].capitalize()} by the search whether to switch off: "
            f"{listed(dict.fromkeys(open_))}; that is no evidence of no effect."
        )


def _cost(search: Tree) -> Iterator[str]:
    budget = search["budget"]
    full, spent = budget["epochs_in_full"], budget["epochs"]
    share = f", {100 * spent / full:.0f} % of the" if full else " of"
    yield (
        f"Cost: {counts(budget['trials'], 'trial')} in {counts(budget['runs'], 'run')}, "
        f"{counts(spent, 'epoch')}{share} {counts(full, 'epoch')} that all trials would take to "
        f"the end with every seed; {lasting(budget['wall_s'])} wall time."
    )


def _open(search: Tree) -> Iterator[str]:
    """What failed or is still under way, over all arms."""
    found = counted(t for arm in search["arms"] for t in arm["trials"])
    if found["failed"]:
        total, rule = counts(sum(found.values()), "trial"), sentence(search["failure_rule"])
        yield f"Failed: {found['failed']} of {total}. {rule}"
    if found["running"]:
        running = counts(found["running"], "trial")
        yield f"Unfinished: {running} without an end; this is an interim report."
