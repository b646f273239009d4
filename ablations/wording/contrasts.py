"""The declared contrasts in words: every sentence is generated, and none says more than its
interval. Pure.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from evidence.numbers import MINUS, PLACES, points, span, word

Tree = Mapping[str, Any]


def verdict_words(clean: Tree, robust: Tree, *, margin: float | None = None) -> str:
    """Both verdicts of a contrast in as few words as are true."""
    left, right = (word(effect["verdict"], margin) for effect in (clean, robust))
    if left == right:
        return left if clean["verdict"] in ("same_runs", "not_measured") else f"{left} in both"
    if robust["verdict"] == "not_measured":
        return f"clean {left}"
    return f"clean {left}, robust {right}"


def answer(regime: Tree, *, references: Sequence[str], margin: float | None = None) -> list[str]:
    """Sentences on the primary contrasts (all, if none is primary); beside a claim over joint
    training the control that trains on the probe's labels.
    """
    sentences = []
    for contrast in asked(regime):
        sentences.append(compare(contrast, margin=margin))
        sentences.append(probe_control(regime, contrast, references=references, margin=margin))
    if not sentences:
        return ["The study declares no contrast; see the paired differences of each arm."]
    return [text for text in sentences if text]


def limits(regime: Tree) -> str:
    """What the answer rests on and how far it reaches, in one line."""
    chosen = asked(regime)
    effects = [contrast[place] for contrast in chosen for place in PLACES]
    counts = sorted({effect["n"] for effect in effects if effect["n"]})
    if not counts:
        return ""
    text = " to ".join(str(n) for n in dict.fromkeys((counts[0], counts[-1]))) + " paired seeds"
    if counts == [1]:
        text = "1 paired seed, so no interval"
    arms = {name for contrast in chosen for name in (contrast["arm"], contrast["reference"])}
    failed = sorted(name for name in arms if regime["variants"][name]["runs"]["failed"])
    if failed:
        text += f"; runs of {', '.join(failed)} failed, their seeds are dropped from the pairs"
        text += " and count as guesses in the verdicts"
    unsettled = [effect for effect in effects if effect["verdict"] == "undecided"]
    if any(_excludes_0(effect) for effect in unsettled):
        text += "; undecided: not settled at the stated error rate, never evidence of no effect"
    elif unsettled:
        text += "; undecided: the interval holds 0, which is not evidence of no effect"
    return f"{text}."


def asked(regime: Tree) -> list[Tree]:
    """The primary contrasts; all declared ones where none is primary."""
    contrasts = list(regime["contrasts"])
    return [c for c in contrasts if c["label"] == "primary"] or contrasts


def compare(contrast: Tree, *, gloss: str = "", margin: float | None = None) -> str:
    """One contrast as a sentence; ``gloss`` explains the reference."""
    arm, reference = contrast["arm"], contrast["reference"] + gloss
    measured = {k: contrast[k] for k in PLACES if contrast[k]["verdict"] != "not_measured"}
    verdicts = {effect["verdict"] for effect in measured.values()}
    if not measured:
        return f"{arm} against {reference} is not measured."
    if verdicts == {"same_runs"}:
        return f"{arm} and {reference} are the same computation here."
    if len(verdicts) > 1:
        return f"{arm} against {reference}: {clause(contrast, margin=margin)}."
    how = {
        "helps": f"{arm} is better than {reference}",
        "hurts": f"{arm} is worse than {reference}",
        "equivalent": f"{arm} against {reference}, {word('equivalent', margin)}",
        "undecided": f"{arm} against {reference} is undecided",
        "no_interval": f"{arm} against {reference} has no interval",
    }[verdicts.pop()]
    return f"{how}: {_all_figures(measured)}."


def clause(contrast: Tree, *, margin: float | None = None) -> str:
    """Both conditions of a contrast, without its names: ``better: +2.38 +- 0.82 points on ...``."""
    measured = {k: contrast[k] for k in PLACES if contrast[k]["verdict"] != "not_measured"}
    words = {_word(effect, margin) for effect in measured.values()}
    if not measured:
        return "not measured"
    if len(words) == 1:
        return f"{words.pop()}: {_all_figures(measured)}"
    return "; ".join(
        f"{PLACES[place]} {_word(effect, margin)}, {figures(effect)}"
        for place, effect in measured.items()
    )


def brief(contrast: Tree, *, margin: float | None = None) -> str:
    """The verdicts without figures: ``better``, or ``undecided clean, better under noise``."""
    short = {"clean": "clean", "robust": "under noise"}
    words = {
        name: _word(contrast[place], margin)
        for place, name in short.items()
        if contrast[place]["verdict"] != "not_measured"
    }
    if len(set(words.values())) < 2:
        return next(iter(words.values()), "not measured")
    return ", ".join(f"{said} {name}" for name, said in words.items())


def pair(contrast: Tree) -> str:
    """``+2.38 +- 0.82 / +5.93 +- 1.25``: clean data / under noise."""
    return " / ".join(points(contrast[place]) for place in PLACES)


def _word(effect: Tree, margin: float | None) -> str:
    named = {"helps": "better", "hurts": "worse"}
    return named.get(effect["verdict"], word(effect["verdict"], margin))


def _all_figures(effects: Mapping[str, Tree]) -> str:
    return ", ".join(f"{figures(effect)} {PLACES[place]}" for place, effect in effects.items())


def figures(effect: Tree) -> str:
    """Difference and half-width; of an undecided one also what remains possible, and why it is not
    what its own interval says.
    """
    if effect["verdict"] != "undecided":
        return f"{points(effect)} points"
    reason = effect.get("reason") or ""
    open_by = f"; {reason}" if reason else ""
    return f"{points(effect)} points ({span(effect)} remain possible{open_by})"


def _excludes_0(effect: Tree) -> bool:
    return effect["low"] is not None and (effect["low"] > 0 or effect["high"] < 0)


def probe_control(
    regime: Tree, contrast: Tree, *, references: Sequence[str], margin: float | None = None
) -> str:
    """Beside a claim over ``joint``: the control that trains on the probe's labels too."""
    arm = contrast["arm"]
    variant = regime["variants"][arm]
    if contrast["reference"] != "joint" or arm == "joint-probe" or not variant["uses_probe"]:
        return ""
    if "joint-probe" not in references:
        missing = "No control here trains on the probe's labels (joint-probe): {} had them extra."
        return missing.format(arm)
    effects = {place: variant[place]["versus"]["joint-probe"] for place in PLACES}
    for declared in regime["contrasts"]:  # the declared one is the one that is corrected
        if (declared["arm"], declared["reference"]) == (arm, "joint-probe"):
            effects = {place: declared[place] for place in PLACES}
    beside = {"arm": arm, "reference": "joint-probe", **effects}
    gloss = " (joint training on the probe's labels as well)"
    return compare(beside, gloss=gloss, margin=margin)


def headline(summary: Tree) -> str:
    """The first primary contrast over all regimes, one line."""
    regimes = {name: summary["regimes"][name] for name in summary["regime_order"]}
    declared = next(iter(regimes.values()))["contrasts"]
    primary = [c["name"] for c in declared if c["label"] == "primary"] or [
        c["name"] for c in declared
    ]
    if not primary:
        return f"{summary['study']}: no contrast is declared"
    parts = []
    for name, regime in regimes.items():
        contrast = next(c for c in regime["contrasts"] if c["name"] == primary[0])
        figures = " / ".join(points(contrast[place]) for place in PLACES)
        margin = summary.get("margin")
        words = verdict_words(contrast["clean"], contrast["robust"], margin=margin)
        parts.append(f"{name} {figures} ({words})")
    title = primary[0].replace(" - ", f" {MINUS} ")
    return f"{title}, points clean / robust: {'; '.join(parts)}"
