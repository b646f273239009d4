"""What stands behind a number: the lines a pointer or a finger brings up. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from evidence.charts.spec import find
from evidence.numbers import MINUS, WORDS, number, p_value, points, ranges, signed, span

Tree = Mapping[str, Any]


def effect_lines(effect: Tree, *, seeds: Iterable[int] = (), scale: float = 100) -> list[str]:
    """Difference, interval, verdict, n, t, p, adjusted p, seeds, as far as there are any.

    ``scale``: 100 for points of accuracy, 1 for what stays as it is.
    """
    if effect.get("difference") is None:
        return ["not measured"]
    digits, unit = (2, " points") if scale == 100 else (4, "")
    lines = [f"{points(effect, scale=scale, digits=digits)}{unit}: {WORDS[effect['verdict']]}"]
    if effect.get("low") is not None:
        lines.append(f"interval {span(effect, scale=scale, digits=digits)}")
    lines.append(", ".join(_tests(effect)))
    used = effect.get("seeds") or [s for s in seeds if s not in (effect.get("dropped") or ())]
    if used:
        lines.append(f"seeds {ranges(used)}")
    if effect.get("dropped"):
        lines.append(f"dropped seeds {ranges(effect['dropped'])}")
    if effect.get("reason"):
        lines.append(str(effect["reason"]))
    return lines


def _tests(effect: Tree) -> list[str]:
    found = [f"n = {effect.get('n', 0)}"]
    if effect.get("t") is not None:
        found.append(f"t = {number(effect['t'])}")
    names = {
        "p": "p",
        "p_adjusted": "adjusted p",
        "p_equivalent": "p of equivalence",
        "p_equivalent_adjusted": "adjusted",
    }
    for key, name in names.items():
        if effect.get(key) is not None:
            found.append(f"{name} {p_value(effect[key])}")
    return found


def sample_lines(sample: Tree, *, seeds: Iterable[int] = (), scale: float = 100) -> list[str]:
    """Mean, half-width, standard deviation and n of an arm over its seeds."""
    if sample.get("mean") is None:
        return ["not measured"]
    digits = 2 if scale == 100 else 3
    text = f"mean {scale * sample['mean']:.{digits}f}"
    if sample.get("half_width") is not None:
        text += f" \u00b1 {scale * sample['half_width']:.{digits}f}"
    lines = [text]
    if sample.get("sd") is not None:
        lines.append(f"standard deviation {scale * sample['sd']:.{digits}f}")
    listed = list(seeds)
    same = len(listed) == sample.get("n")
    lines.append(f"n = {sample.get('n', 0)}" + (f", seeds {ranges(listed)}" if same else ""))
    return lines


def runs_line(variant: Tree, *, limit: int = 3) -> list[str]:
    """The first few run ids of an arm with their hashes; all of them open by a click."""
    traces = [t for t in find(variant, "traces") or () if t.get("hash")]
    if not traces:
        return []
    shown = [f"{t['hash'][:8]} (seed {t['seed']})" for t in traces[:limit]]
    more = len(traces) - len(shown)
    return ["runs " + ", ".join(shown) + (f", {more} more by a click" if more > 0 else "")]


def details(effect: Tree, *, scale: float = 100) -> list[tuple[str, str]]:
    """Every statistic of an effect, named: what the dialog shows."""
    unit = "points" if scale == 100 else "as they are"
    rows = [(f"difference, {unit}", _value(effect, scale))]
    rows += _interval(effect.get("bca"), "BCa bootstrap interval", scale)
    rows += _interval(effect.get("two_way"), "two-way bootstrap, seeds and test samples", scale)
    for key, name in (
        ("t", "t"),
        ("p", "p, two-sided"),
        ("p_adjusted", "p, adjusted for the family"),
        ("p_equivalent", "p of equivalence (TOST)"),
        ("p_equivalent_adjusted", "p of equivalence, adjusted"),
        ("p_permutation", "p by permutation"),
        ("p_wilcoxon", "p by Wilcoxon"),
    ):
        if effect.get(key) is not None:
            rows.append((name, number(effect[key]) if key == "t" else p_value(effect[key], "")))
    if find(effect, "d", "value") is not None:
        rows.append(("paired effect size d", _three(effect["d"], "value")))
    if find(effect, "improvement", "probability") is not None:
        rows.append(("better on a fresh seed", _three(effect["improvement"], "probability")))
    if effect.get("minimum_detectable") is not None:
        value = number(scale * effect["minimum_detectable"])
        rows.append(("smallest effect it would find", f"{value} points" if scale == 100 else value))
    if effect.get("seeds_for_margin") is not None:
        rows.append(("seeds to see a difference of the margin", str(effect["seeds_for_margin"])))
    if find(effect, "mcnemar", "p"):
        values = [p for p in effect["mcnemar"]["p"] if p is not None]
        small = sum(p < 0.05 for p in values)
        rows.append(("McNemar by seed", f"p below .05 in {small} of {len(values)} seeds"))
    if effect.get("failures"):
        lost = effect["failures"]
        rows.append(("failed runs", f"{lost['arm']} of the arm, {lost['reference']} of the other"))
    return rows


def _value(effect: Tree, scale: float) -> str:
    if effect.get("difference") is None:
        return "not measured"
    digits = 3 if scale == 100 else 5
    text = signed(effect["difference"], scale=scale, digits=digits)
    if effect.get("low") is not None:
        text += f" ({span(effect, scale=scale, digits=digits)})"
    return text


def _interval(bounds: Any, name: str, scale: float) -> list[tuple[str, str]]:
    if not bounds or bounds[0] is None:
        return []
    digits = 3 if scale == 100 else 5
    ends = {"low": bounds[0], "high": bounds[1]}
    return [(name, span(ends, scale=scale, digits=digits))]


def _three(tree: Tree, key: str) -> str:
    text = f"{tree[key]:.2f}"
    if tree.get("low") is not None:
        text += f" ({tree['low']:.2f} to {tree['high']:.2f})"
    return text.replace("-", MINUS)
