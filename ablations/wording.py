"""The numbers in words: every sentence is generated, and none says more than its interval. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

Tree = Mapping[str, Any]
MINUS, PLUS_MINUS = "\u2212", "\u00b1"
WORDS = {
    "helps": "helps",
    "hurts": "hurts",
    "undecided": "undecided",
    "no_interval": "no interval",
    "same_runs": "same runs",
    "not_measured": "not measured",
}
PLACES = {"clean": "on clean data", "robust": "under noise"}
NOISE = {
    "gaussian-single": "Gaussian {}, one modality",
    "gaussian-half": "Gaussian, random half",
    "salt_pepper-all": "salt and pepper, all",
    "missing-single": "one modality missing",
    "audio_snr": "audio noise, {} dB",
}


def noise_title(group: str) -> str:
    """A noise group in words: ``gaussian-single-0.5`` is "Gaussian 0.5, one modality"."""
    key = next(key for key in NOISE if group.startswith(key))
    return NOISE[key].format(group.removeprefix(key).removeprefix("-").replace("-", MINUS))


def percent(sample: Tree) -> str:
    """``76.4 +- 1.2``: mean and standard deviation of an accuracy, in percent."""
    if sample["mean"] is None:
        return "not measured"
    sd = "" if sample["sd"] is None else f" {PLUS_MINUS} {100 * sample['sd']:.1f}"
    return f"{100 * sample['mean']:.1f}{sd}"


def plain(sample: Tree) -> str:
    """``0.812 +- 0.034``: mean and standard deviation as they are."""
    if sample["mean"] is None:
        return "not measured"
    sd = "" if sample["sd"] is None else f" {PLUS_MINUS} {sample['sd']:.3f}"
    return f"{sample['mean']:.3f}{sd}"


def signed(share: float) -> str:
    """Points of accuracy with their sign; what rounds to nothing has none."""
    text = f"{100 * share:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text.replace("-", MINUS)


def points(effect: Tree) -> str:
    """``+2.38 +- 0.82``: a difference and its half-width, in points of accuracy."""
    if effect["difference"] is None:
        return "not measured"
    if effect["half_width"] is None:
        return signed(effect["difference"])
    return f"{signed(effect['difference'])} {PLUS_MINUS} {100 * effect['half_width']:.2f}"


def span(effect: Tree) -> str:
    """``-0.13 to +0.19``."""
    return f"{signed(effect['low'])} to {signed(effect['high'])}"


def verdict_words(clean: Tree, robust: Tree) -> str:
    """Both verdicts of a contrast in as few words as are true."""
    left, right = WORDS[clean["verdict"]], WORDS[robust["verdict"]]
    if left == right:
        return left if clean["verdict"] in ("same_runs", "not_measured") else f"{left} in both"
    if robust["verdict"] == "not_measured":
        return f"clean {left}"
    return f"clean {left}, robust {right}"


def answer(regime: Tree, *, references: Sequence[str]) -> list[str]:
    """Sentences on the primary contrasts (all, if none is primary); beside a claim over joint
    training the control that trains on the probe's labels.
    """
    sentences = []
    for contrast in _asked(regime):
        sentences.append(compare(contrast))
        if contrast["reference"] == "joint" and contrast["arm"] != "joint-probe":
            sentences.append(_control(regime, contrast["arm"], references))
    if not sentences:
        return ["The study declares no contrast; see the paired differences of each arm."]
    return [text for text in sentences if text]


def limits(regime: Tree) -> str:
    """What the answer rests on and how far it reaches, in one line."""
    asked = _asked(regime)
    effects = [contrast[place] for contrast in asked for place in PLACES]
    counts = sorted({effect["n"] for effect in effects if effect["n"]})
    if not counts:
        return ""
    text = " to ".join(str(n) for n in dict.fromkeys((counts[0], counts[-1]))) + " paired seeds"
    if counts == [1]:
        text = "1 paired seed, so no interval"
    arms = {name for contrast in asked for name in (contrast["arm"], contrast["reference"])}
    failed = sorted(name for name in arms if regime["variants"][name]["runs"]["failed"])
    if failed:
        text += f"; runs of {', '.join(failed)} failed, their seeds are dropped from the pairs"
    if any(effect["verdict"] == "undecided" for effect in effects):
        text += "; undecided: the interval holds 0, which is not evidence of no effect"
    return f"{text}."


def _asked(regime: Tree) -> list[Tree]:
    contrasts = list(regime["contrasts"])
    return [c for c in contrasts if c["label"] == "primary"] or contrasts


def compare(contrast: Tree, *, gloss: str = "") -> str:
    """One contrast as a sentence; ``gloss`` explains the reference."""
    arm, reference = contrast["arm"], contrast["reference"] + gloss
    found = {place: contrast[place] for place in PLACES}
    measured = {k: e for k, e in found.items() if e["verdict"] != "not_measured"}
    verdicts = {effect["verdict"] for effect in measured.values()}
    if not measured:
        return f"{arm} against {reference} is not measured."
    if verdicts == {"same_runs"}:
        return f"{arm} and {reference} are the same computation here."
    if len(verdicts) > 1:
        parts = [f"{PLACES[place]} {_one(effect)}" for place, effect in measured.items()]
        return f"{arm} against {reference}: {'; '.join(parts)}."
    figures = [f"{_figures(effect)} {PLACES[place]}" for place, effect in measured.items()]
    how = {
        "helps": f"{arm} is better than {reference}",
        "hurts": f"{arm} is worse than {reference}",
        "undecided": f"{arm} against {reference} is undecided",
        "no_interval": f"{arm} against {reference} has no interval",
    }[verdicts.pop()]
    return f"{how}: {', '.join(figures)}."


def _figures(effect: Tree) -> str:
    if effect["verdict"] != "undecided":
        return f"{points(effect)} points"
    return f"{points(effect)} points ({span(effect)} remain possible)"


def _one(effect: Tree) -> str:
    word = {"helps": "better", "hurts": "worse"}.get(effect["verdict"], WORDS[effect["verdict"]])
    return f"{word}, {_figures(effect)}"


def _control(regime: Tree, arm: str, references: Sequence[str]) -> str:
    variant = regime["variants"][arm]
    if not variant["uses_probe"]:
        return ""
    if "joint-probe" not in references:
        missing = "No control here trains on the probe's labels (joint-probe): {} had them extra."
        return missing.format(arm)
    effects = {place: variant[place]["versus"]["joint-probe"] for place in PLACES}
    contrast = {"arm": arm, "reference": "joint-probe", **effects}
    return compare(contrast, gloss=" (joint training on the probe's labels as well)")


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
        parts.append(f"{name} {figures} ({verdict_words(contrast['clean'], contrast['robust'])})")
    title = primary[0].replace(" - ", f" {MINUS} ")
    return f"{title}, points clean / robust: {'; '.join(parts)}"


def note(summary: Tree) -> str:
    """Markdown for the ledger's note: the headline first, then a sentence for each regime."""
    lines = [headline(summary), ""]
    for name in summary["regime_order"]:
        regime = summary["regimes"][name]
        lines.append(f"- **{name}**: {' '.join(regime['answer'])} {regime['limits']}")
    runs = summary["runs"]
    if runs["failed"] or runs["unfinished"]:
        lines.append(
            f"- {runs['failed']} of {runs['distinct']} runs failed, {runs['unfinished']} unfinished"
        )
    return "\n".join(lines) + "\n"


