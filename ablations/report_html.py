"""The report's two faces, HTML and Markdown, from the summary and pictures alone. No files."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from ablations import svg, wording

Tree = Mapping[str, Any]
CONDITIONS = ("clean", "robust")


@dataclass(frozen=True)
class Training:
    """One regime's curves: modalities, and (arm, shown at once, panels as SVG) for each arm."""

    keys: tuple[str, ...]
    arms: tuple[tuple[str, bool, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Pictures:
    """SVG markup for the HTML. ``accuracy``: regime -> clean, robust."""

    accuracy: Mapping[str, Sequence[str]]
    training: Mapping[str, Training] = field(default_factory=dict)


@dataclass(frozen=True)
class Paths:
    """Addresses of PNG files for the Markdown. ``training``: (regime, arm, path)."""

    accuracy: Mapping[str, str]
    training: Sequence[tuple[str, str, str]] = ()


def page(summary: Tree, pictures: Pictures) -> str:
    """report.html: one file that needs no other, nor the network."""
    template = _environment(escape=True).get_template("report.html.j2")
    return template.render(_context(summary), pictures=pictures)


def markdown(summary: Tree, paths: Paths) -> str:
    """report.md; its pictures stand beside it."""
    template = _environment(escape=False).get_template("report.md.j2")
    text = template.render(_context(summary), paths=paths)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def slug(name: str) -> str:
    """A name as an identifier and part of a file name: other characters by their code."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda found: f"_{ord(found[0]):x}", name)


def _environment(*, escape: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("ablations", "templates"),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": wording.percent,
        "plain": wording.plain,
        "points": wording.points,
        "difference": _difference,
        "noise": wording.noise_title,
        "mean": _mean,
        "cell": _cell,
        "slug": slug,
        "tight": _tight,
        "breakable": _breakable,
    }
    environment.globals |= {"bar": svg.bar, "key": svg.key}
    return environment


def _context(summary: Tree) -> dict[str, Any]:
    regimes = [(name, summary["regimes"][name]) for name in summary["regime_order"]]
    return {
        "s": summary,
        "regimes": regimes,
        "level": f"{100 * summary['level']:g} %",
        "words": wording.WORDS,
        "pm": wording.PLUS_MINUS,
        "symbols": {"minus": wording.MINUS},
        "scales": {name: _scale(regime) for name, regime in regimes},
        "groups": {name: _groups(regime) for name, regime in regimes},
        "duplicates": {name: _duplicates(summary["arms"], regime) for name, regime in regimes},
        "method": wording.method(summary),
        "provenance": _provenance(summary["provenance"]),
    }


def _scale(regime: Tree) -> tuple[float, float]:
    """Lowest and highest bound of any contrast, 0 among them: the width of the small pictures."""
    effects = [contrast[place] for contrast in regime["contrasts"] for place in CONDITIONS]
    bounds = [e[k] for e in effects for k in ("low", "high", "difference") if e[k] is not None]
    low, high = min([0.0, *bounds]), max([0.0, *bounds])
    return (low, high) if low < high else (-1.0, 1.0)


def _groups(regime: Tree) -> list[str]:
    variants = regime["variants"].values()
    return list(dict.fromkeys(group for variant in variants for group in variant["noise"]))


def _duplicates(arms: Sequence[str], regime: Tree) -> str:
    """``none = joint; a = b = c``, in the order of the arms."""
    seen: set[str] = set()
    parts = []
    for name in arms:
        others = regime["variants"][name]["same_runs_as"]
        if others and name not in seen:
            parts.append(" = ".join((name, *others)))
            seen.update(others)
    return "; ".join(parts)


def _provenance(tree: Tree) -> list[tuple[str, str]]:
    words = {"wall_s": "wall time, s"}
    return [(words.get(key, key), _flat(v)) for key, v in tree.items() if key != "timings"]


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_flat(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_flat(inner) for inner in value)
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _difference(effect: Tree) -> str:
    verdict = effect["verdict"]
    if verdict in ("same_runs", "not_measured"):
        return wording.WORDS[verdict]
    return wording.points(effect)


def _mean(sample: Tree, digits: int) -> str:
    return "" if sample["mean"] is None else f"{sample['mean']:.{digits}f}"


def _cell(text: str) -> str:
    """Text for a cell of a Markdown table: one line, without markup."""
    return html.escape(" ".join(str(text).split()), quote=False).replace("|", "\\|")


def _tight(text: str) -> str:
    """No line break before or after a plus-minus sign."""
    return text.replace(f" {wording.PLUS_MINUS} ", f"\u00a0{wording.PLUS_MINUS}\u00a0")


def _breakable(name: str) -> Markup:
    """An arm's name that may be broken after a plus sign."""
    return escape(name).replace("+", Markup("+<wbr>"))
