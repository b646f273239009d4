"""The first screen: which mechanism helps, by how much, where, and how sure. Pure.

Sentences on one regime begin with its name and a colon; ``grouped`` takes them apart again.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ablations.wording.contrasts import answer, asked, brief, compare, pair, probe_control
from evidence.numbers import PLACES, listed, points, share, word

Tree = Mapping[str, Any]
CONTROLS = {
    "uniform": "budget-matched uniform weights",
    "reversed": "contribution turned round",
    "permuted": "contribution shuffled",
}
"""What guidance by contribution has to be better than before it can be said to help."""

ABSENT: Tree = {"verdict": "not_measured", "difference": None}


def verdict(summary: Tree) -> list[str]:
    """The sentences of summary.json's ``verdict``: over all, of each regime, how sure."""
    found = list(_lead(summary))
    for name in summary["regime_order"]:
        found += [f"{name}: {sentence}" for sentence in _regime(summary, name)]
    return found + list(_sure(summary))


def grouped(summary: Tree) -> tuple[list[str], dict[str, list[str]]]:
    """The verdict as (over all, regime -> its sentences); a summary without one has its answers."""
    regimes = {name: summary["regimes"][name] for name in summary["regime_order"]}
    if not summary.get("verdict"):
        return [], {name: list(regime["answer"]) for name, regime in regimes.items()}
    general: list[str] = []
    own: dict[str, list[str]] = {name: [] for name in regimes}
    for sentence in summary["verdict"]:
        name, colon, rest = sentence.partition(": ")
        if colon and name in own:
            own[name].append(rest)
        else:
            general.append(sentence)
    return general, own


def _lead(summary: Tree) -> Iterator[str]:
    """The first primary contrast over all regimes: where it helps, where not."""
    regimes = {name: summary["regimes"][name] for name in summary["regime_order"]}
    first = next((asked(regime)[0] for regime in regimes.values() if asked(regime)), None)
    if first is None:
        yield "The study declares no contrast: see the paired differences of each arm."
        return
    parts = []
    for place, where in PLACES.items():
        found: dict[str, list[str]] = {}
        for name, regime in regimes.items():
            effect = next(c for c in regime["contrasts"] if c["name"] == first["name"])[place]
            said = word(effect["verdict"], summary.get("margin"))
            found.setdefault(said, []).append(name)
        if set(found) - {"not measured"}:
            told = (f"{said} in {listed(names)}" for said, names in found.items())
            parts.append(f"{where} {', '.join(told)}")
    yield f"{first['arm']} against {first['reference']}: {'; '.join(parts) or 'not measured'}."


def _regime(summary: Tree, name: str) -> Iterator[str]:
    regime, margin = summary["regimes"][name], summary.get("margin")
    references = summary["references"]
    plain = [c for c in asked(regime) if control_of(regime, c) is None]
    for contrast in plain:
        yield compare(contrast, margin=margin)
        beside = probe_control(regime, contrast, references=references, margin=margin)
        if beside:
            yield beside
    yield from _mechanisms(regime, margin)
    yield from _guidance(regime, margin)
    yield from _others(regime, margin)
    yield from _tuned(regime, margin)
    yield from _failures(regime)
    if not asked(regime):
        yield from answer(regime, references=references, margin=margin)


def control_of(regime: Tree, contrast: Tree) -> str | None:
    """Which control the reference is to the arm, if it is one: uniform, reversed or permuted."""
    arm, reference = (regime["variants"].get(contrast[k]) for k in ("arm", "reference"))
    name = contrast["reference"]
    if arm is None or reference is None:
        return None
    tree = (reference.get("overrides") or {}).get("cal") or {}
    named = (
        (tree.get("contribution") or {}).get("control"),
        (tree.get("bottleneck") or {}).get("asymmetry"),
        name.partition("-")[0],
    )
    for kind in CONTROLS:
        if kind in named:
            return kind
    on, off = arm.get("switches") or {}, reference.get("switches") or {}
    same = {key: on[key] for key in on if key != "metric"}
    differs = on.get("metric") is True and off.get("metric") is False
    if differs and any(same.values()) and all(off.get(k) == v for k, v in same.items()):
        return "uniform"
    return None


def _guidance(regime: Tree, margin: float | None) -> Iterator[str]:
    """Every declared contrast with a control, by arm; what they do not show is said too. Arms at
    their best are told with the re-tuning.
    """
    tuned = {arm["tuned_arm"] for arm in ((regime.get("tuning") or {}).get("arms") or {}).values()}
    claims: dict[str, list[tuple[str, Tree]]] = {}
    for contrast in regime["contrasts"]:
        kind = control_of(regime, contrast)
        if kind is not None and contrast["arm"] not in tuned:
            claims.setdefault(contrast["arm"], []).append((kind, contrast))
    for arm, found in claims.items():
        groups: dict[str, list[str]] = {}
        for kind, c in found:
            label = c["reference"] + ("" if c["label"] == "primary" else ", exploratory")
            text = f"{CONTROLS[kind]} ({label}; {pair(c)})"
            groups.setdefault(brief(c, margin=margin), []).append(text)
        parts = [f"{said} against {listed(names)}" for said, names in groups.items()]
        cautions = list(_caution({kind: contrast for kind, contrast in found}))
        yield " ".join([f"Guidance by contribution, {arm}: {'; '.join(parts)}.", *cautions])