def _robust(summary: Tree) -> str:
    variants = [v for regime in summary["regimes"].values() for v in regime["variants"].values()]
    if not any(variant["robust"]["n"] for variant in variants):
        return "Robust accuracy was not measured (evaluate.noise: none)."
    return (
        "Robust is the mean of four groups: Gaussian noise (.5, 1 and 2 standard deviations) on "
        "one modality, Gaussian noise on a random half of the modalities, salt and pepper (10 and "
        "30 %) on all, one modality missing."
    )


def method(summary: Tree) -> list[str]:
    """How the numbers came about, what they do not cover, and what of CAL is published."""
    declared = sum(len(regime["contrasts"]) for regime in summary["regimes"].values())
    count, found = summary["intervals"]["count"], summary["intervals"]["excluding_0"]
    level = summary["level"]
    return [
        "All arms of a regime share their seeds; a seed fixes the split into training, probe and "
        "selection part, the initialisation and the order of the data. Every run is evaluated on "
        "the same fixed report part, on which no run trains and nothing is selected, clean and "
        "corrupted; arms of one seed see the same inputs.",
        "Differences are paired by seed: the mean of the n differences and its "
        f"{100 * level:g} % t interval with n {MINUS} 1 degrees of freedom. The interval speaks of "
        "other seeds on these test samples; the error of having these samples and no others is "
        "not in it. A seed that only one of two arms finished is dropped from their pairs.",
        f"The study declares {declared} contrasts over its regimes, which have {count} intervals, "
        "not corrected for their number: if nothing had an effect, about "
        f"{(1 - level) * count:.1f} would exclude 0 by chance; {found} do. Primary contrasts were "
        "declared before the data were seen, all others are exploratory: hints to be confirmed on "
        "fresh seeds. Undecided says that the interval holds 0, never that there is no effect.",
        _robust(summary),
        "What is published of CAL is its abstract (arXiv 2510.26289): a Shapley-inspired "
        "contribution metric with confidence, acceleration of high contributors, an asymmetric "
        "information bottleneck on low ones; every formula, temperature and hyperparameter beyond "
        "that is our declared choice, a named field of the configuration.",
    ]
