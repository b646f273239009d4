"""Growing noise in words: where two arms cross, and what cannot be said. Pure."""

from collections.abc import Mapping
from typing import Any

from ablations.severities import label, main
from evidence.numbers import MINUS, listed, share

Tree = Mapping[str, Any]
NONE = "none within the range"


def crossing_words(line: str, crossing: Tree | None) -> str:
    """``1.32 (0.9 to 1.8)``: where two arms cross on a line, with its interval; in words where that
    is open, or there is none.
    """
    if crossing is None:
        return "not measured"
    if not crossing["ahead"]:
        return f"{NONE}, equal"
    if crossing["at"] is None:
        seen = crossing["share"]
        return NONE + (f" ({share(seen)} of resamples have one)" if seen else "")
    at = _at(line, crossing["at"])
    if crossing["share"] is None:
        return f"{at} (too few seeds for an interval)"
    low, high = (None if crossing[k] is None else _at(line, crossing[k]) for k in ("low", "high"))
    ends = {
        (True, True): f"{low} to {high}",
        (True, False): f"from {low}, may lie beyond the range",
        (False, True): f"up to {high}, order on clean data not settled",
        (False, False): "not settled",
    }[low is not None, high is not None]
    more = f", the first of {crossing['changes']}" if crossing["changes"] > 1 else ""
    return f"{at} ({ends}){more}"


def ahead_words(contrast: Tree) -> str:
    """Who is ahead before and after: what a pointer brings up."""
    found = contrast["crossing"]
    if found is None or not found["ahead"]:
        return ""
    first, second = contrast["arm"], contrast["reference"]
    if found["ahead"] < 0:
        first, second = second, first
    return f"{first} is ahead" + (f", then {second}" if found["at"] is not None else " throughout")


def refusals(regime: Tree) -> list[str]:
    """Why effective robustness is not given: each reason with its arms; where it is given for no
    arm, the reason that most of them have.
    """
    reasons: dict[str, dict[str, None]] = {}
    given = False
    for key, line in ((regime.get("robustness") or {}).get("lines") or {}).items():
        for arm, own in line["arms"].items() if main(key) else ():
            refused = (own["effective"] or {}).get("refused")
            given |= refused is None
            if refused:
                reasons.setdefault(refused, {})[arm] = None
    if reasons and not given:
        return [f"Effective robustness is not given: {max(reasons, key=lambda r: len(reasons[r]))}"]
    return [
        f"Effective robustness is not given for {listed(arms)}: {reason}"
        for reason, arms in reasons.items()
    ]


def notes(regime: Tree) -> list[str]:
    """What a reader of the section on noise must know."""
    found = regime.get("robustness")
    if not found:
        return []
    baselines = found["baselines"]
    protocol = {
        "clean-room": "Noise is that of the protocol clean-room",
        "qmf-2023": "Noise is that of the protocol qmf-2023, bit by bit as its released code "
        "makes it (wrapped-around pixels and a pattern shared by all images included)",
    }[found["protocol"]]
    text = (
        f"{protocol}; figures under another protocol cannot be compared with these. "
        "Every number here is exploratory, and its interval holds at one severity."
    )
    line = f"Baseline arms, which no mechanism acts in: {listed(baselines)}." if baselines else ""
    return [text, *([line] if line else []), *refusals(regime)]


def under_noise(summary: Tree) -> str:
    """The paragraph for a paper; empty without noise. Only what was computed is named."""
    found = [r["robustness"] for r in summary["regimes"].values() if r.get("robustness")]
    if not found:
        return ""
    released = any(tree["protocol"] == "qmf-2023" for tree in found)
    noise = "noise of the released code of Zhang et al. 2023" if released else "test-time noise"
    text = (
        f"Accuracy was measured under {noise} of growing severity; areas under accuracy over "
        "severity are normalised by the range of severities. Relative robustness is accuracy above "
        "chance as a share of clean accuracy above chance, with Fieller's interval (Fieller 1954)."
    )
    lines = [line for tree in found for line in tree["lines"].values()]
    crossings = [c["crossing"] for line in lines for c in line["contrasts"]]
    if any(c is not None and c["share"] is not None for c in crossings):
        text += (
            " Where the mean difference of two configurations changes its sign is given with a "
            "bootstrap interval over seeds (expanded percentiles, Hesterberg 2015)."
        )
    beyond = [arm["effective"] or {} for line in lines for arm in line["arms"].values()]
    if any("mean" in own for own in beyond):
        text += (
            " Effective robustness is accuracy under noise beyond what clean accuracy predicts "
            "(Taori et al. 2020), by a line through the logits of the baseline configurations."
        )
    return text


def _at(line: str, at: float) -> str:
    """A place with three digits: ``33.3333 %`` is ``33.3 %``; clean is 0."""
    if at == 0:
        return "0"
    number, _, unit = label(line, at).partition(" ")
    return f"{float(number):.3g}".replace("-", MINUS) + (f" {unit}" if unit else "")