def _others(regime: Tree, margin: float | None) -> Iterator[str]:
    """The other declared contrasts in one sentence: no controls, no levels of a sweep, no arms at
    their best, and not the control on the probe, which stands beside its claim.
    """
    tuned = {arm["tuned_arm"] for arm in ((regime.get("tuning") or {}).get("arms") or {}).values()}
    levels = {level["arm"] for sweep in regime.get("sweeps") or () for level in sweep["levels"]}
    found = [
        f"{c['arm']} against {c['reference']} {brief(c, margin=margin)} ({pair(c)})"
        for c in regime["contrasts"]
        if c["label"] != "primary"
        and control_of(regime, c) is None
        and not {c["arm"], c["reference"]} & (tuned | levels | {"joint-probe"})
    ]
    if found and any(c["label"] == "primary" for c in regime["contrasts"]):
        yield f"Beside that (exploratory): {'; '.join(found)}."


def _caution(found: Mapping[str, Tree]) -> Iterator[str]:
    misled = [k for k in ("reversed", "permuted") if k in found and _helps(found[k])]
    if misled and "uniform" not in found:
        yield (
            "That shows what misleading costs, not a gain: no contrast here sets it beside "
            "uniform weights."
        )
    elif misled and not _helps(found["uniform"]):
        yield "So misleading it costs; that guiding it gains over uniform weights is not shown."


def _helps(contrast: Tree) -> bool:
    return any(contrast[place]["verdict"] == "helps" for place in PLACES)


def _mechanisms(regime: Tree, margin: float | None) -> Iterator[str]:
    """Main effects of the factorial, then interactions that are settled."""
    tables = {p: t for p, t in (regime.get("factorial") or {}).items() if p in PLACES and t}
    if not tables:
        return
    effects: dict[str, dict[str, Tree]] = {}
    for place, table in tables.items():
        for entry in table.get("main") or ():
            effects.setdefault(_named(entry), {})[place] = effect_of(entry)
    parts = [
        f"{factor} {brief(both, margin=margin)} ({pair(both)})"
        for factor, found in effects.items()
        for both in ({p: found.get(p, ABSENT) for p in PLACES},)
    ]
    if parts:
        yield f"Mechanisms, each on average over the others (exploratory): {'; '.join(parts)}."
    settled = []
    for place, table in tables.items():
        terms = [
            f"{_named(e)} {points(effect_of(e))}"
            for e in table.get("interactions") or ()
            if effect_of(e)["verdict"] in ("helps", "hurts")
        ]
        settled += [f"{PLACES[place]} {listed(terms)}"] if terms else []
    if settled:
        yield f"They do not simply add up: {'; '.join(settled)}."


def _named(entry: Tree) -> str:
    """An effect's word, and those that the design cannot tell from it."""
    words = [" x ".join(word) for word in (entry["factors"], *(entry.get("aliases") or ()))]
    return words[0] if len(words) == 1 else f"{words[0]} (or {' or '.join(words[1:])})"


def effect_of(entry: Tree) -> Tree:
    """The effect of an entry of the factorial: its own keys, or those under ``effect``."""
    inner = entry.get("effect")
    return inner if isinstance(inner, Mapping) else entry


def _tuned(regime: Tree, margin: float | None) -> Iterator[str]:
    tuning = regime.get("tuning") or {}
    for contrast in tuning.get("contrasts") or ():
        budget = f" ({tuning['trials']} trials each)" if tuning.get("trials") else ""
        same, best = (
            {p: contrast[key].get(p) or ABSENT for p in PLACES} for key in ("same", "tuned")
        )
        yield (
            f"Each at its best{budget}, {contrast['arm']} against {contrast['reference']} "
            "(exploratory): "
            f"{brief(best, margin=margin)} ({pair(best)}); with the same hyperparameters "
            f"{pair(same)}."
        )
    if tuning.get("contrasts"):
        yield (
            "Each arm had one search: the intervals at its best count seeds, not the luck of that "
            "search."
        )


def _failures(regime: Tree) -> Iterator[str]:
    parts = []
    for name, variant in regime["variants"].items():
        failed = variant["runs"]["failed"]
        if failed:
            total = sum(variant["runs"][k] for k in ("finished", "failed", "unfinished"))
            parts.append(f"{name} {failed} of {total} ({share(failed / total)})")
    if parts:
        yield (
            f"Failed runs: {listed(parts)}. Their seeds are missing from the pairs, so an arm "
            "that fails on hard seeds looks better than it is; a verdict must hold both without "
            "them and with each counted as a guess."
        )


def _sure(summary: Tree) -> Iterator[str]:
    family = summary.get("family") or {}
    if family.get("size"):
        alpha = 100 * summary.get("alpha", 1 - summary["level"])
        only = {test[2] for test in family.get("tests") or ()}
        where = f" {PLACES[only.pop()]}" if len(only) == 1 else ""
        yield (
            f"How sure: verdicts of primary contrasts{where} are corrected for {family['size']} "
            f"tests ({family.get('procedure', 'Holm')}), so at most {alpha:g} % of such studies "
            "would claim anything false among them; everything else is exploratory."
        )
    else:
        yield (
            "How sure: no contrast is primary, so every verdict here is exploratory and corrected "
            "for nothing."
        )
    if "without the study's regimes" in family.get("scope", ""):
        yield f"The family is {family['scope']}: its verdicts are milder than the whole study's."
    if family.get("revisions"):
        yield (
            "Declared anew once results were there, so the stated error does not cover it: "
            f"{'; '.join(family['revisions'])}."
        )
    if "test-best" in (summary.get("selection") or ()):
        yield (
            "Epochs were chosen on the report part (evaluate.selection: test-best, as some "
            "released codes do): accuracies are too high, and comparable with such codes alone."
        )
    yield (
        "Figures are points of accuracy, the half-width of their "
        f"{100 * summary['level']:g} % interval behind them; in pairs, clean data / under noise."
    )
    refused = [e for e in summary.get("over_regimes") or () if e.get("refused")]
    if refused:
        yield f"Over all regimes: {refused[0]['refused'].rstrip('.')}."
